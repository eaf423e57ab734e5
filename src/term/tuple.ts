import { INSPECT, inspectTerm, PRINT, printAll } from './print.ts';

/** An Erlang tuple: iterable, so it destructures; `.length`, `.at(0)`. */
export class Tuple<T extends readonly unknown[] = readonly unknown[]> implements Iterable<T[number]> {
  readonly elements: T;

  constructor(elements: T) {
    this.elements = elements;
  }

  get length(): T['length'] {
    return this.elements.length;
  }

  /** Element by position, from 0; negative positions count from the end; undefined outside. */
  at<I extends number>(index: I): T[I] {
    return this.elements.at(index) as T[I];
  }

  [Symbol.iterator](): Iterator<T[number]> {
    return this.elements[Symbol.iterator]();
  }

  [PRINT](print: (value: unknown) => string): string {
    return `{${printAll(this.elements, print)}}`;
  }

  toString(): string {
    return inspectTerm(this);
  }

  [INSPECT](): string {
    return inspectTerm(this);
  }
}

/** Makes a tuple. */
export function tuple<const T extends readonly unknown[]>(...elements: T): Tuple<T> {
  return new Tuple(elements);
}
