import { ByteWriter } from '../codec/writer.ts';
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

/** Pieces from this size on are kept where they arrived; shorter ones are copied together, so that none keeps a whole chunk. */
const KEEP_BYTES = 32 * 1024;

/** One message of which fragments are missing. */
class Unfinished {
  /** Number of the fragment that came last; the next must be one less. */
  fragment: number;
  /** The references of its first fragment: later frames may change the cache. */
  readonly refs: readonly Atom[];
  bytes = 0;
  readonly #parts: Uint8Array[] = [];
  readonly #tail = new ByteWriter(64);

  constructor(fragment: number, refs: readonly Atom[]) {
    this.fragment = fragment;
    this.refs = refs;
  }

  add(piece: Buffer): void {
    this.bytes += piece.length;
    if (piece.length < KEEP_BYTES) {
      this.#tail.bytes(piece);
      return;
    }
    this.#seal();
    this.#parts.push(piece);
  }

  joined(): Buffer {
    this.#seal();
    return Buffer.concat(this.#parts, this.bytes);
  }

  #seal(): void {
    if (this.#tail.position === 0) return;
    this.#parts.push(this.#tail.toBytes());
    this.#tail.position = 0;
  }
}

/**
 * Puts the fragments of one link's incoming messages together. Fragments of several messages come interleaved; the
 * sequence number tells them apart, and the fragment number counts down to 1. Unfinished messages go with the link;
 * one whose sequence begins anew is dropped, since its sender has ended and another has its number.
 */
export class Assembly {
  readonly #limits: AssemblyLimits;
  readonly #open = new Map<bigint, Unfinished>();
  #bytes = 0;

  constructor(limits: AssemblyLimits) {
    this.#limits = limits;
  }

  /** Unfinished messages. */
  get size(): number {
    return this.#open.size;
  }

  /** Bytes held of unfinished messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The first of two or more fragments.
   * @throws LimitError past a limit
   */
  first(sequence: bigint, fragment: bigint, piece: Buffer, refs: readonly Atom[]): void {
    const { frameBytes, fragmentedMessages } = this.#limits;
    this.#drop(sequence);
    // Each further fragment holds a byte or more: a greater number announces more than a message may have.
    if (fragment > BigInt(frameBytes))
      throw new LimitError(
        'frameBytes',
        `a message of ${fragment} fragments was announced, at most ${frameBytes} bytes are accepted (limits.frameBytes)`,
      );
    if (this.#open.size >= fragmentedMessages)
      throw new LimitError(
        'fragmentedMessages',
        `more than ${fragmentedMessages} messages are unfinished (limits.fragmentedMessages)`,
      );
    const message = new Unfinished(Number(fragment), refs);
    this.#open.set(sequence, message);
    this.#add(message, piece);
  }

  /**
   * A further fragment. The message when it was the last.
   * @throws DecodeError when it does not follow the one before, LimitError past a limit
   */
  next(
    sequence: bigint,
    fragment: bigint,
    piece: Buffer,
  ): { data: Buffer; refs: readonly Atom[] } | undefined {
    const message = this.#open.get(sequence);
    if (message === undefined)
      throw new DecodeError(`fragment ${fragment} of sequence ${sequence} came without a first one`, 2);
    if (fragment !== BigInt(message.fragment - 1))
      throw new DecodeError(
        `expected fragment ${message.fragment - 1} of sequence ${sequence}, got ${fragment}`,
        10,
      );
    message.fragment--;
    this.#add(message, piece);
    if (message.fragment > 1) return undefined;
    this.#drop(sequence);
    return { data: message.joined(), refs: message.refs };
  }

  #add(message: Unfinished, piece: Buffer): void {
    const { frameBytes, fragmentedBytes } = this.#limits;
    message.add(piece);
    this.#bytes += piece.length;
    if (message.bytes > frameBytes)
      throw new LimitError(
        'frameBytes',
        `a message in fragments is longer than ${frameBytes} bytes (limits.frameBytes)`,
      );
    if (this.#bytes > fragmentedBytes)
      throw new LimitError(
        'fragmentedBytes',
        `unfinished messages hold more than ${fragmentedBytes} bytes (limits.fragmentedBytes)`,
      );
  }

  #drop(sequence: bigint): void {
    const message = this.#open.get(sequence);
    if (message === undefined) return;
    this.#open.delete(sequence);
    this.#bytes -= message.bytes;
  }
}
