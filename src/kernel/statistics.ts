import type { Clock } from '../env/clock.ts';
import { tuple } from '../term/tuple.ts';
import { badarg, nameOf } from './erlang-arguments.ts';

export interface StatisticsView {
  readonly clock: Clock;
  /** Processes that have something to do and wait for their turn. */
  readonly runnable: () => number;
}

/**
 * What erlang:statistics/1 tells of a node of ours: how long it has been there, and what waits for its one thread. What
 * nobody counts here (reductions, context switches, collections, bytes of ports) is `badarg`, as a key that OTP does not know.
 *
 * One object per node: `wall_clock` also tells the time since anybody last asked for it.
 */
export class Statistics {
  readonly #view: StatisticsView;
  readonly #startMs: number;
  #askedMs: number;

  constructor(view: StatisticsView) {
    this.#view = view;
    this.#startMs = this.#askedMs = view.clock.nowMs();
  }

  of(item: unknown): unknown {
    const { clock, runnable } = this.#view;
    switch (nameOf(item)) {
      case 'wall_clock': {
        const nowMs = clock.nowMs();
        const sinceMs = nowMs - this.#askedMs;
        this.#askedMs = nowMs;
        return tuple(Math.floor(nowMs - this.#startMs), Math.floor(sinceMs));
      }
      case 'run_queue':
      case 'total_run_queue_lengths':
      case 'total_run_queue_lengths_all':
        return runnable();
      case 'run_queue_lengths':
      case 'run_queue_lengths_all':
        return [runnable()];
      // Those that wait, and the one that runs: whoever asks.
      case 'total_active_tasks':
      case 'total_active_tasks_all':
        return runnable() + 1;
      case 'active_tasks':
      case 'active_tasks_all':
        return [runnable() + 1];
      // As with OTP while nobody has switched the measurement on.
      case 'scheduler_wall_time':
      case 'scheduler_wall_time_all':
        return undefined;
      default:
        return badarg();
    }
  }
}
