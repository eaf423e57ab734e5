/** Opaque handle of one pending timer. */
export type TimerHandle = unknown;

/**
 * Time. The method names are those of the platform and of XState's own clock, so that a `Clock` can be
 * passed to XState's `createActor` as it is.
 */
export interface Clock {
  /** Wall clock: milliseconds since 1970. May jump. */
  wallMs(): number;
  /** Milliseconds (fractions allowed) since an arbitrary start; never goes back. Measure durations with it. */
  nowMs(): number;
  /** Runs `fn` once, `delayMs` from now (at least the next turn). Delays above 2^31-1 ms are allowed. */
  setTimeout(fn: () => void, delayMs: number): TimerHandle;
  clearTimeout(handle: TimerHandle): void;
  /** Runs `fn` after the I/O of this turn of the event loop; in order of the calls. Cannot be cancelled. */
  setImmediate(fn: () => void): void;
}
