import { isUtf8 } from 'node:buffer';
import { Atom, atom } from './atom.ts';
import { AtomMap } from './atom-map.ts';
import { BitString } from './binary.ts';
import { Float } from './float.ts';
import { ExternalFun, OpaqueFun } from './fun.ts';
import { Pid, Port, Ref } from './identifiers.ts';
import { ImproperList } from './list.ts';
import { equalTerms } from './order.ts';
import { Tuple } from './tuple.ts';

interface Bucketed<V> {
  readonly key: unknown;
  value: V;
}

/**
 * A map whose keys are any terms, equal as Erlang's `=:=` has it: a string and its UTF-8 bytes are one key, `1` and
 * `float(1)` are two. Keys that JavaScript compares that way itself (texts, atoms, numbers, pids) are looked up directly;
 * the others share buckets by a sketch of the term.
 *
 * Iterates in no promised order. A key must not be changed while it is in here.
 * @throws TypeError from every method that is given a value which is no term
 */
export class TermMap<V> {
  readonly #direct = new Map<unknown, V>();
  /** Nearly always one to a sketch, which then costs no list of its own. */
  readonly #buckets = new Map<string, Bucketed<V> | Bucketed<V>[]>();
  #bucketed = 0;

  get size(): number {
    return this.#direct.size + this.#bucketed;
  }

  get(key: unknown): V | undefined {
    if (typeof key === 'string') return this.#direct.get(key);
    const direct = directKey(key);
    if (direct !== INDIRECT) return this.#direct.get(direct);
    return this.#find(this.#buckets.get(sketch(key)), key)?.value;
  }

  has(key: unknown): boolean {
    const direct = directKey(key);
    if (direct !== INDIRECT) return this.#direct.has(direct);
    return this.#find(this.#buckets.get(sketch(key)), key) !== undefined;
  }

  set(key: unknown, value: V): void {
    const direct = directKey(key);
    if (direct !== INDIRECT) {
      this.#direct.set(direct, value);
      return;
    }
    const hash = sketch(key);
    const bucket = this.#buckets.get(hash);
    const held = this.#find(bucket, key);
    if (held !== undefined) {
      held.value = value;
      return;
    }
    this.#bucketed += 1;
    if (bucket === undefined) this.#buckets.set(hash, { key, value });
    else if (Array.isArray(bucket)) bucket.push({ key, value });
    else this.#buckets.set(hash, [bucket, { key, value }]);
  }

  /** False when it was not there. */
  delete(key: unknown): boolean {
    const direct = directKey(key);
    if (direct !== INDIRECT) return this.#direct.delete(direct);
    const hash = sketch(key);
    const bucket = this.#buckets.get(hash);
    const held = this.#find(bucket, key);
    if (bucket === undefined || held === undefined) return false;
    this.#bucketed -= 1;
    if (!Array.isArray(bucket)) return this.#buckets.delete(hash);
    bucket.splice(bucket.indexOf(held), 1);
    if (bucket.length === 1) this.#buckets.set(hash, bucket[0]!);
    return true;
  }

  clear(): void {
    this.#direct.clear();
    this.#buckets.clear();
    this.#bucketed = 0;
  }

  *keys(): IterableIterator<unknown> {
    yield* this.#direct.keys();
    for (const bucket of this.#buckets.values()) for (const { key } of all(bucket)) yield key;
  }

  *values(): IterableIterator<V> {
    yield* this.#direct.values();
    for (const bucket of this.#buckets.values()) for (const { value } of all(bucket)) yield value;
  }

  #find(bucket: Bucketed<V> | Bucketed<V>[] | undefined, key: unknown): Bucketed<V> | undefined {
    if (Array.isArray(bucket)) return bucket.find((one) => equalTerms(one.key, key));
    return bucket !== undefined && equalTerms(bucket.key, key) ? bucket : undefined;
  }
}

function all<T>(bucket: T | T[]): readonly T[] {
  return Array.isArray(bucket) ? bucket : [bucket];
}

/** Whether a value is a term through and through, and so can be a key: a link between Beamish nodes carries more. */
export function isTerm(value: unknown): boolean {
  try {
    if (directKey(value) === INDIRECT) sketch(value);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** Of a key that JavaScript cannot compare by itself. */
const INDIRECT = Symbol('indirect');

/** What stands for a key in a JavaScript map: the same for equal terms, different for others. */
function directKey(key: unknown): unknown {
  switch (typeof key) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return key;
    case 'number':
      // Numbers that are no safe integers, and -0, are floats.
      return Number.isSafeInteger(key) && !Object.is(key, -0) ? key : INDIRECT;
    case 'bigint':
      return key >= Number.MIN_SAFE_INTEGER && key <= Number.MAX_SAFE_INTEGER ? Number(key) : key;
    case 'object':
      if (key === null) return key;
      if (key instanceof Atom) return atomKey(key);
      if (key instanceof Pid) return key;
      if (key instanceof Uint8Array && isUtf8(key)) return textOf(key);
      return INDIRECT;
    default:
      throw new TypeError(`a ${typeof key} is not a term`);
  }
}

/** These atoms have JavaScript values of their own. */
function atomKey(key: Atom): unknown {
  switch (key.name) {
    case 'true':
      return true;
    case 'false':
      return false;
    case 'nil':
      return null;
    case 'undefined':
      return undefined;
    default:
      return key;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** Short text about a term: equal for equal terms, and mostly different for others. */
function sketch(term: unknown): string {
  const direct = directKey(term);
  if (direct !== INDIRECT) {
    if (direct instanceof Pid) return `<${direct.id}.${direct.serial}.${direct.node}>`;
    return direct instanceof Atom ? `'${direct.name}` : `${typeof direct} ${String(direct)}`;
  }
  if (term instanceof Tuple) return `{${term.elements.map(sketch).join()}}`;
  if (Array.isArray(term)) return `[${term.map(sketch).join()}]`;
  if (term instanceof ImproperList) return `[${term.elements.map(sketch).join()}|${sketch(term.tail)}`;
  if (term instanceof Ref) return `#${term.key}`;
  if (term instanceof Uint8Array) return `b${Buffer.from(term).toString('latin1')}`;
  if (term instanceof BitString) return `t${Buffer.from(term.bytes).toString('latin1')}`;
  if (typeof term === 'number') return `f${Object.is(term, -0) ? '-0' : term}`;
  if (term instanceof Float) return `f${Object.is(term.value, -0) ? '-0' : term.value}`;
  if (term instanceof Map) return mapSketch(term);
  if (term instanceof ExternalFun) return `x${term.module.name}:${term.function.name}`;
  if (term instanceof OpaqueFun) return `o${term.module.name}`;
  if (term instanceof Port) return `p${term.id}`;
  const prototype = Object.getPrototypeOf(term);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (isPlain) return mapSketch(Object.entries(term as object));
  if (term instanceof AtomMap)
    return mapSketch(Object.entries(term).map(([key, value]) => [atom(key), value]));
  throw new TypeError(`a ${(term as object).constructor?.name ?? 'value'} is not a term`);
}

/** The same whichever order the entries come in. */
function mapSketch(entries: Iterable<readonly [unknown, unknown]>): string {
  const parts = Array.from(entries, ([key, value]) => `${sketch(key)}=${sketch(value)}`);
  return `m${parts.sort().join()}`;
}
