import type { Clock } from '../env/clock.ts';
import { Mailbox } from './mailbox.ts';

/** What the scheduler runs: does a bounded piece of work and enqueues itself again if more is left. */
export interface Runnable {
  queued: boolean;
  run(): void;
}

/** Pieces of work (messages, mostly) after which the event loop gets its turn, whatever the time. */
const MAX_WORK_PER_TURN = 10_000;
/** Time after which it does; weighed against 20 ms of event-loop delay with several such turns in a row. */
const MAX_TURN_MS = 4;
/** The clock is read once per so many pieces of work, since reading it costs as much as a message: */
const WORK_PER_LOOK = 8;
/** and once per so many where the last few took no longer than this. */
const QUICK_WORK_PER_LOOK = 16;
const QUICK_MS = 0.05;

/** A reaction to it is a microtask, for a third of what the platform's `queueMicrotask` costs. */
const NOW = Promise.resolve();

/**
 * The run queue of a node.
 *
 * Work that begins in a callback of the platform runs in a microtask of the same turn of the event loop, so that a
 * request read from a socket is answered before the socket is left. Work is counted; past a bound the rest waits for
 * `clock.setImmediate`, behind I/O and timers. The count also covers processes that keep each other busy through
 * promises alone, where no single run is long. It starts again at the immediate, which is asked for only once a turn
 * has shown some work: a turn with a message or two costs nothing here.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #queue = new Mailbox<Runnable>();
  #scheduled = false;
  #work = 0;
  #lookAt = WORK_PER_LOOK;
  #turnStartMs = 0;
  #lastLookMs = 0;
  #turnTimed = false;
  #over = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enqueue(runnable: Runnable): void {
    if (runnable.queued) return;
    runnable.queued = true;
    this.#queue.push(runnable);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Past the bound, the immediate that starts the new turn is on its way and drains the queue.
    if (!this.#over) void NOW.then(this.#drain);
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** This turn has had its share and work is left: whoever brings more should hold back until the next turn. */
  get isBehind(): boolean {
    return this.#over && this.#scheduled;
  }

  /** Counts one piece of work; true when this turn has had enough and the rest is to wait. */
  spend(): boolean {
    this.#work += 1;
    return this.#work < this.#lookAt ? this.#over : this.#look();
  }

  #look(): boolean {
    const nowMs = this.#clock.nowMs();
    if (!this.#turnTimed) {
      this.#turnTimed = true;
      this.#turnStartMs = nowMs;
      this.#lastLookMs = Number.NEGATIVE_INFINITY;
      this.#clock.setImmediate(this.#newTurn);
    }
    const isQuick = nowMs - this.#lastLookMs <= QUICK_MS;
    this.#lastLookMs = nowMs;
    this.#lookAt = this.#work + (isQuick ? QUICK_WORK_PER_LOOK : WORK_PER_LOOK);
    if (this.#work >= MAX_WORK_PER_TURN || nowMs - this.#turnStartMs >= MAX_TURN_MS) this.#over = true;
    return this.#over;
  }

  readonly #newTurn = (): void => {
    this.#work = 0;
    this.#lookAt = WORK_PER_LOOK;
    this.#turnTimed = false;
    const wasOver = this.#over;
    this.#over = false;
    if (wasOver && this.#scheduled) this.#drain();
  };

  readonly #drain = (): void => {
    const queue = this.#queue;
    while (queue.length > 0) {
      // `#scheduled` stays set: whoever comes meanwhile lines up behind.
      if (this.#over) return;
      const runnable = queue.shift();
      runnable.queued = false;
      try {
        runnable.run();
      } catch (error) {
        // What runs keeps its own failures: this is a fault of ours, and must not pass for a rejection of somebody's.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.#scheduled = false;
  };
}
