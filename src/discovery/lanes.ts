/** What waits for its turn. */
export interface Waiting {
  /** Address that told of it; empty: it is of a list. */
  readonly from: string;
}

/** What one address has told. */
interface Lane<T> {
  readonly from: string;
  /** Heard once, and heard again, in the order in which they became so. */
  readonly once: Set<T>;
  readonly again: Set<T>;
  /** Attempts under way. */
  trying: number;
}

const isEmpty = ({ once, again }: Lane<unknown>): boolean => once.size === 0 && again.size === 0;

/**
 * Whose turn it is. Turns go round among the addresses: next is one of an address with the fewest attempts under way. Of one
 * address, what was heard twice (twice is as good as often) goes first: a forger who never repeats himself does not keep a
 * real node waiting.
 *
 * A node of a thousand asks a thousand times whose turn it is: nothing here walks over all that wait.
 */
export class Lanes<T extends Waiting> {
  readonly #lanes = new Map<string, Lane<T>>();
  /** Lanes in which somebody waits, by the number of attempts under way, the longest there first. */
  readonly #byTrying: Set<Lane<T>>[] = [];

  next(): T | undefined {
    for (const lanes of this.#byTrying)
      for (const { again, once } of lanes) return first(again) ?? first(once);
    return undefined;
  }

  /** It waits from now on. */
  add(one: T, isAgain: boolean): void {
    const lane = this.#lane(one.from);
    if (isEmpty(lane)) this.#with(lane.trying).add(lane);
    (isAgain ? lane.again : lane.once).add(one);
  }

  /** It waits, and was heard again. */
  heardAgain(one: T): void {
    const lane = this.#lane(one.from);
    if (lane.once.delete(one)) lane.again.add(one);
  }

  /** It waits no more. */
  remove(one: T): void {
    const lane = this.#lane(one.from);
    if (!lane.again.delete(one)) lane.once.delete(one);
    if (isEmpty(lane)) this.#with(lane.trying).delete(lane);
    this.#dropUnused(lane);
  }

  /** Its turn has come: it waits no more, and an attempt is under way. */
  begin(one: T): void {
    this.#count(this.#lane(one.from), 1);
    this.remove(one);
  }

  /** The attempt is over. */
  end(one: T): void {
    const lane = this.#lane(one.from);
    this.#count(lane, -1);
    this.#dropUnused(lane);
  }

  #count(lane: Lane<T>, by: 1 | -1): void {
    if (!isEmpty(lane)) this.#with(lane.trying).delete(lane);
    lane.trying += by;
    if (!isEmpty(lane)) this.#with(lane.trying).add(lane);
  }

  #lane(from: string): Lane<T> {
    let lane = this.#lanes.get(from);
    if (lane === undefined) {
      lane = { from, once: new Set(), again: new Set(), trying: 0 };
      this.#lanes.set(from, lane);
    }
    return lane;
  }

  #with(trying: number): Set<Lane<T>> {
    this.#byTrying[trying] ??= new Set();
    return this.#byTrying[trying];
  }

  #dropUnused(lane: Lane<T>): void {
    if (lane.trying === 0 && isEmpty(lane)) this.#lanes.delete(lane.from);
  }
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  for (const one of set) return one;
  return undefined;
}
