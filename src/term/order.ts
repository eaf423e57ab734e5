import { Atom, atom } from './atom.ts';
import { AtomMap } from './atom-map.ts';
import { BitString } from './binary.ts';
import { Float } from './float.ts';
import { ExternalFun, OpaqueFun } from './fun.ts';
import { Pid, Port, Ref } from './identifiers.ts';
import { ImproperList } from './list.ts';
import { inspectTerm } from './print.ts';
import { Tuple } from './tuple.ts';

/**
 * Erlang's order of terms. number < atom < reference < fun < port < pid < tuple < map < nil < list < bit string.
 *
 * `compareTerms` is `<` and `==`: an integer and a float of the same value are equal. `equalTerms` is `=:=`: they
 * are not. Inside the keys of maps the exact order holds in both: there an integer comes before the float.
 */

/** Ranks of the kinds. */
const NUMBER = 0;
const ATOM = 1;
const REFERENCE = 2;
const FUN = 3;
const PORT = 4;
const PID = 5;
const TUPLE = 6;
const MAP = 7;
const NIL = 8;
const LIST = 9;
const BIT_STRING = 10;

/**
 * Negative, 0 or positive as `a` comes before, with or after `b` in Erlang's order; fit for `sort` (which puts
 * `undefined` last without asking, though the atom belongs among the atoms).
 * @throws TypeError for values that have no term
 */
export function compareTerms(a: unknown, b: unknown): number {
  return compare(a, b, false);
}

/** The order of map keys: as `compareTerms`, but 1 comes before 1.0. @internal */
export function compareKeys(a: unknown, b: unknown): number {
  return compare(a, b, true);
}

/**
 * Whether both are the same term (`=:=`): `'a'` and the bytes of `'a'` are, `1` and `float(1)` are not, `{a: 1}` and
 * `new Map([['a', 1]])` are. Note that an integral float that was decoded is a number, hence an integer.
 * @throws TypeError for values that have no term
 */
export function equalTerms(a: unknown, b: unknown): boolean {
  return compare(a, b, true) === 0;
}

function rank(value: unknown): number {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return NUMBER;
    case 'string':
      return BIT_STRING;
    case 'boolean':
    case 'undefined':
      return ATOM;
    case 'object':
      break;
    default:
      throw new TypeError(`a ${typeof value} is not a term`);
  }
  if (value === null || value instanceof Atom) return ATOM;
  if (Array.isArray(value)) return value.length === 0 ? NIL : LIST;
  if (value instanceof Tuple) return TUPLE;
  if (value instanceof Pid) return PID;
  if (value instanceof Ref) return REFERENCE;
  if (value instanceof Uint8Array || value instanceof BitString) return BIT_STRING;
  if (value instanceof Float) return NUMBER;
  if (value instanceof Map || value instanceof AtomMap) return MAP;
  if (value instanceof ImproperList) return LIST;
  if (value instanceof ExternalFun || value instanceof OpaqueFun) return FUN;
  if (value instanceof Port) return PORT;
  const proto = Object.getPrototypeOf(value);
  if (proto === null || Object.getPrototypeOf(proto) === null) return MAP;
  throw new TypeError(`${inspectTerm(value)} is not a term`);
}

function compare(a: unknown, b: unknown, exact: boolean): number {
  if (a === b && typeof a !== 'number') return 0;
  const kind = rank(a);
  const other = rank(b);
  if (kind !== other) return kind - other;
  switch (kind) {
    case NUMBER:
      return compareNumbers(a as number | bigint | Float, b as number | bigint | Float, exact);
    case ATOM:
      return compareText(atomName(a), atomName(b));
    case REFERENCE:
      return compareRefs(a as Ref, b as Ref);
    case FUN:
      return compareFuns(a as ExternalFun | OpaqueFun, b as ExternalFun | OpaqueFun, exact);
    case PORT:
      return comparePorts(a as Port, b as Port);
    case PID:
      return comparePids(a as Pid, b as Pid);
    case TUPLE:
      return compareTuples(a as Tuple, b as Tuple, exact);
    case MAP:
      return compareMaps(a as object, b as object, exact);
    case LIST:
      return compareLists(a as unknown[] | ImproperList, b as unknown[] | ImproperList, exact);
    case BIT_STRING:
      return compareBits(a as string | Uint8Array | BitString, b as string | Uint8Array | BitString);
    default:
      return 0;
  }
}

const order = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function isFloat(value: number | bigint | Float): boolean {
  return (
    value instanceof Float ||
    (typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0)))
  );
}

/** JavaScript compares a bigint with a number by their exact values, as Erlang does. */
function compareNumbers(a: number | bigint | Float, b: number | bigint | Float, exact: boolean): number {
  const left = a instanceof Float ? a.value : a;
  const right = b instanceof Float ? b.value : b;
  if (!exact) return order(left, right);
  const leftIsFloat = isFloat(a);
  // Between keys, all integers come before all floats (OTP 18 and later).
  if (leftIsFloat !== isFloat(b)) return leftIsFloat ? 1 : -1;
  // Of floats alone: -0.0 is another term than 0.0 (OTP 27 and later), while 0 and 0n are one.
  return order(left, right) || (leftIsFloat ? Number(Object.is(right, -0)) - Number(Object.is(left, -0)) : 0);
}

