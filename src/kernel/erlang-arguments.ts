import { Atom, atom } from '../term/atom.ts';
import { ErlangError } from './erpc.ts';

/** @throws ErlangError `badarg`, as OTP fails for an argument that it does not know */
export function badarg(): never {
  throw new ErlangError(atom('badarg'));
}

/**
 * The name of an atom, which may have to be one of some.
 * @throws ErlangError `badarg` for anything else
 */
export function nameOf(value: unknown, known?: readonly string[]): string {
  const name = value instanceof Atom ? value.name : WORDS.get(value);
  if (name === undefined || (known !== undefined && !known.includes(name))) return badarg();
  return name;
}

/** Atoms that are values of JavaScript. */
const WORDS: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [true, 'true'],
  [false, 'false'],
  [null, 'nil'],
  [undefined, 'undefined'],
]);
