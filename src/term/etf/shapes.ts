/** Shapes of one decoder; with more it begins anew. */
const MOST_SHAPES = 1_024;
/** Keys that are longer, or not ASCII, are not worth the memory, or the comparison. */
const SHORT_KEY = /^[\0-\x7f]{0,32}$/;

/** The keys that maps have begun with, all different and in this order. */
export class Shape {
  /** The last of them. */
  readonly key: string;
  /** With the key that came next last time. */
  likely: Shape | undefined = undefined;
  /** With each key that has come next. */
  readonly next = new Map<string, Shape>();

  constructor(key: string) {
    this.key = key;
  }
}

/**
 * Remembers in which order the keys of maps come. Records of one kind have the same keys in the same order, so that the
 * next one can be guessed, which is cheaper to compare than to look up; and where the same keys have come before, nobody
 * need ask again whether one of them comes twice.
 */
export class Shapes {
  /** No key yet. */
  empty = new Shape('');
  #count = 0;

  /** The shape with this key more, if it has come before. */
  known(shape: Shape, key: string): Shape | undefined {
    const next = shape.next.get(key);
    if (next !== undefined) shape.likely = next;
    return next;
  }

  /** Enters the shape with a key more that is none of its keys. Undefined for a key that is not worth it. */
  enter(shape: Shape, key: string): Shape | undefined {
    if (!SHORT_KEY.test(key)) return undefined;
    if (++this.#count > MOST_SHAPES) {
      this.#count = 1;
      this.empty = new Shape('');
    }
    const next = new Shape(key);
    shape.next.set(key, next);
    shape.likely = next;
    return next;
  }
}
