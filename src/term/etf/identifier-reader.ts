import { isUtf8 } from 'node:buffer';
import { type Atom, atom, MAX_ATOM_CHARACTERS } from '../atom.ts';
import { internPid, type Pid, Port, Ref } from '../identifiers.ts';
import { TermCursor } from './cursor.ts';
import {
  ATOM_CACHE_REF,
  ATOM_EXT,
  ATOM_UTF8_EXT,
  MAX_REF_WORDS,
  NEW_PID_EXT,
  NEW_REFERENCE_EXT,
  NEWER_REFERENCE_EXT,
  PID_EXT,
  PORT_EXT,
  REFERENCE_EXT,
  SMALL_ATOM_EXT,
  SMALL_ATOM_UTF8_EXT,
  V4_PORT_EXT,
} from './tags.ts';
import { internalized, sameText } from './text.ts';

/** Entries of the two caches, powers of two. Weighed against the few hundred names that a busy link repeats. */
const ATOM_SLOTS = 512;
const PID_SLOTS = 256;

/**
 * Reads atoms, pids, references and ports, and remembers the atoms and pids that came before: first come, replaced
 * by the next with the same hash.
 */
export class IdentifierReader extends TermCursor {
  /** What ATOM_CACHE_REF refers to in the present frame. */
  atomRefs: readonly Atom[] = [];
  /** Count of ATOM_CACHE_REFs read, by which a fun notices that it holds some. */
  protected refsRead = 0;
  private readonly atomTable: (Atom | undefined)[] = new Array(ATOM_SLOTS).fill(undefined);
  private readonly pidTable: (Pid | undefined)[] = new Array(PID_SLOTS).fill(undefined);

  /** An atom; also `true`, `nil` and the like come as atoms here. */
  readAtom(): Atom {
    const b = this.buffer;
    const p = this.position;
    if (p + 2 > this.end) this.fail('expected an atom');
    switch (b[p]) {
      case SMALL_ATOM_UTF8_EXT:
      case SMALL_ATOM_EXT:
        return this.atomText(p + 2, b[p + 1]!, b[p] === SMALL_ATOM_EXT);
      case ATOM_EXT:
      case ATOM_UTF8_EXT:
        if (p + 3 > this.end) this.fail('expected an atom');
        return this.atomText(p + 3, (b[p + 1]! << 8) | b[p + 2]!, b[p] === ATOM_EXT);
      case ATOM_CACHE_REF: {
        const found = this.atomRefs[b[p + 1]!];
        if (found === undefined) this.fail(`the frame's header has no atom ${b[p + 1]}`);
        this.position = p + 2;
        this.refsRead++;
        return found;
      }
      default:
        return this.fail(`expected an atom, got tag ${b[p]}`);
    }
  }

  readPid(): Pid {
    const tag = this.peekTag();
    if (tag !== NEW_PID_EXT && tag !== PID_EXT) this.fail(`expected a pid, got tag ${tag}`);
    this.position++;
    return this.pid(tag === NEW_PID_EXT);
  }

  readRef(): Ref {
    const tag = this.peekTag();
    if (tag !== NEWER_REFERENCE_EXT && tag !== NEW_REFERENCE_EXT && tag !== REFERENCE_EXT)
      this.fail(`expected a reference, got tag ${tag}`);
    this.position++;
    return this.ref(tag);
  }

  private atomText(start: number, length: number, latin1: boolean): Atom {
    const b = this.buffer;
    const stop = start + length;
    if (stop > this.end) this.fail(`an atom of ${length} bytes is announced`);
    let hash = length;
    let ascii = true;
    for (let i = start; i < stop; i++) {
      const byte = b[i]!;
      if (byte > 127) {
        ascii = false;
        break;
      }
      hash = (hash * 31 + byte) | 0;
    }
    if (!ascii) return this.wideAtom(start, stop, latin1);
    const slot = (hash ^ (hash >>> 9)) & (ATOM_SLOTS - 1);
    const known = this.atomTable[slot];
    if (known !== undefined && sameText(known.name, b, start, length)) {
      this.position = stop;
      return known;
    }
    if (length > MAX_ATOM_CHARACTERS) this.fail(`an atom of ${length} characters`);
    const made = atom(internalized(b.latin1Slice(start, stop)));
    this.atomTable[slot] = made;
    this.position = stop;
    return made;
  }

  private wideAtom(start: number, stop: number, latin1: boolean): Atom {
    if (!latin1 && !isUtf8(this.buffer.subarray(start, stop))) this.fail('an atom is not UTF-8');
    const name = latin1 ? this.buffer.latin1Slice(start, stop) : this.buffer.utf8Slice(start, stop);
    if (name.length > MAX_ATOM_CHARACTERS && [...name].length > MAX_ATOM_CHARACTERS)
      this.fail(`an atom of more than ${MAX_ATOM_CHARACTERS} characters`);
    this.position = stop;
    return atom(name);
  }

  /** NEW_PID_EXT or PID_EXT after the tag: node atom, id u32, serial u32, creation u32 or u8. */
  protected pid(wide: boolean): Pid {
    const node = this.readAtom().name;
    const id = this.u32();
    const serial = this.u32();
    const creation = this.creation(wide);
    const slot = (id ^ serial) & (PID_SLOTS - 1);
    const known = this.pidTable[slot];
    if (
      known !== undefined &&
      known.id === id &&
      known.serial === serial &&
      known.creation === creation &&
      known.node === node
    )
      return known;
    const made = internPid(node, id, serial, creation);
    this.pidTable[slot] = made;
    return made;
  }

  private creation(wide: boolean): number {
    if (wide) return this.u32();
    this.need(1);
    return this.buffer[this.position++]!;
  }

  /** The three forms after the tag; each word is kept as it came. */
  protected ref(tag: number): Ref {
    const count = tag === REFERENCE_EXT ? 1 : this.u16();
    if (count > MAX_REF_WORDS) this.fail(`a reference of ${count} words`);
    const node = this.readAtom().name;
    const words: number[] = [];
    if (tag === REFERENCE_EXT) words.push(this.u32());
    const creation = this.creation(tag === NEWER_REFERENCE_EXT);
    if (tag !== REFERENCE_EXT) for (let i = 0; i < count; i++) words.push(this.u32());
    return new Ref(node, creation, words);
  }

  protected port(tag: number): Port {
    const node = this.readAtom().name;
    const high = tag === V4_PORT_EXT ? this.u32() : 0;
    const id = (BigInt(high) << 32n) | BigInt(this.u32());
    return new Port(node, id, this.creation(tag !== PORT_EXT));
  }
}
