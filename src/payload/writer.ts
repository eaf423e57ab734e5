/**
 * Writes what nearly all messages consist of straight into the frame: text, numbers, bytes, lists, plain objects,
 * tuples, atoms, pids, references, maps, sets, dates. The library does the rest (`MsgpackPayload`); it would do these
 * too, with a copy of the value, a buffer of its own and a copy of that, at many times the price.
 */
import type { ByteWriter } from '../codec/writer.ts';
import { Atom } from '../term/atom.ts';
import { AtomMap } from '../term/atom-map.ts';
import { writeAtom, writePid, writeRef } from '../term/etf/encode.ts';
import { Pid, Ref } from '../term/identifiers.ts';
import { Tuple } from '../term/tuple.ts';
import { EXTENSION } from './extension-types.ts';
import * as head from './heads.ts';

const OBJECT = Object.prototype;
const ARRAY = Array.prototype;
const TUPLE = Tuple.prototype;
const ATOM = Atom.prototype;
const PID = Pid.prototype;
const REF = Ref.prototype;
const ATOM_MAP = AtomMap.prototype;

/** Strings up to this length are written character by character; longer ones by the platform, whose call costs more. */
const SHORT_TEXT = 31;

/**
 * Appends a value. False when something in it is of a rarer kind, is nested deeper than `maxDepth`, or cannot travel:
 * what was appended is then to be taken back.
 */
export function writePacked(w: ByteWriter, value: unknown, maxDepth: number): boolean {
  switch (typeof value) {
    case 'string':
      return writeText(w, value);
    case 'number':
      writeNumber(w, value);
      return true;
    case 'object':
      return value === null ? writeByte(w, head.NIL) : writeObject(w, value, maxDepth);
    case 'boolean':
      return writeByte(w, value ? head.TRUE : head.FALSE);
    case 'undefined':
      closeExtension(w, openExtension(w, EXTENSION.UNDEFINED));
      return true;
    default:
      return false;
  }
}

function writeObject(w: ByteWriter, value: object, depth: number): boolean {
  switch (Object.getPrototypeOf(value)) {
    case TUPLE: {
      const { elements } = value as Tuple;
      const at = openExtension(w, EXTENSION.TUPLE, bytesIn(elements));
      if (!writeElements(w, elements, depth)) return false;
      closeExtension(w, at);
      return true;
    }
    case ATOM: {
      const at = openExtension(w, EXTENSION.TERM);
      writeAtom(w, value as Atom, undefined);
      closeExtension(w, at);
      return true;
    }
    case OBJECT:
      return writeRecord(w, value as Record<string, unknown>, depth);
    case ARRAY:
      return writeElements(w, value as unknown[], depth);
    case PID: {
      const at = openExtension(w, EXTENSION.TERM);
      writePid(w, value as Pid, undefined);
      closeExtension(w, at);
      return true;
    }
    case REF: {
      const at = openExtension(w, EXTENSION.TERM);
      writeRef(w, value as Ref);
      closeExtension(w, at);
      return true;
    }
    case ATOM_MAP: {
      const at = openExtension(w, EXTENSION.ATOM_MAP);
      if (!writePairs(w, Object.entries(value), depth)) return false;
      closeExtension(w, at);
      return true;
    }
    default:
      return writeOther(w, value, depth);
  }
}

function writeOther(w: ByteWriter, value: object, depth: number): boolean {
  if (value instanceof Uint8Array) {
    writeBytes(w, value);
    return true;
  }
  if (value instanceof Map) {
    const at = openExtension(w, EXTENSION.MAP);
    if (!writePairs(w, [...value], depth)) return false;
    closeExtension(w, at);
    return true;
  }
  if (value instanceof Set) {
    const at = openExtension(w, EXTENSION.SET);
    if (!writeElements(w, [...value], depth)) return false;
    closeExtension(w, at);
    return true;
  }
  if (value instanceof Date) {
    const at = openExtension(w, EXTENSION.DATE);
    w.f64(value.getTime());
    closeExtension(w, at);
    return true;
  }
  return false;
}

function writeByte(w: ByteWriter, byte: number): true {
  if (w.position + 1 > w.buffer.length) w.reserve(1);
  w.buffer[w.position++] = byte;
  return true;
}

