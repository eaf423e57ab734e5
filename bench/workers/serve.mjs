import { startProfile, stopProfile } from './profiler.mjs';

/**
 * What every worker process shares: it carries out one request of the harness at a time and answers it, and ends when
 * the harness goes. Workers are plain JavaScript, so that what is measured runs without a loader in between.
 *
 * @param {Record<string, (args: any) => unknown>} operations
 * @param {() => unknown} [inspect] what a row that stands still should tell of this process
 */
export function serve(operations, inspect = () => undefined) {
  const state = () =>
    `waits for ${process.getActiveResourcesInfo().join(' ')}; ${JSON.stringify(inspect()) ?? ''}`.slice(
      0,
      2000,
    );
  const all = { ...operations, state, startProfile, stopProfile };
  process.on('message', async ({ id, operation, args }) => {
    try {
      process.send({ id, value: await all[operation](args) });
    } catch (error) {
      process.send({ id, error: error?.stack ?? String(error) });
    }
  });
  process.once('disconnect', () => process.exit(0));
  process.send({ id: 0 });
}

/** Milliseconds that `work` took. */
export async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
