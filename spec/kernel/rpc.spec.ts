import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DistFlag } from '../../src/handshake/flags.ts';
import {
  atom,
  CallTimeoutError,
  EncodeError,
  ExitError,
  type NodeOptions,
  NotSpawnableError,
  OptionsError,
  type Self,
  tuple,
} from '../../src/index.ts';
import { Nodes, once } from '../support/nodes.ts';
import { RawPeer } from '../support/raw-peer.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const exports = {
  sums: {
    add: (a: number, b: number) => a + b,
    boom: () => {
      throw new RangeError('too far');
    },
    leave(this: Self) {
      this.exit(tuple(atom('done'), 1));
    },
    toss: () => {
      throw 'a text';
    },
    never: () => new Promise<never>(() => {}),
    die(this: Self) {
      this.spawn((other) => other.exit(this.pid, 'kill'));
      return new Promise<never>(() => {});
    },
    nothing: () => undefined,
    unsendable: () => Symbol('no term'),
  },
} satisfies NodeOptions['exports'];

const rejection = (promise: Promise<unknown>): Promise<ExitError> =>
  promise.then(
    (value) => expect.fail(`resolved to ${String(value)}`),
    (error) => error,
  );

describe.each([
  ['another node', true],
  ['the own node', false],
])('node.rpc to %s', (_where, other) => {
  const pair = async () => {
    const [a, b] = await nodes.pair({ exports });
    return { node: a, there: other ? b.name : a.name };
  };

  it('gives what an exported function returns', async () => {
    const { node, there } = await pair();
    expect(await node.rpc(there, 'sums', 'add', [2, 3])).toBe(5);
    expect(await node.rpc(there, 'sums', 'nothing')).toBeUndefined();
  });

  it('throws ExitError with the exit reason that stands for the failure', async () => {
    const { node, there } = await pair();
    const boom = await rejection(node.rpc(there, 'sums', 'boom'));
    expect(boom).toBeInstanceOf(ExitError);
    expect(String(boom.reason)).toBe('{{js_error,<<"RangeError">>,<<"too far">>},[{sums,boom,0,[]}]}');
    expect(boom.message).toBe(`sums:boom/0 on ${there} failed: RangeError: too far`);
    expect(boom.destination).toBe(`sums:boom/0 on ${there}`);
    expect((await rejection(node.rpc(there, 'sums', 'leave'))).reason).toEqual(tuple(atom('done'), 1));
    expect((await rejection(node.rpc(there, 'sums', 'toss'))).reason).toEqual(
      tuple(atom('nocatch'), 'a text'),
    );
    expect((await rejection(node.rpc(there, 'sums', 'die'))).reason).toBe(atom('killed'));
  });

  it('reaches exported functions only', async () => {
    const { node, there } = await pair();
    for (const [module, fn] of [
      ['sums', 'toString'],
      ['constructor', 'name'],
      ['os', 'cmd'],
    ] as const) {
      const refused = await rejection(node.rpc(there, module, fn, [1]));
      expect(refused.reason).toEqual(tuple(atom('undef'), [tuple(atom(module), atom(fn), [1], [])]));
    }
  });

  it('gives up after its time-out, or when it is aborted', async () => {
    const { node, there } = await pair();
    const late = node.rpc(there, 'sums', 'never', [], { timeout: 10 });
    await expect(late).rejects.toThrow(CallTimeoutError);
    const abort = new AbortController();
    const aborted = node.rpc(there, 'sums', 'never', [], { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await expect(node.rpc(there, 'sums', 'add', [1, 1], { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('refuses what is no call, naming what was expected', async () => {
    const { node, there } = await pair();
    const wrong = node.rpc(there, 'sums', 'add', 'x' as never);
    await expect(wrong).rejects.toThrow(OptionsError);
    await expect(wrong).rejects.toThrow(/args: expected an array/);
    await expect(node.rpc(there, '', 'add')).rejects.toThrow(/module: expected a name/);
    await expect(node.rpc(there, 'sums', 7 as never)).rejects.toThrow(
      /function: expected a name as text, got 7/,
    );
    await expect(node.rpc(there, 'sums', 'add', [], { timeout: -1 })).rejects.toThrow(/timeout/);
    await expect(node.rpc(there, 'sums', 'add', [], { signal: 5 as never })).rejects.toThrow(
      /signal: expected an AbortSignal, got 5/,
    );
    const misspelt = { timout: 10 } as never;
    const known = /unknown option timout; known are: timeout, signal/;
    await expect(node.rpc(there, 'sums', 'add', [], misspelt)).rejects.toThrow(known);
    await expect(node.multicall([there], 'sums', 'add', [], misspelt)).rejects.toThrow(known);
    await expect(node.multicall('x' as never, 'sums', 'add')).rejects.toThrow(/nodes: expected an array/);
  });
});

describe('node.rpc', () => {
  it('throws EncodeError for arguments that have no term, and leaves no process behind', async () => {
    const [a, b] = await nodes.pair({ exports });
    await a.connect(b.name);
    const before = a.inspect().processes;
    await expect(a.rpc(b.name, 'sums', 'add', [() => 0])).rejects.toThrow(EncodeError);
    await expect(a.rpc(b.name, 'sums', 'add', [1, 1])).resolves.toBe(2);
    expect(a.inspect().processes).toBe(before);
  });

  it('tells of a result that has no term', async () => {
    const [a, b] = await nodes.pair({ exports });
    const error = await rejection(a.rpc(b.name, 'sums', 'unsendable'));
    expect(String(error.reason)).toMatch(/^\{encode_error,/);
  });

  it('says notsup of a peer that cannot be asked to spawn', async () => {
    const node = await nodes.start();
    const up = once(node, 'nodeup', 'old@127.0.0.1');
    const old = await RawPeer.call(node.port!, {
      name: 'old@127.0.0.1',
      to: node.name,
      cookie: nodes.cookie,
      without: DistFlag.SPAWN,
    });
    nodes.atEnd(() => old.close());
    await up;
    const refused = node.rpc('old@127.0.0.1', 'sums', 'add', [1, 1]);
    await expect(refused).rejects.toThrow(NotSpawnableError);
    await expect(refused).rejects.toThrow(/notsup.*does not understand requests to spawn/);
  });

  it('is noconnection once the link is lost while it waits', async () => {
    const [a, b] = await nodes.pair({ exports });
    await a.connect(b.name);
    const lost = a.rpc(b.name, 'sums', 'never');
    // Answered behind the other on the same link: that one is under way by now.
    await a.rpc(b.name, 'sums', 'add', [1, 1]);
    b.disconnect(a.name);
    const error = await rejection(lost);
    expect(error.reason).toBe(atom('noconnection'));
    expect(error.message).toContain('sums:never/0');
  });

  it('is rejected when the node stops', async () => {
    const [a, b] = await nodes.pair({ exports });
    const waiting = rejection(a.rpc(b.name, 'sums', 'never'));
    await a.rpc(b.name, 'sums', 'add', [1, 1]);
    await a.stop();
    expect(await waiting).toBeInstanceOf(ExitError);
  });
});

it('node.multicall gives one outcome for each node, in their order', async () => {
  const [a, b] = await nodes.pair({ exports });
  const outcomes = await a.multicall([b.name, 'nobody@127.0.0.1', a.name], 'sums', 'add', [1, 2]);
  expect(outcomes).toEqual([
    { status: 'fulfilled', value: 3 },
    { status: 'rejected', reason: expect.objectContaining({ reason: atom('noconnection') }) },
    { status: 'fulfilled', value: 3 },
  ]);
});
