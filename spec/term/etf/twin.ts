/**
 * The external term format read the slow and obvious way: the twin of `src/term/etf/decode.ts`, with no cache, no
 * short cut and no limit but the bytes themselves. Any error here means "not a term".
 */
import { ByteReader } from '../../../src/codec/reader.ts';
import {
  AtomMap,
  atom,
  BitString,
  ExternalFun,
  equalTerms,
  Float,
  ImproperList,
  internPid,
  OpaqueFun,
  Port,
  Ref,
  Tuple,
} from '../../../src/term/index.ts';

/** Decodes a term after its version byte; integral floats become numbers, unless `exact`. */
export function twinDecode(bytes: Uint8Array, exact = false): unknown {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 131) throw new Error('no version byte');
  return read(reader, exact, 0);
}

/** Decodes with floats as `Float` everywhere, so that nothing is lost. */
export const exactly = (bytes: Uint8Array): unknown => twinDecode(bytes, true);

function read(r: ByteReader, exact: boolean, depth: number): unknown {
  if (depth > 1024) throw new Error('too deep');
  const tag = r.u8();
  const next = (): unknown => read(r, exact, depth + 1);
  const many = (count: number): unknown[] => {
    r.need(count, 'terms');
    return Array.from({ length: count }, next);
  };
  switch (tag) {
    case 97:
      return r.u8();
    case 98:
      return r.u32() | 0;
    case 70: {
      const value = r.bytes(8).readDoubleBE();
      if (!Number.isFinite(value)) throw new Error('not finite');
      return exact && Number.isInteger(value) ? new Float(value) : value;
    }
    case 99: {
      const text = r.latin1(31).replace(/\0+.*$/s, '');
      if (!/^\s*[+-]?\d+\.\d+(e[+-]?\d+)?$/i.test(text)) throw new Error('no number');
      const value = Number(text);
      if (!Number.isFinite(value)) throw new Error('not finite');
      return exact && Number.isInteger(value) ? new Float(value) : value;
    }
    case 110:
      return big(r, r.u8());
    case 111:
      return big(r, r.u32());
    case 100:
    case 115:
    case 118:
    case 119: {
      r.position--;
      const name = atomName(r);
      if (name === 'true' || name === 'false') return name === 'true';
      return name === 'nil' ? null : name === 'undefined' ? undefined : atom(name);
    }
    case 109: {
      const bytes = r.bytes(r.u32());
      return text(bytes) ?? Uint8Array.from(bytes);
    }
    case 77: {
      const length = r.u32();
      const bits = r.u8();
      const bytes = Uint8Array.from(r.bytes(length));
      if (length === 0 ? bits !== 0 : bits < 1 || bits > 8) throw new Error('bits');
      return length > 0 && bits < 8 ? new BitString(bytes, bits) : (text(Buffer.from(bytes)) ?? bytes);
    }
    case 106:
      return [];
    case 107:
      return [...r.bytes(r.u16())];
    case 108: {
      const elements = many(r.u32());
      // A chain of tails is one list, however long, and no depth.
      const tail = r.buffer[r.position] === 108 ? read(r, exact, depth) : next();
      if (Array.isArray(tail)) return [...elements, ...tail];
      if (tail instanceof ImproperList) return new ImproperList([...elements, ...tail.elements], tail.tail);
      return elements.length === 0 ? tail : new ImproperList(elements, tail);
    }
    case 104:
      return new Tuple(many(r.u8()));
    case 105:
      return new Tuple(many(r.u32()));
    case 116:
      return map(r, exact, depth);
    case 88:
    case 103: {
      const node = atomName(r);
      return internPid(node, r.u32(), r.u32(), tag === 88 ? r.u32() : r.u8());
    }
    case 89:
    case 102: {
      const node = atomName(r);
      return new Port(node, BigInt(r.u32()), tag === 89 ? r.u32() : r.u8());
    }
    case 120:
      return new Port(atomName(r), r.u64(), r.u32());
    case 101: {
      const node = atomName(r);
      const word = r.u32();
      return new Ref(node, r.u8(), [word]);
    }
    case 114:
    case 90: {
      const count = r.u16();
      if (count > 5) throw new Error('words');
      const node = atomName(r);
      const creation = tag === 90 ? r.u32() : r.u8();
      return new Ref(
        node,
        creation,
        Array.from({ length: count }, () => r.u32()),
      );
    }
    case 113: {
      const module = atom(atomName(r));
      const name = atom(atomName(r));
      return new ExternalFun(module, name, integer(r));
    }
    case 112:
      return fun(r, exact, depth);
    default:
      throw new Error(`tag ${tag}`);
  }
}

