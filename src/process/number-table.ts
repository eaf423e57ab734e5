const LEAST_BITS = 4;
/** 2 to the 32nd by the golden ratio: it spreads numbers that follow each other evenly (Knuth, 6.4). */
const SPREAD = 0x9e3779b1;

/**
 * Things by their number, where numbers are counted up and things come and go all the time: processes, monitors.
 *
 * A `Map` would do but for the garbage it makes: under such traffic it is copied every few entries, and V8 chains each
 * dead copy to the next, so that one which has grown old keeps all that follow, and the processes in them, until the next
 * full collection. This is a ring with linear probing, at most half full.
 */
export class NumberTable<T extends { readonly number: number }> {
  #slots: (T | undefined)[] = new Array(1 << LEAST_BITS);
  /** Of a spread number, bits to leave out: what remains is a position. */
  #shift = 32 - LEAST_BITS;
  size = 0;

  get(number: number): T | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = this.#home(number); ; at = (at + 1) & mask) {
      const item = slots[at];
      if (item === undefined || item.number === number) return item;
    }
  }

  /** The number must be new. */
  add(item: T): void {
    if ((this.size + 1) * 2 > this.#slots.length) this.#resize(this.#shift - 1);
    this.size += 1;
    this.#place(item);
  }

  /** False when there was none. */
  delete(number: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#home(number);
    for (; ; hole = (hole + 1) & mask) {
      const item = slots[hole];
      if (item === undefined) return false;
      if (item.number === number) break;
    }
    // Who lies behind the hole and would be looked for before it or in it moves up: a search stops at a hole.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const item = slots[at];
      if (item === undefined) break;
      if (((at - this.#home(item.number)) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = item;
      hole = at;
    }
    slots[hole] = undefined;
    this.size -= 1;
    if (this.#shift < 32 - LEAST_BITS && this.size * 8 < slots.length) this.#resize(this.#shift + 1);
    return true;
  }

  /** All there is, in the order of numbers. */
  all(): T[] {
    const items = this.#slots.filter((item) => item !== undefined);
    return items.sort((a, b) => a.number - b.number);
  }

  #place(item: T): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = this.#home(item.number);
    while (slots[at] !== undefined) at = (at + 1) & mask;
    slots[at] = item;
  }

  #home(number: number): number {
    return Math.imul(number, SPREAD) >>> this.#shift;
  }

  #resize(shift: number): void {
    const old = this.#slots;
    this.#shift = shift;
    this.#slots = new Array(2 ** (32 - shift));
    for (const item of old) if (item !== undefined) this.#place(item);
  }
}
