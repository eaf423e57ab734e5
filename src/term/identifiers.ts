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
  /** Private, these two, so that whoever serialises a pid finds its parts and nothing else. */
  #wire: Uint8Array | undefined = undefined;
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
   * Whether this is a pid itself. What only answers for one (a proxy around it, an object made from it) has its parts,
   * and nothing that is kept in it. @internal
   */
  static isGenuine(pid: Pid): boolean {
    return #wire in pid;
  }

  /** NEW_PID_EXT bytes, made on first use. @internal */
  get wire(): Uint8Array | undefined {
    return #wire in this ? this.#wire : undefined;
  }

  set wire(wire: Uint8Array) {
    if (#wire in this) this.#wire = wire;
  }

  /**
   * The process of this pid while it lives in this program; whoever runs it keeps it here. Several nodes may run in one
   * program, a node's earlier life among them: ask whose it is. @internal
   */
  get resident(): Resident | undefined {
    return #resident in this ? this.#resident : undefined;
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

/** A node of this program, as far as pids need know. */
export interface Home {
  /** The pid of its live process with these parts. */
  pidOf(id: number, serial: number, creation: number): Pid | undefined;
}

/** By the node's name, of its lives the latest. */
const homes = new WeakTable<string, Home>();

/** From now on pids of this node that come up for the first time are asked for there. */
export function settleAt(node: string, home: Home): void {
  homes.set(node, home);
}

const pids = new WeakTable<string, Pid>();

const pidKey = (node: string, id: number, serial: number, creation: number): string =>
  `${id}.${serial}.${creation}.${node}`;

/**
 * The pid with these parts: the one object that stands for it, if it has ever been decoded or encoded, or if it is that of
 * a process of this program.
 */
export function internPid(node: string, id: number, serial: number, creation: number): Pid {
  const key = pidKey(node, id, serial, creation);
  const known = pids.get(key);
  if (known !== undefined) return known;
  const made = homes.get(node)?.pidOf(id, serial, creation) ?? new Pid(node, id, serial, creation);
  pids.set(key, made);
  return made;
}

/**
 * Makes a pid that was built locally known to `internPid`. Encoders call it before the pid leaves the program:
 * only a pid that left can come back, so pids that never leave cost no table entry. That of a process of this program goes
 * before one that has only been heard of, or copied; what merely answers for a pid (see `isGenuine`) never stands for it.
 */
export function publishPid(pid: Pid): void {
  if (!Pid.isGenuine(pid)) return;
  const { node, id, serial, creation } = pid;
  const key = pidKey(node, id, serial, creation);
  if (pid.resident !== undefined) pids.set(key, pid);
  else if (pids.get(key) === undefined) pids.set(key, homes.get(node)?.pidOf(id, serial, creation) ?? pid);
}

const refKey = ({ words, creation, node }: Ref): string => `${words.join('.')}.${creation}.${node}`;

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
    // A proxy around a reference has no room for it.
    if (!(#key in this)) return refKey(this);
    this.#key ??= refKey(this);
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
