const FIRST_CAPACITY = 4;
/** An emptied ring above this many slots is given back, so that a burst long ago costs an idle process nothing. */
const KEPT_CAPACITY = 256;
/** Of those given back the longest up to this is kept, for whoever has the next burst. */
const SPARE_CAPACITY = 4096;

/** All its slots are empty. */
let spare: unknown[] | undefined;

/** A queue in a ring that grows by doubling: first in, first out, with a look at and a take from any position. */
export class Mailbox<T = unknown> {
  #slots: (T | undefined)[] = new Array(FIRST_CAPACITY);
  #head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.length) & (this.#slots.length - 1)] = item;
    this.length += 1;
  }

  /** Takes the oldest. Call it only when `length` is above 0. */
  shift(): T {
    const slots = this.#slots;
    const item = slots[this.#head] as T;
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    this.length -= 1;
    if (this.length === 0 && slots.length > KEPT_CAPACITY) {
      if (slots.length <= SPARE_CAPACITY && slots.length >= (spare?.length ?? 0)) spare = slots;
      this.#slots = new Array(FIRST_CAPACITY);
      this.#head = 0;
    }
    return item;
  }

  at(index: number): T {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)] as T;
  }

  replace(index: number, item: T): void {
    this.#slots[(this.#head + index) & (this.#slots.length - 1)] = item;
  }

  /** Takes the one at `index`; those behind it move up, or those before it move down: the shorter side. */
  takeAt(index: number): T {
    if (index === 0) return this.shift();
    const item = this.at(index);
    if (index > this.length / 2) {
      for (let i = index; i < this.length - 1; i += 1) this.replace(i, this.at(i + 1));
      this.replace(this.length - 1, undefined as T);
      this.length -= 1;
    } else {
      for (let i = index; i > 0; i -= 1) this.replace(i, this.at(i - 1));
      this.shift();
    }
    return item;
  }

  #grow(): void {
    const old = this.#slots;
    const grown = roomFor<T>(old.length * 2);
    for (let i = 0; i < this.length; i += 1) grown[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = grown;
    this.#head = 0;
  }
}

function roomFor<T>(capacity: number): (T | undefined)[] {
  const isFit =
    spare !== undefined &&
    capacity >= KEPT_CAPACITY &&
    capacity <= spare.length &&
    capacity * 4 >= spare.length;
  if (!isFit) return new Array(capacity);
  const room = spare as (T | undefined)[];
  spare = undefined;
  return room;
}
