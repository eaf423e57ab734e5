import type { Timeline } from './timeline.ts';

/** Events shown in the message; `timeline` has them all. */
const SHOWN_EVENTS = 40;

/**
 * What should have come to pass in a simulation did not, within its time. The simulated nodes are as they were at
 * that moment and can be looked at.
 */
export class ConvergenceError extends Error {
  readonly code = 'ConvergenceError';
  /** The seed that shows it again. */
  readonly seed: number;
  /** What was wrong at the end, as the predicate put it. */
  readonly reason: string;
  /** The whole story up to that moment, one line an event. */
  readonly timeline: string;

  constructor(what: string, withinMs: number, reason: string, seed: number, timeline: Timeline) {
    super(
      `${what} did not hold within ${withinMs} ms (seed ${seed}): ${reason}\n` +
        `The last events:\n${timeline.toString(SHOWN_EVENTS)}`,
    );
    this.name = 'ConvergenceError';
    this.seed = seed;
    this.reason = reason;
    this.timeline = timeline.toString();
  }
}