function big(r: ByteReader, count: number): number | bigint {
  const negative = r.u8() !== 0;
  let value = 0n;
  for (const byte of [...r.bytes(count)].reverse()) value = value * 256n + BigInt(byte);
  if (negative) value = -value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function integer(r: ByteReader): number {
  const tag = r.buffer[r.position]!;
  const value = [97, 98, 110, 111].includes(tag) ? read(r, false, 0) : undefined;
  if (typeof value !== 'number') throw new Error('no integer');
  return value;
}

function atomName(r: ByteReader): string {
  const tag = r.u8();
  if (tag !== 100 && tag !== 115 && tag !== 118 && tag !== 119) throw new Error('no atom');
  const length = tag === 100 || tag === 118 ? r.u16() : r.u8();
  const bytes = r.bytes(length);
  const name = tag === 100 || tag === 115 ? bytes.toString('latin1') : text(bytes);
  if (name === undefined || [...name].length > 255) throw new Error('no atom');
  return name;
}

function text(bytes: Buffer): string | undefined {
  const decoded = bytes.toString('utf8');
  return Buffer.from(decoded).equals(bytes) ? decoded : undefined;
}

function map(r: ByteReader, exact: boolean, depth: number): unknown {
  const count = r.u32();
  r.need(count * 2, 'pairs');
  let atomsOnly = true;
  const pairs: [unknown, unknown][] = [];
  for (let i = 0; i < count; i++) {
    if (![100, 115, 118, 119].includes(r.buffer[r.position]!)) atomsOnly = false;
    const key = read(r, true, depth + 1);
    if (pairs.some(([other]) => equalTerms(key, other))) throw new Error('key twice');
    pairs.push([key, read(r, exact, depth + 1)]);
  }
  if (pairs.every(([key]) => typeof key === 'string')) return own({}, pairs as [string, unknown][]);
  if (!atomsOnly) return new Map(pairs);
  return own(
    new AtomMap(),
    pairs.map(([key, value]) => [key === null ? 'nil' : String(key), value]),
  );
}

function own(target: object, pairs: readonly [string, unknown][]): object {
  for (const [key, value] of pairs)
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  return target;
}

function fun(r: ByteReader, exact: boolean, depth: number): OpaqueFun {
  const start = r.position - 1;
  const size = r.u32();
  const body = new ByteReader(r.buffer, r.position, r.position + size - 4);
  r.bytes(size - 4);
  const arity = body.u8();
  body.bytes(16);
  const index = body.u32();
  const freeCount = body.u32();
  const module = atom(atomName(body));
  const oldIndex = integer(body);
  const oldUniq = integer(body);
  if (![88, 103].includes(body.buffer[body.position]!)) throw new Error('no pid');
  read(body, exact, depth + 1);
  body.need(freeCount, 'free variables');
  const free = Array.from({ length: freeCount }, () => read(body, true, depth + 1));
  if (body.remaining !== 0) throw new Error('fun is longer');
  return new OpaqueFun(
    module,
    arity,
    index,
    oldIndex,
    oldUniq,
    free,
    Uint8Array.from(r.buffer.subarray(start, start + 1 + size)),
  );
}
