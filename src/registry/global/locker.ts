/**
 * The locker: takes the lock on names in this node's own partition, on behalf of one joining peer at a time, and lets it go
 * when the join is over. Both lockers of a pair lock under one requester (their two pids in term order), so what both
 * partitions share is locked by both; and whoever starts locks the peer's own node too, so that two pairs cannot wait for
 * each other.
 *
 * Who starts is chance: both wait a moment, the first one locks its partition and says `lock_set`; the other answers
 * with its own lock set, or that it cannot have it, and then both try again later.
 *
 * @see OTP, global.erl, loop_the_locker/1
 */
import type { Random } from '../../env/random.ts';
import type { Pid } from '../../term/identifiers.ts';
import { compareTerms } from '../../term/order.ts';
import { type Tuple, tuple } from '../../term/tuple.ts';
import { bossOf, NodeLocker } from './lock-nodes.ts';
import type { LockTable } from './locks.ts';
import { GLOBAL, type Lock, lockSet, PROXY_VSN, VERIFY_CONNECT_VSN } from './messages.ts';
import type { Wishes } from './wishes.ts';

/** First wait of a locker, at random: OTP waits 200 ms; the random part keeps two from meeting again and again. */
const FIRST_WAIT_MS = [5, 40] as const;
/** Longest wait after refusals, as in OTP. */
const LONGEST_WAIT_MS = 3_000;

/** A peer to join with. */
interface Him {
  readonly node: string;
  readonly locker: Pid;
  readonly vsn: number;
  readonly myTag: number;
  readonly hisTag: unknown;
}

/** `lock_set` as it came, for a time when we can look at it. */
interface LockSet {
  readonly from: Pid;
  readonly isSet: boolean;
  /** Absent from old peers. */
  readonly myTag: number | undefined;
}

/** Said by the name server before the lock is let go: `[node, message]`, cast. */
export type LastWords = readonly (readonly [node: string, message: Tuple])[];

type Phase =
  | { readonly kind: 'idle' }
  /** Locking, freeing: answers are under way. `cancelled`: the join was called off meanwhile. */
  | { readonly kind: 'locking'; readonly him: Him; cancelled: LastWords | undefined }
  | { readonly kind: 'freeing' }
  /** Our side is locked; waits for his `lock_set`. */
  | { readonly kind: 'awaiting'; readonly him: Him; readonly lock: Lock; readonly nodes: readonly string[] }
  /** Both sides are locked, until the join is over. */
  | { readonly kind: 'held'; readonly him: Him; readonly lock: Lock; readonly nodes: readonly string[] };

export interface LockerOptions {
  readonly self: string;
  /** The pid on the wire. */
  readonly pid: Pid;
  readonly locks: LockTable;
  readonly wishes: Wishes;
  readonly random: Random;
  /** A join that has the lock and does not come to its end within this is given up, with its peer. */
  readonly joinLimitMs: () => number;
  /** Both sides are locked: names may be exchanged. */
  readonly lockIsSet: (node: string, tag: number, lock: Lock) => void;
  /** The peer keeps the lock and does not go on. */
  readonly stuck: (node: string) => void;
}

const IDLE: Phase = { kind: 'idle' };

export class Locker {
  readonly #o: LockerOptions;
  readonly #nodes: NodeLocker;
  readonly #known = new Set<string>();
  #queue: Him[] = [];
  #phase: Phase = IDLE;
  #deferred: LockSet[] = [];
  #timer: number | undefined;
  #limit: number | undefined;
  #refusals = 0;
  #justSynced = false;

  constructor(options: LockerOptions) {
    this.#o = options;
    this.#nodes = new NodeLocker(options.self, 'locker', options.locks, options.wishes);
  }

  /** Whether it waits for nothing and nobody. */
  get isIdle(): boolean {
    return this.#phase === IDLE && this.#queue.length === 0;
  }

