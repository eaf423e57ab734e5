/**
 * What runs inside a process that handles its messages one by one. Handlers that return a promise keep the process
 * busy until it settles; a throw or a rejection ends the process with that as its reason.
 */
export interface Behaviour {
  /** First thing to run. */
  init(): unknown;
  /** One message: plain, a system message, a `PendingCall` of this node, or a `Cast`. */
  handle(message: unknown): unknown;
  /** Whether `terminate` has anything to do. */
  readonly hasTerminate: boolean;
  /** Runs before the end is announced, unless the process is killed. */
  terminate(reason: unknown): unknown;
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
