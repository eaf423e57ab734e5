import type { Registration } from './registration.ts';
import type { DumpEntry } from './response.ts';

/** Names that may be held at one time. Each costs an open connection; a machine runs far fewer nodes. */
export const MAX_REGISTRATIONS = 4096;
/** Names no longer held whose last creation is remembered; the daemon remembers as many. */
export const MAX_UNUSED_NAMES = 1000;
/** Creations below this one meant something else before OTP 23, and a receiver may treat them as wild cards. */
const LOWEST_CREATION = 4;
/** Nodes whose highest version is 5 count 1, 2, 3, 1, ... */
const SHORT_CREATIONS = 3;

interface Entry {
  readonly registration: Registration;
  readonly connection: number;
  readonly creation: number;
}

/**
 * Who holds which name, by the connection that registered it, and the creation each registration got.
 *
 * A name that comes back gets the next creation; a name never seen starts at a random one. (The daemon starts
 * from the clock, in seconds. Random is better here: the embedded port mapper ends with its node, so its successor
 * may meet a name that was registered, elsewhere, within the same second.)
 */
export class Directory {
  readonly #byName = new Map<string, Entry>();
  readonly #byConnection = new Map<number, string>();
  /** Oldest first. */
  readonly #unused = new Map<string, Entry>();
  readonly #randomU32: () => number;

  constructor(randomU32: () => number) {
    this.#randomU32 = randomU32;
  }

  get size(): number {
    return this.#byName.size;
  }

  find(name: string): Registration | undefined {
    return this.#byName.get(name)?.registration;
  }

  /** @returns the creation, or undefined when the name is taken or the directory is full */
  register(connection: number, registration: Registration): number | undefined {
    const { name } = registration;
    if (this.#byName.has(name) || this.#byName.size >= MAX_REGISTRATIONS) return undefined;
    const last = this.#unused.get(name)?.creation;
    const creation = atLeast(last === undefined ? this.#randomU32() : last + 1);
    this.#unused.delete(name);
    this.#byName.set(name, { registration, connection, creation });
    this.#byConnection.set(connection, name);
    return registration.highestVersion > 5 ? creation : (creation % SHORT_CREATIONS) + 1;
  }

  /** Gives back the name that this connection holds. */
  unregister(connection: number): string | undefined {
    const name = this.#byConnection.get(connection);
    if (name === undefined) return undefined;
    const entry = this.#byName.get(name);
    this.#byConnection.delete(connection);
    this.#byName.delete(name);
    if (entry !== undefined) this.#unused.set(name, entry);
    const [oldest] = this.#unused.keys();
    if (this.#unused.size > MAX_UNUSED_NAMES && oldest !== undefined) this.#unused.delete(oldest);
    return name;
  }

  /** Latest registration first, as the daemon lists them. */
  registrations(): Registration[] {
    return [...this.#byName.values()].reverse().map((entry) => entry.registration);
  }

  dump(): DumpEntry[] {
    const line = ({ registration, connection }: Entry, isActive: boolean): DumpEntry => ({
      name: registration.name,
      port: registration.port,
      connection,
      isActive,
    });
    return [
      ...[...this.#byName.values()].reverse().map((entry) => line(entry, true)),
      ...[...this.#unused.values()].map((entry) => line(entry, false)),
    ];
  }
}

function atLeast(creation: number): number {
  return Math.max(creation >>> 0, LOWEST_CREATION);
}
