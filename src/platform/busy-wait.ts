/** How far apart reads may be, on the average of the last some, for the next one to be worth waiting for. */
const APART_MS = 0.25;
/** Share of the newest interval in that average. */
const NEWEST = 1 / 16;
/** What an interval counts at most, so that a pause is made up for by some reads. */
const LONGEST_MS = 16 * APART_MS;

/**
 * Keeps the event loop turning for a moment where one read of a stream follows the other, instead of having it sleep
 * between them.
 *
 * Waking a processor that sleeps costs whoever sends more than a write of 64 KiB does, on virtual machines above all, and
 * what was sent waits for as long. Erlang's schedulers wait busily for the same reason (`+sbwt`). A stream on which
 * something comes now and then has nobody wait.
 */
export class BusyWait {
  readonly #waitMs: number;
  readonly #nowMs: () => number;
  readonly #nextTurn: (fn: () => void) => void;
  #lastMs = Number.NEGATIVE_INFINITY;
  #averageMs = LONGEST_MS;
  #untilMs = 0;
  #isTurning = false;

  /**
   * @param waitMs - how long the next read is waited for
   * @param nextTurn - runs a function in the loop's next turn, which then does not sleep
   */
  constructor(waitMs: number, nowMs: () => number, nextTurn: (fn: () => void) => void) {
    this.#waitMs = waitMs;
    this.#nowMs = nowMs;
    this.#nextTurn = nextTurn;
  }

  /** Something was read, and dealt with. */
  read(): void {
    const nowMs = this.#nowMs();
    const intervalMs = Math.min(nowMs - this.#lastMs, LONGEST_MS);
    this.#lastMs = nowMs;
    this.#averageMs += (intervalMs - this.#averageMs) * NEWEST;
    if (this.#averageMs > APART_MS) return;
    this.#untilMs = nowMs + this.#waitMs;
    if (this.#isTurning) return;
    this.#isTurning = true;
    this.#nextTurn(this.#turn);
  }

  /** Nobody waits, until something is read. */
  end(): void {
    this.#untilMs = 0;
  }

  #turn = (): void => {
    if (this.#nowMs() < this.#untilMs) this.#nextTurn(this.#turn);
    else this.#isTurning = false;
  };
}
