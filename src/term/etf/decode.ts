import { ownMemory } from '../../codec/own-memory.ts';
import { DecodeError } from '../../errors.ts';
import { type Atom, atom } from '../atom.ts';
import { AtomMap, setOwn } from '../atom-map.ts';
import { BitString } from '../binary.ts';
import { Float } from '../float.ts';
import { ExternalFun, OpaqueFun } from '../fun.ts';
import { Pid } from '../identifiers.ts';
import { ImproperList } from '../list.ts';
import { Tuple } from '../tuple.ts';
import { bigFromBytes } from './big.ts';
import { encodeFun } from './encode.ts';
import { IdentifierReader } from './identifier-reader.ts';
import { hasEqualKeys } from './keys.ts';
import { type Shape, Shapes } from './shapes.ts';
import {
  ATOM_CACHE_REF,
  ATOM_EXT,
  ATOM_UTF8_EXT,
  BINARY_EXT,
  BIT_BINARY_EXT,
  EXPORT_EXT,
  FLOAT_EXT,
  INTEGER_EXT,
  LARGE_BIG_EXT,
  LARGE_TUPLE_EXT,
  LIST_EXT,
  MAP_EXT,
  MAX_BIG_BYTES,
  MAX_TERM_DEPTH,
  NEW_FLOAT_EXT,
  NEW_FUN_EXT,
  NEW_PID_EXT,
  NEW_PORT_EXT,
  NEW_REFERENCE_EXT,
  NEWER_REFERENCE_EXT,
  NIL_EXT,
  PID_EXT,
  PORT_EXT,
  REFERENCE_EXT,
  SMALL_ATOM_EXT,
  SMALL_ATOM_UTF8_EXT,
  SMALL_BIG_EXT,
  SMALL_INTEGER_EXT,
  SMALL_TUPLE_EXT,
  STRING_EXT,
  V4_PORT_EXT,
} from './tags.ts';
import { internalized, sameText, textOf } from './text.ts';

export interface TermDecoderOptions {
  /**
   * What binaries become: `text` gives a string where the bytes are UTF-8 and a `Uint8Array` elsewhere, `bytes`
   * always a `Uint8Array`. Keys of maps are text in both where they can be, so that maps stay objects.
   * @default 'text'
   */
  readonly binaries?: 'text' | 'bytes';
  /** Deepest nesting of tuples, lists and maps. @default 1024 */
  readonly maxTermDepth?: number;
}

const TRUE = atom('true');
const FALSE = atom('false');
const NIL = atom('nil');
const UNDEFINED = atom('undefined');

/** Entries of the cache of map keys, a power of two. */
const KEY_SLOTS = 1024;

const MAX_CACHED_KEY = 32;
/** Bytes of at least this many get memory that was not cleared first. */
const UNCLEARED_BYTES = 4_096;

/**
 * Reads terms, for one connection or one call.
 *
 * A cursor (`buffer`, `position`, `end`) runs over bytes that the caller owns; nothing that is returned points into
 * them, unless the caller gives them away (`isOwn`): then a binary that is most of them is not copied. Atoms, pids
 * and map keys that a peer repeats are remembered in three small tables (first come, replaced by the next with the
 * same hash), so that repeated traffic costs neither strings nor table look-ups.
 *
 * Bounds: every declared count is compared with the bytes that remain before anything is allocated, and nesting
 * ends at `maxTermDepth`. All methods throw `DecodeError` and nothing else; its offset counts from where `begin`
 * started. After an error the decoder can be used again.
 *
 * Inside the keys of maps, an integral float becomes a `Float`, so that the keys 1 and 1.0 stay two.
 */
export class TermDecoder extends IdentifierReader {
  private readonly bytesOnly: boolean;
  private readonly maxDepth: number;
  /** How many keys of maps the cursor is inside of. */
  private keyDepth = 0;
  /** The tag that ended the reading since `begin`, where what was wrong is that this decoder does not know it. */
  unknownTag: number | undefined;
  private readonly shapes = new Shapes();
  private readonly keyTable: (string | undefined)[] = new Array(KEY_SLOTS).fill(undefined);

  constructor(options: TermDecoderOptions = {}) {
    super();
    this.bytesOnly = options.binaries === 'bytes';
    this.maxDepth = options.maxTermDepth ?? MAX_TERM_DEPTH;
  }