  add(him: Him): void {
    this.#queue.push(him);
    this.#rest();
  }

  addKnown(nodes: Iterable<string>): void {
    for (const node of nodes) this.#known.add(node);
  }

  removeKnown(node: string): void {
    this.#known.delete(node);
  }

  /** The join with this tag is over, well or not. */
  cancel(node: string, tag: number, words: LastWords = []): void {
    const phase = this.#phase;
    const isHis = 'him' in phase && phase.him.node === node && phase.him.myTag === tag;
    if (!isHis) {
      this.#forget(node, tag);
      return;
    }
    if (phase.kind === 'locking') {
      phase.cancelled = words;
      this.#forget(node, tag);
      return;
    }
    for (const [to, message] of words) this.#o.wishes.cast('locker', to, message);
    this.#forget(node, tag);
    if (phase.kind === 'held') {
      this.#justSynced = true;
      this.#refusals = 0;
    }
    this.#free(phase.lock, phase.nodes);
  }

  /** `lock_set` of another locker. */
  lockSet(message: LockSet): void {
    const phase = this.#phase;
    const isHis = 'him' in phase && phase.him.node === message.from.node;
    if (phase.kind === 'awaiting' && isHis) {
      this.#heard(phase, message);
      return;
    }
    // A refusal that nobody waits for means nothing.
    if (!message.isSet && !(phase.kind === 'locking' && isHis)) return;
    if (phase !== IDLE) this.#deferred.push(message);
    else this.#answer(message);
  }

