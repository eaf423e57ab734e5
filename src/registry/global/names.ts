import type { Pid } from '../../term/identifiers.ts';
import { TermMap } from '../../term/term-map.ts';
import { ByPid } from '../by-pid.ts';
import type { ExternalName, NameEntry } from './messages.ts';

/**
 * The local replica of all names. Only the name server writes; whoever looks a name up reads it directly, as any process
 * of a BEAM reads the table `global_names`. It outlives the name server, so that a new one finds what this node's own
 * processes are called.
 */
export class NameTable {
  readonly #names = new TermMap<NameEntry>();
  readonly #byPid = new ByPid<NameEntry>();
  /** Names that a BEAM node registered for a C node: we only pass them on. */
  readonly external = new TermMap<ExternalName>();

  get size(): number {
    return this.#names.size;
  }

  get(name: unknown): NameEntry | undefined {
    return this.#names.get(name);
  }

  all(): IterableIterator<NameEntry> {
    return this.#names.values();
  }

  of(pid: Pid): readonly NameEntry[] {
    return this.#byPid.of(pid);
  }

  /** Gives a name that nobody has. */
  add(entry: NameEntry): void {
    this.#names.set(entry.name, entry);
    this.#byPid.add(entry.pid, entry);
  }

  /** Frees a name; gives who had it. */
  delete(name: unknown): NameEntry | undefined {
    const entry = this.#names.get(name);
    if (entry === undefined) return undefined;
    this.#names.delete(name);
    this.external.delete(name);
    this.#byPid.remove(entry.pid, entry);
    return entry;
  }
}
