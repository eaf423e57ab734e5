/**
 * Two nodes in one program, and a counter that is called from the other node.
 *
 *   node --import tsx examples/counter.ts
 *
 * You will see:
 *
 *   shop@127.0.0.1 asks depot@127.0.0.1
 *   add 2 makes 12
 *   the counter stands at 12
 *   nobody is called "till" there: noproc
 */
import { actor, at, ExitError, startNode } from '../src/index.ts';

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return { get: () => n, add: (by: number) => (n += by) };
});

// Both nodes use one port mapper. On a machine of your own leave `epmd` out: the usual port is fine there.
const epmd = { port: Number(process.env.ERL_EPMD_PORT ?? 4369) };
const cookie = 'a secret that both know';
const depot = await startNode({ name: 'depot@127.0.0.1', cookie, epmd });
const shop = await startNode({ name: 'shop@127.0.0.1', cookie, epmd });

depot.spawn(Counter, [10], { name: 'stock' });

// The type argument is all that a caller needs of an actor; its methods, arguments and results are checked.
const stock = at<typeof Counter>(depot.name, 'stock');
console.log(`${shop.name} asks ${depot.name}`);
console.log(`add 2 makes ${await shop.call(stock, 'add', 2)}`);
console.log(`the counter stands at ${await shop.call(stock, 'get')}`);

try {
  await shop.call(at<typeof Counter>(depot.name, 'till'), 'get');
} catch (error) {
  if (error instanceof ExitError) console.log(`nobody is called "till" there: ${error.reason}`);
}

await shop.stop();
await depot.stop();
