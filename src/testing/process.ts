import type { Clock } from '../env/clock.ts';
import type { Machine } from './machine.ts';
import { EPOCH_MS, type VirtualClock } from './virtual-clock.ts';

/** How the clock of a process departs from the true one. */
export interface ClockSkew {
  /** Wall clock: ahead (or behind, when negative) by this much. Milliseconds. @default 0 */
  readonly offsetMs?: number;
  /** Seconds that pass on it in one true second: 1.01 runs fast, timers fire early. @default 1 */
  readonly rate?: number;
}

interface Timer {
  handle: unknown;
  isCancelled: boolean;
}

/**
 * A simulated operating system process: the span of life of everything that one node holds of the outside world.
 * When it has ended, its timers and sockets are silent, whatever its code still tries. While it is paused none of its
 * code runs, and what happens to it waits its turn, as under SIGSTOP.
 */
export class SimProcess {
  /** The node's name. */
  readonly name: string;
  /** False for a port mapper that runs by itself. */
  readonly isNode: boolean;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly #true: VirtualClock;
  readonly #endings = new Set<(silently: boolean) => void>();
  readonly #entered: (name: string) => void;
  /** What happened to it while it was paused, in order. */
  readonly #backlog: (() => void)[] = [];
  #isAlive = true;
  #isPaused = false;
  #endedSilently = false;
  #rate = 1;
  #offsetMs = 0;
  /** Both clocks at the last change of the rate. */
  #sinceMs = 0;
  #sinceOwnMs = 0;

  /** @param entered - told the process' name whenever its code is about to run */
  constructor(
    name: string,
    machine: Machine,
    clock: VirtualClock,
    entered: (name: string) => void,
    { isNode = true }: { readonly isNode?: boolean } = {},
  ) {
    this.name = name;
    this.isNode = isNode;
    this.machine = machine;
    this.#true = clock;
    this.#entered = entered;
    this.clock = {
      wallMs: () => EPOCH_MS + this.#ownMs() + this.#offsetMs,
      nowMs: () => this.#ownMs(),
      setTimeout: (fn, delayMs) => this.#schedule(fn, delayMs),
      clearTimeout: (handle) => {
        if (handle === undefined) return;
        const timer = handle as Timer;
        timer.isCancelled = true;
        clock.clearTimeout(timer.handle);
      },
      setImmediate: (fn) => {
        if (this.#isAlive) clock.setImmediate(() => this.run(fn));
      },
    };
    machine.processes.push(this);
  }

  #ownMs(): number {
    return this.#rate === 1 && this.#sinceMs === this.#sinceOwnMs
      ? this.#true.nowMs()
      : this.#sinceOwnMs + (this.#true.nowMs() - this.#sinceMs) * this.#rate;
  }

  #schedule(fn: () => void, delayMs: number): Timer | undefined {
    if (!this.#isAlive) return undefined;
    const timer: Timer = { handle: undefined, isCancelled: false };
    // It may be cancelled between the moment it is due and the end of a pause.
    const fire = (): void => {
      if (!timer.isCancelled) fn();
    };
    timer.handle = this.#true.setTimeout(() => this.run(fire), Math.max(delayMs || 1, 1) / this.#rate);
    return timer;
  }

  /** Sets its clock wrong. Timers that run already fire when they would have. */
  skew({ offsetMs = 0, rate = 1 }: ClockSkew): void {
    this.#sinceOwnMs = this.#ownMs();
    this.#sinceMs = this.#true.nowMs();
    this.#rate = rate;
    this.#offsetMs = offsetMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether its code may run now, and nothing waits to be run before. */
  get isFree(): boolean {
    return this.#isAlive && !this.#isPaused && this.#backlog.length === 0;
  }

  /** Ended without its machine telling anybody, as when the power fails. */
  get endedSilently(): boolean {
    return this.#endedSilently;
  }

  /** Runs code of this process, after the end of a pause; never when it has ended. */
  run(fn: () => void): void {
    if (!this.#isAlive) return;
    if (this.#isPaused || this.#backlog.length > 0) {
      this.#backlog.push(fn);
      return;
    }
    this.#entered(this.name);
    fn();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What waited is run in order, each in a turn of its own. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#backlog.length > 0) this.#true.setImmediate(() => this.#catchUp());
  }

  #catchUp(): void {
    if (this.#isPaused || !this.#isAlive) return;
    this.#entered(this.name);
    // Taken off afterwards: what it causes has to wait behind the rest.
    try {
      this.#backlog[0]?.();
    } finally {
      this.#backlog.shift();
      if (this.#backlog.length > 0) this.#true.setImmediate(() => this.#catchUp());
    }
  }

  /** Says what is to be dropped when the process ends; the function it returns takes that back. */
  onEnd(ending: (silently: boolean) => void): () => void {
    this.#endings.add(ending);
    return () => this.#endings.delete(ending);
  }

  /** Ends it in the middle of whatever it does. Idempotent. */
  kill(silently: boolean): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#endedSilently = silently;
    this.#backlog.length = 0;
    const endings = [...this.#endings];
    this.#endings.clear();
    for (const ending of endings) ending(silently);
  }
}
