/** Datagrams are counted over so long. */
const WINDOW_MS = 1_000;
/** Windows in a row that bring many: twice as long as a node's first heartbeats last, so that a young cluster forms without pauses. */
const WINDOWS_TO_FIND = 3;
/** Many, in a second: what a cluster of 225 brings. Waking up for each takes a third of a per cent of a core then. */
const MANY_PER_SECOND = 100;
/** Fewer are read as they come again. */
const FEW_PER_SECOND = 50;
/** What a pause is to collect: an eighth of the 277 small datagrams that Linux holds for a socket (`net.core.rmem_default`). */
export const TO_COLLECT = 32;
export const LONGEST_PAUSE_MS = 100;
const SHORTEST_PAUSE_MS = 1;

/**
 * Tells when a socket is to be left alone for a moment, because datagrams come all the time: a node of a thousand hears
 * hundreds of heartbeats a second, and waking up for each costs more than what is then done with it (bench/NOTES.md).
 * While the socket is left alone the system collects them, and they are read in one go.
 *
 * The rule. As long as few come there are no pauses: a heartbeat is heard at once. When a hundred a second have come for
 * three seconds, whatever has come is read, and then nothing for as long as 32 more take to come by what the last pause
 * collected, 1 to 100 ms; until fewer than fifty come in a second.
 *
 * What is lost. A datagram that finds the system's buffer full is dropped. A pause collects an eighth of what fits, so
 * that a steady crowd loses nothing, nor does a steady storm of any strength that this program can read at all. Only a storm that
 * begins in a pause can fill the buffer, once: the next pause is shorter by as much as came too many. Whoever was
 * dropped then is heard with one of its next heartbeats.
 */
export class DatagramModeration {
  #windowStartMs = Number.NEGATIVE_INFINITY;
  /** Read since the window began. */
  #inWindow = 0;
  /** Windows in a row that brought many. */
  #windows = 0;
  /** Read since the last pause began; before the first, in the last window. */
  #collected = 0;
  /** The time in which those came; 0: no pauses are made. */
  #pauseMs = 0;

  /**
   * A datagram was read.
   *
   * @param nowMs - steady time
   * @returns whether `pauseMs` is to be asked when all that has come is read
   */
  read(nowMs: number): boolean {
    this.#inWindow++;
    this.#collected++;
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= WINDOW_MS) this.#endWindow(nowMs, elapsedMs);
    return this.#pauseMs > 0;
  }

  /** How long to read nothing from now on; 0: not at all, after all. */
  pauseMs(): number {
    if (this.#pauseMs > 0) this.#pauseMs = pauseFor(this.#collected, this.#pauseMs);
    this.#collected = 0;
    return this.#pauseMs;
  }

  #endWindow(nowMs: number, elapsedMs: number): void {
    const perSecond = (this.#inWindow * 1_000) / elapsedMs;
    this.#windows = perSecond >= MANY_PER_SECOND ? this.#windows + 1 : 0;
    if (perSecond < FEW_PER_SECOND) this.#pauseMs = 0;
    else if (this.#pauseMs === 0 && this.#windows >= WINDOWS_TO_FIND) {
      this.#pauseMs = elapsedMs;
      this.#collected = this.#inWindow;
    }
    this.#windowStartMs = nowMs;
    this.#inWindow = 0;
  }
}

/** As long as `TO_COLLECT` take to come, when so many came in `ms`. */
function pauseFor(collected: number, ms: number): number {
  const wantedMs = Math.round((ms * TO_COLLECT) / collected);
  return Math.min(Math.max(wantedMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
}
