import { afterAll, beforeAll, expect, it } from 'vitest';
import { at, atom, EncodeError, type Node, type Self, tuple } from '../../src/index.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { patientEnv } from '../support/patient-env.ts';
import { inProcess, Lab, once } from './lab.ts';

describeBeam('a BEAM that our hello means nothing to', () => {
  let lab: Lab;
  let node: Node;
  let hidden: Beam;
  let taken: Beam;

  beforeAll(async () => {
    lab = await Lab.open();
    [hidden, taken, node] = await Promise.all([
      lab.beam('hidden', { flags: ['-hidden'] }),
      lab.beam('taken'),
      lab.node('ours', { env: patientEnv(({ message }) => lab.log.push(message)), hidden: true }),
    ]);
    // Somebody there has the name that a hello is sent to.
    await taken.eval(
      'register(beamish, spawn(fun F() -> receive {ask, To} -> To ! (process_info(self(), messages)) end, F() end))',
    );
  });

  afterAll(() => lab?.close());

  const payloadOf = (peer: string) => node.inspect().connections.find(({ name }) => name === peer)?.payload;

  it('is up at once though it has nothing to say: it acknowledges an unlink; whoever calls', async () => {
    await node.connect(hidden.name);
    expect(payloadOf(hidden.name)).toBe('etf');
    expect(await hidden.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
    const down = once(node, 'nodedown', hidden.name);
    node.disconnect(hidden.name);
    await down;
    expect(await hidden.eval(`net_adm:ping('${node.name}')`)).toBe('pong');
    expect(payloadOf(hidden.name)).toBe('etf');
  });

  it('gets terms, and what is none is refused', async () => {
    await node.connect(hidden.name);
    expect(() => node.send(at(hidden.name, 'x'), new Set([1]))).toThrow(EncodeError);
    const echo = node.request(at(hidden.name, 'server'), tuple(atom('echo'), new Map([[1, 'one']])));
    expect(await echo).toEqual(new Map([[1, 'one']]));
  });

  it('that has a process named `beamish` is one all the same', async () => {
    await node.connect(taken.name);
    expect(payloadOf(taken.name)).toBe('etf');
    expect(await node.request(at(taken.name, 'server'), tuple(atom('echo'), 'x'))).toBe('x');
  });
});

describeBeam('signals that carry a trace token', () => {
  let lab: Lab;
  let node: Node;
  let beam: Beam;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('tracing'), lab.node('ours')]);
    await node.connect(beam.name);
  });

  afterAll(() => lab?.close());

  it('arrive as those without: sends, replies, exits, spawns', async () => {
    const got: unknown[] = [];
    const told = inProcess(node, async (self: Self) => {
      self.register('traced');
      self.trapExit = true;
      while (got.length < 6) {
        const message = await self.receive({ timeout: 20_000 });
        got.push(message);
        if (got.length === 2) self.send((message as { elements: [never, never] }).elements[1], self.pid);
      }
      return got;
    });
    // A label that is no small integer, which BIG_SEQTRACE_LABELS allows.
    const evaluated = beam.eval(`
      seq_trace:set_token(label, {my, <<"label">>}), seq_trace:set_token(send, true), seq_trace:set_token(serial, {1, 0}),
      Ours = '${node.name}',
      {traced, Ours} ! plain,
      {traced, Ours} ! {from, self()},
      Pid = receive P when is_pid(P) -> P end,
      Pid ! {to_pid, 1},
      Linked = spawn(fun() ->
        seq_trace:set_token(label, 17), seq_trace:set_token(send, true),
        link(Pid), exit({linked, reason}) end),
      receive after 300 -> ok end,
      exit(Pid, {sent, reason}),
      Big = binary:copy(<<255>>, 200000),
      Pid ! {big, Big},
      Spawned = (catch erpc:call(Ours, beamish, nodes, [], 5000)),
      seq_trace:set_token([]),
      {Spawned, is_pid(Linked)}`);
    const messages = (await told) as unknown[];
    expect(messages[0]).toBe(atom('plain'));
    expect(messages[2]).toEqual(tuple(atom('to_pid'), 1));
    expect(messages[3]).toMatchObject({ reason: tuple(atom('linked'), atom('reason')) });
    expect(messages[4]).toMatchObject({ reason: tuple(atom('sent'), atom('reason')) });
    expect((messages[5] as { elements: [unknown, Uint8Array] }).elements[1]).toHaveLength(200_000);
    expect(await evaluated).toBe(`{[<<"${beam.name}">>],true}`);
    expect(node.inspect().counters['connection.ignored.unknown_operation']).toBeUndefined();
  });
});
