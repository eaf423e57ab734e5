import { type Atom, atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import type { Tuple } from '../term/tuple.ts';
import type { GlobalNames } from './global-names.ts';
import { describePid, describeReason } from './reasons.ts';

/** The process registered as `name` on `node`. Invariant in what answers there. */
export class At<T = unknown> {
  readonly node: string;
  readonly name: Atom;
  /** Never set; carries the type. */
  declare readonly __answers?: (type: T) => T;

  constructor(node: string, name: Atom) {
    this.node = node;
    this.name = name;
  }
}

/** A name in the cluster-wide registry: text, as most use, or any atom or tuple that a BEAM registered. */
export type GlobalName = string | Atom | Tuple;

/** The process registered under a global name, wherever it lives. Invariant in what answers there. */
export class Global<T = unknown> {
  readonly name: GlobalName;
  /** Never set; carries the type. */
  declare readonly __answers?: (type: T) => T;

  constructor(name: GlobalName) {
    this.name = name;
  }
}

/** Where a message or a call may go: a pid, a local name, `at(node, name)`, `global(name)`. */
export type Destination<T = unknown> = Pid<T> | At<T> | Global<T> | string;

/** A destination, whatever answers there. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` is compatible with every invariant type
export type AnyDestination = Destination<any>;

/** A pid, whatever answers there. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` is compatible with every invariant type
export type AnyPid = Pid<any>;

/** The process registered as `name` on that node. */
export function at<T = unknown>(node: string, name: string): At<T> {
  return new At(node, atom(name));
}

/** The process registered under that name in the whole cluster. */
export function global<N extends keyof GlobalNames>(name: N): Global<GlobalNames[N]>;
export function global<T = unknown>(name: GlobalName): Global<T>;
export function global(name: GlobalName): Global {
  return new Global(name);
}

/** Looks global names up; the registry supplies it. */
export interface GlobalResolver {
  whereis(name: GlobalName): Pid | undefined;
}

/** A destination for people. */
export function describeDestination(to: unknown): string {
  if (to instanceof Pid) return describePid(to);
  if (to instanceof At) return `${to.name.name} at ${to.node}`;
  if (to instanceof Global) return `global ${describeReason(to.name)}`;
  return String(to);
}
