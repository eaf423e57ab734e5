import { nextTick } from 'node:process';
import type { Clock, TimerHandle } from '../env/clock.ts';

/** 1 January 2024, UTC: the wall clock of a simulation begins here, whatever the real date is. */
export const EPOCH_MS = 1_704_067_200_000;
/** Callbacks at one instant after which time is taken to stand still: a loop without a pause. */
const MAX_CALLBACKS_PER_INSTANT = 1_000_000;
/**
 * Callbacks after which the platform's event loop gets a turn in any case: a long simulation can be interrupted, and what
 * nobody owed a turn for is told by then.
 */
const CALLBACKS_PER_REAL_TURN = 250;

interface Timer {
  readonly atMs: number;
  /** Timers of one instant fire in the order in which they were set. */
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Someone who wants the clock to run. */
interface Waiter {
  /** Asked after every callback; true ends the wait. */
  readonly isDone: () => boolean;
  /** Time at which the wait ends in any case. */
  readonly untilMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Who wants to know when simulated code runs. */
export interface ClockWatch {
  /** The clock begins to move; the function it returns is called when it rests. */
  moving(): () => void;
  /** The next callback, and the promises that settle after it, are simulated code. */
  begin(): void;
  /** They have run. What it throws ends all waits. */
  end(): void;
  /** They have failed. */
  abandon(): void;
  /** Whoever waited goes on now: the code of a test; until the function that is returned is called. */
  released(): () => void;
}

/**
 * Time that moves only when it is told to, from deadline to deadline, as fast as the processor goes. After each
 * callback all promises settle before the next one runs, as they do on the platform; no real timer is involved.
 *
 * Several callers may advance it at once: it is moved by one loop, and each of them waits for his own moment.
 */
export class VirtualClock implements Clock {
  readonly #timers: Timer[] = [];
  readonly #immediates: (() => void)[] = [];
  readonly #waiters: Waiter[] = [];
  #nowMs = 0;
  #order = 0;
  #running = false;
  #atThisInstant = 0;
  #fired = 0;
  watch: ClockWatch | undefined;
  #endOfPardon: (() => void) | undefined;
  #owesTurn = false;

  wallMs(): number {
    return EPOCH_MS + this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Callbacks run so far. */
  get fired(): number {
    return this.#fired;
  }

  /** A delay below 1 ms counts as 1 ms, as on the platform. */
  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    return this.at(this.#nowMs + Math.max(delayMs || 1, 1), fn);
  }

  /** Runs `fn` at a moment of `nowMs()`; at once (in the next turn) when that has passed. */
  at(atMs: number, fn: () => void): TimerHandle {
    const timer: Timer = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, fn, cancelled: false };
    push(this.#timers, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    if (handle !== undefined) (handle as Timer).cancelled = true;
  }

  setImmediate(fn: () => void): void {
    this.#immediates.push(fn);
  }

  /**
   * The callback that runs may leave promises behind that are rejected: the platform gets a turn after it, to tell of them
   * at this moment. A turn costs more than most callbacks, so those that run no user's code go without.
   */
  oweTurn(): void {
    this.#owesTurn = true;
  }

  /** Moves time on. Rejects with whatever a callback throws, at the time of that callback. */
  advance(ms: number): Promise<void> {
    return this.runUntil(() => false, { withinMs: ms }).then(() => {});
  }

  /**
   * Moves time on until `isDone`, which is asked after every callback.
   * @returns false when `withinMs` passed first
   * @throws Error when nothing is left that could happen, and no `withinMs` was given
   */
  async runUntil(
    isDone: () => boolean,
    { withinMs = Number.POSITIVE_INFINITY }: { readonly withinMs?: number } = {},
  ): Promise<boolean> {
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ isDone, untilMs: this.#nowMs + withinMs, resolve, reject });
      this.#endPardon();
      if (!this.#running) void this.#run();
    });
    return isDone();
  }

