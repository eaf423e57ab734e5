import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, atom, Down, type Node, type Pid, type Self, type Tuple, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { inProcess, Lab } from './lab.ts';

/** A process of ours that ends with whatever reason it is sent. */
async function mortal(self: Self): Promise<void> {
  const reason = await self.receive();
  self.exit(reason);
}

describeBeam('monitors', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours')]);
    await node.connect(beam.name);
  });

  afterAll(() => lab?.close());

  /** Starts a process on the BEAM that ends with the reason it is sent, and returns its pid. */
  async function theirs(name: string): Promise<Pid> {
    await beam.eval(
      `register(${name}, spawn(fun() -> receive {pid, P} -> P ! self() end, receive R -> exit(R) end end))`,
    );
    return inProcess(node, async (self) => {
      self.send(at(beam.name, name), tuple(atom('pid'), self.pid));
      return self.receive<Pid>({ timeout: 5_000 });
    });
  }

  it('of ours fire with the reason of a BEAM process, by pid and by name', async () => {
    const pid = await theirs('mortal');
    await inProcess(node, async (self) => {
      const byPid = self.monitor(pid);
      const byName = self.monitor(at(beam.name, 'mortal'));
      self.send(pid, tuple(atom('because'), 7));
      const downs = [
        await self.receive<Down>({ timeout: 5_000 }),
        await self.receive<Down>({ timeout: 5_000 }),
      ];
      for (const down of downs) {
        expect(down).toBeInstanceOf(Down);
        expect(down.reason).toEqual(tuple(atom('because'), 7));
      }
      expect(downs.map((down) => down.ref.key).sort()).toEqual([byPid.key, byName.key].sort());
      expect(downs.some((down) => down.pid === pid)).toBe(true);
    });
  });

  it('of ours tell killed, normal and noproc apart', async () => {
    const doomed = await theirs('doomed');
    const quiet = await theirs('quiet');
    const reasons = await inProcess(node, async (self) => {
      const reasonOf = async (to: Pid, act: () => void) => {
        const ref = self.monitor(to);
        act();
        const down = await self.receive((m): m is Down => m instanceof Down && m.ref.key === ref.key, {
          timeout: 5_000,
        });
        return down.reason;
      };
      return [
        await reasonOf(doomed, () => self.exit(doomed, atom('kill'))),
        await reasonOf(quiet, () => self.send(quiet, atom('normal'))),
        await reasonOf(quiet, () => {}),
      ];
    });
    expect(reasons).toEqual([atom('killed'), atom('normal'), atom('noproc')]);
  });

  it('of a BEAM fire with the reason of our process, by pid and by name', async () => {
    node.spawn(mortal, [], { name: 'mortal' });
    const answer = await beam.eval(`
      To = {mortal, '${node.name}'},
      Ref = monitor(process, To),
      To ! {because, 7},
      receive {'DOWN', Ref, process, To, Reason} -> Reason after 5000 -> late end`);
    expect(answer).toBe('{because,7}');

    node.spawn(
      async (self: Self) => {
        const from = await self.receive<Pid>();
        self.send(from, self.pid);
        await mortal(self);
      },
      [],
      { name: 'tells' },
    );
    const byPid = await beam.eval(`
      {tells, '${node.name}'} ! self(),
      Pid = receive P when is_pid(P) -> P end,
      Ref = monitor(process, Pid), Ref2 = monitor(process, Pid),
      Pid ! shutdown,
      [receive {'DOWN', R, process, Pid, Reason} -> Reason after 5000 -> late end || R <- [Ref, Ref2]]`);
    expect(byPid).toBe('[shutdown,shutdown]');
  });

  it('of a BEAM are answered at once with noproc for a name that is free', async () => {
    const answer = await beam.eval(`
      Ref = monitor(process, {nobody, '${node.name}'}),
      receive {'DOWN', Ref, process, _, Reason} -> Reason after 5000 -> late end`);
    expect(answer).toBe('noproc');
  });

  it('of a BEAM on a killed process of ours say killed', async () => {
    const pid = node.spawn(mortal, [], { name: 'doomed' });
    const answer = await beam.eval(`
      Ref = monitor(process, {doomed, '${node.name}'}),
      {server, node()} ! watching,
      {doomed, '${node.name}'} ! kill,
      receive {'DOWN', Ref, process, _, Reason} -> Reason after 5000 -> late end`);
    // exit(kill) of the process itself is an ordinary reason; only a signal to it becomes "killed".
    expect(answer).toBe('kill');
    expect(node.isAlive(pid)).toBe(false);

    node.spawn(
      async (self: Self) => {
        self.send(await self.receive<Pid>(), self.pid);
        await self.receive();
      },
      [],
      { name: 'shot' },
    );
    const shot = await beam.eval(`
      {shot, '${node.name}'} ! self(),
      Pid = receive P when is_pid(P) -> P end,
      Ref = monitor(process, Pid),
      exit(Pid, kill),
      receive {'DOWN', Ref, process, _, Reason} -> Reason after 5000 -> late end`);
    expect(shot).toBe('killed');
  });

  it('taken back do not fire', async () => {
    const pid = await theirs('spared');
    await inProcess(node, async (self) => {
      const spared = self.monitor(pid);
      const kept = self.monitor(pid);
      expect(self.demonitor(spared)).toBe(true);
      self.send(pid, atom('bye'));
      expect((await self.receive<Down>({ timeout: 5_000 })).ref.key).toBe(kept.key);
      await expect(self.receive({ timeout: 50 })).rejects.toThrow();
    });
    node.spawn(mortal, [], { name: 'spared' });
    const answer = await beam.eval(`
      To = {spared, '${node.name}'},
      Gone = monitor(process, To), Kept = monitor(process, To),
      demonitor(Gone),
      To ! bye,
      receive {'DOWN', Kept, process, _, bye} -> ok after 5000 -> late end,
      receive Other -> Other after 50 -> nothing end`);
    expect(answer).toBe('nothing');
  });

  it('both ways say noconnection when the link is lost', async () => {
    const doomed = await lab.beam('doomed_node');
    await doomed.eval('register(there, spawn(fun() -> receive stop -> ok end end))');
    const ours = inProcess(node, async (self) => {
      self.monitor(at(doomed.name, 'there'));
      const call = self.request(at(doomed.name, 'there'), atom('never'), { timeout: 10_000 });
      const [down, error] = await Promise.all([
        self.receive<Down>({ timeout: 10_000 }),
        call.catch((e: unknown) => e),
      ]);
      return [down.reason, (error as { reason: unknown }).reason];
    });
    // A ping answers after both signals of that process: they are on the way before the node is killed.
    expect(await node.ping(doomed.name)).toBe('pong');
    await doomed.kill();
    expect(await ours).toEqual([atom('noconnection'), atom('noconnection')]);

    const leaving = await lab.node('leaving');
    leaving.spawn(mortal, [], { name: 'there' });
    const theirs = beam.eval(`
      pong = net_adm:ping('${leaving.name}'),
      Ref = monitor(process, {there, '${leaving.name}'}),
      server ! {watching, '${leaving.name}'},
      receive {'DOWN', Ref, process, _, Reason} -> Reason after 10000 -> late end`);
    await beam.eval(`
      (fun F() -> case lists:member({watching, '${leaving.name}'}, gen_server:call(server, seen)) of
        true -> ok; false -> erlang:yield(), F() end end)()`);
    expect(leaving.disconnect(beam.name)).toBe(true);
    expect(await theirs).toBe('noconnection');
  });

  it('and links cross the border: an exit takes the partner along', async () => {
    const partner = await theirs('partner');
    const reason = await inProcess(node, async (self) => {
      self.trapExit = true;
      self.link(partner);
      self.send(partner, tuple(atom('gone'), 1));
      const exit = await self.receive<{ pid: Pid; reason: Tuple }>({ timeout: 5_000 });
      expect(exit.pid).toBe(partner);
      return exit.reason;
    });
    expect(reason).toEqual(tuple(atom('gone'), 1));
  });
});
