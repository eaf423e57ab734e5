/**
 * Reads MessagePack straight from the frame. Ours and not the library's, whose decoder makes room for whatever count
 * it reads and hands out views of what it was given: here every count is held against the bytes that remain before
 * anything is made, nesting has an end, and nothing that is returned points into the frame (unless that is given away,
 * as `TermDecoder` tells).
 */
import { DecodeError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import { AtomMap, setOwn } from '../term/atom-map.ts';
import { isAtomTag, type TermDecoder } from '../term/etf/decode.ts';
import { textOf } from '../term/etf/text.ts';
import { float } from '../term/float.ts';
import { Tuple } from '../term/tuple.ts';
import { EXTENSION } from './extension-types.ts';
import { toAggregateError, toBigInt, toError, toFloat, toImproperList, toTypedArray } from './extensions.ts';
import * as head from './heads.ts';
import { UnknownPart } from './unreadable.ts';

const NEW_PID_EXT = 88;
const NEWER_REFERENCE_EXT = 90;
const NOTHING = Buffer.alloc(0);
const NO_REFS: readonly Atom[] = [];

/** One per connection: it remembers the atoms and pids that a peer repeats. After an error it can be used again. */
export class PackedReader {
  readonly #terms: TermDecoder;
  readonly #maxDepth: number;
  #buffer: Buffer = NOTHING;
  /** Where offsets in errors count from. */
  #base = 0;
  #position = 0;
  #end = 0;
  /** The first part of unknown kind in the message that was read last. */
  unknown: UnknownPart | undefined;

  /**
   * @param maxDepth - deepest nesting of lists, maps, tuples and the like
   * @param terms - reads external terms; nobody else uses it while `read` runs
   */
  constructor(maxDepth: number, terms: TermDecoder) {
    this.#terms = terms;
    this.#maxDepth = maxDepth;
  }

  /**
   * The value that `buffer[start..end)` is, with an `UnknownPart` for each extension that is not known here (the same for
   * all), and for terms behind one unless they are atoms, pids or references. A key that is such a part is left out, with
   * its value.
   * @throws DecodeError, whose offset counts from `base`
   */
  read(buffer: Buffer, start: number, end: number, base: number): unknown {
    this.#buffer = buffer;
    this.#base = base;
    this.#position = start;
    this.#end = end;
    this.unknown = undefined;
    this.#terms.begin(buffer, base, end);
    this.#terms.atomRefs = NO_REFS;
    const value = this.#value(this.#maxDepth);
    if (this.#position !== end) this.#fail(`${end - this.#position} bytes follow the value`);
    // An idle link is not to keep the last message that it has read.
    this.#buffer = NOTHING;
    return value;
  }

  #fail(message: string): never {
    throw new DecodeError(message, this.#position - this.#base);
  }

  #value(depth: number): unknown {
    const p = this.#position;
    if (p >= this.#end) this.#fail('expected a value, nothing remains');
    const b = this.#buffer;
    const first = b[p]!;
    this.#position = p + 1;
    if (first < head.FIX_MAP) return first;
    if (first >= head.NEGATIVE) return first - 0x100;
    if (first < head.NIL) {
      if (first >= head.FIX_STR) return this.#text(first & 31);
      return first >= head.FIX_ARRAY ? this.#list(first & 15, depth) : this.#record(first & 15, depth);
    }
    switch (first) {
      case head.EXT_8:
        return this.#extension(this.#u8(), depth);
      case head.UINT_8:
        return this.#u8();
      case head.UINT_16:
        return this.#u16();
      case head.UINT_32:
        return this.#u32();
      case head.NIL:
        return null;
      case head.FALSE:
        return false;
      case head.TRUE:
        return true;
      case head.FLOAT_64:
        return b.readDoubleBE(this.#skip(8));
      default:
        return this.#wide(first, depth);
    }
  }

  #wide(first: number, depth: number): unknown {
    const b = this.#buffer;
    switch (first) {
      case head.INT_8:
        return b.readInt8(this.#skip(1));
      case head.INT_16:
        return b.readInt16BE(this.#skip(2));
      case head.INT_32:
        return b.readInt32BE(this.#skip(4));
      case head.UINT_64:
        return this.#integer64(this.#u32());
      case head.INT_64:
        return this.#integer64(this.#u32() | 0);
      case head.STR_8:
        return this.#text(this.#u8());
      case head.STR_16:
        return this.#text(this.#u16());
      case head.STR_32:
        return this.#text(this.#u32());
      case head.BIN_8:
        return this.#bytes(this.#u8());
      case head.BIN_16:
        return this.#bytes(this.#u16());
      case head.BIN_32:
        return this.#bytes(this.#u32());
      case head.ARRAY_16:
        return this.#list(this.#u16(), depth);
      case head.ARRAY_32:
        return this.#list(this.#u32(), depth);
      case head.MAP_16:
        return this.#record(this.#u16(), depth);
      case head.MAP_32:
        return this.#record(this.#u32(), depth);
      case head.EXT_16:
        return this.#extension(this.#u16(), depth);
      case head.EXT_32:
        return this.#extension(this.#u32(), depth);
      case head.FLOAT_32:
        return b.readFloatBE(this.#skip(4));
      default:
        if (first >= head.FIX_EXT_1 && first <= head.FIX_EXT_16)
          return this.#extension(1 << (first - head.FIX_EXT_1), depth);
        this.#position--;
        return this.#fail(`0x${first.toString(16)} starts no MessagePack value`);
    }
  }

  /** Steps over bytes that must be there; the answer is where they start. */
  #skip(bytes: number): number {
    const p = this.#position;
    if (bytes > this.#end - p) this.#fail(`${bytes} bytes are announced, ${this.#end - p} remain`);
    this.#position = p + bytes;
    return p;
  }

  #u8(): number {
    return this.#buffer[this.#skip(1)]!;
  }

  #u16(): number {
    const p = this.#skip(2);
    return (this.#buffer[p]! << 8) | this.#buffer[p + 1]!;
  }

  #u32(): number {
    const p = this.#skip(4);
    const b = this.#buffer;
    return ((b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]!) >>> 0;
  }

  /** A number when that is exact; a bigint from senders of another make. */
  #integer64(high: number): number | bigint {
    const low = this.#u32();
    const value = high * 0x1_0000_0000 + low;
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
  }

  #text(length: number): string {
    const text = textOf(this.#buffer, this.#skip(length), length);
    if (text === undefined) this.#fail('a text is not UTF-8');
    return text;
  }

  #bytes(length: number): Uint8Array {
    return this.#terms.copy(this.#buffer, this.#skip(length), length);
  }

  /** Before `count` values, each of a byte or more, are read one level deeper. */
  #enter(count: number, depth: number): void {
    if (depth <= 0) this.#fail(`nested more than ${this.#maxDepth} deep (limits.termDepth)`);
    const remain = this.#end - this.#position;
    if (count > remain) this.#fail(`${count} values are announced, ${remain} bytes remain`);
  }

  #list(count: number, depth: number): unknown[] {
    this.#enter(count, depth);
    const elements: unknown[] = [];
    for (let i = 0; i < count; i++) elements.push(this.#value(depth - 1));
    return elements;
  }

  #record(count: number, depth: number): Record<string, unknown> {
    this.#enter(count * 2, depth);
    const record: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) {
      const key = this.#key(this.#value(0));
      const value = this.#value(depth - 1);
      if (key === undefined) continue;
      if (key === '__proto__') setOwn(record, key, value);
      else record[key] = value;
    }
    return record;
  }

  /** Undefined where the key is of a kind that is not known here. */
  #key(key: unknown): string | undefined {
    if (typeof key === 'string') return key;
    if (key instanceof UnknownPart) return undefined;
    return this.#fail('a key of a map is no text');
  }

  /** The list that an extension consists of. */
  #sequence(depth: number): unknown[] {
    const first = this.#u8();
    if (first === head.ARRAY_16) return this.#list(this.#u16(), depth);
    if (first === head.ARRAY_32) return this.#list(this.#u32(), depth);
    if ((first & 0xf0) !== head.FIX_ARRAY) this.#fail('expected a sequence inside an extension');
    return this.#list(first & 15, depth);
  }

  #pairs(depth: number): unknown[] {
    const flat = this.#sequence(depth);
    if (flat.length % 2 === 1) this.#fail('a key has no value');
    return flat;
  }

  #extension(length: number, depth: number): unknown {
    const type = this.#u8();
    const start = this.#skip(length);
    const stop = this.#position;
    const end = this.#end;
    this.#position = start;
    this.#end = stop;
    const value = this.#inside(type, depth);
    if (this.#position !== stop) this.#fail('an extension is longer than what is in it');
    this.#end = end;
    return value;
  }

  #inside(type: number, depth: number): unknown {
    switch (type) {
      case EXTENSION.TUPLE:
        return new Tuple(this.#sequence(depth));
      case EXTENSION.TERM:
        return this.#term();
      case EXTENSION.UNDEFINED:
        return undefined;
      case EXTENSION.DATE:
        return new Date(this.#buffer.readDoubleBE(this.#skip(8)));
      case EXTENSION.SET:
        return new Set(this.#sequence(depth));
      case EXTENSION.MAP: {
        const flat = this.#pairs(depth);
        const map = new Map<unknown, unknown>();
        for (let i = 0; i < flat.length; i += 2) map.set(flat[i], flat[i + 1]);
        return map;
      }
      case EXTENSION.ATOM_MAP:
        return this.#fill(new AtomMap(), depth);
      case EXTENSION.OBJECT:
        return this.#fill({}, depth);
      default:
        return this.#rare(type, depth);
    }
  }

  #fill<T extends object>(target: T, depth: number): T {
    const flat = this.#pairs(depth);
    for (let i = 0; i < flat.length; i += 2) {
      const key = this.#key(flat[i]);
      if (key !== undefined) setOwn(target, key, flat[i + 1]);
    }
    return target;
  }

  /** One external term. Pids and references, which most messages carry, have readers of their own. */
  #term(): unknown {
    const terms = this.#terms;
    terms.position = this.#position;
    terms.end = this.#end;
    const tag = terms.peekTag();
    let value: unknown;
    if (tag === NEW_PID_EXT) value = terms.readPid();
    else if (tag === NEWER_REFERENCE_EXT) value = terms.readRef();
    else {
      // A message that is lost is read on to see whose it is. An error for each of its terms would be dear.
      if (this.unknown !== undefined && !isAtomTag(tag)) return this.#unknownPart(EXTENSION.TERM, tag);
      try {
        value = terms.readTerm();
      } catch (error) {
        if (terms.unknownTag === undefined || this.unknown !== undefined) throw error;
        return this.#unknownPart(EXTENSION.TERM, terms.unknownTag);
      }
    }
    this.#position = terms.position;
    return value;
  }

  /** Steps over what is left of an extension. One part stands for all: a peer could send millions. */
  #unknownPart(type: number, kind?: number): UnknownPart {
    this.#position = this.#end;
    this.unknown ??= new UnknownPart(type, kind);
    return this.unknown;
  }

  /** All bytes of an extension: a view. */
  #rest(): Buffer {
    const start = this.#position;
    this.#position = this.#end;
    return this.#buffer.subarray(start, this.#end);
  }

  #rare(type: number, depth: number): unknown {
    switch (type) {
      case EXTENSION.FLOAT:
        return toFloat(this.#buffer.readDoubleBE(this.#skip(8)));
      case EXTENSION.BIGINT:
        return toBigInt(this.#rest().latin1Slice());
      case EXTENSION.TYPED_ARRAY: {
        const bytes = this.#rest();
        return toTypedArray(bytes) ?? this.#unknownPart(type, bytes[0]);
      }
      case EXTENSION.ERROR: {
        const parts = this.#sequence(depth);
        return unknownAmong(parts, 2) ?? toError(parts);
      }
      case EXTENSION.AGGREGATE_ERROR: {
        const parts = this.#sequence(depth);
        return unknownAmong(parts, 3) ?? toAggregateError(parts);
      }
      case EXTENSION.FLOAT_MINUS_ZERO:
        return float(-0);
      case EXTENSION.IMPROPER_LIST:
        return toImproperList(this.#sequence(depth));
      default:
        return this.#unknownPart(type);
    }
  }
}

/** The first of `count` parts that is of an unknown kind, where each must be of a certain one. */
function unknownAmong(parts: readonly unknown[], count: number): unknown {
  return parts.slice(0, count).find((part) => part instanceof UnknownPart);
}