  /** Moves time on until the promise settles, and hands on what became of it. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    await this.runUntil(() => settled);
    return promise;
  }

  /** The one loop that moves time, as long as someone waits. */
  async #run(): Promise<void> {
    this.#running = true;
    const { watch } = this;
    const rested = watch?.moving();
    await this.#settle();
    for (;;) {
      if (this.#releaseOne() || this.#waiters.length === 0 || !(await this.#step())) {
        // Whoever has what he waited for acts before anything else happens, until he waits again.
        this.#endOfPardon = watch?.released();
        await this.#settle();
        this.#endPardon();
        if (this.#waiters.length === 0) break;
      }
    }
    this.#running = false;
    rested?.();
  }

  /** Lets promises settle: of simulated code, but for what `released` pardons. */
  async #settle(): Promise<void> {
    const { watch } = this;
    watch?.begin();
    await settle();
    try {
      watch?.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  #endPardon(): void {
    this.#endOfPardon?.();
    this.#endOfPardon = undefined;
  }

  /** Runs the next callback and lets promises settle; or moves on to the moment that somebody waits for: then false. */
  async #step(): Promise<boolean> {
    const fn = this.#immediates.shift() ?? this.#dueTimer();
    if (fn === undefined) return false;
    const { watch } = this;
    try {
      watch?.begin();
      this.#count();
      fn();
      await settle();
      if (++this.#fired % CALLBACKS_PER_REAL_TURN === 0 || this.#owesTurn) {
        this.#owesTurn = false;
        await realTurn();
      }
      watch?.end();
    } catch (error) {
      watch?.abandon();
      this.#fail(error);
      return false;
    }
    return true;
  }

  /** The callback that is next in time, unless somebody waits for an earlier moment: he is let go. */
  #dueTimer(): (() => void) | undefined {
    while (this.#timers[0]?.cancelled) pop(this.#timers);
    const next = this.#timers[0];
    let limitMs = Number.POSITIVE_INFINITY;
    for (const { untilMs } of this.#waiters) if (untilMs < limitMs) limitMs = untilMs;
    if (next !== undefined && next.atMs <= limitMs) {
      pop(this.#timers);
      if (next.atMs > this.#nowMs) this.#atThisInstant = 0;
      this.#nowMs = next.atMs;
      return next.fn;
    }
    if (limitMs === Number.POSITIVE_INFINITY) {
      this.#fail(new Error(`nothing is left to happen at ${this.#nowMs} ms, and somebody still waits`));
      return undefined;
    }
    this.#nowMs = limitMs;
    this.#atThisInstant = 0;
    for (const waiter of this.#waiters.filter(({ untilMs }) => untilMs <= limitMs)) this.#resolve(waiter);
    return undefined;
  }

  /** The program that was simulated is broken: nobody should go on as if it were not. */
  #fail(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #count(): void {
    if (++this.#atThisInstant > MAX_CALLBACKS_PER_INSTANT)
      throw new Error(
        `time stands still at ${this.#nowMs} ms: more than ${MAX_CALLBACKS_PER_INSTANT} callbacks without a pause`,
      );
  }

  /** Lets one go who has what he waited for. False: nobody has. */
  #releaseOne(): boolean {
    for (const waiter of this.#waiters) {
      try {
        if (!waiter.isDone()) continue;
        this.#resolve(waiter);
      } catch (error) {
        this.#remove(waiter);
        waiter.reject(error);
      }
      return true;
    }
    return false;
  }

  #resolve(waiter: Waiter): void {
    this.#remove(waiter);
    waiter.resolve();
  }

  #remove(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at >= 0) this.#waiters.splice(at, 1);
  }
}

/**
 * Resolves when every promise that can settle has. A tick of the platform comes after the whole queue of
 * microtasks, however long their chains are; it is neither a timer nor a turn of the event loop.
 */
async function settle(): Promise<void> {
  // Out of plain code a tick would come before the microtasks; out of a microtask it comes after all of them.
  await undefined;
  await new Promise<void>(toNextTick);
}

const toNextTick = (resolve: () => void): void => nextTick(resolve);

/** The platform's own, whatever a test puts in its place later. */
const realImmediate = setImmediate;

/** One turn of the platform's event loop, before which it tells of promises that were rejected for nobody. */
function realTurn(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}

// ---- a binary heap, earliest timer first

const isBefore = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(timer, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
