import type { Pid } from '../../term/identifiers.ts';
import { TermMap } from '../../term/term-map.ts';
import type { ExternalName, NameEntry } from './messages.ts';

/**
 * The local replica of all names. Only the name server writes; whoever looks a name up reads it directly, as any process
 * of a BEAM reads the table `global_names`. It outlives the name server, so that a new one finds what this node's own
 * processes are called.
 */
export class NameTable {
  readonly #names = new TermMap<NameEntry>();
  /** Names by holder; nearly all have one. */
  readonly #byPid = new Map<Pid, NameEntry | NameEntry[]>();
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
    const held = this.#byPid.get(pid);
    return held === undefined ? [] : Array.isArray(held) ? held : [held];
  }

  /** Gives a name that nobody has. */
  add(entry: NameEntry): void {
    this.#names.set(entry.name, entry);
    const held = this.#byPid.get(entry.pid);
    if (held === undefined) this.#byPid.set(entry.pid, entry);
    else if (Array.isArray(held)) held.push(entry);
    else this.#byPid.set(entry.pid, [held, entry]);
  }

  /** Frees a name; gives who had it. */
  delete(name: unknown): NameEntry | undefined {
    const entry = this.#names.get(name);
    if (entry === undefined) return undefined;
    this.#names.delete(name);
    this.external.delete(name);
    const held = this.#byPid.get(entry.pid);
    if (!Array.isArray(held)) this.#byPid.delete(entry.pid);
    else if (held.length === 2) this.#byPid.set(entry.pid, held[held[0] === entry ? 1 : 0]!);
    else held.splice(held.indexOf(entry), 1);
    return entry;
  }
}