  /** His word, while we wait for it. */
  #heard(phase: Extract<Phase, { kind: 'awaiting' }>, { isSet, myTag }: LockSet): void {
    const { him, lock, nodes } = phase;
    if (myTag !== undefined && myTag !== him.myTag) return;
    if (!isSet) {
      this.#refusals += 1;
      this.#free(lock, nodes);
      return;
    }
    this.#phase = { kind: 'held', him, lock, nodes };
    this.#o.lockIsSet(him.node, him.myTag, lock);
  }

  /** He has locked his side, without having heard from us. */
  #answer({ from, isSet, myTag }: LockSet): void {
    if (!isSet) return;
    const him = this.#queue.find(
      ({ node, myTag: tag }) => node === from.node && (myTag === undefined || myTag === tag),
    );
    if (him === undefined) {
      this.#o.wishes.add({
        type: 'send_pid',
        from: 'locker',
        to: from,
        message: lockSet(this.#o.pid, false, [...this.#known]),
      });
      return;
    }
    this.#lockFor(him, [], (lock, nodes) => {
      this.#phase = { kind: 'held', him, lock, nodes };
      this.#say(him, true);
      this.#o.lockIsSet(him.node, him.myTag, lock);
    });
  }

  /** Nothing is under way: look at what waited, else at who waits. */
  #rest(): void {
    if (this.#phase !== IDLE) return;
    const next = this.#deferred.shift();
    if (next !== undefined) {
      this.#answer(next);
      this.#rest();
      return;
    }
    if (this.#queue.length === 0 || this.#timer !== undefined) return;
    const waitMs = this.#justSynced ? 0 : this.#waitMs();
    this.#justSynced = false;
    this.#timer = this.#o.wishes.after(waitMs, () => {
      this.#timer = undefined;
      if (this.#phase !== IDLE) return;
      if (this.#o.locks.isGlobalSet) this.#rest();
      else this.#select();
    });
  }

  #waitMs(): number {
    const [least, most] = FIRST_WAIT_MS;
    return this.#o.random.between(least, Math.min(most * 2 ** Math.min(this.#refusals, 10), LONGEST_WAIT_MS));
  }

  /** We start, with one of those who wait. */
  #select(): void {
    this.#queue = this.#queue.filter(({ node }) => !this.#known.has(node));
    if (this.#queue.length === 0) return;
    const him = this.#queue[this.#o.random.between(0, this.#queue.length - 1)]!;
    this.#lockFor(him, [him.node], (lock, known) => {
      const phase = { kind: 'awaiting', him, lock, nodes: [him.node, ...known] } as const;
      this.#phase = phase;
      this.#say(him, true);
      // His word may have come while we were locking.
      const heard = this.#deferred.filter(({ from }) => from.node === him.node);
      this.#deferred = this.#deferred.filter(({ from }) => from.node !== him.node);
      for (const message of heard) if (this.#phase === phase) this.#heard(phase, message);
    });
  }

  /** @param then - our side is locked, and the join still stands */
  #lockFor(him: Him, extra: readonly string[], then: (lock: Lock, nodes: readonly string[]) => void): void {
    const pids = [this.#o.pid, him.locker].sort(compareTerms);
    const lock: Lock = tuple(GLOBAL, pids);
    const phase: Phase = { kind: 'locking', him, cancelled: undefined };
    this.#phase = phase;
    this.#o.wishes.disarm(this.#timer);
    this.#timer = undefined;
    // What is locked is freed, also on a node that is taken for no member any more by then.
    const known = [...this.#known];
    const nodes = [this.#o.self, ...known];
    this.#lockSafely(lock, extra, known, (isSet) => {
      if (phase.cancelled !== undefined) {
        for (const [to, message] of phase.cancelled) this.#o.wishes.cast('locker', to, message);
        if (extra.length === 0) this.#say(him, false);
        if (isSet) this.#free(lock, [...extra, ...nodes]);
        else this.#idle();
        return;
      }
      if (!isSet) {
        this.#refusals += 1;
        if (extra.length === 0) this.#say(him, false);
        this.#idle();
        return;
      }
      this.#limit = this.#o.wishes.after(this.#o.joinLimitMs(), () => {
        this.#limit = undefined;
        this.#o.stuck(him.node);
      });
      then(lock, nodes);
    });
  }

  /** The boss first, then this node (and his), then all others: lock_nodes_safely/3. */
  #lockSafely(
    lock: Lock,
    extra: readonly string[],
    known: readonly string[],
    then: (isSet: boolean) => void,
  ): void {
    const { self, locks } = this.#o;
    const boss = bossOf([self, ...known]);
    // Were it locked here by another, locking the boss would only be in somebody's way.
    if (boss !== self && !locks.canSet(lock)) {
      then(false);
      return;
    }
    this.#nodes.set(lock, [boss], (bossIsSet) => {
      if (!bossIsSet) {
        then(false);
        return;
      }
      const near = [self, ...extra].filter((node) => node !== boss);
      this.#nodes.set(lock, near, (nearIsSet) => {
        if (!nearIsSet) {
          this.#nodes.free(lock, [boss]);
          then(false);
          return;
        }
        const others = known.filter((node) => node !== boss);
        this.#nodes.set(lock, others, (isSet) => {
          if (!isSet) this.#nodes.free(lock, [boss, ...near]);
          then(isSet);
        });
      });
    });
  }

  #free(lock: Lock, nodes: readonly string[]): void {
    this.#o.wishes.disarm(this.#limit);
    this.#limit = undefined;
    this.#phase = { kind: 'freeing' };
    this.#nodes.freeAll(lock, nodes, () => this.#idle());
  }

  #idle(): void {
    this.#phase = IDLE;
    this.#rest();
  }

  #forget(node: string, tag: number): void {
    this.#queue = this.#queue.filter((him) => him.node !== node || him.myTag !== tag);
  }

  #say(him: Him, isSet: boolean): void {
    const { pid, wishes } = this.#o;
    const tag = him.vsn < VERIFY_CONNECT_VSN ? undefined : him.hisTag;
    const message = lockSet(pid, isSet, [...this.#known], tag);
    if (him.vsn < PROXY_VSN) wishes.add({ type: 'send_pid', from: 'locker', to: him.locker, message });
    else wishes.cast('locker', him.node, message);
  }
}
