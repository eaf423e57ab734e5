import type { Clock } from '../env/clock.ts';
import type { CallOptions } from '../process/protocol.ts';

/**
 * Runs `work` within a time-out and under a caller's AbortSignal, and gives up waiting when either comes first; `work` is
 * told by the signal it gets.
 * @param late - makes the error of a time-out
 * @param options - checked already (`checkWaiting`)
 * @throws what `late` made, or the reason of the caller's signal
 */
export async function withDeadline<T>(
  clock: Clock,
  options: Required<Pick<CallOptions, 'timeout'>> & CallOptions,
  late: (timeoutMs: number) => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeout, signal } = options;
  signal?.throwIfAborted();
  const giveUp = new AbortController();
  const onAbort = () => giveUp.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const timer =
    timeout === Number.POSITIVE_INFINITY
      ? undefined
      : clock.setTimeout(() => giveUp.abort(late(timeout)), timeout);
  try {
    return await new Promise<T>((resolve, reject) => {
      giveUp.signal.addEventListener('abort', () => reject(giveUp.signal.reason), { once: true });
      work(giveUp.signal).then(resolve, reject);
    });
  } finally {
    if (timer !== undefined) clock.clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
