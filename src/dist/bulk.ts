import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';

/** Data of each fragment but the last, as real nodes cut. */
export const FRAGMENT_DATA_BYTES = 65_536;
/** The most between nodes of ours: each fragment costs two pieces of a write. */
export const OWN_FRAGMENT_DATA_BYTES = 4 * FRAGMENT_DATA_BYTES;
/** 131, 69 or 70, sequence u64, fragment u64. */
export const FRAGMENT_HEAD_BYTES = 18;

const VERSION_MAGIC = 131;
const FIRST_FRAGMENT = 69;
const NEXT_FRAGMENT = 70;

/** What waits: a whole frame, or the fragments of a message that have not left. */
interface Item {
  /** Position in the order of all that was queued. */
  readonly number: number;
  readonly data: Buffer;
  /** Where the next fragment starts in `data`. */
  at: number;
  /** Its number: the last is 1. 0: `data` is a whole frame. */
  fragment: number;
  /** Data of each fragment but the last. */
  readonly fragmentBytes: number;
}

/** What one sender has still to send, in order. */
interface Lane {
  readonly sequence: number;
  readonly items: Item[];
}

/**
 * Big messages on their way out, and whatever their senders say after them.
 *
 * Each sender has a lane and lanes take turns, a fragment each; so a small message of anybody else, which does not
 * come here, goes ahead of them, and the order of each sender's own messages stays. A frame that speaks for a
 * registered name, which may belong to any sender, waits until all that was queued before it has left.
 *
 * Frames here must not rely on an atom cache, since others overtake them.
 */
export class BulkQueue {
  /** Bytes that wait here. */
  bytes = 0;
  /** The longest message since nothing waited: what a limit on waiting bytes must leave room for. */
  longestBytes = 0;
  /** Bytes of first fragments and long frames that were written where small ones are; whoever sends those sets it to 0. */
  longBytes = 0;
  readonly #lanes = new Map<Pid, Lane>();
  readonly #behindAll: Item[] = [];
  #numbers = 0;
  #sequences = 0;

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }

  /** Data of what `next` would give out. Not when empty. */
  get nextBytes(): number {
    const [, lane] = this.#lanes.entries().next().value!;
    const { data, at, fragment, fragmentBytes } = lane.items[0]!;
    return fragment === 0 ? data.length : Math.min(fragmentBytes, data.length - at);
  }

  /** Whether a frame of this sender must wait here to keep its place. */
  holds(from: Pid | Atom): boolean {
    return from instanceof Pid ? this.#lanes.has(from) : this.#lanes.size > 0;
  }

  /** Takes a whole frame, its length included, of a sender that `holds`. */
  frame(from: Pid | Atom, frame: Buffer): void {
    const item = { number: ++this.#numbers, data: frame, at: 0, fragment: 0, fragmentBytes: 0 };
    this.bytes += frame.length;
    if (from instanceof Pid) this.#lane(from).items.push(item);
    else this.#behindAll.push(item);
  }

  /** The sequence number of the message that this sender's lane takes next. */
  sequenceOf(from: Pid): number {
    return this.#lane(from).sequence;
  }

  /**
   * Takes control tuple and payload of a message from the byte `at` on, which starts a fragment, for fragments of
   * `fragmentBytes`. The memory behind `data` is the message's own.
   */
  message(from: Pid, data: Buffer, at: number, fragmentBytes: number): void {
    const fragment = Math.ceil((data.length - at) / fragmentBytes);
    this.#lane(from).items.push({ number: ++this.#numbers, data, at, fragment, fragmentBytes });
    this.bytes += data.length - at;
    if (data.length > this.longestBytes) this.longestBytes = data.length;
  }

  /**
   * Gives out the next frame, in one or two pieces. Not when empty.
   * @returns the memory of a message whose last fragment this was: once it is written nobody reads it any more
   */
  next(write: (bytes: Buffer) => void): Buffer | undefined {
    const [from, lane] = this.#lanes.entries().next().value!;
    const item = lane.items[0]!;
    let done: Buffer | undefined;
    this.#lanes.delete(from);
    if (item.fragment === 0) {
      this.bytes -= item.data.length;
      write(item.data);
    } else {
      this.#fragment(lane, item, write);
      if (item.fragment === 0) done = Buffer.from(item.data.buffer);
    }
    if (item.fragment === 0) lane.items.shift();
    if (lane.items.length > 0) this.#lanes.set(from, lane);
    this.#release(write);
    if (this.bytes === 0) this.longestBytes = 0;
    return done;
  }

  clear(): void {
    this.bytes = 0;
    this.longestBytes = 0;
    this.#lanes.clear();
    this.#behindAll.length = 0;
  }

  #fragment(lane: Lane, item: Item, write: (bytes: Buffer) => void): void {
    const first = item.at === 0;
    const end = item.fragment === 1 ? item.data.length : item.at + item.fragmentBytes;
    // A first fragment that starts here refers to no atom: its header is the one byte 0.
    const head = Buffer.allocUnsafe(4 + FRAGMENT_HEAD_BYTES + (first ? 1 : 0));
    if (first) head[4 + FRAGMENT_HEAD_BYTES] = 0;
    head.writeUInt32BE(head.length - 4 + end - item.at, 0);
    fragmentHead(head, 4, first, lane.sequence, item.fragment);
    write(head);
    write(item.data.subarray(item.at, end));
    this.bytes -= end - item.at;
    item.at = end;
    item.fragment--;
  }

  /** Frames that waited for everything before them. */
  #release(write: (bytes: Buffer) => void): void {
    while (this.#behindAll.length > 0) {
      const item = this.#behindAll[0]!;
      for (const lane of this.#lanes.values()) if (lane.items[0]!.number < item.number) return;
      this.#behindAll.shift();
      this.bytes -= item.data.length;
      write(item.data);
    }
  }

  #lane(from: Pid): Lane {
    let lane = this.#lanes.get(from);
    if (lane === undefined) {
      this.#sequences = (this.#sequences + 1) >>> 0;
      lane = { sequence: this.#sequences, items: [] };
      this.#lanes.set(from, lane);
    }
    return lane;
  }
}

/** 131, 69 for a first fragment or 70, sequence u64, fragment u64. Both numbers are below 2^32. */
export function fragmentHead(
  buffer: Buffer,
  at: number,
  first: boolean,
  sequence: number,
  fragment: number,
): void {
  buffer[at] = VERSION_MAGIC;
  buffer[at + 1] = first ? FIRST_FRAGMENT : NEXT_FRAGMENT;
  buffer.writeUInt32BE(0, at + 2);
  buffer.writeUInt32BE(sequence, at + 6);
  buffer.writeUInt32BE(0, at + 10);
  buffer.writeUInt32BE(fragment, at + 14);
}
