import { isPromise } from './behaviour.ts';

type Listener = (this: AbortSignal, event: Event) => unknown;

/**
 * A controller for a signal that other people's code listens to. What a listener throws, or its promise is rejected
 * with, goes to `report`, and the other listeners run all the same; the platform would make an uncaught exception of it,
 * which ends the program, whoever aborted. A signal made from this one (`AbortSignal.any`) is not guarded.
 */
export function guardedController(report: (error: unknown) => void): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const guards = new WeakMap<object, Listener>();

  const guarded = (listener: object): Listener => {
    let guard = guards.get(listener);
    if (guard === undefined) {
      guard = function (event) {
        try {
          const result =
            typeof listener === 'function'
              ? (listener as Listener).call(this, event)
              : (listener as { handleEvent: (event: Event) => unknown }).handleEvent(event);
          if (isPromise(result)) result.then(undefined, report);
        } catch (error) {
          report(error);
        }
      };
      guards.set(listener, guard);
    }
    return guard;
  };

  for (const name of ['addEventListener', 'removeEventListener'] as const) {
    const method = signal[name];
    // Setting `onabort` comes through here too. What is no listener is the platform's to refuse, or to ignore.
    const value = (type: string, listener: unknown, ...options: []): void => {
      const isListener =
        typeof listener === 'function' || (typeof listener === 'object' && listener !== null);
      method.call(signal, type, (isListener ? guarded(listener) : listener) as Listener, ...options);
    };
    Object.defineProperty(signal, name, { value, writable: true, configurable: true });
  }
  return controller;
}
