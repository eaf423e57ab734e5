import { type Atom, atom } from '../term/atom.ts';
import type { AtomIndexes } from '../term/etf/encode.ts';

/** Entries of the cache of one direction, and references of one header. Fixed by the specification. */
const SLOTS = 2048;
const MAX_REFS = 255;
/** Longest text of an entry: longer atoms would need the header's wide lengths, and stand in the term instead. */
const MAX_TEXT_BYTES = 255;
const NEW = 0x8000;

/**
 * The atom cache of one link's outgoing frames. While a frame is encoded it collects the atoms that its terms ask
 * for; then the header is written in front of them (layout: `AtomReader`).
 *
 * Each atom has one slot, known from its name; the latest of those that share it has it. Frames must leave in the
 * order in which they were encoded, since each may rely on what those before it have put in the cache.
 *
 * Weighed against empty headers: writing {add, 5} takes 45 ns more, reading it 75 ns less, its frame shrinks by a
 * third; and since the reader of a flood is the slower end, one of small messages runs about a fifth faster.
 */
export class AtomWriter implements AtomIndexes {
  readonly #local: Atom;
  readonly #peer: Atom;
  readonly #slots: (Atom | undefined)[] = new Array(SLOTS).fill(undefined);
  /** For each slot, number of the frame that last used it and the slot's place in its header: frame * 256 + place. */
  readonly #usedBy = new Float64Array(SLOTS);
  readonly #refs = new Uint16Array(MAX_REFS + 1);
  /** Number of the present frame, times 256. */
  #frame = 0;
  #count = 0;
  #newBytes = 0;

  constructor(localNode: string, peerNode: string) {
    this.#local = atom(localNode);
    this.#peer = atom(peerNode);
  }

  /** Begins a frame. */
  begin(): void {
    this.#frame += 256;
    this.#count = 0;
    this.#newBytes = 0;
  }

  /** The atom's place in this frame's header; -1 when it must stand in the term. */
  indexOf(value: Atom): number {
    const { slot } = value;
    const known = this.#slots[slot] === value;
    const used = this.#usedBy[slot]! - this.#frame;
    // Used in this frame already, by this atom or by another that shares the slot.
    if (used >= 0) return known ? used : -1;
    const place = this.#count;
    if (place === MAX_REFS || !(known || this.#enter(value, place))) return -1;
    if (known) this.#refs[place] = slot;
    this.#usedBy[slot] = this.#frame + place;
    this.#count = place + 1;
    return place;
  }

  #enter(value: Atom, place: number): boolean {
    const bytes = Buffer.byteLength(value.name);
    if (bytes > MAX_TEXT_BYTES) return false;
    this.#slots[value.slot] = value;
    this.#refs[place] = value.slot | NEW;
    this.#newBytes += 1 + bytes;
    return true;
  }

  /** The two nodes of the link; other nodes' names stand in the term. */
  indexOfNode(node: string): number {
    if (node === this.#local.name) return this.indexOf(this.#local);
    return node === this.#peer.name ? this.indexOf(this.#peer) : -1;
  }

  /** Bytes of N, flags and references, as far as they go. */
  get headerBytes(): number {
    return this.knownBytes + this.#newBytes;
  }

  /** The same for the next frame of this kind, which finds all its atoms in the cache. */
  get knownBytes(): number {
    const count = this.#count;
    return count === 0 ? 1 : 2 + (count >> 1) + count;
  }

  /** Writes N, flags and references. @returns the position behind them */
  write(buffer: Buffer, at: number): number {
    const count = this.#count;
    buffer[at] = count;
    if (count === 0) return at + 1;
    const refs = this.#refs;
    refs[count] = 0;
    let p = at + 1;
    // A reference's high byte holds its segment, and 128 where it is new. Past the last one the nibbles are 0.
    for (let i = 0; i <= count; i += 2)
      buffer[p++] = nibble(refs[i]! >> 8) | (i < count ? nibble(refs[i + 1]! >> 8) << 4 : 0);
    if (this.#newBytes > 0) return this.#writeNew(buffer, p);
    for (let i = 0; i < count; i++) buffer[p++] = refs[i]!;
    return p;
  }

  /** References of which some are new. */
  #writeNew(buffer: Buffer, at: number): number {
    let p = at;
    for (let i = 0; i < this.#count; i++) {
      const ref = this.#refs[i]!;
      buffer[p++] = ref;
      if ((ref & NEW) === 0) continue;
      const bytes = buffer.utf8Write(this.#slots[ref & (SLOTS - 1)]!.name, p + 1);
      buffer[p] = bytes;
      p += 1 + bytes;
    }
    return p;
  }

  /** The frame is not sent: forgets what it would have told. */
  undo(): void {
    for (let i = 0; i < this.#count; i++) {
      const ref = this.#refs[i]!;
      if ((ref & NEW) !== 0) this.#slots[ref & (SLOTS - 1)] = undefined;
    }
    this.begin();
  }
}

const nibble = (high: number): number => (high & 7) | (high >> 4);
