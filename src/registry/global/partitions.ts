/**
 * The guard against overlapping partitions: when two members lose each other, all others part with one of them, so that
 * whoever is connected stays connected with everybody. On by default, in OTP since 25.
 *
 * A member that lost a node says `lost_connection` to all others; each passes that on once, asks the lost node to
 * `remove_connection`, and forgets it. So both nodes of the pair end up expelled, and join again when they connect.
 *
 * @see OTP, global.erl, "Prevent Overlapping Partitions Algorithm"
 */
import type { Tuple } from '../../term/tuple.ts';
import type { Members } from './members.ts';
import { lostConnection, PARTITIONS_VSN, removeConnection } from './messages.ts';
import type { Wishes } from './wishes.ts';

/** Reports remembered, to pass each on once: OTP keeps them an hour. */
const MAX_REPORTS = 4_096;

export interface PartitionsOptions {
  readonly members: Members;
  readonly wishes: Wishes;
  readonly enabled: boolean;
  /** Names this life of this name server: any whole number that an earlier one has not had. */
  readonly incarnation: number;
  /** Everything that was known of this node is forgotten. */
  readonly forget: (node: string) => void;
}

/** `{lost_connection, Node, Incarnation, Counter, Lost}` as it came. */
export interface LostConnection {
  readonly node: string;
  readonly incarnation: unknown;
  readonly counter: number | bigint;
  readonly lost: string;
  readonly message: Tuple;
}

export class Partitions {
  readonly #o: PartitionsOptions;
  readonly #reports = new Map<string, { readonly incarnation: unknown; readonly counter: number | bigint }>();
  #counter = 0;

  constructor(options: PartitionsOptions) {
    this.#o = options;
  }

  /** A connection to one of ours has ended by itself: the others are told. */
  lost(node: string): void {
    const { members, enabled, incarnation } = this.#o;
    if (!enabled) return;
    this.#counter += 1;
    this.#multicast(lostConnection(members.self, incarnation, this.#counter, node), node);
  }

  lostConnection({ node, incarnation, counter, lost, message }: LostConnection): void {
    const { members, wishes, enabled, forget } = this.#o;
    if (!enabled) return;
    const key = `${node} ${lost}`;
    const seen = this.#reports.get(key);
    if (seen !== undefined && seen.incarnation === incarnation && counter <= seen.counter) return;
    this.#reports.delete(key);
    this.#reports.set(key, { incarnation, counter });
    if (this.#reports.size > MAX_REPORTS) this.#reports.delete(this.#reports.keys().next().value!);
    this.#multicast(message, node);
    // Where it is we who were lost, all others part with us; from the one who says so we part ourselves.
    const other = lost === members.self ? node : lost;
    if (!members.isPotentiallyKnown(other)) return;
    if (members.vsn(other) < PARTITIONS_VSN) {
      wishes.add({
        type: 'warn',
        text: `disconnected ${other}, which ${node} lost: partitions would overlap`,
      });
      wishes.add({ type: 'disconnect', node: other });
    } else {
      wishes.add({
        type: 'warn',
        text: `${node} lost ${lost}: ${other} is asked to leave, or partitions would overlap`,
      });
      wishes.add({ type: 'send', node: other, message: removeConnection(members.self) });
    }
    forget(other);
    members.removing.add(other);
  }

  /**
   * A peer asks to be parted with, over the connection that is meant. Also one that we do not know as a member, or not any
   * more: of two that ask each other at once, each has forgotten the other. (In OTP their connection stays.)
   */
  removeConnection(node: string): void {
    const { members, wishes, forget } = this.#o;
    wishes.add({ type: 'warn', text: `disconnected ${node}, which asked for it: partitions would overlap` });
    wishes.add({ type: 'disconnect', node });
    forget(node);
    members.removing.add(node);
  }

  #multicast(message: Tuple, but: string): void {
    const { members, wishes } = this.#o;
    for (const [node, vsn] of [...members.known, ...members.pending])
      if (node !== but && vsn >= PARTITIONS_VSN) wishes.add({ type: 'send', node, message });
  }
}