function atomName(value: unknown): string {
  return value instanceof Atom ? value.name : value === null ? 'nil' : String(value);
}

/** By code points, as UTF-8 bytes compare; UTF-16 units compare otherwise above U+D7FF. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return sortable(left) - sortable(right);
  }
  return a.length - b.length;
}

/** Moves the surrogates, which stand for code points above U+FFFF, behind all other units. */
const sortable = (unit: number): number => ((unit & 0xf800) === 0xd800 ? unit + 0x10000 : unit);

function compareNodes(a: string, b: string, creationA: number, creationB: number): number {
  return compareText(a, b) || creationA - creationB;
}

function compareRefs(a: Ref, b: Ref): number {
  const node = compareNodes(a.node, b.node, a.creation, b.creation);
  if (node !== 0) return node;
  // The last word is the most significant; words that are absent count as 0.
  for (let i = Math.max(a.words.length, b.words.length) - 1; i >= 0; i--) {
    const difference = (a.words[i] ?? 0) - (b.words[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function comparePids(a: Pid, b: Pid): number {
  return a.serial - b.serial || a.id - b.id || compareNodes(a.node, b.node, a.creation, b.creation);
}

function comparePorts(a: Port, b: Port): number {
  return compareNodes(a.node, b.node, a.creation, b.creation) || order(a.id, b.id);
}

/** Closures come before external funs; who made a closure does not matter. */
function compareFuns(a: ExternalFun | OpaqueFun, b: ExternalFun | OpaqueFun, exact: boolean): number {
  if (a instanceof ExternalFun) {
    if (!(b instanceof ExternalFun)) return 1;
    return (
      compareText(a.module.name, b.module.name) ||
      compareText(a.function.name, b.function.name) ||
      a.arity - b.arity
    );
  }
  if (b instanceof ExternalFun) return -1;
  return (
    compareText(a.module.name, b.module.name) ||
    a.oldIndex - b.oldIndex ||
    a.oldUniq - b.oldUniq ||
    a.free.length - b.free.length ||
    compareElements(a.free, b.free, exact)
  );
}

function compareTuples(a: Tuple, b: Tuple, exact: boolean): number {
  return a.length - b.length || compareElements(a.elements, b.elements, exact);
}

/** Of equally long arrays. */
function compareElements(a: readonly unknown[], b: readonly unknown[], exact: boolean): number {
  for (let i = 0; i < a.length; i++) {
    const difference = compare(a[i], b[i], exact);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareLists(a: unknown[] | ImproperList, b: unknown[] | ImproperList, exact: boolean): number {
  const left = a instanceof ImproperList ? a.elements : a;
  const right = b instanceof ImproperList ? b.elements : b;
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const difference = compare(left[i], right[i], exact);
    if (difference !== 0) return difference;
  }
  return compare(rest(a, left, length), rest(b, right, length), exact);
}

/** What follows after `taken` elements, as far as the order of kinds cares: a list, nil, or the tail. */
function rest(list: unknown[] | ImproperList, elements: readonly unknown[], taken: number): unknown {
  if (elements.length > taken)
    return list instanceof ImproperList
      ? new ImproperList(elements.slice(taken), list.tail)
      : elements.slice(taken);
  return list instanceof ImproperList ? list.tail : [];
}

type Pair = readonly [unknown, unknown];

/** Keys and values of a map in any of its shapes. @internal */
export function pairsOf(map: object): Pair[] {
  if (map instanceof Map) return [...map];
  if (map instanceof AtomMap) return Object.entries(map).map(([key, value]): Pair => [atom(key), value]);
  return Object.entries(map);
}

/** By size, then by keys in key order, then by values in the order of their keys. */
function compareMaps(a: object, b: object, exact: boolean): number {
  const left = pairsOf(a);
  const right = pairsOf(b);
  if (left.length !== right.length) return left.length - right.length;
  left.sort((x, y) => compareKeys(x[0], y[0]));
  right.sort((x, y) => compareKeys(x[0], y[0]));
  for (let i = 0; i < left.length; i++) {
    const difference = compareKeys(left[i]![0], right[i]![0]);
    if (difference !== 0) return difference;
  }
  for (let i = 0; i < left.length; i++) {
    const difference = compare(left[i]![1], right[i]![1], exact);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Bit by bit, then the shorter first. */
function compareBits(a: string | Uint8Array | BitString, b: string | Uint8Array | BitString): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  const left = bytesOf(a);
  const right = bytesOf(b);
  const leftBits = left.length * 8 - (a instanceof BitString ? 8 - a.bits : 0);
  const rightBits = right.length * 8 - (b instanceof BitString ? 8 - b.bits : 0);
  const common = Math.min(leftBits, rightBits);
  const whole = common >> 3;
  const difference = Buffer.compare(left.subarray(0, whole), right.subarray(0, whole));
  if (difference !== 0) return difference;
  const mask = (0xff00 >> (common & 7)) & 0xff;
  const lastBits = mask === 0 ? 0 : (left[whole]! & mask) - (right[whole]! & mask);
  return lastBits || leftBits - rightBits;
}

function bytesOf(value: string | Uint8Array | BitString): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  return value instanceof BitString ? value.bytes : value;
}
