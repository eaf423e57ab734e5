import { expect } from 'vitest';

/** Of a machine that has time. */
const MEDIAN_MS = 5;
/** Of one that has not: so many times what the same calls take without the big message. */
const TIMES_ALONE = 25;
/** One that is busy with something else for a while is asked again; calls that wait for the message do so each time. */
const TRIES = 3;

/** Milliseconds of calls one after the other, at least one, for as long as `running`. */
async function calls(call: () => Promise<unknown>, running: (done: number) => boolean): Promise<number[]> {
  const took: number[] = [];
  do {
    const start = performance.now();
    await call();
    took.push(performance.now() - start);
  } while (running(took.length));
  return took;
}

const median = (took: readonly number[]): number => [...took].sort((a, b) => a - b)[took.length >> 1]!;

/**
 * Small calls must not wait for big messages: half of those made while `big` is under way are through within 5 ms.
 * @param big - sends a big message and sees that it has come
 */
export async function expectSmallCallsToPass(
  call: () => Promise<unknown>,
  big: () => Promise<void>,
): Promise<void> {
  const tries: { aloneMs: number; medianMs: number }[] = [];
  while (tries.length < TRIES) {
    const aloneMs = median(await calls(call, (done) => done < 200));
    let isDone = false;
    const sent = big().finally(() => {
      isDone = true;
    });
    const took = await calls(call, () => !isDone);
    await sent;
    // A quick machine is through in a few of them.
    expect(took.length).toBeGreaterThan(4);
    const medianMs = median(took);
    if (medianMs < Math.max(MEDIAN_MS, TIMES_ALONE * aloneMs)) return;
    tries.push({ aloneMs, medianMs });
  }
  expect.fail(`small calls waited for a big message, each time: ${JSON.stringify(tries)}`);
}
