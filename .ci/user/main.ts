// The same, in TypeScript: compiled only, to see that the packed types say what they should.
import { actor, global, type Pid, startNode } from 'beamish';
import type * as testing from 'beamish/testing';

export type Testing = typeof testing;

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return {
    get: () => n,
    add: (by: number) => {
      n += by;
      return n;
    },
  };
});

export async function main(): Promise<number> {
  const node = await startNode({ name: 'user@127.0.0.1', cookie: 'user', epmd: { mode: 'off' } });
  const pid: Pid<typeof Counter> = node.spawn(Counter, [40]);
  const sum: number = await node.call(pid, 'add', 2);
  // @ts-expect-error a counter adds numbers
  await node.call(pid, 'add', 'two');
  await node.global.register('tally', pid);
  await node.groups.join('counters', pid);
  const found: number = await node.client(Counter, global<typeof Counter>('tally')).get();
  await node.stop();
  return sum + found;
}
