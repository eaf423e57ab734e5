import type { Connection } from '../connection/connection.ts';
import type { TimerHandle } from '../env/clock.ts';
import type { Limits } from '../env/limits.ts';

type Write = (connection: Connection) => void;

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** One name that is being connected: how far it is, who waits for it, and what leaves first once it is there. */
export class Attempt {
  readonly name: string;
  readonly abort = new AbortController();
  /** Our own call, once its stream stands. */
  call: Connection | undefined;
  /** A link stands, whichever side called, and will be up once its peer has said what it reads. */
  isGreeting = false;
  /** Number of our latest dial: an earlier one that still goes on has lost its point. */
  dials = 0;
  /** The peer told us to expect its own call (`nok`), or we told it to go on with it (`ok_simultaneous`). */
  yielded = false;
  /** What it waits for at the moment, for people: `the port mapper of 127.0.0.1`. */
  waitsFor = '';
  deadline: TimerHandle;
  patience: TimerHandle;
  /** Signals that leave when the link is up, in order. */
  readonly #waiting: Write[] = [];
  #waitingBytes = 0;
  readonly #waiters: Waiter[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Resolves when the link is up. Rejects with what `reject` is given, or the signal's reason. */
  up(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void) => {
        signal?.removeEventListener('abort', onAbort);
        then();
      };
      const waiter: Waiter = {
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      };
      const onAbort = () => {
        const at = this.#waiters.indexOf(waiter);
        if (at >= 0) this.#waiters.splice(at, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  resolve(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  reject(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  /** Signals that wait; when the attempt has failed, those that are lost. */
  get waitingSignals(): number {
    return this.#waiting.length;
  }

  /** Whether so much waits that whoever sends more should wait, or would see it dropped. */
  isAboveHighWater(limits: Limits): boolean {
    return this.#waitingBytes > limits.highWaterBytes || this.#waiting.length >= limits.waitingSignals;
  }

  /**
   * Keeps a signal for the link.
   * @param messageBytes size of a message, which may be dropped; absent for a signal that must not be lost alone
   * @returns false when it was dropped, since too much waits already
   */
  keep(write: Write, messageBytes: number | undefined, limits: Limits): boolean {
    if (messageBytes !== undefined) {
      if (this.#waiting.length >= limits.waitingSignals || this.#waitingBytes > limits.unsentBytes)
        return false;
      this.#waitingBytes += messageBytes;
    }
    this.#waiting.push(write);
    return true;
  }

  /** Hands out what waited, in order; nothing waits any more. */
  take(): readonly Write[] {
    this.#waitingBytes = 0;
    return this.#waiting.splice(0);
  }
}
