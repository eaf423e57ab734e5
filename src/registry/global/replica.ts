import type { Pid } from '../../term/identifiers.ts';
import type { LockTable } from './locks.ts';
import type { ExternalName, NameOp } from './messages.ts';
import type { NameTable } from './names.ts';
import type { Wishes } from './wishes.ts';

/** Under whose lock names change: the process that registers, or the lock of a join. */
export type Authority = Pid | { readonly lock: unknown };

/** Processes we monitor: holders of names and of locks, once each however much they hold. */
export class Watched {
  readonly #wishes: Wishes;
  readonly #counts = new Map<Pid, number>();

  constructor(wishes: Wishes) {
    this.#wishes = wishes;
  }

  add(pid: Pid): void {
    const count = this.#counts.get(pid) ?? 0;
    this.#counts.set(pid, count + 1);
    if (count === 0) this.#wishes.add({ type: 'monitor', pid });
  }

  release(pid: Pid): void {
    const count = this.#counts.get(pid);
    if (count === undefined) return;
    if (count > 1) this.#counts.set(pid, count - 1);
    else {
      this.#counts.delete(pid);
      this.#wishes.add({ type: 'demonitor', pid });
    }
  }

  /** It has ended: nothing is left to be taken down. */
  gone(pid: Pid): void {
    this.#counts.delete(pid);
  }
}

/** Changes of the local replica, each told to whoever listens; the holders are monitored. */
export class Replica {
  readonly #table: NameTable;
  readonly #locks: LockTable;
  readonly #watched: Watched;
  readonly #wishes: Wishes;

  constructor(table: NameTable, locks: LockTable, watched: Watched, wishes: Wishes) {
    this.#table = table;
    this.#locks = locks;
    this.#watched = watched;
    this.#wishes = wishes;
  }

  /**
   * Gives the name to `pid`, whoever had it. Without a lock that covers it, nobody has it then, unless it is who has it
   * already: that is no news, and nothing is entered that would stay. (OTP takes the name away then, also on the holder's own
   * node, while the others have entered it.)
   */
  insert(name: unknown, pid: Pid, resolver: unknown, by: Authority): void {
    const held = this.#table.get(name);
    const isCovered = this.#locks.covers(by);
    if (held !== undefined && held.pid === pid) {
      this.#table.delete(name);
      this.#table.add({ name, pid, resolver });
      return;
    }
    if (isCovered) this.#watched.add(pid);
    this.delete(name);
    if (!isCovered) return;
    this.#table.add({ name, pid, resolver });
    this.#wishes.add({ type: 'registered', name, pid });
  }

  delete(name: unknown): void {
    const entry = this.#table.delete(name);
    if (entry === undefined) return;
    this.#watched.release(entry.pid);
    this.#wishes.add({ type: 'unregistered', name: entry.name, pid: entry.pid });
  }

  /** All names of a process that has ended. */
  deleteOf(pid: Pid): void {
    for (const { name } of [...this.#table.of(pid)]) this.delete(name);
  }

  /**
   * All names of a node's processes: it is no member any more. The ends of its processes may be long in coming, where our
   * monitors wait for a connection that is being tried; and a name that is here is not told to other members when the node
   * joins again.
   */
  deleteOfNode(node: string): void {
    for (const { name, pid } of [...this.#table.all()]) if (pid.node === node) this.delete(name);
  }

  /** What a join decided. */
  apply(ops: readonly NameOp[], external: readonly ExternalName[], by: Authority): void {
    for (const { name, insert } of ops)
      if (insert !== undefined) this.insert(name, insert.pid, insert.resolver, by);
    for (const { name, insert } of ops) if (insert === undefined) this.delete(name);
    for (const entry of external)
      if (this.#table.get(entry.elements[0])?.pid === entry.elements[1])
        this.#table.external.set(entry.elements[0], entry);
  }
}