  /** Puts the cursor on `buffer[start..end)`. */
  override begin(buffer: Buffer, start: number, end: number): void {
    super.begin(buffer, start, end);
    this.keyDepth = 0;
    this.unknownTag = undefined;
  }

  /** Reads one term without a version byte. Bytes may remain: `position` tells. */
  decode(buffer: Buffer, start: number, end: number): unknown {
    this.begin(buffer, start, end);
    return this.readTerm();
  }

  /** One term at the cursor. */
  readTerm(): unknown {
    try {
      return this.term(0);
    } catch (error) {
      if (error instanceof DecodeError) throw error;
      // The caller's stack was nearly full, or the caller allowed more depth than there is stack.
      throw new DecodeError('the term cannot be held', this.offset, { cause: error });
    }
  }

  /** Arity of a tuple, whose elements follow. Both forms are read. */
  readTupleHeader(): number {
    const tag = this.peekTag();
    if (tag === SMALL_TUPLE_EXT) {
      this.need(2);
      this.position += 2;
      return this.buffer[this.position - 1]!;
    }
    if (tag !== LARGE_TUPLE_EXT) this.fail(`expected a tuple, got tag ${tag}`);
    this.position++;
    return this.count(1, 'tuple');
  }

  /** A safe integer. */
  readInteger(): number {
    const value = this.readAnyInteger();
    if (typeof value === 'bigint') this.fail(`the integer ${value} is out of range`);
    return value;
  }

  /** An integer of any size. */
  readBigInteger(): bigint {
    return BigInt(this.readAnyInteger());
  }

  private readAnyInteger(): number | bigint {
    const tag = this.peekTag();
    if (tag !== SMALL_INTEGER_EXT && tag !== INTEGER_EXT && tag !== SMALL_BIG_EXT && tag !== LARGE_BIG_EXT)
      this.fail(`expected an integer, got tag ${tag}`);
    return this.term(0) as number | bigint;
  }

