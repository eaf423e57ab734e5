/**
 * What a message costs, counted: bytes on the wire, calls into the system and memory. None of it depends on how fast
 * the machine is, so that a change that makes messages dearer is seen here and not on a busy day in the benchmarks.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectOptions, Stream } from '../../src/env/streams.ts';
import { actor, at, type Node, type NodeOptions, tuple } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { atom } from '../../src/term/atom.ts';
import { bytesMade, countedStreams } from '../support/counted.ts';
import { Nodes } from '../support/nodes.ts';

type Counted = ReturnType<typeof countedStreams>;

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Written to the node's only link so far. */
const written = (node: Node): { readonly bytes: number; readonly writes: number } => {
  const { writtenBytes, writes } = node.inspect().connections[0]!;
  return { bytes: writtenBytes, writes };
};

/** Two nodes of this program, the second with a process `sink` that counts, and a way to wait for its count. */
async function pair(
  options: NodeOptions = {},
  receiver: NodeOptions = options,
): Promise<{ a: Node; b: Node; seen: (count: number) => Promise<void> }> {
  const a = await nodes.start({ name: nodes.name('a'), ...options });
  const b = await nodes.start({ name: nodes.name('b'), ...receiver });
  let count = 0;
  let wake = (): void => {};
  const Sink = actor('sink', (self) => {
    self.onMessage(() => {
      count++;
      wake();
    });
    return { add: (n: number) => n + 1 };
  });
  b.spawn(Sink, [], { name: 'sink' });
  await a.connect(b.name);
  const seen = async (wanted: number): Promise<void> => {
    while (count < wanted)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  return { a, b, seen };
}

describe('a small message to another node', () => {
  const COUNT = 1_000;

  it('takes few bytes once the link knows its atoms, and a turn of them one write', async () => {
    const { a, b, seen } = await pair();
    const sink = at(b.name, 'sink');
    a.send(sink, tuple(atom('msg'), 0));
    await seen(1);
    await turn();
    const before = written(a);
    for (let i = 1; i <= COUNT; i++) a.send(sink, tuple(atom('msg'), i));
    await seen(1 + COUNT);
    const after = written(a);
    // Length, header of four atoms, {6, From, '', Name}, {msg, Integer}: 46 bytes when this was written.
    expect((after.bytes - before.bytes) / COUNT).toBeLessThan(56);
    expect((after.bytes - before.bytes) / COUNT).toBeGreaterThan(20);
    // One, and what the nodes' own services still say to each other on a young link.
    expect(after.writes - before.writes).toBeLessThan(10);
  });

  it('answers calls with one write each way, and calls made together in a few', async () => {
    const { a, b } = await pair();
    const sink = at<{ add(n: number): number }>(b.name, 'sink');
    await a.call(sink, 'add', 1);
    await turn();
    const before = [written(a), written(b)] as const;
    for (let i = 0; i < 50; i++) expect(await a.call(sink, 'add', i)).toBe(i + 1);
    await turn();
    const between = [written(a), written(b)] as const;
    // A call is a monitor, the request and the end of the monitor; the last may leave with the next call.
    expect(between[0].writes - before[0].writes).toBeLessThan(2 * 50 + 15);
    expect(between[1].writes - before[1].writes).toBeLessThan(50 + 15);
    const all = Array.from({ length: COUNT }, (_, i) => a.call(sink, 'add', i));
    expect((await Promise.all(all)).at(-1)).toBe(COUNT);
    const after = [written(a), written(b)] as const;
    expect(after[0].writes - between[0].writes).toBeLessThan(20);
    expect(after[1].writes - between[1].writes).toBeLessThan(COUNT / 10);
    const bytes = (after[0].bytes - between[0].bytes) / COUNT;
    // 247 to 257: the words of a reference are as wide as their numbers.
    expect(bytes).toBeLessThan(290);
  });

  it('leaves little behind for the collector on its way out and in', async () => {
    const { a, b, seen } = await pair();
    const sink = at(b.name, 'sink');
    const message = tuple(atom('msg'), 7);
    let sent = 0;
    const bytes = await bytesMade(async (count) => {
      for (let i = 0; i < count; i++) if (!a.send(sink, message)) await a.drained(b.name);
      sent += count;
      await seen(sent);
    });
    // Here both ends are one program: the message as it is read (tuple, array), its place in a mailbox, its turn.
    // 235 bytes when this was written.
    expect(bytes).toBeLessThan(400);
  });

  // Bytes each when this was written: 50.7 and 45.3.
  for (const [payload, mostBytes] of [
    ['msgpack', 56],
    ['etf', 50],
  ] as const)
    it(`crosses the border to the system with a thousand others, as ${payload}`, async () => {
      const [sending, receiving] = [0, 1].map(() => countedStreams(platformEnv().streams)) as [
        Counted,
        Counted,
      ];
      const options = ({ streams }: Counted) => ({ payload, env: { ...nodes.options().env!, streams } });
      const { a, b, seen } = await pair(options(sending), options(receiving));
      const sink = at(b.name, 'sink');
      for (let i = 0; i < COUNT; i++) a.send(sink, tuple(atom('msg'), i));
      await seen(COUNT);
      await turn();
      const [out, into] = [{ ...sending.calls }, { ...receiving.calls }];
      for (let i = 0; i < COUNT; i++) a.send(sink, tuple(atom('msg'), i));
      await seen(2 * COUNT);
      // One each, unless the reader is awake while the writer writes, or a tick comes by.
      expect(sending.calls.writes - out.writes).toBeGreaterThan(0);
      expect(sending.calls.writes - out.writes).toBeLessThan(5);
      expect(receiving.calls.reads - into.reads).toBeGreaterThan(0);
      expect(receiving.calls.reads - into.reads).toBeLessThan(10);
      const bytes = (sending.calls.writtenBytes - out.writtenBytes) / COUNT;
      expect(bytes).toBeGreaterThan(20);
      expect(bytes).toBeLessThan(mostBytes);
    });
});

describe('a big message to another node', () => {
  it('takes few writes, and no more bytes than its own and the heads of its fragments', async () => {
    const { a, b, seen } = await pair();
    const data = new Uint8Array(1024 * 1024).fill(255);
    a.send(at(b.name, 'sink'), data);
    await seen(1);
    const before = written(a);
    for (let i = 0; i < 8; i++) {
      if (!a.send(at(b.name, 'sink'), data)) await a.drained(b.name);
    }
    await seen(9);
    const after = written(a);
    expect((after.bytes - before.bytes) / 8).toBeLessThan(data.length + 17 * 24 + 200);
    expect(after.writes - before.writes).toBeLessThan(8 * 8);
  });

  it('is sent from memory that is used again', async () => {
    const memory = new Set<ArrayBufferLike>();
    const env = platformEnv();
    const connect = async (options: ConnectOptions): Promise<Stream> => {
      const stream = await env.streams.connect(options);
      const { writeAll } = stream;
      stream.writeAll = (pieces) => {
        for (const piece of pieces) if (piece.length > 1000) memory.add(piece.buffer);
        return writeAll.call(stream, pieces);
      };
      return stream;
    };
    const { a, b, seen } = await pair({ env: { ...env, streams: { ...env.streams, connect } } });
    const data = new Uint8Array(1024 * 1024).fill(255);
    for (let i = 1; i <= 40; i++) {
      if (!a.send(at(b.name, 'sink'), data)) await a.drained(b.name);
      await seen(i);
    }
    expect(memory.size).toBeGreaterThan(0);
    expect(memory.size).toBeLessThan(8);
  });
});
