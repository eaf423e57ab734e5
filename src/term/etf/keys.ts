import { compareKeys } from '../order.ts';

/** Whether two of these keys are the same term. Sorts them in place. */
export function hasEqualKeys(keys: unknown[]): boolean {
  keys.sort(compareKeys);
  for (let i = 1; i < keys.length; i++) if (compareKeys(keys[i - 1], keys[i]) === 0) return true;
  return false;
}
