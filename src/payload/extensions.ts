import { ExtData } from '@msgpack/msgpack';
import { ByteWriter } from '../codec/writer.ts';
import { DecodeError, EncodeError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { AtomMap } from '../term/atom-map.ts';
import { BitString } from '../term/binary.ts';
import { EncodedTerm } from '../term/encoded-term.ts';
import { encodeInto, isPlain } from '../term/etf/encode.ts';
import type { RicherFormat } from '../term/etf/explain.ts';
import { Float } from '../term/float.ts';
import { ExternalFun, OpaqueFun } from '../term/fun.ts';
import { Pid, Port, Ref } from '../term/identifiers.ts';
import { ImproperList } from '../term/list.ts';
import { Tuple } from '../term/tuple.ts';
import { EXTENSION } from './extension-types.ts';

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

/** What travels although it has no term; see `explain`. */
export const PACKED_FORMAT: RicherFormat = {
  inside(value) {
    if (value instanceof Date || isTypedArray(value)) return [];
    if (value instanceof Set) return [...value].map((member, i) => [`.member(${i})`, member] as const);
    if (value instanceof Error) {
      const inside: [string, unknown][] = 'cause' in value ? [['.cause', value.cause]] : [];
      return isAggregate(value) ? [['.errors', value.errors], ...inside] : inside;
    }
    return undefined;
  },
};

/** One whose list of errors nobody has put something else in place of. */
const isAggregate = (error: Error): error is AggregateError =>
  error instanceof AggregateError && Array.isArray(error.errors);

const isTypedArray = (value: object): boolean => TYPED_ARRAYS.some((type) => value instanceof type);

/** Writes values as one MessagePack array, the way the codec around writes all others. */
export type WriteNested = (values: readonly unknown[]) => Uint8Array;

/** Whether a value is an Erlang term that has nothing nested, and so travels as one external term. */
function isLeafTerm(value: object): boolean {
  return (
    value instanceof Atom ||
    value instanceof Pid ||
    value instanceof Ref ||
    value instanceof Port ||
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
  if (Object.is(value, -0)) return float64(EXTENSION.FLOAT, -0);
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new EncodeError(`a ${typeof value} cannot travel`);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ExtData)
    return undefined;
  if (value instanceof Float)
    return Object.is(value.value, -0)
      ? new ExtData(EXTENSION.FLOAT_MINUS_ZERO, new Uint8Array(0))
      : float64(EXTENSION.FLOAT, value.value);
  if (isLeafTerm(value)) return term(value);
  if (value instanceof Tuple) return new ExtData(EXTENSION.TUPLE, write(value.elements));
  if (value instanceof AtomMap) return new ExtData(EXTENSION.ATOM_MAP, write(Object.entries(value).flat()));
  if (value instanceof Map) return new ExtData(EXTENSION.MAP, write([...value].flat()));
  if (value instanceof Set) return new ExtData(EXTENSION.SET, write([...value]));
  if (value instanceof Date) return float64(EXTENSION.DATE, value.getTime());
  if (value instanceof Error) {
    const parts: unknown[] = [String(value.name), String(value.message), value.stack ?? null];
    if ('cause' in value) parts.push(value.cause);
    return isAggregate(value)
      ? new ExtData(EXTENSION.AGGREGATE_ERROR, write([value.errors, ...parts]))
      : new ExtData(EXTENSION.ERROR, write(parts));
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
  if (!isPlain(value)) throw new EncodeError('an instance of a class cannot travel');
  if (Object.hasOwn(value, '__proto__'))
    return new ExtData(EXTENSION.OBJECT, write(Object.entries(value).flat()));
  return undefined;
}

function float64(type: number, value: number): ExtData {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return new ExtData(type, bytes);
}

function term(value: unknown): ExtData {
  const writer = new ByteWriter(64);
  encodeInto(writer, value);
  return new ExtData(EXTENSION.TERM, writer.toBytes());
}

/** Minus zero is the number; everything else here was made by `float()`, as is minus zero in an extension of its own. */
export function toFloat(value: number): number | Float {
  if (Object.is(value, -0)) return value;
  if (!Number.isFinite(value)) throw new DecodeError('a float is not finite', 0);
  return new Float(value);
}

export function toBigInt(text: string): bigint {
  const match = /^(-?)([0-9a-f]+)$/.exec(text);
  if (match === null) throw new DecodeError('expected the hexadecimal digits of a bigint', 0);
  const value = BigInt(`0x${match[2]}`);
  return match[1] === '-' ? -value : value;
}

/** Undefined for one of a kind that is not known here. */
export function toTypedArray(bytes: Uint8Array): object | undefined {
  const kind = bytes[0];
  if (kind === undefined) throw new DecodeError('a typed array does not say its kind', 0);
  const type = TYPED_ARRAYS[kind];
  if (type === undefined) return undefined;
  // A buffer of its own: elements must be aligned.
  const content = new Uint8Array(bytes.length - 1);
  content.set(bytes.subarray(1));
  if (content.length % type.BYTES_PER_ELEMENT !== 0)
    throw new DecodeError(`${content.length} bytes are no whole number of ${type.name} elements`, 0);
  return new type(content.buffer);
}

export function toImproperList(elements: readonly unknown[]): ImproperList {
  if (elements.length < 2 || Array.isArray(elements.at(-1)))
    throw new DecodeError('an improper list has an element, and a tail that is no list', 0);
  return new ImproperList(elements.slice(0, -1), elements.at(-1));
}

export function toError(parts: readonly unknown[]): Error {
  return restoreError(parts, (name, message) => {
    return new (Object.hasOwn(ERRORS, name) ? ERRORS[name]! : Error)(message);
  });
}

export function toAggregateError([errors, ...parts]: readonly unknown[]): AggregateError {
  if (!Array.isArray(errors)) throw new DecodeError('expected the errors of an error', 0);
  return restoreError(parts, (_name, message) => new AggregateError(errors, message));
}

function restoreError<T extends Error>(
  parts: readonly unknown[],
  make: (name: string, message: string) => T,
): T {
  const [name, message, stack] = parts;
  if (typeof name !== 'string' || typeof message !== 'string')
    throw new DecodeError('expected name and message of an error', 0);
  const error = make(name, message);
  const own = (key: string, value: unknown) =>
    Object.defineProperty(error, key, { value, writable: true, enumerable: false, configurable: true });
  if (error.name !== name) own('name', name);
  own('stack', typeof stack === 'string' ? stack : undefined);
  if (parts.length > 3) own('cause', parts[3]);
  return error;
}
