import type { Clock } from '../env/clock.ts';
import type { Machine } from './machine.ts';
import type { VirtualClock } from './virtual-clock.ts';

/**
 * A simulated operating system process: the span of life of everything that one node holds of the outside world.
 * When it has ended, its timers and sockets are silent, whatever its code still tries.
 */
export class SimProcess {
  /** The node's name. */
  readonly name: string;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly #endings: ((silently: boolean) => void)[] = [];
  #isAlive = true;
  #endedSilently = false;

  constructor(name: string, machine: Machine, clock: VirtualClock) {
    this.name = name;
    this.machine = machine;
    this.clock = {
      wallMs: () => clock.wallMs(),
      nowMs: () => clock.nowMs(),
      setTimeout: (fn, delayMs) =>
        this.#isAlive ? clock.setTimeout(() => this.run(fn), delayMs) : undefined,
      clearTimeout: (handle) => clock.clearTimeout(handle),
      setImmediate: (fn) => {
        if (this.#isAlive) clock.setImmediate(() => this.run(fn));
      },
    };
    machine.processes.push(this);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Ended without its machine telling anybody, as when the power fails. */
  get endedSilently(): boolean {
    return this.#endedSilently;
  }

  /** Runs code of this process, unless it has ended. */
  run(fn: () => void): void {
    if (this.#isAlive) fn();
  }

  /** Says what is to be dropped when the process ends. */
  onEnd(ending: (silently: boolean) => void): void {
    this.#endings.push(ending);
  }

  /** Ends it in the middle of whatever it does. Idempotent. */
  kill(silently: boolean): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#endedSilently = silently;
    for (const ending of this.#endings.splice(0)) ending(silently);
  }
}
