import type { Atom } from '../term/atom.ts';
import { atom } from '../term/atom.ts';
import { Tuple } from '../term/tuple.ts';

/** Class and reason of what a fun raised elsewhere, from the exit reason that stands for it. */
export function raised(reason: unknown): readonly [thrown: Atom, reason: unknown] {
  if (reason instanceof Tuple && reason.length === 2) {
    const [first, second] = reason;
    if (first === atom('nocatch')) return [atom('throw'), second];
    if (Array.isArray(second)) return [atom('error'), first];
  }
  return [atom('exit'), reason];
}
