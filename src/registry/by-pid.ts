import type { Pid } from '../term/identifiers.ts';

/**
 * What each of many processes has: nearly always one thing, which then costs no list of its own, at times
 * several, in the order they were added and each as often. Things are objects, never arrays.
 */
export class ByPid<T extends object> {
  readonly #things = new Map<Pid, T | T[]>();

  /** True when it is the first that the process has. */
  add(pid: Pid, thing: T): boolean {
    const had = this.#things.get(pid);
    if (Array.isArray(had)) had.push(thing);
    else this.#things.set(pid, had === undefined ? thing : [had, thing]);
    return had === undefined;
  }

  /** Takes away the latest that is this one. True when it was the last that the process had. */
  remove(pid: Pid, thing: T): boolean {
    const had = this.#things.get(pid);
    if (!Array.isArray(had)) return had === thing && this.#things.delete(pid);
    const at = had.lastIndexOf(thing);
    if (at >= 0) had.splice(at, 1);
    if (had.length === 1) this.#things.set(pid, had[0]!);
    return false;
  }

  of(pid: Pid): readonly T[] {
    const had = this.#things.get(pid);
    return had === undefined ? [] : Array.isArray(had) ? had : [had];
  }

  /** Takes everything away. */
  delete(pid: Pid): void {
    this.#things.delete(pid);
  }

  pids(): IterableIterator<Pid> {
    return this.#things.keys();
  }
}
