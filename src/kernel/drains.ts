import type { Clock } from '../env/clock.ts';
import { OptionsError } from '../errors.ts';
import { isNodeName } from '../handshake/name.ts';
import { inspectTerm } from '../term/print.ts';

/** Who waits until less is queued for a node than its high-water mark. */
export class Drains {
  readonly #isAbove: (node: string) => boolean;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();

  /** @param isAbove - whether more waits for a node than the mark, on its link or for one */
  constructor(isAbove: (node: string) => boolean, clock: Clock) {
    this.#isAbove = isAbove;
    this.#clock = clock;
  }

  /**
   * Resolves when less than the mark waits for the node, and when it cannot be reached any more, since then nothing waits;
   * when that is so already, in the next turn of the event loop: who sends whenever it says so would leave the loop no
   * turn where nothing can be sent at all. Rejects with the reason of a signal that is aborted first, and with OptionsError
   * for what is no node name.
   */
  wait(node: string, ...signals: readonly (AbortSignal | undefined)[]): Promise<void> {
    if (typeof node !== 'string' || !isNodeName(node))
      return Promise.reject(
        new OptionsError('node', `drained: expected a node name "name@host", got ${inspectTerm(node)}`),
      );
    const given = signals.filter((signal) => signal !== undefined);
    for (const signal of given) if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      if (!this.#isAbove(node)) {
        this.#clock.setImmediate(resolve);
        return;
      }
      const leave = (): void => {
        for (const signal of given) signal.removeEventListener('abort', abort);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const abort = (event: Event): void => {
        leave();
        const waiting = this.#waiting.get(node);
        if (waiting?.delete(wake) && waiting.size === 0) this.#waiting.delete(node);
        reject((event.target as AbortSignal).reason);
      };
      for (const signal of given) signal.addEventListener('abort', abort);
      const waiting = this.#waiting.get(node);
      if (waiting === undefined) this.#waiting.set(node, new Set([wake]));
      else waiting.add(wake);
    });
  }

  wake(node: string): void {
    const waiting = this.#waiting.get(node);
    this.#waiting.delete(node);
    for (const wake of waiting ?? []) wake();
  }
}
