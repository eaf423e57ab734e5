/** A flood is found by this many reads, between which nothing was written. */
const READS_TO_FIND = 500;
/** And goes on when as many bring the same again. */
const READS_TO_KEEP = 50;
/** What a read may take on the average: with less than 20,000 in a second there is no flood. */
const READ_MS = 0.05;
/** What it may bring on the average: more, and it is worth its price. */
const READ_BYTES = 4 * 1024;

/** How long nothing is read in a flood, now and then. */
export const PAUSE_MS = 1;

/**
 * Tells when a stream is to be left alone for a moment, because somebody floods it with small messages.
 *
 * Reading such a flood as it comes wakes this program up for every message or two, and whoever sends pays for each
 * waking: on virtual machines more than for the write itself, so that a fast reader makes a slow sender. When the
 * stream is left alone now and then, the system collects what comes and nobody is woken, as network cards moderate
 * their interrupts (bench/NOTES.md has what a BEAM's flood gains).
 *
 * Whoever waits for an answer must not wait for this: as soon as this program writes anything to anybody, reading goes
 * on, and a flood is to be found anew.
 */
export class ReadModeration {
  #wanted = READS_TO_FIND;
  /** Counted from the second on: the first may bring what a pause has collected. */
  #reads = 0;
  #bytes = 0;
  #startedMs = 0;
  #writes = 0;

  /**
   * Something was read, and dealt with.
   *
   * @param writes - how often this program has written so far, to whomever
   * @param now - the time in milliseconds; asked for seldom
   * @returns whether to read nothing for `PAUSE_MS`
   */
  read(bytes: number, writes: number, now: () => number): boolean {
    if (writes !== this.#writes) {
      this.#writes = writes;
      this.#begin(READS_TO_FIND);
    }
    if (this.#reads === 0) this.#startedMs = now();
    else this.#bytes += bytes;
    if (this.#reads < this.#wanted) {
      this.#reads++;
      return false;
    }
    const isFlood =
      now() - this.#startedMs <= this.#wanted * READ_MS && this.#bytes <= this.#wanted * READ_BYTES;
    this.#begin(isFlood ? READS_TO_KEEP : READS_TO_FIND);
    return isFlood;
  }

  #begin(wanted: number): void {
    this.#wanted = wanted;
    this.#reads = 0;
    this.#bytes = 0;
  }
}
