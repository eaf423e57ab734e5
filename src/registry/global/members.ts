import type { Member } from './messages.ts';

/**
 * Which nodes belong with us, and how far. A node is connected; then `pending`, while a join with it goes on; then
 * `known`: a member of this node's partition, whose names are ours and ours theirs.
 */
export class Members {
  readonly self: string;
  /** Members, with the protocol version each speaks; 0 where nobody said. */
  readonly known = new Map<string, number>();
  /** Version of nodes that a join goes on with. */
  readonly pending = new Map<string, number>();
  /** Nodes that were told to close their connection: its end is news to nobody. */
  readonly removing = new Set<string>();
  /** Nodes that have the same names as we. */
  readonly synced = new Set<string>();
  readonly connected = new Set<string>();

  constructor(self: string) {
    this.self = self;
  }

  /** Its protocol version; 0 where nobody said. */
  vsn(node: string): number {
    return this.known.get(node) ?? this.pending.get(node) ?? 0;
  }

  isPotentiallyKnown(node: string): boolean {
    return this.known.has(node) || this.pending.has(node);
  }

  list(): Member[] {
    return [...this.known];
  }

  /** Gives those that are new. */
  add(members: Iterable<Member>): string[] {
    const added: string[] = [];
    for (const [node, vsn] of members) {
      if (node === this.self || this.known.has(node)) continue;
      this.known.set(node, vsn);
      added.push(node);
    }
    return added;
  }
}
