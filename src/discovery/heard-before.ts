/** Bits of one generation: 128 KiB. A flood of 10,000 names a second sets one in ten of them, hence few false answers. */
const BITS = 2 ** 20;
/** A heartbeat repeats within 5 s, libcluster's and ours. */
const GENERATION_MS = 6_000;

/**
 * Whether a name was heard in the last seconds, in fixed memory whatever is heard: two Bloom filters of two hashes, the
 * older one dropped every 6 s. It may take a new name for a known one, about once in a hundred under a flood; never the reverse.
 */
export class HeardBefore {
  #recent = new Uint8Array(BITS / 8);
  #older = new Uint8Array(BITS / 8);
  #sinceMs = Number.NEGATIVE_INFINITY;

  /** Notes the name, and tells whether it was noted before. */
  note(name: string, nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= GENERATION_MS) {
      const emptied = nowMs - this.#sinceMs >= 2 * GENERATION_MS ? this.#recent : undefined;
      [this.#recent, this.#older] = [this.#older.fill(0), this.#recent];
      emptied?.fill(0);
      this.#sinceMs = nowMs;
    }
    const first = hash(name, 0x811c_9dc5) % BITS;
    const second = hash(name, 0x0100_01b3) % BITS;
    const isNoted = (filter: Uint8Array) => isSet(filter, first) && isSet(filter, second);
    const before = isNoted(this.#recent) || isNoted(this.#older);
    set(this.#recent, first);
    set(this.#recent, second);
    return before;
  }
}

/** FNV-1a over the characters, from any start. */
function hash(text: string, start: number): number {
  let state = start;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x0100_0193);
  return (state ^ (state >>> 15)) >>> 0;
}

const isSet = (bits: Uint8Array, at: number): boolean => (bits[at >> 3]! & (1 << (at & 7))) !== 0;

function set(bits: Uint8Array, at: number): void {
  bits[at >> 3] = bits[at >> 3]! | (1 << (at & 7));
}
