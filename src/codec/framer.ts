import { LimitError } from '../errors.ts';
import { ownMemory } from './own-memory.ts';

const NOTHING = Buffer.alloc(0);

/** A body of this size has memory of its own once it is gathered; shorter ones share the platform's pool. */
const OWN_BYTES = 32 * 1024;
/** What a frame that has hardly begun to come is given at once; beyond, memory grows with what has come. */
const FIRST_BYTES = 1024 * 1024;

/**
 * Cuts a stream into frames: a big-endian length of 2 bytes (handshake) or 4 bytes (afterwards), then the body.
 *
 * Frames are handed out one at a time with `next()`, so that the reader of the last handshake frame can set
 * `prefixBytes = 4` before the next frame is cut, and bytes that arrived in the same chunk are not lost.
 * A body is described by `buffer`, `start` and `end`: a view, to be read before the next is asked for. One that came
 * in pieces is gathered where it stays: each of its bytes is copied once.
 */
export class LengthFramer {
  prefixBytes: 2 | 4;
  /** Longest body accepted. Checked before the body is waited for. */
  limitBytes: number;
  /** Name of the option behind `limitBytes`, for the error. */
  limitName: string;
  /** The frame `next()` found: `buffer[start..end)`. */
  buffer: Buffer = NOTHING;
  start = 0;
  end = 0;
  /**
   * Asked about a long body of which only `buffer[start..end)` has come: takes these bytes and says where the others
   * belong, or answers undefined and gets the body whole. Once it has come `next()` tells by `isPlaced`.
   */
  room: ((buffer: Buffer, start: number, end: number, length: number) => Buffer | undefined) | undefined;
  /** The frame `next()` found is where `room` said, and not in `buffer`. */
  isPlaced = false;
  /** The memory behind `buffer` holds this frame and nothing else: whoever reads it may keep parts of it. */
  isOwn = false;

  #chunk: Buffer = NOTHING;
  #read = 0;
  /** The beginning of a frame whose end has not come; `#gathered` bytes of it, prefix included. */
  #part: Buffer = NOTHING;
  #gathered = 0;
  /** Bytes of that frame, prefix included; 0 while the prefix itself is not whole. */
  #wanted = 0;
  /** `#part` is what `room` gave: neither prefix nor beginning are in it. */
  #places = false;

  constructor(prefixBytes: 2 | 4, limitBytes: number, limitName: string) {
    this.prefixBytes = prefixBytes;
    this.limitBytes = limitBytes;
    this.limitName = limitName;
  }

  /** Bytes held that belong to no complete frame yet. */
  get pendingBytes(): number {
    return this.#chunk.length - this.#read + this.#gathered;
  }

  push(chunk: Uint8Array): void {
    const left = this.#chunk.length - this.#read;
    if (left > 0) chunk = Buffer.concat([this.#chunk.subarray(this.#read), chunk], left + chunk.length);
    this.#chunk = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength);
    this.#read = 0;
  }

  /**
   * Finds the next complete frame. False means: more bytes are needed. Then the frame before is let go of: a link that
   * has nothing more to say does not keep the last long one.
   * @throws LimitError when the announced length is past `limitBytes`
   */
  next(): boolean {
    if (this.#gathered > 0 || this.#places) return this.#gather();
    const chunk = this.#chunk;
    const prefix = this.prefixBytes;
    const at = this.#read;
    const available = chunk.length - at;
    if (available < prefix) {
      this.#letGo();
      return available > 0 && this.#gather();
    }
    const length = this.#lengthAt(chunk, at);
    if (available - prefix < length) {
      this.#letGo();
      if (length >= OWN_BYTES && this.#place(chunk, at + prefix, length)) return false;
      this.#wanted = prefix + length;
      return this.#gather();
    }
    this.buffer = chunk;
    this.start = at + prefix;
    this.end = this.start + length;
    this.isOwn = false;
    this.isPlaced = false;
    this.#read = this.end;
    return true;
  }

  #lengthAt(b: Buffer, at: number): number {
    const length =
      this.prefixBytes === 4
        ? b[at]! * 0x1000000 + ((b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!)
        : (b[at]! << 8) | b[at + 1]!;
    if (length > this.limitBytes)
      throw new LimitError(
        this.limitName,
        `a frame of ${length} bytes was announced, at most ${this.limitBytes} are accepted (limits.${this.limitName})`,
      );
    return length;
  }

  #place(chunk: Buffer, start: number, length: number): boolean {
    const room = this.room?.(chunk, start, chunk.length, length);
    if (room === undefined) return false;
    this.#part = room;
    this.#wanted = room.length;
    this.#places = true;
    this.#reset();
    return true;
  }

  /** Takes what the chunk has of the frame that is under way. True when that was the rest. */
  #gather(): boolean {
    if (this.#wanted === 0) {
      this.#take(this.prefixBytes);
      if (this.#gathered < this.prefixBytes) return false;
      this.#wanted = this.prefixBytes + this.#lengthAt(this.#part, 0);
    }
    this.#take(this.#wanted);
    if (this.#gathered < this.#wanted) return false;
    this.buffer = this.#part;
    this.start = this.#places ? 0 : this.prefixBytes;
    this.end = this.#wanted;
    this.isOwn = this.#wanted >= OWN_BYTES;
    this.isPlaced = this.#places;
    this.#places = false;
    this.#part = NOTHING;
    this.#gathered = 0;
    this.#wanted = 0;
    return true;
  }

  /** Copies from the chunk until `wanted` bytes are gathered, as far as it goes. */
  #take(wanted: number): void {
    const chunk = this.#chunk;
    const at = this.#read;
    const have = this.#gathered;
    const bytes = Math.min(wanted - have, chunk.length - at);
    if (have + bytes > this.#part.length) this.#grow(wanted, have + bytes);
    this.#part.set(at === 0 && bytes === chunk.length ? chunk : chunk.subarray(at, at + bytes), have);
    this.#gathered = have + bytes;
    this.#read = at + bytes;
    // Nothing is left in it: an idle connection is not to keep it alive.
    if (this.#read === chunk.length) this.#reset();
  }

  #reset(): void {
    this.#chunk = NOTHING;
    this.#read = 0;
  }

  #letGo(): void {
    if (!this.isOwn && !this.isPlaced) return;
    this.buffer = NOTHING;
    this.start = 0;
    this.end = 0;
    this.isOwn = false;
    this.isPlaced = false;
  }

  #grow(wanted: number, needed: number): void {
    const bytes = Math.min(wanted, Math.max(FIRST_BYTES, needed * 4));
    const grown = wanted >= OWN_BYTES ? ownMemory(bytes) : Buffer.allocUnsafe(bytes);
    grown.set(this.#part.subarray(0, this.#gathered));
    this.#part = grown;
  }
}
