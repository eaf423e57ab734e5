/**
 * What every worker process shares: it carries out one request of the harness at a time and answers it, and ends when
 * the harness goes. Workers are plain JavaScript, so that what is measured runs without a loader in between.
 *
 * @param {Record<string, (args: any) => unknown>} operations
 */
export function serve(operations) {
  process.on('message', async ({ id, operation, args }) => {
    try {
      process.send({ id, value: await operations[operation](args) });
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
