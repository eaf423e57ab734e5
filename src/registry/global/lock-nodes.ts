import { atom } from '../../term/atom.ts';
import { compareTerms } from '../../term/order.ts';
import type { LockTable } from './locks.ts';
import { delLock, type Lock, setLock } from './messages.ts';
import type { Role, Wishes } from './wishes.ts';

/** The member that is locked first, so that two who want the lock meet there: the greatest name. */
export function bossOf(nodes: Iterable<string>): string {
  let boss: string | undefined;
  for (const node of nodes) if (boss === undefined || compareTerms(atom(node), atom(boss)) > 0) boss = node;
  return boss!;
}

/** Who sets and frees locks on several nodes, in the name of one role. */
export class NodeLocker {
  readonly #self: string;
  readonly #role: Role;
  readonly #locks: LockTable;
  readonly #wishes: Wishes;

  constructor(self: string, role: Role, locks: LockTable, wishes: Wishes) {
    this.#self = self;
    this.#role = role;
    this.#locks = locks;
    this.#wishes = wishes;
  }

  /**
   * All or nothing: set on each of these nodes, or on none. A node that does not answer does not count; one that refuses
   * makes the others free it again.
   */
  set(lock: Lock, nodes: readonly string[], then: (isSet: boolean) => void): void {
    if (nodes.length === 0) {
      then(true);
      return;
    }
    // With others to lock, look here first: it costs nothing.
    if (nodes.length > 1 && nodes.includes(this.#self) && !this.#locks.canSet(lock)) {
      then(false);
      return;
    }
    this.#wishes.call(this.#role, nodes, setLock(lock), (replies) => {
      const isRefused = replies.some(([, reply]) => reply !== true);
      if (isRefused) {
        const locked = replies.flatMap(([node, reply]) => (reply === true ? [node] : []));
        this.free(lock, locked);
      }
      then(!isRefused);
    });
  }

  /** Frees it on these nodes; a later `set` by the same role finds it free there. */
  free(lock: Lock, nodes: readonly string[], then: () => void = () => {}): void {
    if (nodes.length === 0) then();
    else this.#wishes.call(this.#role, nodes, delLock(lock), () => then());
  }

  /** Frees it everywhere, on the boss last: who gets it there then gets it elsewhere too. */
  freeAll(lock: Lock, nodes: readonly string[], then: () => void): void {
    const boss = bossOf(nodes);
    this.free(
      lock,
      nodes.filter((node) => node !== boss),
      () => this.free(lock, [boss], then),
    );
  }
}
