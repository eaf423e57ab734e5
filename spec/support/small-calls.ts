import { expect } from 'vitest';

/** A machine that has no time: so many times what the same calls take without the big message. */
const TIMES_ALONE = 5;
/** One that is busy with something else for a while is asked again; calls that wait for the message do so each time. */
const TRIES = 6;
/** A quick machine is through in a few calls; if they waited for all of the message, there would be one or two. */
const FEWEST_CALLS = 5;

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
 * Small calls must not wait for big messages: some pass while one is under way, and half of them within `withinMs` on a
 * machine that has time. (To a BEAM it was 1 to 9 ms without pacing, with fragments of 8 MiB, or with small messages
 * queued behind, and 4 to 65 ms to a node of ours; with all of it, it is below half a millisecond.)
 * @param big - sends a big message; resolves when it has come, and no later, since calls pass easily then; with what sees
 * that it has come whole
 */
export async function expectSmallCallsToPass(
  call: () => Promise<unknown>,
  big: () => Promise<() => void | Promise<void>>,
  withinMs: number,
): Promise<void> {
  const tries: { aloneMs: number; medianMs: number; calls: number }[] = [];
  while (tries.length < TRIES) {
    const aloneMs = median(await calls(call, (done) => done < 200));
    let isThere = false;
    const sent = big().finally(() => {
      isThere = true;
    });
    const took = await calls(call, () => !isThere);
    const check = await sent;
    await check();
    const medianMs = median(took);
    if (took.length >= FEWEST_CALLS && medianMs < Math.max(withinMs, TIMES_ALONE * aloneMs)) return;
    tries.push({ aloneMs, medianMs, calls: took.length });
  }
  expect.fail(`small calls waited for a big message, each time: ${JSON.stringify(tries)}`);
}