function writeText(w: ByteWriter, text: string): boolean {
  const length = text.length;
  if (length > SHORT_TEXT) return writeLongText(w, text);
  if (w.position + 1 + length > w.buffer.length) w.reserve(1 + length);
  const b = w.buffer;
  const p = w.position;
  b[p] = head.FIX_STR | length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return writeLongText(w, text);
    b[p + 1 + i] = code;
  }
  w.position = p + 1 + length;
  return true;
}

/** The longest form that its UTF-8 may need, three bytes for each unit, so that nothing is moved. */
function writeLongText(w: ByteWriter, text: string): boolean {
  if (!text.isWellFormed()) return false;
  const most = text.length < 65_536 ? text.length * 3 : Buffer.byteLength(text);
  w.reserve(5 + most);
  const b = w.buffer;
  const p = w.position;
  if (most <= 0xff) {
    const length = b.utf8Write(text, p + 2);
    b[p] = head.STR_8;
    b[p + 1] = length;
    w.position = p + 2 + length;
  } else if (most <= 0xffff) {
    const length = b.utf8Write(text, p + 3);
    b[p] = head.STR_16;
    b.writeUInt16BE(length, p + 1);
    w.position = p + 3 + length;
  } else {
    const length = b.utf8Write(text, p + 5);
    b[p] = head.STR_32;
    b.writeUInt32BE(length, p + 1);
    w.position = p + 5 + length;
  }
  return true;
}

function writeNumber(w: ByteWriter, value: number): void {
  if (w.position + 9 > w.buffer.length) w.reserve(9);
  const b = w.buffer;
  const p = w.position;
  const integer = value | 0;
  if (integer !== value || (value === 0 && 1 / value < 0)) {
    writeWideNumber(w, value);
    return;
  }
  if (integer >= 0) {
    if (integer < 0x80) {
      b[p] = integer;
      w.position = p + 1;
    } else if (integer <= 0xff) {
      b[p] = head.UINT_8;
      b[p + 1] = integer;
      w.position = p + 2;
    } else if (integer <= 0xffff) {
      b[p] = head.UINT_16;
      b[p + 1] = integer >> 8;
      b[p + 2] = integer;
      w.position = p + 3;
    } else writeInt32(w, head.UINT_32, integer);
  } else if (integer >= -32) {
    b[p] = integer & 0xff;
    w.position = p + 1;
  } else if (integer >= -0x80) {
    b[p] = head.INT_8;
    b[p + 1] = integer;
    w.position = p + 2;
  } else if (integer >= -0x8000) {
    b[p] = head.INT_16;
    b[p + 1] = integer >> 8;
    b[p + 2] = integer;
    w.position = p + 3;
  } else writeInt32(w, head.INT_32, integer);
}

function writeInt32(w: ByteWriter, form: number, value: number): void {
  const b = w.buffer;
  const p = w.position;
  b[p] = form;
  b[p + 1] = value >> 24;
  b[p + 2] = value >> 16;
  b[p + 3] = value >> 8;
  b[p + 4] = value;
  w.position = p + 5;
}

/** Beyond 32 bits: integers of up to 53 bits as such, everything else (and minus zero) as float64. Room is reserved. */
function writeWideNumber(w: ByteWriter, value: number): void {
  const b = w.buffer;
  const p = w.position;
  if (!Number.isSafeInteger(value) || value === 0) {
    b[p] = head.FLOAT_64;
    b.writeDoubleBE(value, p + 1);
    w.position = p + 9;
  } else if (value > 0 && value <= 0xffff_ffff) writeInt32(w, head.UINT_32, value | 0);
  else {
    b[p] = value < 0 ? head.INT_64 : head.UINT_64;
    b.writeInt32BE(Math.floor(value / 0x1_0000_0000), p + 1);
    b.writeUInt32BE(value >>> 0, p + 5);
    w.position = p + 9;
  }
}