  private term(depth: number): unknown {
    if (this.position >= this.end) this.fail('expected a term, nothing remains');
    const b = this.buffer;
    const p = this.position;
    const tag = b[p]!;
    switch (tag) {
      case BINARY_EXT:
        return this.binary();
      case SMALL_INTEGER_EXT:
        if (p + 2 > this.end) this.fail('an integer is cut off');
        this.position = p + 2;
        return b[p + 1]!;
      case INTEGER_EXT:
        if (p + 5 > this.end) this.fail('an integer is cut off');
        this.position = p + 5;
        return (b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!;
      case SMALL_ATOM_UTF8_EXT:
      case ATOM_EXT:
      case SMALL_ATOM_EXT:
      case ATOM_UTF8_EXT:
      case ATOM_CACHE_REF:
        return valueOfAtom(this.readAtom());
      case SMALL_TUPLE_EXT:
        this.position = p + 1;
        this.need(1);
        this.position = p + 2;
        return this.tuple(b[p + 1]!, depth);
      case NIL_EXT:
        this.position = p + 1;
        return [];
      case MAP_EXT:
        this.position = p + 1;
        return this.map(depth);
      case LIST_EXT:
        this.position = p + 1;
        return this.list(depth);
      case STRING_EXT:
        this.position = p + 1;
        return this.string([]);
      case NEW_PID_EXT:
        this.position = p + 1;
        return this.pid(true);
      case NEWER_REFERENCE_EXT:
      case NEW_REFERENCE_EXT:
      case REFERENCE_EXT:
        this.position = p + 1;
        return this.ref(tag);
      case NEW_FLOAT_EXT: {
        this.position = p + 1;
        this.need(8);
        this.position = p + 9;
        return this.float(b.readDoubleBE(p + 1));
      }
      default:
        this.position = p + 1;
        return this.rare(tag, depth);
    }
  }

  private rare(tag: number, depth: number): unknown {
    switch (tag) {
      case SMALL_BIG_EXT:
        this.need(2);
        return this.big(this.buffer[this.position++]!);
      case LARGE_BIG_EXT:
        return this.big(this.count(1, 'integer'));
      case LARGE_TUPLE_EXT:
        return this.tuple(this.count(1, 'tuple'), depth);
      case BIT_BINARY_EXT:
        return this.bitString();
      case EXPORT_EXT:
        return this.externalFun();
      case NEW_FUN_EXT:
        return this.fun(depth);
      case PID_EXT:
        return this.pid(false);
      case V4_PORT_EXT:
      case NEW_PORT_EXT:
      case PORT_EXT:
        return this.port(tag);
      case FLOAT_EXT:
        return this.floatText();
      default:
        this.position--;
        this.unknownTag = tag;
        return this.fail(`unknown tag ${tag}`);
    }
  }

  private float(value: number): number | Float {
    if (!Number.isFinite(value)) this.fail('a float is not finite');
    return this.keyDepth > 0 && Number.isInteger(value) ? new Float(value) : value;
  }

  /** FLOAT_EXT: 31 bytes of text, padded with NUL. */
  private floatText(): number | Float {
    this.need(31);
    const text = this.buffer.latin1Slice(this.position, this.position + 31).split('\0', 1)[0]!;
    if (!/^\s*[+-]?\d+\.\d+(e[+-]?\d+)?$/i.test(text)) this.fail('a float is no number');
    this.position += 31;
    return this.float(Number(text));
  }

  /** The rest of SMALL_BIG_EXT and LARGE_BIG_EXT: sign u8, `count` bytes little-endian. */
  private big(count: number): number | bigint {
    if (count > MAX_BIG_BYTES) this.fail(`an integer of ${count} bytes is announced`);
    this.need(1 + count);
    const p = this.position;
    this.position = p + 1 + count;
    return bigFromBytes(this.buffer, p + 1, count, this.buffer[p] !== 0);
  }

  private binary(): string | Uint8Array {
    const b = this.buffer;
    const p = this.position;
    if (p + 5 > this.end) this.fail('a binary is cut off');
    const length = ((b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!) >>> 0;
    const start = p + 5;
    if (length > this.end - start) this.fail(`a binary of ${length} bytes is announced`);
    this.position = start + length;
    if (this.bytesOnly) return this.copy(b, start, length);
    return textOf(b, start, length) ?? this.copy(b, start, length);
  }

  /** Bytes to keep. Where they are most of memory that is ours they stay there, and keep the little that is around them. @internal */
  copy(b: Buffer, start: number, length: number): Uint8Array {
    if (this.isOwn && length >= b.buffer.byteLength >> 1)
      return new Uint8Array(b.buffer, b.byteOffset + start, length);
    return copyOf(b, start, length);
  }

  /** A key that is a binary of UTF-8; undefined, and nothing consumed, if it is not UTF-8. */
  private keyText(): string | undefined {
    const b = this.buffer;
    const p = this.position;
    if (p + 5 > this.end) this.fail('a binary is cut off');
    const length = ((b[p + 1]! << 24) | (b[p + 2]! << 16) | (b[p + 3]! << 8) | b[p + 4]!) >>> 0;
    const start = p + 5;
    const stop = start + length;
    if (stop > this.end) this.fail(`a binary of ${length} bytes is announced`);
    if (length <= MAX_CACHED_KEY) {
      let hash = length;
      let i = start;
      for (; i < stop; i++) {
        const byte = b[i]!;
        if (byte > 127) break;
        hash = (hash * 31 + byte) | 0;
      }
      if (i === stop) {
        this.position = stop;
        // Two places for each hash: a second key moves the first one aside instead of fighting with it.
        const slot = (hash ^ (hash >>> 10)) & (KEY_SLOTS - 2);
        const first = this.keyTable[slot];
        if (first !== undefined && sameText(first, b, start, length)) return first;
        const second = this.keyTable[slot + 1];
        if (second !== undefined && sameText(second, b, start, length)) return second;
        const made = internalized(b.latin1Slice(start, stop));
        this.keyTable[slot + 1] = first;
        this.keyTable[slot] = made;
        return made;
      }
    }
    const text = textOf(b, start, length);
    if (text !== undefined) this.position = stop;
    return text;
  }

  private bitString(): string | Uint8Array | BitString {
    const length = this.count(1, 'bit string');
    this.need(1 + length);
    const bits = this.buffer[this.position]!;
    if (length === 0 ? bits !== 0 : bits < 1 || bits > 8)
      this.fail(`a bit string of ${length} bytes uses ${bits} bits of the last`);
    const start = this.position + 1;
    this.position = start + length;
    if (length > 0 && bits < 8) return new BitString(this.copy(this.buffer, start, length), bits);
    if (this.bytesOnly) return this.copy(this.buffer, start, length);
    return textOf(this.buffer, start, length) ?? this.copy(this.buffer, start, length);
  }

  private deeper(depth: number): number {
    if (depth >= this.maxDepth) this.fail(`nested more than ${this.maxDepth} deep`);
    return depth + 1;
  }

  private tuple(arity: number, depth: number): Tuple {
    this.need(arity);
    const inner = this.deeper(depth);
    const elements: unknown[] = [];
    for (let i = 0; i < arity; i++) elements.push(this.term(inner));
    return new Tuple(elements);
  }

  /**
   * LIST_EXT: count u32, elements, tail. A tail that is a list again goes on in the same array, by iteration, as
   * `[a | [b | ...]]` is one list.
   */
  private list(depth: number): unknown {
    const inner = this.deeper(depth);
    const elements: unknown[] = [];
    for (;;) {
      const count = this.count(1, 'list');
      for (let i = 0; i < count; i++) elements.push(this.term(inner));
      const tag = this.peekTag();
      if (tag === LIST_EXT) {
        this.position++;
        continue;
      }
      if (tag === NIL_EXT) {
        this.position++;
        return elements;
      }
      if (tag === STRING_EXT) {
        this.position++;
        return this.string(elements);
      }
      const tail = this.term(inner);
      // A list of no elements is its tail.
      return elements.length === 0 ? tail : new ImproperList(elements, tail);
    }
  }

  private string(elements: unknown[]): unknown[] {
    const length = this.u16();
    this.need(length);
    const b = this.buffer;
    const stop = this.position + length;
    for (let i = this.position; i < stop; i++) elements.push(b[i]!);
    this.position = stop;
    return elements;
  }

  private map(depth: number): unknown {
    const arity = this.count(2, 'map');
    const inner = this.deeper(depth);
    if (arity === 0) return {};
    switch (this.peekTag()) {
      case BINARY_EXT:
        return this.record(arity, inner);
      case SMALL_ATOM_UTF8_EXT:
      case ATOM_EXT:
      case SMALL_ATOM_EXT:
      case ATOM_UTF8_EXT:
      case ATOM_CACHE_REF:
        return this.atomMap(arity, inner);
      default:
        return this.mixedMap(new Map(), arity, inner);
    }
  }

  private record(arity: number, inner: number): unknown {
    const record: Record<string, unknown> = {};
    let shape: Shape | undefined = this.shapes.empty;
    for (let i = 0; i < arity; i++) {
      const likely: Shape | undefined = shape?.likely;
      let key: string | undefined;
      if (likely !== undefined && this.takeKey(likely.key)) {
        shape = likely;
        key = likely.key;
      } else {
        key = this.peekTag() === BINARY_EXT ? this.keyText() : undefined;
        if (key === undefined) return this.mixedMap(new Map(Object.entries(record)), arity - i, inner);
        shape = this.withKey(shape, key, record);
      }
      const value = this.term(inner);
      if (key === '__proto__') setOwn(record, key, value);
      else record[key] = value;
    }
    return record;
  }

  /** The shape of a record with a key more; undefined where it is not remembered. */
  private withKey(shape: Shape | undefined, key: string, record: Record<string, unknown>): Shape | undefined {
    const known = shape === undefined ? undefined : this.shapes.known(shape, key);
    if (known !== undefined) return known;
    if (Object.hasOwn(record, key)) this.fail(`a map has the key ${JSON.stringify(key)} twice`);
    return shape === undefined ? undefined : this.shapes.enter(shape, key);
  }

  /** Reads a binary if it is this text, which is short and ASCII. */
  private takeKey(key: string): boolean {
    const b = this.buffer;
    const start = this.position + 5;
    const { length } = key;
    const stop = start + length;
    if (stop > this.end || b[start - 1] !== length || b[start - 5] !== BINARY_EXT) return false;
    if (b[start - 2] !== 0 || b[start - 3] !== 0 || b[start - 4] !== 0) return false;
    for (let i = 0; i < length; i++) if (key.charCodeAt(i) !== b[start + i]) return false;
    this.position = stop;
    return true;
  }

  private atomMap(arity: number, inner: number): unknown {
    const record = new AtomMap();
    for (let i = 0; i < arity; i++) {
      if (!isAtomTag(this.peekTag())) {
        const pairs = Object.entries(record).map(([key, value]) => [valueOfAtom(atom(key)), value] as const);
        return this.mixedMap(new Map(pairs), arity - i, inner);
      }
      const key = this.readAtom().name;
      if (Object.hasOwn(record, key)) this.fail(`a map has the key '${key}' twice`);
      const value = this.term(inner);
      if (key === '__proto__') setOwn(record, key, value);
      else record[key] = value;
    }
    return record;
  }

  /** A map of any keys, from what was read of it already and the pairs that remain. */
  private mixedMap(map: Map<unknown, unknown>, remaining: number, inner: number): Map<unknown, unknown> {
    const structured: unknown[] = [];
    for (let i = 0; i < remaining; i++) {
      const at = this.position;
      const key = this.key(inner);
      if (map.has(key)) {
        this.position = at;
        this.fail('a map has a key twice');
      }
      if (typeof key === 'object' && key !== null && !(key instanceof Pid)) structured.push(key);
      map.set(key, this.term(inner));
    }
    if (structured.length > 1 && hasEqualKeys(structured)) this.fail('a map has a key twice');
    return map;
  }

  private key(inner: number): unknown {
    if (this.peekTag() === BINARY_EXT) return this.keyText() ?? this.binary();
    this.keyDepth++;
    const key = this.term(inner);
    this.keyDepth--;
    return key;
  }

  private externalFun(): ExternalFun {
    const module = this.readAtom();
    const name = this.readAtom();
    const arity = this.readInteger();
    if (arity < 0 || arity > 255) this.fail(`an external fun of arity ${arity}`);
    return new ExternalFun(module, name, arity);
  }

  /**
   * NEW_FUN_EXT after the tag: size u32 (itself included), arity u8, MD5 16, index u32, free count u32, module
   * atom, old index, old uniq, pid, free terms. Read to know that it is whole, and kept as bytes.
   */
  private fun(depth: number): OpaqueFun {
    const start = this.position - 1;
    const size = this.u32();
    if (size < 29 || size - 4 > this.end - this.position) this.fail(`a fun of ${size} bytes is announced`);
    const outerEnd = this.end;
    const stop = start + 1 + size;
    const refsBefore = this.refsRead;
    this.end = stop;
    try {
      const arity = this.buffer[this.position]!;
      this.position += 17;
      const index = this.u32();
      const freeCount = this.count(1, 'list of free variables');
      const module = this.readAtom();
      const oldIndex = this.readInteger();
      const oldUniq = this.readInteger();
      const pid = this.readPid();
      const inner = this.deeper(depth);
      const free: unknown[] = [];
      // Exactly, as in keys: closures are compared by these.
      this.keyDepth++;
      for (let i = 0; i < freeCount; i++) free.push(this.term(inner));
      this.keyDepth--;
      if (this.position !== stop) this.fail('a fun is longer than its parts');
      const wire =
        this.refsRead === refsBefore
          ? copyOf(this.buffer, start, stop - start)
          : encodeFun(copyOf(this.buffer, start, 30), module, oldIndex, oldUniq, pid, free);
      return new OpaqueFun(module, arity, index, oldIndex, oldUniq, free, wire);
    } finally {
      this.end = outerEnd;
    }
  }
}

/** @internal */
export function isAtomTag(tag: number): boolean {
  return (
    tag === SMALL_ATOM_UTF8_EXT ||
    tag === ATOM_EXT ||
    tag === SMALL_ATOM_EXT ||
    tag === ATOM_UTF8_EXT ||
    tag === ATOM_CACHE_REF
  );
}

function valueOfAtom(value: Atom): Atom | boolean | null | undefined {
  if (value === TRUE) return true;
  if (value === FALSE) return false;
  if (value === NIL) return null;
  if (value === UNDEFINED) return undefined;
  return value;
}

function copyOf(b: Buffer, start: number, length: number): Uint8Array {
  // Short ones live on the heap; long ones need not be cleared first.
  const copy = length < UNCLEARED_BYTES ? new Uint8Array(length) : new Uint8Array(ownMemory(length).buffer);
  copy.set(b.subarray(start, start + length));
  return copy;
}
