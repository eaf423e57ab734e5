import { ownMemory } from '../codec/own-memory.ts';
import { DecodeError, LimitError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';

export interface AssemblyLimits {
  /** Longest message, as `limits.frameBytes`. */
  readonly frameBytes: number;
  /** Unfinished messages of one link at a time, as `limits.fragmentedMessages`. */
  readonly fragmentedMessages: number;
  /** Bytes of all unfinished messages of one link, as `limits.fragmentedBytes`. */
  readonly fragmentedBytes: number;
}

/**
 * How much room a message gets when its first piece comes, and each time it proves too little: this many times what
 * has come, at most what its fragments can hold. So 1 MiB from a real node is copied once, and a promise of gigabytes
 * costs nothing.
 */
const ROOM_AHEAD = 32;

/** What the second of two fragments is expected to hold at most; a longer one is made room for when it comes. */
const SHORT_BYTES = 2_048;

const NOTHING = Buffer.alloc(0);

/** A message that has come: control tuple and payload, and what its first fragment's header refers to. */
export interface Whole {
  /** In memory of its own. */
  readonly data: Buffer;
  readonly refs: readonly Atom[];
}

/** One message of which fragments are missing. */
class Unfinished {
  /** Number of the fragment that came last, before the first one more than its number; the next must be one less. */
  fragment: number;
  /** The references of its first fragment: later frames may change the cache. */
  readonly refs: readonly Atom[];
  bytes = 0;
  /** Bytes that had come in fragments of the link when its last one came. */
  movedAt = 0;
  #data: Buffer;

  constructor(fragment: number, refs: readonly Atom[]) {
    this.fragment = fragment;
    this.refs = refs;
    this.#data = NOTHING;
  }

  /** `limitBytes` is the longest that the message can become. */
  add(piece: Buffer, limitBytes: number): void {
    const needed = this.bytes + piece.length;
    if (needed > this.#data.length) this.#grow(piece.length, needed, limitBytes);
    this.#data.set(piece, this.bytes);
    this.bytes = needed;
  }

  /** Takes a piece of `length` bytes of which the first are here. @returns where the others belong */
  open(here: Buffer, length: number, limitBytes: number): Buffer {
    const needed = this.bytes + length;
    if (needed > this.#data.length) this.#grow(length, needed, limitBytes);
    this.#data.set(here, this.bytes);
    const rest = this.#data.subarray(this.bytes + here.length, needed);
    this.bytes = needed;
    return rest;
  }

  /** What came, in memory of its own. */
  joined(): Buffer {
    return this.#data.subarray(0, this.bytes);
  }

  #grow(pieceBytes: number, needed: number, limitBytes: number): void {
    // Every fragment but the last is as long as the first, from a real node; from ours, as the second. The second of two is
    // short, as a rule, from a real node: a binary that is just too long for one, since programs like powers of two.
    const missing = this.fragment - 2;
    const expected = needed + (missing === 1 && this.bytes === 0 ? SHORT_BYTES : missing * pieceBytes);
    const room = Math.min(expected, needed * ROOM_AHEAD, limitBytes);
    const grown = ownMemory(Math.max(needed, room));
    grown.set(this.#data.subarray(0, this.bytes));
    this.#data = grown;
  }
}

/**
 * Puts the fragments of one link's incoming messages together. Fragments of several messages come interleaved; the
 * sequence number tells them apart, and the fragment number counts down to 1. Unfinished messages go with the link;
 * one whose sequence begins anew is dropped, since its sender has ended and another has its number.
 *
 * From OTP 25 on, a process that is killed while it sends sends to the end first. On OTP 23 the rest never comes, and
 * nothing says so (both seen). So at a limit those messages are dropped that have stood still while others brought half
 * of what may be held: a sender that lives has its turn again after a MiB of each other one. Only when nothing can be
 * dropped is the limit the link's end.
 */
export class Assembly {
  readonly #limits: AssemblyLimits;
  readonly #open = new Map<bigint, Unfinished>();
  #bytes = 0;
  /** All that came in fragments. */
  #received = 0;
  #dropped = 0;
  /** Of which message, by its sequence, a piece is coming in that `room` was made for. */
  #placing = 0n;

  constructor(limits: AssemblyLimits) {
    this.#limits = limits;
  }

  /** Unfinished messages. */
  get size(): number {
    return this.#open.size;
  }

  /** Whether more than the last fragment is missing of one; a first that is still coming is missing, too. */
  get isLong(): boolean {
    // Asked after every read: an iterator over nothing is garbage, too.
    if (this.#open.size === 0) return false;
    for (const message of this.#open.values()) if (message.fragment > 2) return true;
    return false;
  }

  /** Bytes held of unfinished messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that were dropped because they stood still. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * The first of two or more fragments.
   * @throws LimitError past a limit
   */
  first(sequence: bigint, fragment: bigint, piece: Buffer, refs: readonly Atom[]): void {
    const message = this.#begin(sequence, fragment, refs);
    this.#add(message, piece);
    message.fragment--;
  }

  /**
   * The first of two or more fragments, of `length` bytes of which the first are `here` and the others still come.
   * @returns where they belong; undefined when `first` is to be told of it once it is whole
   * @throws LimitError past a limit
   */
  firstRoom(
    sequence: bigint,
    fragment: bigint,
    here: Buffer,
    length: number,
    refs: readonly Atom[],
  ): Buffer | undefined {
    this.#begin(sequence, fragment, refs);
    return this.room(sequence, fragment, here, length);
  }

  #begin(sequence: bigint, fragment: bigint, refs: readonly Atom[]): Unfinished {
    const { frameBytes, fragmentedMessages } = this.#limits;
    this.#drop(sequence);
    // Each further fragment holds a byte or more: a greater number announces more than a message may have.
    if (fragment > BigInt(frameBytes))
      throw new LimitError(
        'frameBytes',
        `a message of ${fragment} fragments was announced, at most ${frameBytes} bytes are accepted (limits.frameBytes)`,
      );
    if (this.#open.size >= fragmentedMessages) this.#dropStill();
    if (this.#open.size >= fragmentedMessages)
      throw new LimitError(
        'fragmentedMessages',
        `more than ${fragmentedMessages} messages are unfinished (limits.fragmentedMessages)`,
      );
    const message = new Unfinished(Number(fragment) + 1, refs);
    this.#open.set(sequence, message);
    return message;
  }

  /**
   * A further fragment. The message when it was the last.
   * @throws DecodeError when it does not follow the one before, LimitError past a limit
   */
  next(sequence: bigint, fragment: bigint, piece: Buffer): Whole | undefined {
    const message = this.#open.get(sequence);
    if (message === undefined)
      throw new DecodeError(
        `fragment ${fragment} of sequence ${sequence} came without a first one${
          this.#dropped === 0 ? '' : `, or long after it (${this.#dropped} unfinished messages were dropped)`
        }`,
        2,
      );
    if (fragment !== BigInt(message.fragment - 1))
      throw new DecodeError(
        `expected fragment ${message.fragment - 1} of sequence ${sequence}, got ${fragment}`,
        10,
      );
    this.#add(message, piece);
    return this.#advance(sequence, message);
  }

  /**
   * A further fragment of `length` bytes, of which the first are `here` and the others still come.
   * @returns where they belong; undefined when `next` is to be told of it once it is whole, being not as it should
   */
  room(sequence: bigint, fragment: bigint, here: Buffer, length: number): Buffer | undefined {
    const { frameBytes, fragmentedBytes } = this.#limits;
    const message = this.#open.get(sequence);
    if (message === undefined || fragment !== BigInt(message.fragment - 1)) return undefined;
    if (message.bytes + length > frameBytes || this.#bytes + length > fragmentedBytes) return undefined;
    this.#placing = sequence;
    this.#bytes += length;
    this.#received += length;
    message.movedAt = this.#received;
    return message.open(here, length, frameBytes);
  }

  /** The bytes that `room` was made for have come. The message when they were its last. */
  placed(): Whole | undefined {
    return this.#advance(this.#placing, this.#open.get(this.#placing)!);
  }

  #advance(sequence: bigint, message: Unfinished): Whole | undefined {
    message.fragment--;
    if (message.fragment > 1) return undefined;
    this.#drop(sequence);
    return { data: message.joined(), refs: message.refs };
  }

  #add(message: Unfinished, piece: Buffer): void {
    const { frameBytes, fragmentedBytes } = this.#limits;
    if (message.bytes + piece.length > frameBytes)
      throw new LimitError(
        'frameBytes',
        `a message in fragments is longer than ${frameBytes} bytes (limits.frameBytes)`,
      );
    message.movedAt = this.#received;
    if (this.#bytes + piece.length > fragmentedBytes) this.#dropStill();
    if (this.#bytes + piece.length > fragmentedBytes)
      throw new LimitError(
        'fragmentedBytes',
        `unfinished messages hold more than ${fragmentedBytes} bytes (limits.fragmentedBytes)`,
      );
    message.add(piece, frameBytes);
    this.#bytes += piece.length;
    this.#received += piece.length;
    message.movedAt = this.#received;
  }

  #dropStill(): void {
    const since = this.#received - this.#limits.fragmentedBytes / 2;
    for (const [sequence, message] of this.#open)
      if (message.movedAt < since) {
        this.#drop(sequence);
        this.#dropped++;
      }
  }

  #drop(sequence: bigint): void {
    const message = this.#open.get(sequence);
    if (message === undefined) return;
    this.#open.delete(sequence);
    this.#bytes -= message.bytes;
  }
}