function writeBytes(w: ByteWriter, bytes: Uint8Array): void {
  const { length } = bytes;
  w.reserve(5 + length);
  const b = w.buffer;
  let p = w.position;
  if (length <= 0xff) {
    b[p++] = head.BIN_8;
    b[p++] = length;
  } else if (length <= 0xffff) {
    b[p++] = head.BIN_16;
    p = b.writeUInt16BE(length, p);
  } else {
    b[p++] = head.BIN_32;
    p = b.writeUInt32BE(length, p);
  }
  b.set(bytes, p);
  w.position = p + length;
}

/** Head of a list or map: the low bits of `fix`, or the 16-bit form, or the 32-bit form behind that. */
function writeCount(w: ByteWriter, fix: number, wide: number, count: number): void {
  if (w.position + 5 > w.buffer.length) w.reserve(5);
  const b = w.buffer;
  const p = w.position;
  if (count <= 15) {
    b[p] = fix | count;
    w.position = p + 1;
  } else if (count <= 0xffff) {
    b[p] = wide;
    b[p + 1] = count >> 8;
    b[p + 2] = count;
    w.position = p + 3;
  } else writeInt32(w, wide + 1, count | 0);
}

function writeElements(w: ByteWriter, elements: readonly unknown[], depth: number): boolean {
  if (depth <= 0) return false;
  const { length } = elements;
  writeCount(w, head.FIX_ARRAY, head.ARRAY_16, length);
  for (let i = 0; i < length; i++) {
    const element = elements[i];
    if (element === undefined && !(i in elements)) return false;
    if (!writePacked(w, element, depth - 1)) return false;
  }
  return true;
}

function writePairs(w: ByteWriter, pairs: readonly (readonly [unknown, unknown])[], depth: number): boolean {
  if (depth <= 0) return false;
  writeCount(w, head.FIX_ARRAY, head.ARRAY_16, pairs.length * 2);
  for (const [key, value] of pairs)
    if (!writePacked(w, key, depth - 1) || !writePacked(w, value, depth - 1)) return false;
  return true;
}

function writeRecord(w: ByteWriter, record: Record<string, unknown>, depth: number): boolean {
  if (depth <= 0) return false;
  const keys = Object.keys(record);
  writeCount(w, head.FIX_MAP, head.MAP_16, keys.length);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    // MessagePack libraries refuse this key.
    if (key === '__proto__' || !writeText(w, key)) return false;
    if (!writePacked(w, record[key], depth - 1)) return false;
  }
  return true;
}

/** Bytes of the byte arrays among these: that long they are at least. */
function bytesIn(elements: readonly unknown[]): number {
  let bytes = 0;
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i];
    if (ArrayBuffer.isView(element)) bytes += element.byteLength;
  }
  return bytes;
}

/** Starts an extension of unknown length, with a head for one of `atLeast` bytes. */
function openExtension(w: ByteWriter, type: number, atLeast = 0): number {
  const bytes = extensionHead(atLeast);
  if (w.position + bytes > w.buffer.length) w.reserve(bytes);
  const at = w.position;
  w.buffer[at] = atLeast <= 0xff ? head.EXT_8 : atLeast <= 0xffff ? head.EXT_16 : head.EXT_32;
  w.buffer[at + bytes - 1] = type;
  w.position = at + bytes;
  return at;
}

/** Writes its length; where that takes a longer head than it was opened with, what follows is moved. */
function closeExtension(w: ByteWriter, at: number): void {
  const opened = w.buffer[at]!;
  const before = opened === head.EXT_8 ? 3 : opened === head.EXT_16 ? 4 : 6;
  const bytes = w.position - at - before;
  if (before === 3 && bytes <= 0xff) {
    w.buffer[at + 1] = bytes;
    return;
  }
  const type = w.buffer[at + before - 1]!;
  const needed = extensionHead(bytes);
  if (needed > before) {
    w.reserve(needed - before);
    w.buffer.copyWithin(at + needed, at + before, w.position);
    w.position += needed - before;
  }
  const b = w.buffer;
  let p = at;
  b[p++] = needed === 4 ? head.EXT_16 : head.EXT_32;
  p = needed === 4 ? b.writeUInt16BE(bytes, p) : b.writeUInt32BE(bytes, p);
  b[p] = type;
}

/** Bytes of code, length and type before an extension of this length. */
function extensionHead(bytes: number): number {
  return bytes <= 0xff ? 3 : bytes <= 0xffff ? 4 : 6;
}
