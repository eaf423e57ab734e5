import type { Clock, TimerHandle } from '../env/clock.ts';

/** Longest delay the platform's timers take; anything longer they would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A delay past `MAX_TIMER_MS`, waited for in steps. */
class LongTimer {
  readonly #fn: () => void;
  readonly #deadlineMs: number;
  #step: NodeJS.Timeout | undefined;

  constructor(fn: () => void, delayMs: number) {
    this.#fn = fn;
    this.#deadlineMs = performance.now() + delayMs;
    this.#arm();
  }

  clear(): void {
    clearTimeout(this.#step);
  }

  #arm(): void {
    const leftMs = this.#deadlineMs - performance.now();
    this.#step =
      leftMs > MAX_TIMER_MS
        ? setTimeout(() => this.#arm(), MAX_TIMER_MS)
        : setTimeout(this.#fn, Math.max(0, leftMs));
  }
}

/** The platform's time. Timers keep the OS process alive until they fire or are cleared. */
export const clock: Clock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
  setTimeout: (fn: () => void, delayMs: number): TimerHandle =>
    delayMs > MAX_TIMER_MS ? new LongTimer(fn, delayMs) : setTimeout(fn, delayMs),
  clearTimeout: (handle: TimerHandle): void => {
    if (handle instanceof LongTimer) handle.clear();
    else clearTimeout(handle as NodeJS.Timeout | undefined);
  },
  setImmediate: (fn: () => void): void => {
    setImmediate(fn);
  },
};
