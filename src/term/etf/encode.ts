import { ByteWriter } from '../../codec/writer.ts';
import { EncodeError } from '../../errors.ts';
import { Atom, atom } from '../atom.ts';
import { AtomMap } from '../atom-map.ts';
import { BitString } from '../binary.ts';
import { EncodedTerm } from '../encoded-term.ts';
import { Float } from '../float.ts';
import { ExternalFun, OpaqueFun } from '../fun.ts';
import { Pid, Port, publishPid, Ref } from '../identifiers.ts';
import { ImproperList } from '../list.ts';
import { Tuple } from '../tuple.ts';
import { explained } from './explain.ts';
import { hasEqualKeys } from './keys.ts';
import {
  ATOM_CACHE_REF,
  ATOM_UTF8_EXT,
  BINARY_EXT,
  BIT_BINARY_EXT,
  EXPORT_EXT,
  INTEGER_EXT,
  LARGE_BIG_EXT,
  LARGE_TUPLE_EXT,
  LIST_EXT,
  MAP_EXT,
  MAX_STRING_EXT,
  MAX_TERM_DEPTH,
  NEW_FLOAT_EXT,
  NEW_PID_EXT,
  NEWER_REFERENCE_EXT,
  NIL_EXT,
  SMALL_ATOM_UTF8_EXT,
  SMALL_BIG_EXT,
  SMALL_INTEGER_EXT,
  SMALL_TUPLE_EXT,
  STRING_EXT,
  V4_PORT_EXT,
} from './tags.ts';

/**
 * Where atoms stand in the atom cache of a frame. When given, an atom with an index is written as
 * ATOM_CACHE_REF; `indexOf` answers -1 for an atom that is to be written in full.
 */
export interface AtomIndexes {
  indexOf(atom: Atom): number;
  /** The same for the name of a node, as pids, references and ports carry it. */
  indexOfNode(node: string): number;
}

/** Strings up to this length are written character by character; longer ones by the platform, whose call costs more. */
const SHORT_TEXT = 40;

/**
 * Writes one term, without the version byte. A pid that is written is made known to the pid table, so that it
 * comes back as the same object.
 * @throws EncodeError when the value has no term; the writer is then where it was
 */
export function encodeInto(writer: ByteWriter, value: unknown, indexes?: AtomIndexes): void {
  const start = writer.position;
  try {
    writeTerm(writer, value, 0, indexes);
  } catch (error) {
    writer.position = start;
    // The fast path keeps no path to the value; only a failure pays for finding it.
    throw explained(error, value);
  }
}

const CONSTANTS = {
  true: atom('true'),
  false: atom('false'),
  nil: atom('nil'),
  undefined: atom('undefined'),
};

/**
 * NEW_FUN_EXT anew, from the first 30 bytes of the old (tag, size, arity, MD5, index, free count) and its parts:
 * for a fun that came with references into an atom cache. @internal
 */
export function encodeFun(
  head: Uint8Array,
  module: Atom,
  oldIndex: number,
  oldUniq: number,
  pid: Pid,
  free: readonly unknown[],
): Uint8Array {
  const w = new ByteWriter(256);
  w.bytes(head);
  writeAtom(w, module, undefined);
  writeNumber(w, oldIndex);
  writeNumber(w, oldUniq);
  writePid(w, pid, undefined);
  for (const value of free) writeTerm(w, value, 0, undefined);
  w.setU32(1, w.position - 1);
  return w.toBytes();
}

const OBJECT = Object.prototype;
const ARRAY = Array.prototype;
const TUPLE = Tuple.prototype;
const ATOM = Atom.prototype;
const PID = Pid.prototype;
const REF = Ref.prototype;
const ATOM_MAP = AtomMap.prototype;

