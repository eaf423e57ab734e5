import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { actor, at, type Node, type NodeOptions, type Self } from '../../src/index.ts';
import { heldBytes } from '../support/collected.ts';
import { Nodes } from '../support/nodes.ts';

const MIB = 1024 * 1024;
const BYTES = 48 * MIB;
/** What pools of buffers may keep of it for the next one, at either end, with room to spare. */
const KEPT_BYTES = 24 * MIB;

describe('a link that has carried a long message', () => {
  let nodes: Nodes;
  beforeEach(async () => {
    nodes = await Nodes.open();
  });
  afterEach(() => nodes.close());

  const pair = async (options: NodeOptions = {}): Promise<[Node, Node]> => {
    // Without what members of a cluster say to each other all the time.
    const [a, b] = await nodes.pair({ registry: false, ...options });
    await a.connect(b.name);
    return [a, b];
  };

  const expectNothingHeld = (before: number) =>
    vi.waitFor(async () => expect((await heldBytes()) - before).toBeLessThan(KEPT_BYTES), {
      timeout: 10_000,
    });

  /** Answers how long the next message is that comes to `name`; who gets it ends with it. */
  const lengthAt = (node: Node, name: string): Promise<number> =>
    new Promise((resolve) => {
      node.spawn(
        async (self: Self) => {
          const message = (await self.receive()) as { readonly length: number };
          resolve(message.length);
        },
        [],
        { name },
      );
    });

  // Nothing follows on the link that could take the place of what it read last.
  it.each<[string, NodeOptions, () => { readonly length: number }]>([
    ['bytes', {}, () => new Uint8Array(BYTES)],
    ['text', {}, () => 'x'.repeat(BYTES)],
    ['what only the library writes', {}, () => [new Error('rare'), new Uint8Array(BYTES)]],
    ['bytes for any node', { payload: 'etf' }, () => new Uint8Array(BYTES).fill(0xff)],
    ['text for any node', { payload: 'etf' }, () => 'x'.repeat(BYTES)],
  ])('and is idle holds nothing of it at either end: %s', async (_, options, make) => {
    const [a, b] = await pair(options);
    const before = await heldBytes();
    const length = lengthAt(b, 'sink');
    a.send(at(b.name, 'sink'), make());
    expect(await length).toBe(make().length);
    await expectNothingHeld(before);
  });

  it('nor of one that proved too long', async () => {
    const [a, b] = await pair({ limits: { frameBytes: BYTES } });
    const before = await heldBytes();
    expect(() => a.send(at(b.name, 'sink'), new Uint8Array(BYTES))).toThrow(/limits\.frameBytes/);
    await expectNothingHeld(before);
  });

  it('nor does the node of the last answer to a call', async () => {
    const [a, b] = await pair();
    const Giver = actor('giver', () => ({ give: (bytes: number) => new Uint8Array(bytes) }));
    b.spawn(Giver, [], { name: 'giver' });
    const before = await heldBytes();
    const answered = a.call(at<typeof Giver>(b.name, 'giver'), 'give', BYTES).then(({ length }) => length);
    expect(await answered).toBe(BYTES);
    await expectNothingHeld(before);
  });
});
