import type { Process } from './process.ts';
import { KILLED, SHUTDOWN } from './reasons.ts';
import type { ProcessSystem } from './system.ts';

/** Milliseconds that processes which nobody supervises have together to end, one after the other; and then again at once. */
const TIMEOUT_MS = 5_000;

/**
 * How all processes of a node end: those that nobody supervises with `shutdown`, the last started first, each once the one
 * before has ended. A supervisor has all the time it needs: its children have theirs. If the others take longer than
 * `timeoutMs` together, all the rest is told at once and has that long again; then it is killed.
 */
export class Shutdown {
  readonly #system: ProcessSystem;
  readonly #timeoutMs: number;

  constructor(system: ProcessSystem, timeoutMs = TIMEOUT_MS) {
    this.#system = system;
    this.#timeoutMs = timeoutMs;
  }

  async roots(): Promise<void> {
    const system = this.#system;
    let leftMs = this.#timeoutMs;
    const roots = system.roots().reverse();
    for (const process of roots) {
      if (!process.alive) continue;
      const toldMs = system.clock.nowMs();
      // Who traps exits is to know this one as an order.
      process.extra.parent = system.outside.pid;
      system.signals.receiveExit(process, system.outside.pid, SHUTDOWN, 'exit2');
      if (process.extra.supervises) await this.#ends(process, Number.POSITIVE_INFINITY);
      else if (process.alive && leftMs > 0) {
        await this.#ends(process, leftMs);
        leftMs -= system.clock.nowMs() - toldMs;
        system.end(process, KILLED, undefined);
      }
    }
    await this.#waitAndKill(roots);
  }

  /** What is still there and had its order: children of a supervisor that was killed, above all. */
  rest(): Promise<void> {
    return this.#waitAndKill(this.#system.all().reverse());
  }

  async #waitAndKill(processes: readonly Process[]): Promise<void> {
    const { clock } = this.#system;
    const deadlineMs = clock.nowMs() + this.#timeoutMs;
    for (const process of processes) {
      if (process.alive) await this.#ends(process, deadlineMs - clock.nowMs());
      this.#system.end(process, KILLED, undefined);
    }
  }

  /** Resolves when the process has ended, or after that long. */
  #ends(process: Process, withinMs: number): Promise<void> {
    if (!process.alive || withinMs <= 0) return Promise.resolve();
    const { clock } = this.#system;
    return new Promise((resolve) => {
      const timer = withinMs === Number.POSITIVE_INFINITY ? undefined : clock.setTimeout(resolve, withinMs);
      this.#system.whenEnded(process, () => {
        if (timer !== undefined) clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}
