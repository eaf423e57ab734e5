const nobody = (): void => {};
let lastResolve: (value: never) => void = nobody;
let lastReject: (error: unknown) => void = nobody;

/** One function for all, since a promise calls it at once: a closure for each would cost as much as the promise. */
const take = (resolve: (value: never) => void, reject: (error: unknown) => void): void => {
  lastResolve = resolve;
  lastReject = reject;
};

/** A promise, and what settles it. */
export class Settlement<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;

  constructor() {
    this.promise = new Promise<T>(
      take as (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
    );
    this.resolve = lastResolve as (value: T) => void;
    this.reject = lastReject;
    // They hold the promise, and with it what it was settled with: the last answer, which may be long.
    lastResolve = nobody;
    lastReject = nobody;
  }
}
