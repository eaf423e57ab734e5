import {
  Atom,
  AtomMap,
  atom,
  atoms,
  BitString,
  ExternalFun,
  Float,
  ImproperList,
  internPid,
  OpaqueFun,
  Pid,
  Port,
  Ref,
  Tuple,
} from '../../../src/term/index.ts';

/** A term in the tagged JSON of the golden files. */
// biome-ignore lint/suspicious/noExplicitAny: it is JSON from a file, and has a shape for each kind of term
export type Tagged = any;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const isUtf8 = (bytes: Buffer): boolean => Buffer.from(bytes.toString('utf8')).equals(bytes);

/** What a program would write for this term. */
export function untag(json: Tagged): unknown {
  const kind = Object.keys(json)[0]!;
  const value = json[kind];
  switch (kind) {
    case 'atom':
      if (value === 'true' || value === 'false') return value === 'true';
      return value === 'nil' ? null : value === 'undefined' ? undefined : atom(value);
    case 'int': {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : BigInt(value);
    }
    case 'float':
      return new Float(Buffer.from(json.bits, 'hex').readDoubleBE());
    case 'binary': {
      const bytes = Buffer.from(value, 'hex');
      return isUtf8(bytes) ? bytes.toString('utf8') : Uint8Array.from(bytes);
    }
    case 'bitstring':
      return new BitString(Uint8Array.from(Buffer.from(value, 'hex')), json.last_byte_bits);
    case 'string':
      return [...Buffer.from(value, 'hex')];
    case 'list': {
      const elements = value.map(untag);
      return json.tail === undefined ? elements : new ImproperList(elements, untag(json.tail));
    }
    case 'tuple':
      return new Tuple(value.map(untag));
    case 'map': {
      const pairs: [unknown, unknown][] = value.map(([k, v]: [Tagged, Tagged]) => [untag(k), untag(v)]);
      if (pairs.every(([key]) => typeof key === 'string')) return Object.fromEntries(pairs);
      if (value.every(([k]: [Tagged]) => k.atom !== undefined))
        return atoms(Object.fromEntries(value.map(([k, v]: [Tagged, Tagged]) => [k.atom, untag(v)])));
      return new Map(pairs);
    }
    case 'pid':
      return internPid(value.node, value.id, value.serial, value.creation);
    case 'port':
      return new Port(value.node, BigInt(value.id), value.creation);
    case 'ref':
      return new Ref(value.node, value.creation, value.words);
    case 'export':
      return new ExternalFun(atom(value.module), atom(value.function), value.arity);
    default:
      throw new Error(`no value for ${kind}`);
  }
}

/** Whether a golden term holds a closure, which nobody can build. */
export const hasFun = (json: Tagged): boolean => JSON.stringify(json).includes('{"fun":');

/** A decoded value in tagged JSON, as far as a decoded value still tells; see `comparable`. */
export function tag(value: unknown): Tagged {
  if (value === null) return { atom: 'nil' };
  switch (typeof value) {
    case 'boolean':
    case 'undefined':
      return { atom: String(value) };
    case 'bigint':
      return { int: value.toString() };
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? { int: String(value) } : floatTag(value);
    case 'string':
      return { binary: hex(Buffer.from(value)) };
  }
  if (value instanceof Float) return floatTag(value.value);
  if (value instanceof Atom) return { atom: value.name };
  if (value instanceof Uint8Array) return { binary: hex(value) };
  if (value instanceof BitString) return { bitstring: hex(value.bytes), last_byte_bits: value.bits };
  if (Array.isArray(value)) return { list: value.map(tag) };
  if (value instanceof ImproperList) return { list: value.elements.map(tag), tail: tag(value.tail) };
  if (value instanceof Tuple) return { tuple: value.elements.map(tag) };
  if (value instanceof Map) return { map: sorted([...value].map(([k, v]) => [tag(k), tag(v)])) };
  if (value instanceof AtomMap)
    return { map: sorted(Object.entries(value).map(([k, v]) => [{ atom: k }, tag(v)])) };
  if (value instanceof Pid) {
    const { node, id, serial, creation } = value;
    return { pid: { node, id, serial, creation } };
  }
  if (value instanceof Port)
    return { port: { node: value.node, id: value.id.toString(), creation: value.creation } };
  if (value instanceof Ref)
    return { ref: { node: value.node, creation: value.creation, words: value.words } };
  if (value instanceof ExternalFun)
    return { export: { module: value.module.name, function: value.function.name, arity: value.arity } };
  if (value instanceof OpaqueFun)
    return {
      fun: {
        module: value.module.name,
        index: value.index,
        arity: value.arity,
        uniq_md5: hex(value.uniq),
        old_index: tag(value.oldIndex),
        old_uniq: tag(value.oldUniq),
      },
    };
  return { map: sorted(Object.entries(value as object).map(([k, v]) => [tag(k), tag(v)])) };
}

function floatTag(value: number): Tagged {
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return { bits: bits.toString('hex') };
}

const sorted = (pairs: Tagged[]): Tagged[] =>
  pairs.sort((a, b) => (JSON.stringify(a[0]) < JSON.stringify(b[0]) ? -1 : 1));

/**
 * Golden JSON without what decoding drops on purpose: strings are lists, an integral float outside of keys is an
 * integer, maps have no order; the insides of closures are not looked at.
 */
export function comparable(json: Tagged, inKey = false): Tagged {
  const kind = Object.keys(json)[0]!;
  const value = json[kind];
  switch (kind) {
    case 'float': {
      const number = Buffer.from(json.bits, 'hex').readDoubleBE();
      const whole = Number.isSafeInteger(number) && !Object.is(number, -0);
      return whole && !inKey ? { int: String(number) } : { bits: json.bits };
    }
    case 'string':
      return { list: [...Buffer.from(value, 'hex')].map((byte) => ({ int: String(byte) })) };
    case 'list': {
      const list = value.map((element: Tagged) => comparable(element, inKey));
      return json.tail === undefined ? { list } : { list, tail: comparable(json.tail, inKey) };
    }
    case 'tuple':
      return { tuple: value.map((element: Tagged) => comparable(element, inKey)) };
    case 'map':
      return {
        map: sorted(value.map(([k, v]: [Tagged, Tagged]) => [comparable(k, true), comparable(v, inKey)])),
      };
    case 'fun': {
      const { pid: _pid, free: _free, ...rest } = value;
      return { fun: rest };
    }
    default:
      return json;
  }
}
