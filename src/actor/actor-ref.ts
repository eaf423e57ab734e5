import type { ActorRef, AnyEventObject, EventObject, Snapshot } from 'xstate';
import { type AnyDestination, type Destination, describeDestination } from '../process/destination.ts';
import type { MethodArgs } from '../process/protocol.ts';

/** Whoever can send: a node, or the `self` of a process. */
export interface EventSender {
  send(to: AnyDestination, message: unknown): unknown;
}

/** The events of what answers at a `Destination<T>`: those of its statechart, any where nothing is known. */
export type EventsAt<T> = unknown extends T
  ? AnyEventObject
  : MethodArgs<T, 'send'> extends readonly [infer Event extends EventObject]
    ? Event
    : AnyEventObject;

/**
 * A process as a target for XState's `sendTo`, from inside a statechart: its events go out as messages of the
 * statechart's process, and so keep their order with all that it sends.
 *
 * ```ts
 * entry: sendTo(actorRef(at<typeof Light>('depot@127.0.0.1', 'light')), { type: 'tick', by: 2 })
 * entry: sendTo(({ context }) => actorRef(context.customer), { type: 'ready' })
 * ```
 *
 * With a sender (a node, or the `self` of a process) it works in any XState actor, and its own `send` works too. Nothing
 * else is known of a process elsewhere: the snapshot of a reference is always active and empty (`node.watch` gives the
 * real ones), and starting and stopping it does nothing.
 */
export function actorRef<T = unknown>(
  to: Destination<T>,
  sender?: EventSender,
): ActorRef<Snapshot<unknown>, EventsAt<T>> {
  return new ProcessRef(to, sender) as unknown as ActorRef<Snapshot<unknown>, EventsAt<T>>;
}

const SNAPSHOT: Snapshot<unknown> = Object.freeze({ status: 'active', output: undefined, error: undefined });
const SUBSCRIPTION = Object.freeze({ unsubscribe(): void {} });

/** What XState sees of a process elsewhere. @internal */
export class ProcessRef {
  readonly to: AnyDestination;
  readonly id: string;
  readonly sessionId: string;
  readonly #sender: EventSender | undefined;
  /** How the event that XState is about to hand over leaves: set by the statechart right before. */
  #route: ((to: AnyDestination, event: AnyEventObject) => void) | undefined = undefined;

  constructor(to: AnyDestination, sender: EventSender | undefined) {
    this.to = to;
    this.id = describeDestination(to);
    this.sessionId = this.id;
    this.#sender = sender;
  }

  /** For the very next event. A reference may be shared by machines of several nodes, so it keeps nothing longer. */
  routeNext(route: (to: AnyDestination, event: AnyEventObject) => void): void {
    this.#route = route;
  }

  /** Where XState's `sendTo` ends, delayed or not. */
  _send(event: AnyEventObject): void {
    const route = this.#route;
    this.#route = undefined;
    if (this.#sender === undefined && route !== undefined) route(this.to, event);
    else this.send(event);
  }

  send(event: AnyEventObject): void {
    if (this.#sender === undefined) {
      throw new Error(
        `actorRef of ${this.id} does not know who sends: use it with sendTo in a statechart, or give it a sender`,
      );
    }
    this.#sender.send(this.to, event);
  }

  getSnapshot(): Snapshot<unknown> {
    return SNAPSHOT;
  }

  getPersistedSnapshot(): Snapshot<unknown> {
    return SNAPSHOT;
  }

  start(): void {}

  stop(): void {}

  subscribe(): typeof SUBSCRIPTION {
    return SUBSCRIPTION;
  }

  on(): typeof SUBSCRIPTION {
    return SUBSCRIPTION;
  }

  toJSON(): { readonly id: string } {
    return { id: this.id };
  }
}
