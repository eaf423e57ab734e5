import { OptionsError } from '../errors.ts';
import { isPlain, show } from '../option-checks.ts';

/** Default of `interval` for strategies that ask again and again, in ms; libcluster polls at the same pace. */
export const POLL_INTERVAL_MS = 5_000;

/** @throws OptionsError for anything but a plain object with known keys */
export function checkKeys(strategy: string, options: unknown, known: readonly string[]): void {
  if (!isPlain(options))
    throw new OptionsError(
      strategy,
      `${strategy}() was given ${show(options)}; an object of options would do: ${known.join(', ')}`,
    );
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new OptionsError(
        `${strategy}.${key}`,
        `${strategy}() has no option "${key}"; it knows ${known.join(', ')}`,
      );
}

/** @throws OptionsError */
export function checkInterval(strategy: string, interval: number | undefined): number {
  if (interval === undefined) return POLL_INTERVAL_MS;
  if (!Number.isFinite(interval) || interval < 1)
    throw new OptionsError(
      `${strategy}.interval`,
      `${strategy} interval ${show(interval)}: a number of milliseconds from 1 would do`,
    );
  return interval;
}
