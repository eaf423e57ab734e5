import { EncodeError } from '../errors.ts';
import { INSPECT, PRINT, printAtom } from './print.ts';
import { WeakTable } from './weak-table.ts';

/** Longest atom, in characters (code points): Erlang's limit. */
export const MAX_ATOM_CHARACTERS = 255;

/** An Erlang atom. Interned: two atoms with the same name are the same object, so compare with `===`. */
export class Atom {
  readonly name: string;
  /** Private, these two, so that whoever serialises an atom finds its name and nothing else. */
  readonly #slot: number;
  #wire: Uint8Array | undefined = undefined;

  /** @internal use `atom()` */
  constructor(name: string) {
    this.name = name;
    this.#slot = slotOf(name);
  }

  /** 0..2047, from the name alone: where an atom cache of the distribution looks first. @internal */
  get slot(): number {
    // A proxy around an atom has no room for it.
    return #slot in this ? this.#slot : slotOf((this as { readonly name: string }).name);
  }

  /** The atom as an encoded term (tag 118 or 119), made on first use. @internal */
  get wire(): Uint8Array | undefined {
    return #wire in this ? this.#wire : undefined;
  }

  set wire(wire: Uint8Array) {
    if (#wire in this) this.#wire = wire;
  }

  toString(): string {
    return this.name;
  }

  [PRINT](): string {
    return printAtom(this.name);
  }

  [INSPECT](): string {
    return printAtom(this.name);
  }
}

/** As many slots as an atom cache of the distribution has. */
function slotOf(name: string): number {
  let hash = name.length;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  return (hash ^ (hash >>> 11) ^ (hash >>> 22)) & 2047;
}

const table = new WeakTable<string, Atom>();

/** How many atoms the program knows, with some that nobody holds any more. */
export function atomCount(): number {
  return table.size;
}

/**
 * The atom of this name: at most 255 characters.
 *
 * Interned weakly: an atom that nobody holds is forgotten, so that names made up by strangers cost no memory
 * (the BEAM's atom table never shrinks; ours may).
 *
 * The atoms `true`, `false`, `nil` and `undefined` have JavaScript values of their own: encoding `atom('true')`
 * writes the same term as `true`, and decoding gives `true`.
 * @throws EncodeError when the name is too long or not well-formed Unicode
 */
export function atom(name: string): Atom {
  const known = table.get(name);
  if (known !== undefined) return known;
  if (typeof name !== 'string')
    throw new EncodeError(`an atom's name is a string, not ${typeof name}`, 'name');
  if (!name.isWellFormed())
    throw new EncodeError('an atom with half of a surrogate pair has no UTF-8', 'name');
  // A code point is one or two units, so short names need no count.
  if (name.length > MAX_ATOM_CHARACTERS && [...name].length > MAX_ATOM_CHARACTERS)
    throw new EncodeError(
      `an atom has at most ${MAX_ATOM_CHARACTERS} characters, this one has ${[...name].length}`,
      'name',
    );
  const made = new Atom(name);
  table.set(name, made);
  return made;
}
