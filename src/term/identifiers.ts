import { INSPECT, PRINT } from './print.ts';
import { WeakTable } from './weak-table.ts';

/** What runs under a pid, as far as a pid need know: whose it is. */
export interface Resident {
  readonly system: object;
}

/**
 * The address of a process. `T` is what answers there (an actor, or a plain interface of methods); it exists for
 * the type checker only and is invariant.
 *
 * Equal pids are the same object: decoding a pid that is in use gives that very object, so `===` and `Map` keys work.
 */
export class Pid<T = unknown> {
  /** Name of the node, `name@host`. */
  readonly node: string;
  /** Unsigned 32-bit. */
  readonly id: number;
  /** Unsigned 32-bit. */
  readonly serial: number;
  /** Incarnation of the node, unsigned 32-bit. */
  readonly creation: number;
  /** NEW_PID_EXT bytes, made on first use. @internal */
  wire: Uint8Array | undefined = undefined;
  /** Whether `internPid` would find this object. @internal */
  interned = false;
  /** Private, so that whoever prints or serialises a pid does not come upon the process behind it. */
  #resident: Resident | undefined = undefined;
  /** Never set; carries the type. */
  declare readonly __answers?: (type: T) => T;

  /** @internal processes get theirs from the runtime, decoders from `internPid` */
  constructor(node: string, id: number, serial: number, creation: number) {
    this.node = node;
    this.id = id;
    this.serial = serial;
    this.creation = creation;
  }

  /**
   * The process of this pid while it lives in this program; whoever runs it keeps it here. Several nodes may run in one
   * program, a node's earlier life among them: ask whose it is. @internal
   */
  get resident(): Resident | undefined {
    return this.#resident;
  }

  set resident(resident: Resident | undefined) {
    this.#resident = resident;
  }

  [PRINT](): string {
    return `#Pid<${this.node}.${this.id}.${this.serial}>`;
  }

  toString(): string {
    return this[PRINT]();
  }

  [INSPECT](): string {
    return this[PRINT]();
  }
}

const pids = new WeakTable<string, Pid>();

const pidKey = (node: string, id: number, serial: number, creation: number): string =>
  `${id}.${serial}.${creation}.${node}`;

/** The pid with these parts; the one object that stands for it, if it has ever been decoded or encoded. */
export function internPid(node: string, id: number, serial: number, creation: number): Pid {
  const key = pidKey(node, id, serial, creation);
  const known = pids.get(key);
  if (known !== undefined) return known;
  const made = new Pid(node, id, serial, creation);
  made.interned = true;
  pids.set(key, made);
  return made;
}

/**
 * Makes a pid that was built locally known to `internPid`. Encoders call it before the pid leaves the program:
 * only a pid that left can come back, so pids that never leave cost no table entry.
 */
export function publishPid(pid: Pid): void {
  if (pid.interned) return;
  pid.interned = true;
  pids.set(pidKey(pid.node, pid.id, pid.serial, pid.creation), pid);
}

/** A unique reference: opaque words, kept and sent back unchanged. */
export class Ref {
  readonly node: string;
  readonly creation: number;
  /** 0 to 5 unsigned 32-bit words in wire order. */
  readonly words: readonly number[];
  #key: string | undefined;

  constructor(node: string, creation: number, words: readonly number[]) {
    this.node = node;
    this.creation = creation;
    this.words = words;
  }

  /** Equal for equal references: a `Map` key. */
  get key(): string {
    this.#key ??= `${this.words.join('.')}.${this.creation}.${this.node}`;
    return this.#key;
  }

  [PRINT](): string {
    return `#Ref<${this.node}.${this.words.toReversed().join('.')}>`;
  }

  toString(): string {
    return this[PRINT]();
  }

  [INSPECT](): string {
    return this[PRINT]();
  }
}

/** An Erlang port, kept and sent back unchanged. */
export class Port {
  readonly node: string;
  /** Unsigned 64-bit. */
  readonly id: bigint;
  readonly creation: number;

  constructor(node: string, id: bigint, creation: number) {
    this.node = node;
    this.id = id;
    this.creation = creation;
  }

  [PRINT](): string {
    return `#Port<${this.node}.${this.id}>`;
  }

  toString(): string {
    return this[PRINT]();
  }

  [INSPECT](): string {
    return this[PRINT]();
  }
}
