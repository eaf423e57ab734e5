import { ExtData } from '@msgpack/msgpack';
import { ByteWriter } from '../codec/writer.ts';
import { DecodeError, EncodeError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { AtomMap, setOwn } from '../term/atom-map.ts';
import { BitString } from '../term/binary.ts';
import { EncodedTerm } from '../term/encoded-term.ts';
import { TermDecoder } from '../term/etf/decode.ts';
import { encodeInto } from '../term/etf/encode.ts';
import { Float } from '../term/float.ts';
import { ExternalFun, OpaqueFun } from '../term/fun.ts';
import { Pid, Port, Ref } from '../term/identifiers.ts';
import { ImproperList } from '../term/list.ts';
import { Tuple } from '../term/tuple.ts';

/**
 * MessagePack's application types, by number, and what their bytes are. `sequence` is a MessagePack array.
 * A number once given is never given another meaning; a receiver that does not know one refuses that message alone.
 */
export const EXTENSION = {
  /** nothing */
  UNDEFINED: 0,
  /** One external term: atom, pid, ref, port, float, bit string, fun. */
  TERM: 1,
  /** sequence of the elements */
  TUPLE: 2,
  /** sequence of key, value, key, value …; the keys are text */
  ATOM_MAP: 3,
  /** sequence of key, value, key, value … */
  MAP: 4,
  /** sequence of the members */
  SET: 5,
  /** float64: milliseconds since 1970, NaN for an invalid date */
  DATE: 6,
  /** text: hexadecimal digits, with a sign when negative */
  BIGINT: 7,
  /** kind u8 (position in `TYPED_ARRAYS`), then the elements, little-endian */
  TYPED_ARRAY: 8,
  /** sequence of name, message, stack (or nil), and the cause where there is one */
  ERROR: 9,
  /** sequence of the elements and, last, the tail */
  IMPROPER_LIST: 10,
  /** sequence of key, value, …: a plain object with a key that MessagePack libraries refuse (`__proto__`) */
  OBJECT: 11,
} as const;

const TYPED_ARRAYS = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

const ERRORS: Readonly<Record<string, new (message: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/** Writes values as one MessagePack array, the way the codec around writes all others; and reads them back. */
export type WriteNested = (values: readonly unknown[]) => Uint8Array;
export type ReadNested = (bytes: Uint8Array) => unknown[];

/** Whether a value is an Erlang term that has nothing nested, and so travels as one external term. */
function isLeafTerm(value: object): boolean {
  return (
    value instanceof Atom ||
    value instanceof Pid ||
    value instanceof Ref ||
    value instanceof Port ||
    value instanceof Float ||
    value instanceof BitString ||
    value instanceof ExternalFun ||
    value instanceof OpaqueFun ||
    value instanceof EncodedTerm
  );
}

/**
 * The value as an extension; undefined where MessagePack has a form of its own for it (arrays, plain objects, bytes).
 * @throws EncodeError for what must not travel: functions, symbols, instances of classes nobody else knows
 */
export function toExtension(value: unknown, write: WriteNested): ExtData | undefined {
  if (typeof value === 'bigint') return new ExtData(EXTENSION.BIGINT, Buffer.from(value.toString(16)));
  if (value === undefined) return new ExtData(EXTENSION.UNDEFINED, new Uint8Array(0));
  if (Object.is(value, -0)) return term(new Float(-0));
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new EncodeError(`a ${typeof value} cannot travel`);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ExtData)
    return undefined;
  if (isLeafTerm(value)) return term(value);
  if (value instanceof Tuple) return new ExtData(EXTENSION.TUPLE, write(value.elements));
  if (value instanceof AtomMap) return new ExtData(EXTENSION.ATOM_MAP, write(Object.entries(value).flat()));
  if (value instanceof Map) return new ExtData(EXTENSION.MAP, write([...value].flat()));
  if (value instanceof Set) return new ExtData(EXTENSION.SET, write([...value]));
  if (value instanceof Date) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value.getTime());
    return new ExtData(EXTENSION.DATE, bytes);
  }
  if (value instanceof Error) {
    const parts: unknown[] = [value.name, value.message, value.stack ?? null];
    if ('cause' in value) parts.push(value.cause);
    return new ExtData(EXTENSION.ERROR, write(parts));
  }
  if (value instanceof ImproperList)
    return new ExtData(EXTENSION.IMPROPER_LIST, write([...value.elements, value.tail]));
  if (value instanceof Uint8Array) return undefined;
  const kind = TYPED_ARRAYS.findIndex((type) => value instanceof type);
  if (kind >= 0) {
    const { buffer, byteOffset, byteLength } = value as Float64Array;
    const bytes = Buffer.alloc(1 + byteLength);
    bytes[0] = kind;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), 1);
    return new ExtData(EXTENSION.TYPED_ARRAY, bytes);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new EncodeError(
      `an instance of ${(value.constructor as { name?: string } | undefined)?.name ?? 'a class'} cannot travel: send a plain object`,
    );
  if (Object.hasOwn(value, '__proto__'))
    return new ExtData(EXTENSION.OBJECT, write(Object.entries(value).flat()));
  return undefined;
}

