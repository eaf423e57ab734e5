import { Ref } from '../term/identifiers.ts';

/** Old releases keep 18 bits of the first word of a reference. */
const FIRST_WORD = 0x40000;
const PLAIN = 0;
const CALL = 0xca11;

/**
 * Makes the references of one node from a counter. The third word is a mark: references of calls carry their own, so
 * that a late answer is recognised, even after the call was forgotten, and never reaches a mailbox.
 */
export class RefSource {
  readonly #node: string;
  readonly #creation: number;
  #last = 0;

  constructor(node: string, creation: number) {
    this.#node = node;
    this.#creation = creation;
  }

  next(): number {
    this.#last += 1;
    return this.#last;
  }

  ref(number: number): Ref {
    return this.#make(number, PLAIN);
  }

  callRef(number: number): Ref {
    return this.#make(number, CALL);
  }

  /** The number of a reference made here; undefined for others. */
  numberOf(ref: Ref): number | undefined {
    return this.#marked(ref, PLAIN);
  }

  /** The number of the call that this reference was made for; undefined for others. */
  callNumberOf(ref: Ref): number | undefined {
    return this.#marked(ref, CALL);
  }

  #make(number: number, mark: number): Ref {
    return new Ref(this.#node, this.#creation, [
      number % FIRST_WORD,
      Math.floor(number / FIRST_WORD) >>> 0,
      mark,
    ]);
  }

  #marked(ref: Ref, mark: number): number | undefined {
    const words = ref.words;
    if (words[2] !== mark || words.length !== 3) return undefined;
    if (ref.creation !== this.#creation || ref.node !== this.#node) return undefined;
    return words[1]! * FIRST_WORD + words[0]!;
  }
}
