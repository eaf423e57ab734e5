import { WeakTable } from './weak-table.ts';

/** An Erlang atom. Interned: two atoms with the same name are the same object, so compare with `===`. */
export class Atom {
  readonly name: string;
  /** The atom as an encoded term (tag 118 or 119), made on first use. @internal */
  wire: Uint8Array | undefined = undefined;

  /** @internal use `atom()` */
  constructor(name: string) {
    this.name = name;
  }

  toString(): string {
    return this.name;
  }
}

const table = new WeakTable<string, Atom>();

/**
 * The atom of this name: at most 255 characters.
 *
 * Interned weakly: an atom that nobody holds is forgotten, so that names made up by strangers cost no memory
 * (the BEAM's atom table never shrinks; ours may).
 * @throws EncodeError when the name is too long or not well-formed Unicode
 */
export function atom(name: string): Atom {
  const known = table.get(name);
  if (known !== undefined) return known;
  const made = new Atom(name);
  table.set(name, made);
  return made;
}
