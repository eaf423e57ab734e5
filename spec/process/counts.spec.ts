/**
 * What sends, calls and spawns inside a node leave behind for the collector, counted. It does not depend on how fast the
 * machine is, so that a change that makes them dearer is seen here and not on a busy day in the benchmarks.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { actor, Down, type Node, startNode, tuple } from '../../src/index.ts';
import { atom } from '../../src/term/atom.ts';
import { bytesMade } from '../support/counted.ts';

let node: Node;
beforeEach(async () => {
  node = await startNode({ name: 'counted@127.0.0.1', cookie: 'c', listen: false, epmd: { mode: 'off' } });
});
afterEach(() => node.stop());

/** From here on each promise carries the platform's own context (see `platform/rejections.ts`). */
const FOLLOWED = Number.parseInt(process.versions.node, 10) >= 24;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const Sink = actor('sink', (self) => {
  let count = 0;
  let sum = 0;
  self.onMessage(() => {
    count += 1;
  });
  return {
    count: () => count,
    sum: () => sum,
    add: (n: number) => n + 1,
    put: (n: number) => {
      sum += n;
    },
  };
});

it('a send to a handler makes nothing but the turn it is handled in', async () => {
  const sink = node.spawn(Sink, []);
  const message = tuple(atom('msg'), 7);
  let sent = 0;
  const bytes = await bytesMade(async (count) => {
    for (let i = 0; i < count; i++) node.send(sink, message);
    sent += count;
    await turn();
  });
  expect(await node.call(sink, 'count')).toBe(sent);
  // 13 when this was written.
  expect(bytes).toBeLessThan(60);
});

it('a cast makes its arguments and one object', async () => {
  const sink = node.spawn(Sink, []);
  let sum = 0;
  const bytes = await bytesMade(async (count) => {
    for (let i = 0; i < count; i++) node.cast(sink, 'put', i);
    sum += (count * (count - 1)) / 2;
    await turn();
  });
  expect(await node.call(sink, 'sum')).toBe(sum);
  // 110 when this was written.
  expect(bytes).toBeLessThan(150);
});

it('a call makes one object, its promise, and that of the handler of whoever waits', async () => {
  const sink = node.spawn(Sink, []);
  let wrong = 0;
  const bytes = await bytesMade(async (count) => {
    for (let i = 0; i < count; i++) if ((await node.call(sink, 'add', i)) !== i + 1) wrong += 1;
  });
  expect(wrong).toBe(0);
  // 920 when this was written, half of it promises; 1,400 on Node.js 24.
  expect(bytes).toBeLessThan(FOLLOWED ? 1_650 : 1_100);
});

it('a spawn that is watched until its end makes a process, a monitor and its message', async () => {
  let ends = 0;
  const bytes = await bytesMade(
    (count) =>
      new Promise((resolve) => {
        node.spawn(async (self) => {
          for (let i = 0; i < count; i++) {
            self.monitor(self.spawn(() => {}));
            if ((await self.receive()) instanceof Down) ends += 1;
          }
          resolve();
        });
      }),
  );
  expect(ends).toBe(330 * 200);
  // 1,770 when this was written; 2,340 on Node.js 24.
  expect(bytes).toBeLessThan(FOLLOWED ? 2_650 : 2_000);
});
