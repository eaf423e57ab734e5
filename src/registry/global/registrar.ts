/**
 * The registrar: changes names, one batch at a time. It takes the lock on names on all members (the greatest name first),
 * makes sure that none was added meanwhile, tells each the change, and lets the lock go. What its users asked for while it
 * was busy shares the next lock.
 *
 * @see OTP, global.erl, trans_all_known/1
 */
import type { Random } from '../../env/random.ts';
import type { Pid } from '../../term/identifiers.ts';
import { type Tuple, tuple } from '../../term/tuple.ts';
import { bossOf, NodeLocker } from './lock-nodes.ts';
import type { LockTable } from './locks.ts';
import { GLOBAL, type Lock, type NameEntry, register, unregister } from './messages.ts';
import type { Outcome, Wishes } from './wishes.ts';

/** First pause after a refusal, at random up to this; it doubles with each further one. OTP begins with 125 ms. */
const FIRST_PAUSE_MS = 16;
/** OTP's longest is 8 s: nobody here waits that long for a lock that is free. */
const LONGEST_PAUSE_MS = 1_000;
/** Until a repair begins, at random: members that repair the same do it one after the other. */
const REPAIR_PAUSE_MS = [20, 200] as const;
/** Changes under one lock. */
const BATCH = 256;
/** Times that a lock is kept for those who ask right after an answer; then others get their turn. */
const KEPT = 32;

/** What a user of this node wants changed. */
export type Change =
  | {
      readonly kind: 'register' | 're_register';
      readonly name: unknown;
      readonly pid: Pid;
      readonly resolver: unknown;
    }
  | { readonly kind: 'unregister'; readonly name: unknown };

export interface RegistrarOptions {
  readonly self: string;
  /** The pid on the wire. */
  readonly pid: Pid;
  readonly locks: LockTable;
  readonly wishes: Wishes;
  readonly random: Random;
  readonly known: () => string[];
  /** Who has the name, as far as this node knows; nobody, when it is one of this node's processes that is dead. */
  readonly holderOf: (name: unknown) => Pid | undefined;
  readonly entryOf: (name: unknown) => NameEntry | undefined;
}

/** Told again to all, as this node has it: nobody asked for it. */
interface Repair {
  readonly kind: 'repair';
  readonly name: unknown;
  readonly entry: NameEntry | undefined;
}

interface Waiting {
  readonly request: number;
  readonly change: Change | Repair;
}

export class Registrar {
  readonly #o: RegistrarOptions;
  readonly #nodes: NodeLocker;
  readonly #lock: Lock;
  /** Where the lock is set: who was lost since then is told of no change that it has no lock for any more. */
  #locked = new Set<string>();
  #waiting: Waiting[] = [];
  #isBusy = false;
  #pauses = 0;

  constructor(options: RegistrarOptions) {
    this.#o = options;
    this.#nodes = new NodeLocker(options.self, 'registrar', options.locks, options.wishes);
    this.#lock = tuple(GLOBAL, options.pid);
  }

  /** @param request - told back with the outcome */
  ask(request: number, change: Change): void {
    // A name that is taken here is taken: no lock is needed to say so.
    const holder = change.kind === 'register' ? this.#o.holderOf(change.name) : undefined;
    if (holder !== undefined) this.#settle(request, { done: false, holder });
    else {
      this.#waiting.push({ request, change });
      this.#next();
    }
  }

  /**
   * Another registrar ended before all members had heard of its change. It is told to all once more, unless the name has
   * changed again by then. OTP leaves the members at odds.
   */
  repair(name: unknown, entry: NameEntry | undefined): void {
    if (this.#o.known().length === 0) return;
    // By then it is settled who else is gone.
    this.#o.wishes.after(this.#o.random.between(...REPAIR_PAUSE_MS), () => {
      this.#waiting.push({ request: 0, change: { kind: 'repair', name, entry } });
      this.#next();
    });
  }

  /** Whoever asked has lost interest; false when it is being done. */
  withdraw(request: number): boolean {
    const at = this.#waiting.findIndex((one) => one.request === request);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    return true;
  }

  /** This node is lost, or no member any more. */
  forget(node: string): void {
    this.#locked.delete(node);
  }

  #next(): void {
    if (this.#isBusy || this.#waiting.length === 0) return;
    this.#isBusy = true;
    this.#acquire();
  }

  #acquire(): void {
    const { self, known: knownNow } = this.#o;
    const known = knownNow();
    const nodes = [self, ...known];
    const boss = bossOf(nodes);
    this.#locked = new Set(nodes);
    this.#nodes.set(this.#lock, [boss], (bossIsSet) => {
      if (!bossIsSet) {
        this.#pause();
        return;
      }
      this.#nodes.set(this.#lock, nodes, (isSet) => {
        const isWhole = isSet && knownNow().every((node) => known.includes(node));
        if (isWhole) {
          this.#pauses = 0;
          this.#perform(nodes, 0);
        } else {
          this.#nodes.free(this.#lock, isSet ? nodes : [boss]);
          this.#pause();
        }
      });
    });
  }

  #pause(): void {
    const mostMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(this.#pauses, 10), LONGEST_PAUSE_MS);
    this.#pauses += 1;
    this.#o.wishes.after(this.#o.random.between(1, mostMs), () => {
      this.#isBusy = false;
      this.#next();
    });
  }

  /** @param kept - how often the lock was kept already */
  #perform(nodes: readonly string[], kept: number): void {
    const batch = this.#waiting.splice(0, BATCH);
    let left = batch.length;
    if (left === 0) {
      this.#release(nodes);
      return;
    }
    const done = (): void => {
      left -= 1;
      if (left > 0) return;
      // Who registers one name after the other asks for the next as soon as it has the answer.
      if (kept < KEPT) this.#o.wishes.after(0, () => this.#perform(nodes, kept + 1));
      else this.#release(nodes);
    };
    for (const { request, change } of batch)
      if (change.kind === 'repair') this.#repair(change, done);
      else this.#change(request, change, done);
  }

  #change(request: number, change: Change, done: () => void): void {
    const holder = this.#o.holderOf(change.name);
    const refused =
      (change.kind === 'register' && holder !== undefined) ||
      (change.kind === 'unregister' && holder === undefined);
    if (refused) {
      this.#settle(request, { done: false, holder });
      done();
      return;
    }
    const message: Tuple =
      change.kind === 'unregister'
        ? unregister(change.name)
        : register(change.name, change.pid, change.resolver);
    this.#o.wishes.call('registrar', [...this.#locked], message, () => {
      this.#settle(request, { done: true, holder });
      done();
    });
  }

  #repair({ name, entry }: Repair, done: () => void): void {
    if (this.#o.entryOf(name) !== entry) {
      done();
      return;
    }
    const message = entry === undefined ? unregister(name) : register(name, entry.pid, entry.resolver);
    this.#o.wishes.call(
      'registrar',
      [...this.#locked].filter((node) => node !== this.#o.self),
      message,
      done,
    );
  }

  #release(nodes: readonly string[]): void {
    this.#nodes.freeAll(this.#lock, nodes, () => {
      this.#isBusy = false;
      this.#next();
    });
  }

  #settle(request: number, outcome: Outcome): void {
    this.#o.wishes.add({ type: 'settle', request, outcome });
  }
}
