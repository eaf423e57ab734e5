import { AsyncLocalStorage } from 'node:async_hooks';
import { type After, type Before, type Init, promiseHooks } from 'node:v8';
import type { RejectionOwner } from '../env/rejections.ts';

/** Keeps track of whose code runs. */
export interface Owners {
  follow(): void;
  unfollow(): void;
  run<T>(owner: RejectionOwner | undefined, fn: (arg: T) => void, arg: T): void;
  /** Whose code runs now. */
  current(): RejectionOwner | undefined;
  /** Whose a promise is that was just told to be rejected for nobody. */
  ownerOf(promise: Promise<unknown>): RejectionOwner | undefined;
}

/**
 * The platform's own context: it follows promises, and callbacks of timers, sockets and emitters. From Node.js 24 on it
 * costs next to nothing; before, it makes local calls and spawns slower by two fifths.
 */
export class ContextOwners implements Owners {
  readonly #context = new AsyncLocalStorage<RejectionOwner | undefined>();

  follow(): void {}

  unfollow(): void {
    this.#context.disable();
  }

  run<T>(owner: RejectionOwner | undefined, fn: (arg: T) => void, arg: T): void {
    this.#context.run(owner, fn, arg);
  }

  current(): RejectionOwner | undefined {
    return this.#context.getStore();
  }

  /** The platform tells of a rejection in the context in which it happened. */
  ownerOf(): RejectionOwner | undefined {
    return this.#context.getStore();
  }
}

const OWNER: unique symbol = Symbol('beamish.owner');

interface Owned extends Promise<unknown> {
  [OWNER]?: RejectionOwner;
}

/**
 * For Node.js 20 and 22. Each promise made while `#owner` is set carries it, and hands it on to the code that runs when it
 * settles: so an async function stays with its process across every `await`. Callbacks that the platform calls (timers,
 * sockets, emitters) belong to nobody, and so do promises made there.
 */
export class PromiseOwners implements Owners {
  #owner: RejectionOwner | undefined;
  #stopHooks: (() => void)[] = [];

  follow(): void {
    const init = (promise: Owned): void => {
      if (this.#owner !== undefined) promise[OWNER] = this.#owner;
    };
    const before = (promise: Owned): void => {
      this.#owner = promise[OWNER];
    };
    const after = (): void => {
      this.#owner = undefined;
    };
    this.#stopHooks = [
      promiseHooks.onInit(init as Init),
      promiseHooks.onBefore(before as Before),
      promiseHooks.onAfter(after as After),
    ] as (() => void)[];
  }

  unfollow(): void {
    for (const stop of this.#stopHooks) stop();
    this.#stopHooks = [];
    this.#owner = undefined;
  }

  run<T>(owner: RejectionOwner | undefined, fn: (arg: T) => void, arg: T): void {
    const outer = this.#owner;
    this.#owner = owner;
    try {
      fn(arg);
    } finally {
      this.#owner = outer;
    }
  }

  current(): RejectionOwner | undefined {
    return this.#owner;
  }

  ownerOf(promise: Owned): RejectionOwner | undefined {
    return promise[OWNER];
  }
}
