import { BeamishError, EncodeError, messageOf } from '../../errors.ts';
import { AtomMap } from '../atom-map.ts';
import { EncodedTerm } from '../encoded-term.ts';
import { ImproperList } from '../list.ts';
import { PRINT } from '../print.ts';
import { Tuple } from '../tuple.ts';
import { hasEqualKeys } from './keys.ts';
import { MAX_TERM_DEPTH } from './tags.ts';

/**
 * Why a value has no term, and where in it. The encoder keeps neither path nor ancestors; this walks the value
 * again, in the same order, after it has failed. Undefined when nothing wrong is found (a getter changed its mind).
 */
function explain(value: unknown, format?: RicherFormat): EncodeError | undefined {
  return walk(value, 'value', { ancestors: [], format });
}

/** The error that tells of a value that could not be encoded: `error`, or why and where the encoder came upon it. */
export function explained(error: unknown, value: unknown, format?: RicherFormat): unknown {
  if (error instanceof BeamishError && !(error instanceof EncodeError)) return error;
  const found = explain(value, format);
  if (found !== undefined || error instanceof EncodeError) return found ?? error;
  return new EncodeError(`cannot be encoded: ${messageOf(error)}`, 'value', { cause: error });
}

/** A format that carries more than terms: numbers that are no floats of Erlang, keys that are equal terms, classes. */
export interface RicherFormat {
  /** What is in a value that has no term, each with its step in the path; undefined when it cannot travel either. */
  inside(value: object): Iterable<readonly [step: string, value: unknown]> | undefined;
}

interface Walk {
  readonly ancestors: (readonly [object, string])[];
  readonly format: RicherFormat | undefined;
}

function walk(value: unknown, path: string, on: Walk): EncodeError | undefined {
  switch (typeof value) {
    case 'function':
      return new EncodeError(
        `a function cannot be sent; send a pid, or an ExternalFun for a function of an Erlang module`,
        path,
      );
    case 'symbol':
      return new EncodeError('a symbol cannot be sent; send an atom', path);
    case 'number':
      return on.format !== undefined || Number.isFinite(value)
        ? undefined
        : new EncodeError(`${value} is not an Erlang float; send an atom or null instead`, path);
    case 'string':
      return value.isWellFormed()
        ? undefined
        : new EncodeError(
            'a string with half of a surrogate pair has no UTF-8; send toWellFormed() of it',
            path,
          );
    case 'object':
      return value === null ? undefined : walkObject(value, path, on);
    default:
      return undefined;
  }
}

function walkObject(value: object, path: string, on: Walk): EncodeError | undefined {
  const { ancestors } = on;
  const seen = ancestors.find(([ancestor]) => ancestor === value);
  if (seen !== undefined)
    return new EncodeError(`a term cannot contain itself: this is ${seen[1]} again`, path);
  if (ancestors.length >= MAX_TERM_DEPTH)
    return new EncodeError(`nested more than ${MAX_TERM_DEPTH} deep`, shorten(path));
  ancestors.push([value, path]);
  try {
    return walkInside(value, path, on);
  } catch (cause) {
    // What is in there is whatever a getter or a proxy does.
    return new EncodeError(`cannot be read: ${messageOf(cause)}`, path, { cause });
  } finally {
    ancestors.pop();
  }
}

function walkInside(value: object, path: string, on: Walk): EncodeError | undefined {
  if (Array.isArray(value)) return walkElements(value, path, on);
  if (value instanceof Tuple) return walkElements(value.elements, path, on);
  if (value instanceof ImproperList)
    return walkElements(value.elements, path, on) ?? walk(value.tail, `${path}.tail`, on);
  if (value instanceof Map) {
    let index = 0;
    for (const [key, inner] of value) {
      const label = typeof key === 'string' || typeof key === 'number' ? JSON.stringify(key) : `key ${index}`;
      const found = walk(key, `${path}.key(${index})`, on) ?? walk(inner, `${path}.get(${label})`, on);
      if (found !== undefined) return found;
      index++;
    }
    return on.format === undefined && hasEqualKeys([...value.keys()])
      ? new EncodeError('a map has two keys that are the same term', path)
      : undefined;
  }
  const proto = Object.getPrototypeOf(value);
  if (value instanceof AtomMap || proto === null || Object.getPrototypeOf(proto) === null) {
    for (const key of Object.keys(value)) {
      const at = /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
      const found =
        (key.isWellFormed()
          ? undefined
          : new EncodeError('a key with half of a surrogate pair has no UTF-8', at)) ??
        (value instanceof AtomMap && [...key].length > 255
          ? new EncodeError('an atom has at most 255 characters', at)
          : undefined) ??
        walk((value as Record<string, unknown>)[key], at, on);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const inside = on.format?.inside(value);
  if (inside !== undefined) {
    for (const [step, part] of inside) {
      const found = walk(part, `${path}${step}`, on);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const advice = adviseOn(value);
  return advice === undefined ? undefined : new EncodeError(advice, path);
}

function walkElements(elements: readonly unknown[], path: string, on: Walk): EncodeError | undefined {
  for (let i = 0; i < elements.length; i++) {
    const at = `${path}[${i}]`;
    if (!(i in elements))
      return new EncodeError('an array with holes cannot be sent; fill them with null', at);
    const found = walk(elements[i], at, on);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What to send instead of an instance that has no term; undefined for the classes that have one. */
function adviseOn(value: object): string | undefined {
  if (PRINT in value || value instanceof Uint8Array || value instanceof EncodedTerm) return undefined;
  if (value instanceof Date) return 'a Date has no Erlang term; send getTime() or toISOString() of it';
  if (value instanceof Set) return 'a Set has no Erlang term; send the array [...set]';
  if (value instanceof Error) return 'an Error has no Erlang term; send its message, or a tuple';
  if (value instanceof RegExp) return 'a RegExp has no Erlang term; send its source';
  if (value instanceof Promise) return 'a Promise cannot be sent; await it first';
  if (value instanceof ArrayBuffer) return 'an ArrayBuffer has no Erlang term; send new Uint8Array(buffer)';
  if (ArrayBuffer.isView(value))
    return `a ${value.constructor.name} has no Erlang term; send Array.from() of it, or its bytes as a Uint8Array`;
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return `a boxed ${value.constructor.name} has no Erlang term; send valueOf() of it`;
  const name = value.constructor?.name || 'a nameless class';
  return `an instance of ${name} has no Erlang term; send a plain object, for instance { ...it }`;
}

/** A path thousands of steps long helps nobody: its beginning and its end do. */
function shorten(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 100)}…${path.slice(-80)}`;
}
