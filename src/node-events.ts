import type { Connection } from './connection/connection.ts';
import { OptionsError } from './errors.ts';
import type { Logger } from './telemetry/logger.ts';

/** What `nodeup` tells of a peer. */
export interface PeerInfo {
  readonly name: string;
  readonly creation: number;
  readonly hidden: boolean;
}

export function peerInfo(connection: Connection): PeerInfo {
  const { name, creation, hidden } = connection.peer;
  return { name, creation, hidden };
}

type Listener = (node: string, detail: never) => void;

/** Who wants to hear of nodes that come and go. A listener that throws harms neither the node nor the other listeners. */
export class NodeEvents {
  readonly #logger: Logger;
  readonly #listeners = { nodeup: new Set<Listener>(), nodedown: new Set<Listener>() };

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * @returns a function that ends it
   * @throws OptionsError for an event that there is none
   */
  on(event: 'nodeup' | 'nodedown', listener: Listener): () => void {
    if (event !== 'nodeup' && event !== 'nodedown')
      throw new OptionsError(
        'event',
        `expected the event "nodeup" or "nodedown", got ${JSON.stringify(event)}`,
      );
    const listeners = this.#listeners[event];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  nodeUp(info: PeerInfo): void {
    this.#tell('nodeup', info.name, info);
  }

  nodeDown(name: string, reason: string): void {
    this.#tell('nodedown', name, reason);
  }

  /** From now on nobody is told any more. */
  clear(): void {
    this.#listeners.nodeup.clear();
    this.#listeners.nodedown.clear();
  }

  #tell(event: 'nodeup' | 'nodedown', name: string, detail: unknown): void {
    for (const listener of [...this.#listeners[event]])
      try {
        listener(name, detail as never);
      } catch (error) {
        this.#logger.error(
          'node',
          `a nodeup or nodedown listener failed: ${error instanceof Error ? error.stack : error}`,
        );
      }
  }
}
