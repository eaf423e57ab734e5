import type { TimerHandle } from '../env/clock.ts';
import type { RejectionOwner } from '../env/rejections.ts';
import { CallTimeoutError, type ExitError } from '../errors.ts';
import { Pid } from '../term/identifiers.ts';
import { type Behaviour, isPromise } from './behaviour.ts';
import { checkWaiting } from './checks.ts';
import type { At } from './destination.ts';
import { Mailbox } from './mailbox.ts';
import type { Monitor } from './monitor.ts';
import { type CallOwner, Cast, PendingCall } from './pending-call.ts';
import type { MailboxOptions, ReceiveOptions } from './protocol.ts';
import type { Runnable } from './scheduler.ts';
import { Settlement } from './settlement.ts';
import type { ProcessSystem } from './system.ts';

/** Messages that one process handles before the next has its turn. */
const BATCH = 64;

/** Where a process stands. */
export const STARTING = 0;
/** Waits for the next message. */
export const READY = 1;
/** A handler's promise, or the body of a function, is under way. */
export const BUSY = 2;
/** Told to end; `terminate` is still to run or runs. */
export const ENDING = 3;
export const DEAD = 4;

/** One `receive` that waits. */
class Waiter extends Settlement<unknown> {
  readonly guard: ((message: unknown) => boolean) | undefined;
  /** Messages before this position were refused by the guard. */
  seen: number;
  readonly signal: AbortSignal | undefined;
  timer: TimerHandle | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;
  /** The one that came after it. */
  next: Waiter | undefined = undefined;

  constructor(
    guard: ((message: unknown) => boolean) | undefined,
    seen: number,
    signal: AbortSignal | undefined,
  ) {
    super();
    this.guard = guard;
    this.seen = seen;
    this.signal = signal;
  }
}

/** What only some processes need; absent in the others. */
export class Extras {
  /** Links to other nodes; the value is 0, or the id of an unlink that is not acknowledged yet. */
  remoteLinks: Map<Pid, bigint> | undefined = undefined;
  /** The oldest `receive` that waits. */
  waiter: Waiter | undefined = undefined;
  timers: Set<TimerHandle> | undefined = undefined;
  names: string[] | undefined = undefined;
  /** Who started it and is linked to it: its exit is an order, also to who traps. */
  parent: Pid | undefined = undefined;
  /** Calls taken from the mailbox and not answered yet, except the one being handled. */
  taken: Set<PendingCall> | undefined = undefined;
  /** Supervises others, and so takes the time they take to end. */
  supervises = false;
  controller: AbortController | undefined = undefined;
  /** Where its output goes; undefined: to this node's own `user`. */
  groupLeader: Pid | undefined = undefined;
  limit: MailboxOptions | undefined = undefined;
  /** Told once, after the end. */
  onEnd: ((reason: unknown) => void)[] | undefined = undefined;
  /** Told once, when `init` has succeeded. */
  onReady: (() => void) | undefined = undefined;
}

/** One process as the runtime sees it: address, mailbox, ties to others, and what runs in it. */
export class Process implements Runnable, CallOwner, RejectionOwner {
  readonly system: ProcessSystem;
  readonly number: number;
  readonly pid: Pid;
  /** What it runs. */
  readonly #what: { readonly name: string };
  state: typeof STARTING | typeof READY | typeof BUSY | typeof ENDING | typeof DEAD = STARTING;
  queued = false;
  trapExit = false;
  /** Taken down by a supervisor, which `stop` therefore leaves to it. */
  supervised = false;
  behaviour: Behaviour | undefined = undefined;
  mailbox: Mailbox | undefined = undefined;
  calls: PendingCall | undefined = undefined;
  /** The local call whose handler runs. */
  current: PendingCall | undefined = undefined;
  links: Set<Process> | undefined = undefined;
  /** The oldest of our monitors of others. */
  monitors: Monitor | undefined = undefined;
  /** The oldest of others' monitors on us. */
  watchers: Monitor | undefined = undefined;
  extras: Extras | undefined = undefined;
  /** Why it ends, from the moment that is decided. */
  exit: ExitCause | undefined = undefined;

  constructor(system: ProcessSystem, number: number, what: { readonly name: string }) {
    this.system = system;
    this.number = number;
    this.pid = new Pid(system.node, number & 0x7fff, Math.floor(number / 0x8000), system.creation);
    this.#what = what;
  }

  /** What it runs, for people. */
  get label(): string {
    return this.#what.name === '' ? 'function' : this.#what.name;
  }

