import { NameTakenError, OptionsError } from '../errors.ts';
import { atom } from '../term/atom.ts';
import { show } from './checks.ts';
import type { Process } from './process.ts';
import { describePid } from './reasons.ts';

/** The local names of a node. A process may have several; a name has one process, which is alive. */
export class Names {
  readonly #names = new Map<string, Process>();

  get(name: string): Process | undefined {
    return this.#names.get(name);
  }

  all(): string[] {
    return [...this.#names.keys()];
  }

  /** @throws OptionsError for an impossible name, NameTakenError for one in use */
  check(name: string): void {
    if (typeof name !== 'string' || name === '' || name === 'undefined') {
      throw new OptionsError(
        'name',
        `name: expected text that is neither empty nor "undefined", got ${show(name)}`,
      );
    }
    atom(name);
    const holder = this.#names.get(name);
    if (holder === undefined) return;
    throw new NameTakenError(name, `the name ${name} is taken by ${describePid(holder.pid)}`);
  }

  /** Gives a name that has been checked. */
  set(name: string, process: Process): void {
    const extra = process.extra;
    extra.names ??= [];
    extra.names.push(name);
    this.#names.set(name, process);
  }

  /** False when it was free. */
  unregister(name: string): boolean {
    const process = this.#names.get(name);
    if (process === undefined) return false;
    this.#names.delete(name);
    process.extra.names = process.extra.names?.filter((other) => other !== name);
    return true;
  }

  /** Frees all names of a process. */
  drop(process: Process): void {
    const names = process.extras?.names;
    if (names !== undefined) for (const name of names) this.#names.delete(name);
  }
}
