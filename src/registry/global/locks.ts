import type { Pid } from '../../term/identifiers.ts';
import { equalTerms } from '../../term/order.ts';
import { TermMap } from '../../term/term-map.ts';
import { GLOBAL, type Lock } from './messages.ts';

interface Held {
  readonly resource: unknown;
  readonly requester: unknown;
  /** Who set it, all under the same requester. */
  readonly holders: Set<Pid>;
}

/**
 * The locks that are set on this node, as OTP's table `global_locks`: a resource is locked by one requester, in whose name
 * several processes may hold it. It is free when the last of them has let go or ended.
 */
export class LockTable {
  readonly #locks = new TermMap<Held>();
  readonly #byPid = new Map<Pid, Set<Held>>();
  /** Whether the last holder of the lock on names ended without giving it back. */
  #globalLockDown = false;

  get size(): number {
    return this.#locks.size;
  }

  /** Nobody else has it. */
  canSet(lock: Lock): boolean {
    const held = this.#locks.get(lock.elements[0]);
    return held === undefined || equalTerms(held.requester, lock.elements[1]);
  }

  /** `held`: `pid` had it already. `refused`: somebody else has it. */
  set(lock: Lock, pid: Pid): 'set' | 'held' | 'refused' {
    const [resource, requester] = lock.elements;
    let held = this.#locks.get(resource);
    if (held === undefined) {
      held = { resource, requester, holders: new Set() };
      this.#locks.set(resource, held);
    } else if (!equalTerms(held.requester, requester)) return 'refused';
    if (held.holders.has(pid)) return 'held';
    held.holders.add(pid);
    const ofPid = this.#byPid.get(pid);
    if (ofPid === undefined) this.#byPid.set(pid, new Set([held]));
    else ofPid.add(held);
    return 'set';
  }

  /** `pid` lets go. False when it held nothing of the kind. */
  delete(lock: Lock, pid: Pid): boolean {
    const held = this.#locks.get(lock.elements[0]);
    if (held === undefined || !equalTerms(held.requester, lock.elements[1])) return false;
    return this.#release(held, pid, false);
  }

  /** `pid` has ended. Gives how many locks it held. */
  down(pid: Pid): number {
    const ofPid = [...(this.#byPid.get(pid) ?? [])];
    for (const held of ofPid) this.#release(held, pid, true);
    return ofPid.length;
  }

  #release(held: Held, pid: Pid, down: boolean): boolean {
    if (!held.holders.delete(pid)) return false;
    const ofPid = this.#byPid.get(pid)!;
    ofPid.delete(held);
    if (ofPid.size === 0) this.#byPid.delete(pid);
    if (held.holders.size > 0) return true;
    this.#locks.delete(held.resource);
    if (held.resource === GLOBAL) this.#globalLockDown = down;
    return true;
  }

  /** Whether names are being changed, or exchanged, right now. */
  get isGlobalSet(): boolean {
    return this.#locks.has(GLOBAL);
  }

  /** Whether this process is one of those that hold the lock on names. */
  holdsGlobal(pid: Pid): boolean {
    return this.#locks.get(GLOBAL)?.holders.has(pid) ?? false;
  }

  /**
   * Whether a change of names still has the lock it was made under: one that was delayed past the end of its node, or of the
   * connection, must not be entered, as nobody would take it out again. (OTP enters a late registration also where nobody
   * has the lock and the last one who had it gave it back: it takes the name from whoever has got it meanwhile.)
   * @param by - the process that registers, or the lock that a join was made under
   */
  covers(by: Pid | { readonly lock: unknown }): boolean {
    if (!('lock' in by)) return this.holdsGlobal(by);
    const held = this.#locks.get(GLOBAL);
    if (held === undefined) return !this.#globalLockDown;
    const lock = by.lock as Lock | undefined;
    return lock !== undefined && equalTerms(held.requester, lock.elements[1]);
  }
}
