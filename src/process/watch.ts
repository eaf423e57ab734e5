import { ExitError } from '../errors.ts';
import { atom } from '../term/atom.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import { Tuple } from '../term/tuple.ts';
import { checkEndless } from './checks.ts';
import { type AnyDestination, describeDestination } from './destination.ts';
import { deadError } from './ends.ts';
import type { Process } from './process.ts';
import { describeReason, isCleanExit, NORMAL } from './reasons.ts';
import type { Self } from './self.ts';
import type { ProcessSystem } from './system.ts';
import { Down } from './system-messages.ts';

/** `{snapshot, Server, Snapshot}`: a change, sent to a subscriber that asked for it. */
export const SNAPSHOT = atom('snapshot');
/** `{snapshot_error, Server, Reason}`: the snapshot cannot travel; the subscription is over. */
export const SNAPSHOT_ERROR = atom('snapshot_error');

export interface WatchOptions {
  /** Ends the watching: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
}

interface Turn {
  readonly resolve: (result: IteratorResult<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<unknown> = Object.freeze({ done: true, value: undefined });

/**
 * The snapshots of a statechart, wherever it lives, as an async iterable.
 *
 * A process of this node subscribes, from the first `next()` until the end. The exchange, which a BEAM process may
 * hold as well: it monitors the statechart and calls `{watch, Pid}`, answered `{Server, Snapshot}`; from then on it casts
 * `{next, Pid}` when it wants the next snapshot, and gets `{snapshot, Server, Snapshot}` once there is one that it has
 * not seen. So one snapshot is on its way or waits here at most, and a reader that is slow sees the latest, not all.
 * `{unwatch, Pid}` or the end of `Pid` ends it.
 */
export class Watch implements AsyncIterableIterator<unknown> {
  readonly #system: ProcessSystem;
  readonly #to: AnyDestination;
  readonly #signals: readonly AbortSignal[];
  #process: Process | undefined = undefined;
  #server: Pid | undefined = undefined;
  #latest: { readonly snapshot: unknown } | undefined = undefined;
  #turns: Turn[] = [];
  #ended: { error: unknown } | undefined = undefined;

  /** @param own - ends the watching as well */
  constructor(system: ProcessSystem, to: AnyDestination, options: WatchOptions = {}, own?: AbortSignal) {
    checkEndless(options);
    this.#system = system;
    this.#to = to;
    this.#signals = [own, options.signal].filter((signal) => signal !== undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#process === undefined && this.#ended === undefined) this.#start();
    const latest = this.#latest;
    if (latest !== undefined) {
      this.#latest = undefined;
      this.#ask();
      return Promise.resolve({ done: false, value: latest.snapshot });
    }
    const ended = this.#ended;
    if (ended !== undefined) {
      const { error } = ended;
      ended.error = undefined;
      return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#turns.push({ resolve, reject });
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#latest = undefined;
    this.#end(undefined);
    return Promise.resolve(DONE);
  }

  #start(): void {
    for (const signal of this.#signals) {
      if (signal.aborted) {
        this.#end(signal.reason);
        return;
      }
    }
    try {
      this.#process = this.#system.start((self: Self) => this.#run(self), []);
    } catch (error) {
      this.#end(error);
      return;
    }
    const process = this.#process;
    // Also when it is killed before its body has begun.
    this.#system.whenEnded(process, () => this.#end(deadError(process)));
    for (const signal of this.#signals) signal.addEventListener('abort', this.#abort);
  }

  readonly #abort = (event: Event): void => {
    this.#latest = undefined;
    this.#end((event.target as AbortSignal).reason);
  };

  /** The body of our process. Whatever ends it ends the iteration. */
  async #run(self: Self): Promise<void> {
    try {
      await this.#follow(self);
      this.#end(undefined);
    } catch (error) {
      this.#end(error);
    }
  }

  async #follow(self: Self): Promise<void> {
    const monitor: Ref = self.monitor(this.#to);
    const answer = await self.call(this.#to, 'watch', self.pid);
    if (!(answer instanceof Tuple) || answer.length !== 2 || !(answer.elements[0] instanceof Pid)) {
      throw new TypeError(
        `${describeDestination(this.#to)} is no statechart: it answers watch with no snapshot`,
      );
    }
    this.#server = answer.elements[0];
    this.#arrived(answer.elements[1]);
    for (;;) {
      const message = await self.receive();
      if (message instanceof Down && message.ref.key === monitor.key) {
        if (isCleanExit(message.reason)) return;
        throw this.#failure(message.reason, 'exited with');
      }
      if (!(message instanceof Tuple) || message.length !== 3 || message.elements[1] !== this.#server)
        continue;
      if (message.elements[0] === SNAPSHOT) this.#arrived(message.elements[2]);
      else if (message.elements[0] === SNAPSHOT_ERROR)
        throw this.#failure(message.elements[2], 'has a snapshot that cannot travel:');
    }
  }

  #failure(reason: unknown, what: string): ExitError {
    const destination = describeDestination(this.#to);
    return new ExitError(reason, destination, `${destination} ${what} ${describeReason(reason)}`);
  }

  #arrived(snapshot: unknown): void {
    const turn = this.#turns.shift();
    if (turn === undefined) {
      this.#latest = { snapshot };
      return;
    }
    turn.resolve({ done: false, value: snapshot });
    this.#ask();
  }

  /** The snapshot is used; the statechart may send another. */
  #ask(): void {
    const process = this.#process;
    if (this.#ended !== undefined || this.#server === undefined || process?.alive !== true) return;
    this.#system.castMethod(process, this.#server, 'next', [process.pid]);
  }

  /** A snapshot that has come is still handed out; then the error, once, to whoever asks first. */
  #end(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#abort);
    const turns = this.#turns;
    this.#turns = [];
    for (const turn of turns) {
      const { error: left } = this.#ended;
      this.#ended.error = undefined;
      if (left === undefined) turn.resolve(DONE);
      else turn.reject(left);
    }
    if (this.#process?.alive === true) this.#system.end(this.#process, NORMAL, undefined);
  }
}
