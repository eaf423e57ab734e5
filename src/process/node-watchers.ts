import type { Process } from './process.ts';
import { NodeDown, NodeUp } from './system-messages.ts';

/** Of which nodes a process is told: a connection is hidden when either side is. */
export type NodeType = 'visible' | 'hidden' | 'all';

/** The processes that are told of nodes that come and go, each of nodes of one type. */
export class NodeWatchers {
  readonly #types = new Map<Process, NodeType>();

  /** Takes the place of what the process asked for before. */
  add(process: Process, type: NodeType): void {
    this.#types.set(process, type);
  }

  remove(process: Process): void {
    if (this.#types.size > 0) this.#types.delete(process);
  }

  up(node: string, info: unknown, hidden: boolean): void {
    this.#tell(hidden, () => new NodeUp(node, info));
  }

  down(node: string, reason: unknown, hidden: boolean): void {
    this.#tell(hidden, () => new NodeDown(node, reason));
  }

  /** Each gets a message of its own. */
  #tell(hidden: boolean, message: () => NodeUp | NodeDown): void {
    const other: NodeType = hidden ? 'visible' : 'hidden';
    for (const [process, type] of this.#types) if (type !== other) process.post(message());
  }
}
