import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, atom, type Node, Pid, type Self, type Tuple, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { inProcess, Lab } from './lab.ts';

describeBeam('sends', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours')]);
    await beam.eval(`
      Echo = fun F() -> receive {From, Message} -> From ! {self(), Message}, F() end end,
      register(echo, spawn(Echo))`);
  });

  afterAll(() => lab?.close());

  it('go to names and to pids of a BEAM, and come back to ours', async () => {
    await inProcess(node, async (self) => {
      self.send(at(beam.name, 'echo'), tuple(self.pid, 'by name'));
      const first = await self.receive<Tuple<[Pid, string]>>({ timeout: 5_000 });
      expect(first.at(1)).toBe('by name');
      const echo = first.at(0);
      expect(echo).toBeInstanceOf(Pid);
      expect(echo.node).toBe(beam.name);

      self.send(echo, tuple(self.pid, 'by pid'));
      const second = await self.receive<Tuple<[Pid, string]>>({ timeout: 5_000 });
      expect(second.at(1)).toBe('by pid');
      expect(second.at(0)).toBe(echo);
    });
  });

  it('go to names and to pids of ours, and come back to a BEAM', async () => {
    node.spawn(
      async (self: Self) => {
        for await (const message of self) {
          const { elements } = message as Tuple<[Pid, unknown]>;
          const [from, said] = elements;
          self.send(from, tuple(self.pid, said));
        }
      },
      [],
      { name: 'echo' },
    );
    const answer = await beam.eval(`
      {echo, '${node.name}'} ! {self(), by_name},
      receive {Pid, by_name} -> Pid ! {self(), by_pid} end,
      receive {Pid, by_pid} -> {node(Pid), is_pid(Pid)} end`);
    expect(answer).toBe(`{'${node.name}',true}`);
  });

  it('to nobody are dropped without harm', async () => {
    node.send(at(beam.name, 'nobody'), 'lost');
    expect(await beam.eval(`{nobody, '${node.name}'} ! lost, gen_server:call(server, get)`)).toBe('0');
    expect(await node.ping(beam.name)).toBe('pong');
  });

  it('keep their order, a hundred thousand of them, to a BEAM', async () => {
    const count = 100_000;
    const counted = beam.eval(`beamish_server:in_order(sink, ${count})`);
    await beam.eval(`(fun F() -> case whereis(sink) of undefined -> erlang:yield(), F(); _ -> ok end end)()`);
    const sink = at(beam.name, 'sink');
    for (let i = 0; i < count; i++) if (!node.send(sink, i)) await node.drained(beam.name);
    expect(await counted).toBe('in_order');
  });

  it('keep their order, a hundred thousand of them, to ours', async () => {
    const count = 100_000;
    const counted = new Promise<string>((resolve) => {
      node.spawn(
        async (self: Self) => {
          for (let i = 0; i < count; i++) {
            const got = await self.receive({ timeout: 20_000 });
            if (got !== i) return resolve(`expected ${i}, got ${String(got)}`);
          }
          resolve('in order');
        },
        [],
        { name: 'sink' },
      );
    });
    await beam.eval(`[{sink, '${node.name}'} ! I || I <- lists:seq(0, ${count - 1})], ok`);
    expect(await counted).toBe('in order');
  });

  it('that meet no connection wait until it is made, in order', async () => {
    const young = await lab.node('young');
    for (let i = 0; i < 100; i++) young.send(at(beam.name, 'server'), tuple(atom('early'), i));
    expect(await young.call(at<{ get(): number }>(beam.name, 'server'), 'get')).toBe(0);
    expect(await beam.eval(`[I || {early, I} <- gen_server:call(server, seen)] =:= lists:seq(0, 99)`)).toBe(
      'true',
    );
  });

  it('carry large messages both ways', async () => {
    const size = 5_000_000;
    const sum = await inProcess(node, async (self) => {
      const large = new Uint8Array(size).fill(255);
      self.send(at(beam.name, 'echo'), tuple(self.pid, large));
      const back = await self.receive<Tuple<[Pid, Uint8Array]>>({ timeout: 20_000 });
      return Buffer.compare(large, back.at(1));
    });
    expect(sum).toBe(0);
  });
});
