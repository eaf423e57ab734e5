import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, atom, Pid, startNode } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { type Beam, describeBeam, startBeam } from '../support/beam.ts';
import { registerOld } from '../support/old-registration.ts';
import { freePort } from '../support/ports.ts';
import { inProcess, Lab, once } from './lab.ts';

describeBeam('setting up connections with a BEAM', () => {
  let lab: Lab;
  let beam: Beam;

  beforeAll(async () => {
    lab = await Lab.open();
    beam = await lab.beam('middle');
  });

  afterAll(() => lab?.close());

  describe('calling each other at once', () => {
    // One name is less than the BEAM's, the other greater: whose call wins is decided by that.
    it.each(['alpha', 'omega'])(
      'ends with one link and nothing lost, 150 times, as %s',
      async (alive) => {
        const node = await lab.node(alive);
        await beam.eval(`
        register(sink_${alive}, spawn(fun F() ->
          receive {take, From} -> receive N when is_integer(N) -> From ! {got, N} end, F() end end))`);
        const got = await inProcess(node, async (self) => {
          self.register('sink');
          const heard: unknown[] = [];
          for (let round = 0; round < 150; round++) {
            // The BEAM waits for a word, so that its call begins as ours does: sometimes before, sometimes after.
            const theirs = beam.eval(`{sink, '${node.name}'} ! ${round}, ok`);
            for (let turn = 0; turn < round % 10; turn++) await new Promise((next) => setImmediate(next));
            self.send(at(beam.name, `sink_${alive}`), round);
            const ours = node.connect(beam.name);
            await Promise.all([theirs, ours]);
            heard.push(await self.receive());
            expect(node.inspect().connections).toHaveLength(1);
            const down = once(node, 'nodedown', beam.name);
            expect(
              await beam.eval(
                `sink_${alive} ! {take, self()}, receive {got, N} -> N after 10000 -> lost end`,
              ),
            ).toBe(String(round));
            expect(await beam.eval(`length([N || N <- nodes(connected), N =:= '${node.name}'])`)).toBe('1');
            if (round % 2 === 0) node.disconnect(beam.name);
            else await beam.eval(`erlang:disconnect_node('${node.name}')`);
            await down;
            await beam.eval(
              `(fun F() -> case lists:member('${node.name}', nodes(connected)) of true -> timer:sleep(1), F(); false -> ok end end)()`,
            );
          }
          return heard;
        });
        expect(got).toEqual(Array.from({ length: 150 }, (_, round) => round));
        expect(await beam.eval(`process_info(whereis(sink_${alive}), message_queue_len)`)).toBe(
          '{message_queue_len,0}',
        );
        await node.stop();
      },
      90_000,
    );
  });

  describe('a name given by another', () => {
    it('is given by ours to an `erl -name undefined`', async () => {
      const node = await lab.node('giver');
      const nameless = await startBeam({
        name: 'undefined@127.0.0.1',
        cookie: lab.cookie,
        epmdPort: lab.epmdPort,
      });
      try {
        expect(await nameless.eval(`net_kernel:connect_node('${node.name}')`)).toBe('true');
        const name = (await nameless.eval('node()')).replace(/'/g, '');
        expect(name).toMatch(/^[0-9A-Z]+@127\.0\.0\.1$/);
        expect(node.nodes('hidden')).toEqual([name]);
        const creation = Number(await nameless.eval('erts_internal:get_creation()'));
        expect(node.inspect().connections).toMatchObject([{ name, creation }]);
        expect(await nameless.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
        expect(await node.ping(name)).toBe('pong');
        const down = once(node, 'nodedown', name);
        await nameless.kill();
        await down;
      } finally {
        await nameless.kill();
      }
    });

    it('is taken by ours from a BEAM, and lost with the link', async () => {
      const node = await startNode({
        namedBy: beam.name,
        env: { ...platformEnv(), log: { write: ({ message }) => lab.log.push(message) } },
        cookie: lab.cookie,
        epmd: { mode: 'external', port: lab.epmdPort },
      });
      try {
        expect(node.name).toMatch(/^[0-9A-Z]+@127\.0\.0\.1$/);
        expect(await beam.eval(`lists:member('${node.name}', nodes(hidden))`)).toBe('true');
        expect(await beam.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
        const seen = await inProcess(node, (self) => self.request(at(beam.name, 'server'), atom('who')));
        expect(seen).toMatchObject({ node: node.name, creation: node.creation });
        const down = once(node, 'nodedown', beam.name);
        await beam.eval(`erlang:disconnect_node('${node.name}')`);
        await down;
        await expect(node.connect(beam.name)).rejects.toThrow(/has lost its name/);
      } finally {
        await node.stop();
      }
    });
  });

  describe('a list of allowed nodes', () => {
    it('of a BEAM is told to ours', async () => {
      const strict = await lab.beam('strict');
      await strict.eval(`net_kernel:allow(['friend@127.0.0.1'])`);
      const [friend, other] = await Promise.all([lab.node('friend'), lab.node('other')]);
      await expect(other.connect(strict.name)).rejects.toThrow(/the peer answered not_allowed/);
      expect(await friend.ping(strict.name)).toBe('pong');
    });

    it('of ours is told to a BEAM', async () => {
      const node = await lab.node('choosy', { allow: ['friend@127.0.0.1'] });
      expect(await beam.eval(`net_adm:ping('${node.name}')`)).toBe('pang');
      expect(lab.log.join('\n')).toMatch(/handshake with middle@127.0.0.1 .*: that node may not connect/);
      await expect(node.connect(beam.name)).rejects.toThrow(/option allow/);
    });
  });

  it('without a port mapper: an erl with -erl_epmd_port and ours with nodePort find each other', async () => {
    const [nobody, port] = [await freePort(), await freePort()];
    const alone = await startBeam({
      name: 'alone@127.0.0.1',
      cookie: lab.cookie,
      epmdPort: nobody,
      flags: ['-erl_epmd_port', String(port)],
    });
    const host = '127.0.0.9';
    const node = await startNode({
      name: `ours@${host}`,
      cookie: lab.cookie,
      listen: { host, port },
      epmd: { mode: 'off', port: nobody, nodePort: port },
    });
    try {
      expect(await node.ping(alone.name)).toBe('pong');
      const down = once(node, 'nodedown', alone.name);
      node.disconnect(alone.name);
      await down;
      expect(await alone.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
    } finally {
      await node.stop();
      await alone.kill();
    }
  });

  it('over IPv6: an erl with -proto_dist inet6_tcp and ours connect both ways', async () => {
    const port = await freePort();
    const node = await startNode({
      name: 'ours@::1',
      cookie: lab.cookie,
      epmd: { mode: 'embedded', port },
      env: { ...platformEnv(), log: { write: ({ message }) => lab.log.push(message) } },
    });
    const six = await startBeam({
      name: 'six@::1',
      cookie: lab.cookie,
      epmdPort: port,
      listen: '{0,0,0,0,0,0,0,1}',
      flags: ['-proto_dist', 'inet6_tcp'],
    });
    try {
      expect(await node.ping(six.name)).toBe('pong');
      const down = once(node, 'nodedown', six.name);
      await six.eval(`erlang:disconnect_node('${node.name}')`);
      await down;
      expect(await six.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
      expect(node.inspect().connections).toMatchObject([{ name: six.name, outgoing: false }]);
    } finally {
      await six.kill();
      await node.stop();
    }
  });

  it('ours that the port mapper calls old is connected all the same: by OTP 23 in version 5', async () => {
    const port = await freePort();
    const old = await lab.node('vintage', {
      listen: { host: '127.0.0.1', port },
      epmd: { mode: 'off', port: lab.epmdPort },
    });
    const giveBack = await registerOld(lab.epmdPort, 'vintage', port);
    expect(await beam.eval(`net_adm:ping('${old.name}')`)).toBe('pong');
    const creation = Number(await beam.eval('erts_internal:get_creation()'));
    expect(old.inspect().connections).toMatchObject([{ name: beam.name, creation, outgoing: false }]);
    giveBack();
  });

  it('a visible node of ours is in nodes(), a hidden one is not', async () => {
    const [seen, hidden] = await Promise.all([
      lab.node('seen', { hidden: false }),
      lab.node('unseen', { hidden: true }),
    ]);
    await Promise.all([seen.connect(beam.name), hidden.connect(beam.name)]);
    const listed = (name: string) =>
      beam.eval(`{lists:member('${name}', nodes()), lists:member('${name}', nodes(hidden))}`);
    expect(await listed(seen.name)).toBe('{true,false}');
    expect(await listed(hidden.name)).toBe('{false,true}');
    expect([seen.nodes(), hidden.nodes('hidden')]).toEqual([[beam.name], [beam.name]]);
    await Promise.all([seen.stop(), hidden.stop()]);
  });

  it('names of the other kind are kept apart', async () => {
    const short = await startNode({
      name: 'short@localhost',
      listen: { host: '127.0.0.1' },
      cookie: lab.cookie,
      epmd: { mode: 'external', port: lab.epmdPort },
    });
    try {
      await expect(short.connect(beam.name)).rejects.toThrow(
        /middle@127.0.0.1 has a long name and this node/,
      );
      expect(await beam.eval(`net_adm:ping('${short.name}')`)).toBe('pang');
    } finally {
      await short.stop();
    }
  });

  describe('an earlier life', () => {
    it('of ours is not the present one for a BEAM: nothing that goes to old pids arrives', async () => {
      const first = await lab.node('phoenix');
      const old = first.spawn(async (self) => void (await self.receive()));
      await beam.eval(
        'register(keeper, spawn(fun() -> receive P -> receive {give, To} -> To ! P end end end))',
      );
      await first.connect(beam.name);
      first.send(at(beam.name, 'keeper'), old);
      await first.stop();
      const second = await lab.node('phoenix');
      const got: unknown[] = [];
      const fresh = second.spawn(async (self) => {
        for await (const message of self) got.push(message);
      });
      expect([fresh.id, fresh.serial]).toEqual([old.id, old.serial]);
      await second.connect(beam.name);
      const outcome = await beam.eval(`
        keeper ! {give, self()}, Old = receive P when is_pid(P) -> P end,
        process_flag(trap_exit, true),
        Old ! hello, exit(Old, kill), Old ! again,
        Ref = monitor(process, Old), link(Old),
        D = receive {'DOWN', Ref, process, Old, R} -> R after 10000 -> none end,
        L = receive {'EXIT', Old, R2} -> R2 after 10000 -> none end,
        {D, L}`);
      expect(outcome).toBe('{noproc,noproc}');
      expect(await beam.eval(`net_adm:ping('${second.name}')`)).toBe('pong');
      expect(second.isAlive(fresh)).toBe(true);
      expect(got).toEqual([]);
    });

    it('of a BEAM is not the present one for ours', async () => {
      const node = await lab.node('watcher');
      const first = await lab.beam('ember');
      await node.connect(first.name);
      const old = await inProcess(node, async (self) => {
        self.register('sink');
        await first.eval(`{sink, '${node.name}'} ! whereis(server), ok`);
        return self.receive((message): message is Pid => message instanceof Pid);
      });
      const down = once(node, 'nodedown', first.name);
      await first.kill();
      await down;
      const second = await lab.beam('ember');
      await node.connect(second.name);
      await expect(node.request(old, atom('who'))).rejects.toMatchObject({ reason: atom('noproc') });
      const exit = await inProcess(node, async (self) => {
        self.trapExit = true;
        self.link(old);
        return self.receive();
      });
      expect(exit).toMatchObject({ pid: old, reason: atom('noproc') });
    });
  });
});
