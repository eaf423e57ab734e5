import type { Connection } from './connection/connection.ts';
import { OptionsError } from './errors.ts';
import { tellEach } from './process/listeners.ts';
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

type Listener = (node: string, detail: never) => unknown;

/** Who wants to hear of nodes that come and go. A listener that throws or rejects harms neither the node nor the others. */
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
    const who = 'a nodeup or nodedown listener';
    tellEach(this.#logger, 'node', who, this.#listeners[event], name, detail as never);
  }
}