function writeTerm(w: ByteWriter, value: unknown, depth: number, indexes: AtomIndexes | undefined): void {
  switch (typeof value) {
    case 'string':
      writeText(w, value);
      return;
    case 'number':
      writeNumber(w, value);
      return;
    case 'object':
      if (value === null) writeAtomName(w, 'nil', indexes);
      else writeObject(w, value, depth, indexes);
      return;
    case 'boolean':
      writeAtomName(w, value ? 'true' : 'false', indexes);
      return;
    case 'undefined':
      writeAtomName(w, 'undefined', indexes);
      return;
    case 'bigint':
      writeBigInt(w, value);
      return;
    default:
      throw new EncodeError('not a term');
  }
}

function writeObject(w: ByteWriter, value: object, depth: number, indexes: AtomIndexes | undefined): void {
  if (depth >= MAX_TERM_DEPTH) throw new EncodeError('nested too deeply');
  switch (Object.getPrototypeOf(value)) {
    case OBJECT:
      writeRecord(w, value as Record<string, unknown>, depth, indexes);
      return;
    case ARRAY:
      writeList(w, value as unknown[], depth, indexes);
      return;
    case TUPLE:
      writeTuple(w, (value as Tuple).elements, depth, indexes);
      return;
    case ATOM:
      writeAtom(w, value as Atom, indexes);
      return;
    case PID:
      writePid(w, value as Pid, indexes);
      return;
    case REF:
      writeRef(w, value as Ref, indexes);
      return;
    case ATOM_MAP:
      writeAtomMap(w, value as AtomMap, depth, indexes);
      return;
    default:
      writeOther(w, value, depth, indexes);
  }
}

/** Rarer classes, and subclasses such as `Buffer`. */
function writeOther(w: ByteWriter, value: object, depth: number, indexes: AtomIndexes | undefined): void {
  if (value instanceof Uint8Array) writeBinary(w, value);
  else if (value instanceof Map) writeMap(w, value, depth, indexes);
  else if (value instanceof Float) writeFloat(w, value.value);
  else if (value instanceof Port) writePort(w, value, indexes);
  else if (value instanceof BitString) writeBitString(w, value);
  else if (value instanceof ExternalFun) {
    w.u8(EXPORT_EXT);
    writeAtom(w, value.module, indexes);
    writeAtom(w, value.function, indexes);
    w.u8(SMALL_INTEGER_EXT);
    w.u8(value.arity);
  } else if (value instanceof OpaqueFun || value instanceof EncodedTerm) w.bytes(value.wire);
  else if (value instanceof ImproperList) {
    writeElements(w, value.elements, depth, indexes);
    writeTerm(w, value.tail, depth + 1, indexes);
  } else if (Array.isArray(value)) writeList(w, value, depth, indexes);
  else if (value instanceof Tuple) writeTuple(w, value.elements, depth, indexes);
  else if (value instanceof Pid) writePid(w, value, indexes);
  else if (value instanceof AtomMap) writeAtomMap(w, value, depth, indexes);
  else if (isPlain(value)) writeRecord(w, value as Record<string, unknown>, depth, indexes);
  else throw new EncodeError('not a term');
}

/** An object without a class: from a literal (of any realm), or with no prototype. @internal */
export function isPlain(value: object): boolean {
  const proto = Object.getPrototypeOf(value);
  return proto === null || proto === OBJECT || Object.getPrototypeOf(proto) === null;
}

function writeText(w: ByteWriter, text: string): void {
  const length = text.length;
  if (length > SHORT_TEXT) {
    writeLongText(w, text);
    return;
  }
  // Three bytes per UTF-16 unit is the most UTF-8 takes.
  if (w.position + 5 + length * 3 > w.buffer.length) w.reserve(5 + length * 3);
  const b = w.buffer;
  const p = w.position;
  b[p] = BINARY_EXT;
  b[p + 1] = 0;
  b[p + 2] = 0;
  b[p + 3] = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) {
      writeLongText(w, text);
      return;
    }
    b[p + 5 + i] = code;
  }
  b[p + 4] = length;
  w.position = p + 5 + length;
}

function writeLongText(w: ByteWriter, text: string): void {
  if (!text.isWellFormed()) throw new EncodeError('half of a surrogate pair');
  // Below 64 kB the reserve may be three times too large; above, counting first is cheaper than the memory.
  w.reserve(5 + (text.length < 65_536 ? text.length * 3 : Buffer.byteLength(text)));
  const at = w.position;
  const length = w.buffer.utf8Write(text, at + 5);
  w.buffer[at] = BINARY_EXT;
  w.buffer.writeUInt32BE(length, at + 1);
  w.position = at + 5 + length;
}

