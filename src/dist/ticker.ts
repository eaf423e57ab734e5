export interface TickerOptions {
  /** Silence after which the peer is given up: the next check past it closes the link. As OTP's `net_ticktime`. */
  readonly netTickTimeMs: number;
  /** The connection is hidden: then a silent peer is ticked even while we write, as OTP does. */
  readonly hidden: boolean;
  /** Checks per `netTickTimeMs`. @default 4 */
  readonly tickIntensity?: number;
}

/**
 * - `tick`: send an empty frame
 * - `net_tick_timeout`: the peer is silent, close the link
 */
export type TickDecision = 'tick' | 'net_tick_timeout' | 'nothing';

/**
 * Decides when a link needs a tick and when its peer is given up, as `send_tick` of OTP's dist_util does. The owner
 * calls `check` every `intervalMs`; with the default intensity a frozen peer is given up 0.75 to 1.25 times
 * `netTickTimeMs` after its last byte.
 */
export class Ticker {
  readonly intervalMs: number;
  readonly #intensity: number;
  readonly #hidden: boolean;
  #check = 0;
  /** Number of the check, 1..intensity, that last saw something read. */
  #lastHeard = 0;
  /** No count is negative, so that the first check takes the handshake for a sign of life. */
  #read = -1;
  #written = 0;

  constructor(options: TickerOptions) {
    this.#intensity = options.tickIntensity ?? 4;
    this.#hidden = options.hidden;
    this.intervalMs = Math.max(1, options.netTickTimeMs / this.#intensity);
  }

  /**
   * @param read - a number that grows whenever bytes arrive, ticks included
   * @param written - a number that grows whenever something else than a tick is written
   * @param pendingBytes - written, and not yet taken by the system: it proves us alive when it goes
   */
  check(read: number, written: number, pendingBytes: number): TickDecision {
    const check = this.#check + 1;
    this.#check = check % this.#intensity;
    const heard = read !== this.#read;
    if (!heard && this.#lastHeard === check) return 'net_tick_timeout';
    const silent = written === this.#written && pendingBytes === 0;
    this.#read = read;
    this.#written = written;
    if (heard) this.#lastHeard = check;
    return silent || (this.#hidden && !heard) ? 'tick' : 'nothing';
  }
}
