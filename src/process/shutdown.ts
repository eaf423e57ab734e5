import type { Process } from './process.ts';
import { KILLED, SHUTDOWN } from './reasons.ts';
import type { ProcessSystem } from './system.ts';

/** How all processes of a node end. */
export class Shutdown {
  readonly #system: ProcessSystem;

  constructor(system: ProcessSystem) {
    this.#system = system;
  }

  /** Tells `latestFirst` processes one by one, each once the one before has ended, what is left at once; then kills. */
  async run(timeoutMs: number, latestFirst: () => readonly Process[]): Promise<void> {
    const system = this.#system;
    const deadlineMs = system.clock.nowMs() + timeoutMs;
    for (const process of latestFirst()) {
      if (process.supervised || !process.alive) continue;
      // Who traps exits is to know this one as an order.
      process.extra.parent = system.outside.pid;
      system.signals.receiveExit(process, system.outside.pid, SHUTDOWN, 'exit2');
      if (!process.alive || system.clock.nowMs() >= deadlineMs) continue;
      await this.#endsBefore(process, deadlineMs);
      system.end(process, KILLED, undefined);
    }
    const lastDeadlineMs = system.clock.nowMs() + timeoutMs;
    for (const process of latestFirst()) {
      if (process.alive) await this.#endsBefore(process, lastDeadlineMs);
      system.end(process, KILLED, undefined);
    }
  }

  #endsBefore(process: Process, deadlineMs: number): Promise<void> {
    const { clock } = this.#system;
    const leftMs = deadlineMs - clock.nowMs();
    if (leftMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, leftMs);
      this.#system.whenEnded(process, () => {
        clock.clearTimeout(timer);
        resolve();
      });
    });
  }
}