function writeNumber(w: ByteWriter, value: number): void {
  if (w.position + 9 > w.buffer.length) w.reserve(9);
  const integer = value | 0;
  if (integer !== value || (value === 0 && 1 / value < 0)) {
    writeWideNumber(w, value);
    return;
  }
  const b = w.buffer;
  const p = w.position;
  if (integer >= 0 && integer <= 255) {
    b[p] = SMALL_INTEGER_EXT;
    b[p + 1] = integer;
    w.position = p + 2;
    return;
  }
  b[p] = INTEGER_EXT;
  b[p + 1] = integer >> 24;
  b[p + 2] = integer >> 16;
  b[p + 3] = integer >> 8;
  b[p + 4] = integer;
  w.position = p + 5;
}

function writeWideNumber(w: ByteWriter, value: number): void {
  if (!Number.isSafeInteger(value) || value === 0) {
    writeFloat(w, value);
    return;
  }
  w.reserve(11);
  const b = w.buffer;
  let p = w.position;
  b[p] = SMALL_BIG_EXT;
  b[p + 2] = value < 0 ? 1 : 0;
  const magnitude = Math.abs(value);
  let high = Math.floor(magnitude / 0x1_0000_0000);
  const low = magnitude >>> 0;
  b[p + 3] = low;
  b[p + 4] = low >>> 8;
  b[p + 5] = low >>> 16;
  b[p + 6] = low >>> 24;
  let count = 4;
  while (high > 0) {
    b[p + 3 + count++] = high;
    high >>>= 8;
  }
  b[p + 1] = count;
  p += 3 + count;
  w.position = p;
}

function writeFloat(w: ByteWriter, value: number): void {
  if (!Number.isFinite(value)) throw new EncodeError('not a float of Erlang');
  w.u8(NEW_FLOAT_EXT);
  w.f64(value);
}

function writeBigInt(w: ByteWriter, value: bigint): void {
  const negative = value < 0n;
  let magnitude = negative ? -value : value;
  if (magnitude <= 0x8000_0000n) {
    const small = Number(value);
    if ((small | 0) === small) {
      writeNumber(w, small);
      return;
    }
  }
  if (magnitude <= 0xffff_ffff_ffff_ffffn) {
    w.reserve(11);
    const b = w.buffer;
    const p = w.position;
    let count = 0;
    while (magnitude > 0n) {
      b[p + 3 + count++] = Number(magnitude & 0xffn);
      magnitude >>= 8n;
    }
    b[p] = SMALL_BIG_EXT;
    b[p + 1] = count;
    b[p + 2] = negative ? 1 : 0;
    w.position = p + 3 + count;
    return;
  }
  // Hexadecimal is the one conversion of long integers that takes linear time.
  const hex = magnitude.toString(16);
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').reverse();
  if (digits.length <= 255) {
    w.u8(SMALL_BIG_EXT);
    w.u8(digits.length);
  } else {
    w.u8(LARGE_BIG_EXT);
    w.u32(digits.length);
  }
  w.u8(negative ? 1 : 0);
  w.bytes(digits);
}

/** @internal */
export function writeAtom(w: ByteWriter, atom: Atom, indexes: AtomIndexes | undefined): void {
  if (indexes !== undefined) {
    const index = indexes.indexOf(atom);
    if (index >= 0) {
      w.u8(ATOM_CACHE_REF);
      w.u8(index);
      return;
    }
  }
  const wire = atom.wire;
  if (wire === undefined) {
    const start = w.position;
    writeAtomText(w, atom.name);
    atom.wire = w.toBytes(start);
    return;
  }
  w.bytes(wire);
}

