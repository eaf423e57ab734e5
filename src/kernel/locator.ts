import { ConnectionError } from '../errors.ts';
import type { HandshakeVersion } from '../handshake/messages.ts';
import { aliveOf, hostOf } from '../handshake/name.ts';

/** Where a peer listens. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
  /** Version of the first message to send there. @default 6 */
  readonly version?: HandshakeVersion;
}

export interface LocatorOptions {
  /** The port where every node listens, whatever its host: no port mapper is asked. */
  readonly nodePort: number | undefined;
  /** Whether this node uses a port mapper itself: then others are taken to do so too, and theirs knows best. */
  readonly usesMapper: boolean;
  /** Nodes of which it is remembered where they were last said to be. */
  readonly maxHeard: number;
  /** Asks the port mapper of a host; undefined when it knows no such name. */
  readonly lookup: (
    alive: string,
    host: string,
    options: { readonly signal: AbortSignal },
  ) => Promise<{ readonly port: number; readonly highestVersion: number } | undefined>;
}

/**
 * Where nodes listen: what was told of a node comes first, then the port that all share, then the port mapper.
 *
 * What discovery has heard of a node counts for its own attempt, and after that where no port mapper knows better: others of this
 * node connect too, a sender, or the registry, which keeps the mesh whole and would otherwise call a node lost that can
 * be reached.
 */
export class Locator {
  readonly #o: LocatorOptions;
  readonly #told = new Map<string, PeerAddress>();
  readonly #toldOnce = new Map<string, PeerAddress>();
  /** The node that was heard of last is the last. */
  readonly #heard = new Map<string, PeerAddress>();

  constructor(options: LocatorOptions) {
    this.#o = options;
  }

  /** From now on that node is reached there, also when it is connected again. */
  tell(
    nodeName: string,
    { host = hostOf(nodeName), port }: { host?: string | undefined; port: number },
  ): void {
    this.#told.set(nodeName, { host, port });
  }

  /** While `work` goes on, that node is reached there: a rumour, which may be out of date by the next time. */
  async during<T>(nodeName: string, address: PeerAddress, work: () => Promise<T>): Promise<T> {
    this.#toldOnce.set(nodeName, address);
    this.#heard.delete(nodeName);
    this.#heard.set(nodeName, address);
    if (this.#heard.size > this.#o.maxHeard) this.#heard.delete(this.#heard.keys().next().value!);
    try {
      return await work();
    } finally {
      this.#toldOnce.delete(nodeName);
    }
  }

  /** @throws ConnectionError when nobody knows */
  async locate(nodeName: string, signal: AbortSignal): Promise<PeerAddress> {
    const told = this.#told.get(nodeName) ?? this.#toldOnce.get(nodeName);
    if (told !== undefined) return told;
    const host = hostOf(nodeName);
    const { nodePort, usesMapper } = this.#o;
    if (nodePort !== undefined) return { host, port: nodePort };
    const heard = this.#heard.get(nodeName);
    if (heard !== undefined && !usesMapper) return heard;
    try {
      return await this.#ask(nodeName, host, signal);
    } catch (error) {
      if (heard === undefined || signal.aborted) throw error;
      return heard;
    }
  }

  async #ask(nodeName: string, host: string, signal: AbortSignal): Promise<PeerAddress> {
    const alive = aliveOf(nodeName);
    const found = await this.#o.lookup(alive, host, { signal }).catch((error: unknown) => {
      if (!(error instanceof ConnectionError)) throw error;
      throw new ConnectionError(
        `the port mapper of ${host} cannot be asked for ${nodeName}: ${error.message}`,
        {
          cause: error,
        },
      );
    });
    if (found === undefined)
      throw new ConnectionError(`no node named ${alive} is known to the port mapper of ${host}`);
    // Nodes of OTP 22 and earlier say that they speak nothing newer, and would not understand a version 6 name.
    return { host, port: found.port, version: found.highestVersion < 6 ? 5 : 6 };
  }
}
