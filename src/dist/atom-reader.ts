import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../errors.ts';
import { type Atom, atom, MAX_ATOM_CHARACTERS } from '../term/atom.ts';

/** Entries of the cache of one direction: 8 segments of 256. Fixed by the specification. */
const SLOTS = 2048;

/**
 * The atom cache of one link's incoming frames, and the references of the last header read.
 *
 * Behind 131 and 68 (or the fields of a first fragment) a header holds: N u8; if N > 0, N/2+1 bytes of flags, of
 * which nibble i (low first) says whether reference i is new (bit 3) and its segment (bits 0 to 2), and nibble N
 * whether lengths are wide (bit 0, "long atoms"); then N references: index u8 and, when new, a length (u8, or u16
 * where wide) and that much UTF-8. A new entry replaces what was in its slot.
 *
 * @see erl_dist_protocol, Distribution Header
 */
export class AtomReader {
  /** What ATOM_CACHE_REF refers to in the frame of the last header. The same array each time. */
  readonly refs: Atom[] = [];
  readonly #slots: (Atom | undefined)[] = new Array(SLOTS).fill(undefined);

  /**
   * Reads from N on; `start` is where the frame starts, for offsets.
   * @returns the position behind the header
   * @throws DecodeError; the cache may have taken some of the header's entries, so the link must end
   */
  read(buffer: Buffer, position: number, end: number, start: number): number {
    if (position >= end) throw new DecodeError('a distribution header is cut off', end - start);
    const count = buffer[position]!;
    const { refs } = this;
    if (refs.length !== count) refs.length = count;
    if (count === 0) return position + 1;
    const flags = position + 1;
    let p = flags + (count >> 1) + 1;
    if (p + count > end) throw new DecodeError(`a header of ${count} references is cut off`, end - start);
    const last = buffer[flags + (count >> 1)]!;
    const wide = ((count & 1) === 0 ? last : last >> 4) & 1;
    for (let i = 0; i < count; i++) {
      const nibble = (i & 1) === 0 ? buffer[flags + (i >> 1)]! : buffer[flags + (i >> 1)]! >> 4;
      if (p >= end) throw new DecodeError(`reference ${i} of a header is cut off`, end - start);
      const slot = ((nibble & 7) << 8) | buffer[p++]!;
      if ((nibble & 8) !== 0) p = this.#entry(slot, buffer, p, end, start, wide === 1);
      const found = this.#slots[slot];
      if (found === undefined) throw new DecodeError(`nothing is cached in slot ${slot}`, p - 1 - start);
      refs[i] = found;
    }
    return p;
  }

  /** Length and text of a new entry. */
  #entry(slot: number, buffer: Buffer, at: number, end: number, start: number, wide: boolean): number {
    const from = at + (wide ? 2 : 1);
    const length = from > end ? 0 : wide ? buffer.readUInt16BE(at) : buffer[at]!;
    const to = from + length;
    if (to > end) throw new DecodeError('a new atom of a header is cut off', at - start);
    if (!isUtf8(buffer.subarray(from, to))) throw new DecodeError('an atom is not UTF-8', from - start);
    const name = buffer.utf8Slice(from, to);
    if (name.length > MAX_ATOM_CHARACTERS && [...name].length > MAX_ATOM_CHARACTERS)
      throw new DecodeError(`an atom of more than ${MAX_ATOM_CHARACTERS} characters`, from - start);
    this.#slots[slot] = atom(name);
    return to;
  }
}
