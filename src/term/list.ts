import { EncodeError } from '../errors.ts';
import { INSPECT, inspectTerm, PRINT, printAll } from './print.ts';

/** A list whose tail is no list: `[a, b | tail]`. At least one element. */
export class ImproperList {
  readonly elements: readonly unknown[];
  readonly tail: unknown;

  /** @throws EncodeError when there is no element, or when the tail is an array (the list would be proper) */
  constructor(elements: readonly unknown[], tail: unknown) {
    if (elements.length === 0) throw new EncodeError('an improper list has at least one element');
    if (Array.isArray(tail)) throw new EncodeError('a list with a list as tail is a plain array');
    this.elements = elements;
    this.tail = tail;
  }

  [PRINT](print: (value: unknown) => string): string {
    return `[${printAll(this.elements, print)}|${print(this.tail)}]`;
  }

  toString(): string {
    return inspectTerm(this);
  }

  [INSPECT](): string {
    return inspectTerm(this);
  }
}

/** A charlist, Erlang's other string: the list of the text's code points. `text()` reads it back. */
export function charlist(characters: string): number[] {
  const list: number[] = [];
  for (const character of characters) list.push(character.codePointAt(0)!);
  return list;
}