/** The four atoms that JavaScript has values for; with an atom cache they are looked up like any other. */
function writeAtomName(
  w: ByteWriter,
  name: 'true' | 'false' | 'nil' | 'undefined',
  indexes: AtomIndexes | undefined,
): void {
  if (indexes === undefined) writeAtomText(w, name);
  else writeAtom(w, CONSTANTS[name], indexes);
}

function writeAtomText(w: ByteWriter, name: string): void {
  const length = name.length;
  w.reserve(3 + length * 3);
  const b = w.buffer;
  const p = w.position;
  b[p] = SMALL_ATOM_UTF8_EXT;
  if (length <= SHORT_TEXT) {
    let i = 0;
    for (; i < length; i++) {
      const code = name.charCodeAt(i);
      if (code > 127) break;
      b[p + 2 + i] = code;
    }
    if (i === length) {
      b[p + 1] = length;
      w.position = p + 2 + length;
      return;
    }
  }
  const bytes = Buffer.byteLength(name);
  if (bytes <= 255) {
    b[p + 1] = bytes;
    b.utf8Write(name, p + 2);
    w.position = p + 2 + bytes;
    return;
  }
  b[p] = ATOM_UTF8_EXT;
  b[p + 1] = bytes >>> 8;
  b[p + 2] = bytes;
  b.utf8Write(name, p + 3);
  w.position = p + 3 + bytes;
}

/** NEW_PID_EXT: node atom, id u32, serial u32, creation u32. @internal */
export function writePid(w: ByteWriter, pid: Pid, indexes: AtomIndexes | undefined): void {
  const wire = pid.wire ?? wireOf(w, pid);
  const index = indexes === undefined ? -1 : indexes.indexOfNode(pid.node);
  if (index < 0) {
    w.bytes(wire);
    return;
  }
  if (w.position + 15 > w.buffer.length) w.reserve(15);
  const b = w.buffer;
  const p = w.position;
  b[p] = NEW_PID_EXT;
  b[p + 1] = ATOM_CACHE_REF;
  b[p + 2] = index;
  // The twelve bytes behind the node. One by one they cost less than the call that copies a run.
  for (let i = p + 3, from = wire.length - 12; i < p + 15; i++, from++) b[i] = wire[from]!;
  w.position = p + 15;
}

/** Writes a pid in full, keeps the bytes, and takes them back. */
function wireOf(w: ByteWriter, pid: Pid): Uint8Array {
  publishPid(pid);
  const start = w.position;
  w.u8(NEW_PID_EXT);
  writeAtomText(w, pid.node);
  w.u32(pid.id);
  w.u32(pid.serial);
  w.u32(pid.creation);
  const wire = w.toBytes(start);
  pid.wire = wire;
  w.position = start;
  return wire;
}

/** The node of a reference or a port. */
function writeNode(w: ByteWriter, node: string, indexes: AtomIndexes | undefined): void {
  const index = indexes === undefined ? -1 : indexes.indexOfNode(node);
  if (index < 0) {
    writeAtomText(w, node);
    return;
  }
  w.u8(ATOM_CACHE_REF);
  w.u8(index);
}

/** NEWER_REFERENCE_EXT: word count u16, node atom, creation u32, words u32 each. @internal */
export function writeRef(w: ByteWriter, ref: Ref, indexes?: AtomIndexes): void {
  w.u8(NEWER_REFERENCE_EXT);
  w.u16(ref.words.length);
  writeNode(w, ref.node, indexes);
  w.u32(ref.creation);
  for (const word of ref.words) w.u32(word);
}

/** V4_PORT_EXT: node atom, id u64, creation u32. */
function writePort(w: ByteWriter, port: Port, indexes: AtomIndexes | undefined): void {
  w.u8(V4_PORT_EXT);
  writeNode(w, port.node, indexes);
  w.u64(port.id);
  w.u32(port.creation);
}

function writeBinary(w: ByteWriter, bytes: Uint8Array): void {
  w.reserve(5 + bytes.length);
  w.u8(BINARY_EXT);
  w.u32(bytes.length);
  w.bytes(bytes);
}

function writeBitString(w: ByteWriter, value: BitString): void {
  w.u8(BIT_BINARY_EXT);
  w.u32(value.bytes.length);
  w.u8(value.bits);
  w.bytes(value.bytes);
}

