import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Node, type Pid, type Self, type Tuple, tuple } from '../../src/index.ts';
import { Nodes } from '../support/nodes.ts';
import { anyValue, plain, SURVIVES } from './values.ts';

describe('between two Beamish nodes', () => {
  let nodes: Nodes;
  let a: Node;
  let b: Node;

  beforeAll(async () => {
    nodes = await Nodes.open();
    [a, b] = await nodes.pair();
    for (const node of [a, b])
      node.spawn(
        async (self: Self) => {
          for await (const message of self) {
            const { elements } = message as Tuple<[Pid, unknown]>;
            self.send(elements[0], tuple('back', elements[1]));
          }
        },
        [],
        { name: 'echo' },
      );
    await a.connect(b.name);
  });

  afterAll(() => nodes.close());

  /** What comes back of a value that went to the other node. */
  const echo = (from: Node, to: Node, value: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      from.spawn(async (self: Self) => {
        try {
          self.send(at(to.name, 'echo'), tuple(self.pid, value));
          const back = (await self.receive()) as Tuple<[string, unknown]>;
          resolve(back.at(1));
        } catch (error) {
          reject(error);
        }
      });
    });

  it.each(SURVIVES)('survives, there and back, from either side: %s', async (_, value) => {
    expect(plain(await echo(a, b, value))).toStrictEqual(plain(value));
    expect(plain(await echo(b, a, value))).toStrictEqual(plain(value));
  });

  it('any value survives', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, fc.boolean(), async (value, swap) => {
        const [from, to] = swap ? [b, a] : [a, b];
        expect(plain(await echo(from, to, value))).toStrictEqual(plain(value));
      }),
      { numRuns: 300 },
    );
  });

  it('a big message survives in its fragments', async () => {
    const value = {
      at: new Date(1),
      parts: Array.from({ length: 40 }, (_, i) => new Uint8Array(50_000).fill(i)),
    };
    expect(plain(await echo(a, b, value))).toStrictEqual(plain(value));
  });

  it('a pid that came back is the same object', async () => {
    const pid = a.spawn(async (self: Self) => void (await self.receive()));
    expect(await echo(a, b, new Map([['pid', pid]]))).toEqual(new Map([['pid', pid]]));
    expect(((await echo(a, b, [pid])) as unknown[])[0]).toBe(pid);
  });
});
