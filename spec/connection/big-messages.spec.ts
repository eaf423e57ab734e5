import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Node, type Self, type Tuple, tuple } from '../../src/index.ts';
import { FarNode } from '../support/far/far-node.ts';
import { Nodes } from '../support/nodes.ts';
import { expectSmallCallsToPass } from '../support/small-calls.ts';

const BYTES = 100 * 1024 * 1024;
const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');

describe('a message of 100 MB between nodes of two OS processes', () => {
  let nodes: Nodes;
  let node: Node;
  let far: FarNode;

  beforeAll(async () => {
    nodes = await Nodes.open();
    node = await nodes.start();
    const options = { name: nodes.name('far'), cookie: nodes.cookie, epmd: { port: nodes.epmdPort } };
    far = await FarNode.start(options);
    nodes.atEnd(() => far.kill());
    await node.connect(far.name);
  }, 30_000);

  afterAll(() => nodes?.close());

  const smallCall = () => node.call(at(far.name, 'server'), 'get');

  /** What a process of ours makes of it. */
  const within = <T>(body: (self: Self) => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      node.spawn((self: Self) => body(self).then(resolve, reject));
    });

  it('lets small calls pass on its way there', async () => {
    const data = new Uint8Array(BYTES);
    for (let i = 0, x = 1; i < BYTES; i++) {
      x = (x * 1103515245 + 12345) & 0x7fffffff;
      data[i] = x >> 16;
    }
    const sum = md5(data);
    await expectSmallCallsToPass(
      smallCall,
      async () => {
        const answer = await within(async (self) => {
          self.send(at(far.name, 'sum'), tuple(self.pid, data));
          return await self.receive<Tuple>({ timeout: 60_000 });
        });
        return () => expect([...answer]).toEqual([sum, BYTES]);
      },
      3,
    );
  }, 120_000);

  it('lets small calls pass on its way here', async () => {
    await expectSmallCallsToPass(
      smallCall,
      async () => {
        const data = await within(async (self) => {
          self.send(at(far.name, 'blaster'), tuple(self.pid, BYTES));
          return await self.receive<Uint8Array>({ timeout: 60_000 });
        });
        return () => {
          expect(data).toHaveLength(BYTES);
          expect(Buffer.from(data.buffer, data.byteOffset, data.length).equals(Buffer.alloc(BYTES))).toBe(
            true,
          );
        };
      },
      3,
    );
  }, 120_000);
});