function writeTuple(
  w: ByteWriter,
  elements: readonly unknown[],
  depth: number,
  indexes: AtomIndexes | undefined,
): void {
  const length = elements.length;
  if (length <= 255) {
    if (w.position + 2 > w.buffer.length) w.reserve(2);
    w.buffer[w.position++] = SMALL_TUPLE_EXT;
    w.buffer[w.position++] = length;
  } else {
    w.u8(LARGE_TUPLE_EXT);
    w.u32(length);
  }
  for (let i = 0; i < length; i++) {
    const element = elements[i];
    if (element === undefined && !(i in elements)) throw new EncodeError('a hole');
    writeTerm(w, element, depth + 1, indexes);
  }
}

function writeList(
  w: ByteWriter,
  list: readonly unknown[],
  depth: number,
  indexes: AtomIndexes | undefined,
): void {
  const length = list.length;
  if (length === 0) {
    w.u8(NIL_EXT);
    return;
  }
  if (length <= MAX_STRING_EXT && writeString(w, list)) return;
  writeElements(w, list, depth, indexes);
  w.u8(NIL_EXT);
}

/** STRING_EXT if every element is a byte; otherwise nothing is written and the answer is false. */
function writeString(w: ByteWriter, list: readonly unknown[]): boolean {
  const length = list.length;
  const first = list[0];
  if (typeof first !== 'number' || (first & 255) !== first) return false;
  w.reserve(3 + length);
  const b = w.buffer;
  const p = w.position;
  for (let i = 0; i < length; i++) {
    const element = list[i];
    if (typeof element !== 'number') return false;
    const byte = element & 255;
    if (byte !== element || (byte === 0 && 1 / element < 0)) return false;
    b[p + 3 + i] = byte;
  }
  b[p] = STRING_EXT;
  b[p + 1] = length >>> 8;
  b[p + 2] = length;
  w.position = p + 3 + length;
  return true;
}

/** LIST_EXT up to, not including, its tail. */
function writeElements(
  w: ByteWriter,
  list: readonly unknown[],
  depth: number,
  indexes: AtomIndexes | undefined,
): void {
  const length = list.length;
  w.u8(LIST_EXT);
  w.u32(length);
  for (let i = 0; i < length; i++) {
    const element = list[i];
    if (element === undefined && !(i in list)) throw new EncodeError('a hole');
    writeTerm(w, element, depth + 1, indexes);
  }
}

/** A plain object: MAP_EXT with binary keys, one for each own enumerable property with a string key. */
function writeRecord(
  w: ByteWriter,
  record: Record<string, unknown>,
  depth: number,
  indexes: AtomIndexes | undefined,
): void {
  const keys = Object.keys(record);
  w.u8(MAP_EXT);
  w.u32(keys.length);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    writeText(w, key);
    writeTerm(w, record[key], depth + 1, indexes);
  }
}

function writeAtomMap(w: ByteWriter, record: AtomMap, depth: number, indexes: AtomIndexes | undefined): void {
  const keys = Object.keys(record);
  w.u8(MAP_EXT);
  w.u32(keys.length);
  for (const key of keys) {
    writeAtom(w, atom(key), indexes);
    writeTerm(w, record[key], depth + 1, indexes);
  }
}

function writeMap(
  w: ByteWriter,
  map: ReadonlyMap<unknown, unknown>,
  depth: number,
  indexes: AtomIndexes | undefined,
): void {
  w.u8(MAP_EXT);
  w.u32(map.size);
  let simple = true;
  for (const [key, value] of map) {
    if (typeof key !== 'string' && typeof key !== 'number') simple = false;
    writeTerm(w, key, depth + 1, indexes);
    writeTerm(w, value, depth + 1, indexes);
  }
  // Keys that JavaScript tells apart may be one term (1 and 1n, two equal tuples); the peer would hang up on that.
  if (!simple && map.size > 1 && hasEqualKeys([...map.keys()])) throw new EncodeError('equal keys');
}
