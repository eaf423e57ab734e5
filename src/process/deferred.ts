import type { Pid } from '../term/identifiers.ts';

/** An answer to be given later: return it from the handler, keep it, and settle it once; further times do nothing. */
export interface Deferred<T = unknown> {
  /** Who called; undefined for a cast, and for a caller that is no process. */
  readonly from: Pid | undefined;
  reply(value: T): void;
  /** Refuses: the caller's promise rejects with `ExitError` of this reason, as if we had ended; we live on. */
  fail(reason: unknown): void;
}
