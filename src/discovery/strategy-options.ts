import { OptionsError } from '../errors.ts';

/** Default of `interval` for strategies that ask again and again, in ms; libcluster polls at the same pace. */
export const POLL_INTERVAL_MS = 5_000;

/** @throws OptionsError for anything but an object with known keys */
export function checkKeys(strategy: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new OptionsError(
      strategy,
      `${strategy}() was given ${described(options)}; an object of options would do: ${known.join(', ')}`,
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
      `${strategy} interval ${described(interval)}: a number of milliseconds from 1 would do`,
    );
  return interval;
}

/** A wrong value, for people. */
export function described(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
