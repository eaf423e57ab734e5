import type { Clock, TimerHandle } from '../env/clock.ts';
import type { Rejections } from '../env/rejections.ts';
import { CallTimeoutError } from '../errors.ts';
import type { CallOwner, PendingCall } from './pending-call.ts';

/** Calls of one time-out, in the order they were made, which is the order they fall due. */
interface DueQueue {
  readonly timeoutMs: number;
  head: PendingCall | undefined;
  tail: PendingCall | undefined;
  timer: TimerHandle | undefined;
}

/**
 * The book of calls under way: who owns them, when they fall due, and under which number those wait that an answer
 * has to find. One timer per time-out in use, not per call.
 */
export class Calls {
  readonly #clock: Clock;
  readonly #rejections: Rejections | undefined;
  readonly #forget: (call: PendingCall) => void;
  readonly #describe: (call: PendingCall) => string;
  readonly #queues = new Map<number, DueQueue>();
  readonly #numbered = new Map<number, PendingCall>();
  /** The queue of the last call: nearly all calls have the same time-out. */
  #lastQueue: DueQueue | undefined;

  /**
   * @param forget - told of each call with a number when it is settled, to take its monitor down
   * @param describe - names a call's destination for people
   */
  constructor(
    clock: Clock,
    rejections: Rejections | undefined,
    forget: (call: PendingCall) => void,
    describe: (call: PendingCall) => string,
  ) {
    this.#clock = clock;
    this.#rejections = rejections;
    this.#forget = forget;
    this.#describe = describe;
  }

  /** Enters a call: from now on it is settled exactly once, by its deadline if by nothing else. */
  open(call: PendingCall, timeoutMs: number, signal: AbortSignal | undefined): void {
    const owner = call.owner;
    call.nextOwned = owner.calls;
    if (owner.calls !== undefined) owner.calls.previousOwned = call;
    owner.calls = call;
    if (timeoutMs !== Number.POSITIVE_INFINITY) this.#due(call, timeoutMs);
    if (signal !== undefined) {
      call.signal = signal;
      call.onAbort = () => this.reject(call, signal.reason);
      if (signal.aborted) this.reject(call, signal.reason);
      else signal.addEventListener('abort', call.onAbort, { once: true });
    }
  }

  /** Gives a call the number that its reference carries. */
  number(call: PendingCall, number: number): void {
    call.number = number;
    this.#numbered.set(number, call);
  }

  byNumber(number: number): PendingCall | undefined {
    return this.#numbered.get(number);
  }

  resolve(call: PendingCall, value: unknown): void {
    if (call.settled) return;
    this.#close(call);
    call.resolve(value);
  }

  reject(call: PendingCall, error: unknown): void {
    if (call.settled) return;
    this.#close(call);
    if (this.#rejections === undefined) call.reject(error);
    else this.#rejections.run(call.blamed, call.reject, error);
  }

  /** Rejects all calls of an owner that is gone. Nobody need be waiting for them any more. */
  rejectOwned(owner: CallOwner, error: unknown): void {
    for (let call = owner.calls; call !== undefined; call = owner.calls) {
      call.promise.catch(ignore);
      this.reject(call, error);
    }
  }

  /** Stops the timers; to be used once no call is open. */
  stop(): void {
    for (const queue of this.#queues.values()) this.#clock.clearTimeout(queue.timer);
    this.#queues.clear();
    this.#lastQueue = undefined;
  }

  #close(call: PendingCall): void {
    call.settled = true;
    const { previousOwned, nextOwned } = call;
    if (previousOwned !== undefined) previousOwned.nextOwned = nextOwned;
    else call.owner.calls = nextOwned;
    if (nextOwned !== undefined) nextOwned.previousOwned = previousOwned;
    call.previousOwned = undefined;
    call.nextOwned = undefined;
    if (call.timeoutMs >= 0) this.#undue(call);
    if (call.onAbort !== undefined) call.signal?.removeEventListener('abort', call.onAbort);
    if (call.number !== 0) {
      this.#numbered.delete(call.number);
      this.#forget(call);
    }
  }

  #due(call: PendingCall, timeoutMs: number): void {
    let queue = this.#lastQueue;
    if (queue === undefined || queue.timeoutMs !== timeoutMs) {
      queue = this.#queues.get(timeoutMs);
      if (queue === undefined) {
        queue = { timeoutMs, head: undefined, tail: undefined, timer: undefined };
        this.#queues.set(timeoutMs, queue);
      }
      this.#lastQueue = queue;
    }
    call.timeoutMs = timeoutMs;
    call.deadlineMs = this.#clock.nowMs() + timeoutMs;
    call.previousDue = queue.tail;
    if (queue.tail !== undefined) queue.tail.nextDue = call;
    else queue.head = call;
    queue.tail = call;
    if (queue.timer === undefined) this.#arm(queue, timeoutMs);
  }

  #undue(call: PendingCall): void {
    const { previousDue, nextDue } = call;
    // The queue stays and its timer runs on: the next call with this time-out is likely near.
    const queue = this.#queues.get(call.timeoutMs);
    if (previousDue !== undefined) previousDue.nextDue = nextDue;
    else if (queue !== undefined) queue.head = nextDue;
    if (nextDue !== undefined) nextDue.previousDue = previousDue;
    else if (queue !== undefined) queue.tail = previousDue;
    call.previousDue = undefined;
    call.nextDue = undefined;
  }

  #arm(queue: DueQueue, afterMs: number): void {
    queue.timer = this.#clock.setTimeout(() => this.#fire(queue), afterMs);
  }

  #fire(queue: DueQueue): void {
    const nowMs = this.#clock.nowMs();
    for (let call = queue.head; call !== undefined && call.deadlineMs <= nowMs; call = queue.head) {
      const message = `no answer from ${this.#describe(call)} within ${call.timeoutMs} ms`;
      this.reject(call, new CallTimeoutError(message, call.timeoutMs));
    }
    if (queue.head !== undefined) {
      this.#arm(queue, queue.head.deadlineMs - nowMs);
      return;
    }
    this.#queues.delete(queue.timeoutMs);
    if (this.#lastQueue === queue) this.#lastQueue = undefined;
  }
}

function ignore(): void {}