function term(value: unknown): ExtData {
  const writer = new ByteWriter(64);
  encodeInto(writer, value);
  return new ExtData(EXTENSION.TERM, writer.toBytes());
}

/** Reads an extension back. @throws DecodeError for a type that this release does not know */
export function fromExtension(type: number, bytes: Uint8Array, read: ReadNested): unknown {
  switch (type) {
    case EXTENSION.UNDEFINED:
      return undefined;
    case EXTENSION.TERM: {
      const buffer = asBuffer(bytes);
      return new TermDecoder().decode(buffer, 0, buffer.length);
    }
    case EXTENSION.TUPLE:
      return new Tuple(read(bytes));
    case EXTENSION.ATOM_MAP:
      return fill(new AtomMap(), read(bytes));
    case EXTENSION.OBJECT:
      return fill({}, read(bytes));
    case EXTENSION.MAP: {
      const flat = read(bytes);
      const map = new Map<unknown, unknown>();
      for (let i = 0; i + 1 < flat.length; i += 2) map.set(flat[i], flat[i + 1]);
      return map;
    }
    case EXTENSION.SET:
      return new Set(read(bytes));
    case EXTENSION.DATE:
      if (bytes.length !== 8) throw new DecodeError(`a date has 8 bytes, not ${bytes.length}`, 0);
      return new Date(asBuffer(bytes).readDoubleBE(0));
    case EXTENSION.BIGINT:
      return toBigInt(asBuffer(bytes).toString('latin1'));
    case EXTENSION.TYPED_ARRAY:
      return typedArray(bytes);
    case EXTENSION.ERROR:
      return toError(read(bytes));
    case EXTENSION.IMPROPER_LIST: {
      const elements = read(bytes);
      return new ImproperList(elements.slice(0, -1), elements.at(-1));
    }
    default:
      throw new DecodeError(
        `unknown MessagePack extension type ${type}; the sender may be a newer version`,
        0,
      );
  }
}

function fill<T extends object>(target: T, flat: readonly unknown[]): T {
  for (let i = 0; i + 1 < flat.length; i += 2) setOwn(target, String(flat[i]), flat[i + 1]);
  return target;
}

function toBigInt(text: string): bigint {
  const match = /^(-?)([0-9a-f]+)$/.exec(text);
  if (match === null) throw new DecodeError('expected the hexadecimal digits of a bigint', 0);
  const value = BigInt(`0x${match[2]}`);
  return match[1] === '-' ? -value : value;
}

function typedArray(bytes: Uint8Array): unknown {
  const type = TYPED_ARRAYS[bytes[0] ?? TYPED_ARRAYS.length];
  if (type === undefined) throw new DecodeError(`unknown kind of typed array ${bytes[0]}`, 0);
  // A buffer of its own: elements must be aligned.
  const content = new Uint8Array(bytes.subarray(1));
  if (content.length % type.BYTES_PER_ELEMENT !== 0)
    throw new DecodeError(`${content.length} bytes are no whole number of ${type.name} elements`, 0);
  return new type(content.buffer);
}

function toError(parts: readonly unknown[]): Error {
  const [name, message, stack] = parts;
  if (typeof name !== 'string' || typeof message !== 'string')
    throw new DecodeError('expected name and message of an error', 0);
  const error = new (Object.hasOwn(ERRORS, name) ? ERRORS[name]! : Error)(message);
  const own = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { value, writable: true, enumerable: false, configurable: true });
  if (error.name !== name) own('name', name);
  own('stack', typeof stack === 'string' ? stack : undefined);
  if (parts.length > 3) own('cause', parts[3]);
  return error;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
