import { isUnsendable, unsendableReason } from '../process/reasons.ts';
import { SNAPSHOT, SNAPSHOT_ERROR } from '../process/watch.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import { tuple } from '../term/tuple.ts';
import type { ActorSelf } from './actor-self.ts';

interface Subscriber {
  readonly monitor: Ref;
  /** Asked for the next snapshot, and has not got it. */
  ready: boolean;
  /** There is a snapshot that it has not seen. */
  behind: boolean;
}

/**
 * Who watches one statechart, each monitored, so that a subscription ends with the subscriber or its node.
 *
 * A subscriber has one snapshot on its way at most: it asks for the next, and until then changes only mark it as behind.
 * What it then gets is the latest; those in between are left out. So a slow subscriber costs no memory here, on the
 * link or there. The last snapshot, of a machine that is done, is sent to all, asked for or not.
 */
export class Subscribers {
  readonly #self: ActorSelf;
  readonly #latest: () => unknown;
  readonly #subscribers = new Map<Pid, Subscriber>();

  /** @param latest - makes the snapshot that is sent */
  constructor(self: ActorSelf, latest: () => unknown) {
    this.#self = self;
    this.#latest = latest;
  }

  /** From now on `pid` hears of changes; the snapshot of this moment is the caller's to hand over. */
  add(pid: Pid): void {
    const monitor = this.#subscribers.get(pid)?.monitor ?? this.#self.monitor(pid);
    this.#subscribers.set(pid, { monitor, ready: false, behind: false });
  }

  remove(pid: Pid): void {
    const subscriber = this.#subscribers.get(pid);
    if (subscriber === undefined) return;
    this.#subscribers.delete(pid);
    this.#self.demonitor(subscriber.monitor, { flush: true });
  }

  /** `DOWN` of a subscriber. */
  down(monitor: Ref): void {
    for (const [pid, subscriber] of this.#subscribers)
      if (subscriber.monitor.key === monitor.key) this.#subscribers.delete(pid);
  }

  /** `pid` has used the snapshot it got. */
  ask(pid: Pid): void {
    const subscriber = this.#subscribers.get(pid);
    if (subscriber === undefined) return;
    subscriber.ready = true;
    if (subscriber.behind) this.#send([[pid, subscriber]]);
  }

  changed(last: boolean): void {
    if (this.#subscribers.size === 0) return;
    const due: [Pid, Subscriber][] = [];
    for (const entry of this.#subscribers) {
      entry[1].behind = true;
      if (last || entry[1].ready) due.push(entry);
    }
    if (due.length > 0) this.#send(due);
  }

  #send(due: readonly (readonly [Pid, Subscriber])[]): void {
    const self = this.#self;
    const message = tuple(SNAPSHOT, self.pid, this.#latest());
    for (const [pid, subscriber] of due) {
      subscriber.ready = false;
      subscriber.behind = false;
      try {
        self.send(pid, message);
      } catch (error) {
        // What cannot travel to this one is no concern of the machine, or of the others.
        if (!isUnsendable(error)) throw error;
        this.remove(pid);
        self.send(pid, tuple(SNAPSHOT_ERROR, self.pid, unsendableReason(error)));
      }
    }
  }
}