  get extra(): Extras {
    this.extras ??= new Extras();
    return this.extras;
  }

  get alive(): boolean {
    return this.state !== DEAD;
  }

  /** Puts a message, or a signal that became one, behind the others. */
  post(message: unknown): void {
    this.mailbox ??= new Mailbox();
    this.mailbox.push(message);
    if (!this.queued && (this.state === READY || this.extras?.waiter !== undefined)) {
      this.system.scheduler.enqueue(this);
    }
  }

  run(): void {
    const { rejections } = this.system;
    if (rejections === undefined) this.runHere();
    else rejections.run(this, runHere, this);
  }

  unhandledRejection(error: unknown): void {
    this.system.failUnhandled(this, error);
  }

  /** @internal */
  runHere(): void {
    switch (this.state) {
      case STARTING:
        this.#start();
        return;
      case READY:
        this.#handleBatch();
        return;
      case BUSY:
        this.#serveWaiters();
        return;
      case ENDING:
        if (this.exit?.terminating === false) this.#terminate();
        else this.#serveWaiters();
        return;
      case DEAD:
    }
  }

  #start(): void {
    this.state = BUSY;
    this.system.scheduler.spend();
    try {
      const result = this.behaviour!.init();
      if (isPromise(result)) {
        result.then(
          () => this.#started(),
          (error) => this.system.fail(this, error),
        );
      } else this.#started();
    } catch (error) {
      this.system.fail(this, error);
    }
  }

  #started(): void {
    if (this.state !== BUSY) return;
    const onReady = this.extras?.onReady;
    if (onReady !== undefined) {
      this.extras!.onReady = undefined;
      onReady();
    }
    this.#idle();
  }

  #idle(): void {
    if (this.state !== BUSY) return;
    this.current = undefined;
    this.state = READY;
    if (this.mailbox !== undefined && this.mailbox.length > 0) this.system.scheduler.enqueue(this);
  }

  #handleBatch(): void {
    const mailbox = this.mailbox;
    if (mailbox === undefined) return;
    const behaviour = this.behaviour!;
    const scheduler = this.system.scheduler;
    for (let left = BATCH; mailbox.length > 0; ) {
      this.state = BUSY;
      try {
        const result = behaviour.handle(mailbox.shift());
        if (isPromise(result)) {
          result.then(
            () => this.#idle(),
            (error) => this.system.fail(this, error),
          );
          scheduler.spend();
          return;
        }
      } catch (error) {
        this.system.fail(this, error);
        return;
      }
      if (this.state !== BUSY) return;
      this.current = undefined;
      this.state = READY;
      left -= 1;
      if (scheduler.spend() || left === 0) {
        if (mailbox.length > 0) scheduler.enqueue(this);
        return;
      }
    }
  }

  #terminate(): void {
    const cause = this.exit!;
    cause.terminating = true;
    const finish = (): void => this.system.end(this, cause.reason, cause.error);
    const fail = (error: unknown): void => {
      this.system.reportCrash(this, error);
      finish();
    };
    try {
      const result = this.behaviour!.terminate(cause.reason);
      if (isPromise(result)) result.then(finish, fail);
      else finish();
    } catch (error) {
      fail(error);
    }
  }

  /** The oldest message that `guard` accepts. */
  receive(
    guard: ((message: unknown) => boolean) | undefined,
    options: ReceiveOptions | undefined,
  ): Promise<unknown> {
    if (options !== undefined) {
      try {
        checkWaiting(options);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const timeoutMs = options?.timeout ?? Number.POSITIVE_INFINITY;
    let seen = 0;
    // Others that wait have the first choice; and a process that lives on its own messages gives way in time.
    if (this.extras?.waiter === undefined && !this.system.scheduler.spend()) {
      const mailbox = this.mailbox;
      if (mailbox !== undefined) {
        try {
          seen = this.#find(guard, 0);
        } catch (error) {
          return Promise.reject(error);
        }
        if (seen < mailbox.length) return Promise.resolve(mailbox.takeAt(seen));
        // The guard itself may have been what gives up.
        if (signal?.aborted) return Promise.reject(signal.reason);
      }
      if (timeoutMs <= 0) return Promise.reject(receiveTimeout(timeoutMs));
    }
    return this.#wait(guard, seen, timeoutMs, signal);
  }

  #wait(
    guard: ((message: unknown) => boolean) | undefined,
    seen: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const waiter = new Waiter(guard, seen, signal);
    const extra = this.extra;
    if (extra.waiter === undefined) extra.waiter = waiter;
    else {
      let last = extra.waiter;
      while (last.next !== undefined) last = last.next;
      last.next = waiter;
    }
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      waiter.timer = this.system.clock.setTimeout(() => {
        waiter.timer = undefined;
        this.#dismiss(waiter);
        waiter.reject(receiveTimeout(timeoutMs));
      }, timeoutMs);
    }
    if (signal !== undefined) {
      waiter.onAbort = () => {
        this.#dismiss(waiter);
        waiter.reject(signal.reason);
      };
      signal.addEventListener('abort', waiter.onAbort, { once: true });
    }
    if (this.mailbox !== undefined && this.mailbox.length > seen) this.system.scheduler.enqueue(this);
    return waiter.promise;
  }

  /** Gives each waiter, oldest first, the oldest message it accepts. */
  #serveWaiters(): void {
    const mailbox = this.mailbox;
    let waiter = this.extras?.waiter;
    if (waiter === undefined || mailbox === undefined) return;
    this.system.scheduler.spend();
    for (; waiter !== undefined; waiter = waiter.next) {
      try {
        waiter.seen = this.#find(waiter.guard, waiter.seen);
      } catch (error) {
        this.#dismiss(waiter);
        waiter.reject(error);
        continue;
      }
      if (waiter.seen >= mailbox.length) continue;
      const at = waiter.seen;
      const message = mailbox.takeAt(at);
      this.#dismiss(waiter);
      this.#movedUp(at);
      waiter.resolve(message);
    }
  }

  /** The message at `index` was taken out: those behind it stand one position further ahead. */
  #movedUp(index: number): void {
    for (let waiter = this.extras?.waiter; waiter !== undefined; waiter = waiter.next)
      if (waiter.seen > index) waiter.seen -= 1;
  }

  /** Position of the first message from `start` on that the guard accepts; the mailbox's length if there is none. */
  #find(guard: ((message: unknown) => boolean) | undefined, start: number): number {
    const mailbox = this.mailbox!;
    let i = start;
    for (; i < mailbox.length; i += 1) {
      const message = this.#unfold(i);
      if (guard === undefined || guard(message)) break;
    }
    return i;
  }

  /** Local calls and casts are terms to whoever reads the mailbox: the tuples that they would be on the wire. */
  #unfold(index: number): unknown {
    const message = this.mailbox!.at(index);
    if (!(message instanceof PendingCall) && !(message instanceof Cast)) return message;
    const term = this.system.requests.unfold(this, message);
    this.mailbox!.replace(index, term);
    return term;
  }

  /** Takes a waiter out; its `next` stays, for a loop that stands at it. */
  #dismiss(waiter: Waiter): void {
    const extra = this.extras!;
    if (extra.waiter === waiter) extra.waiter = waiter.next;
    else {
      let before = extra.waiter;
      while (before !== undefined && before.next !== waiter) before = before.next;
      if (before === undefined) return;
      before.next = waiter.next;
    }
    if (waiter.timer !== undefined) this.system.clock.clearTimeout(waiter.timer);
    if (waiter.onAbort !== undefined) waiter.signal?.removeEventListener('abort', waiter.onAbort);
  }

  /** Ends every `receive` that waits. Nobody need be waiting for them any more. */
  rejectWaiters(error: ExitError): void {
    for (let waiter = this.extras?.waiter; waiter !== undefined; waiter = waiter.next) {
      this.#dismiss(waiter);
      waiter.promise.catch(ignore);
      waiter.reject(error);
    }
  }

  /** Takes out every message that `unwanted` names. */
  discard(unwanted: (message: unknown) => boolean): void {
    const mailbox = this.mailbox;
    if (mailbox === undefined) return;
    for (let i = mailbox.length - 1; i >= 0; i -= 1) {
      if (!unwanted(mailbox.at(i))) continue;
      mailbox.takeAt(i);
      this.#movedUp(i);
    }
  }
}

/** Why a process ends. */
export interface ExitCause {
  readonly reason: unknown;
  /** What was thrown, if something was. */
  readonly error: unknown;
  terminating: boolean;
}

export type Target = Process | Pid | At;

function receiveTimeout(timeoutMs: number): CallTimeoutError {
  return new CallTimeoutError(`no message came within ${timeoutMs} ms`, timeoutMs);
}

function runHere(process: Process): void {
  process.runHere();
}

function ignore(): void {}
