import { LimitError } from '../errors.ts';

const NOTHING = Buffer.alloc(0);

/**
 * Cuts a stream into frames: a big-endian length of 2 bytes (handshake) or 4 bytes (afterwards), then the body.
 *
 * Frames are handed out one at a time with `next()`, so that the reader of the last handshake frame can set
 * `prefixBytes = 4` before the next frame is cut, and bytes that arrived in the same chunk are not lost.
 * A body is described by `buffer`, `start` and `end`: a view, valid as long as its chunk is kept alive.
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

  #filled = 0;
  #read = 0;
  /** Chunks of a frame that is longer than what has arrived; joined once, when it is complete. */
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #wanted = 0;

  constructor(prefixBytes: 2 | 4, limitBytes: number, limitName: string) {
    this.prefixBytes = prefixBytes;
    this.limitBytes = limitBytes;
    this.limitName = limitName;
  }

  /** Bytes held that belong to no complete frame yet. */
  get pendingBytes(): number {
    return this.#filled - this.#read + this.#partsBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.#partsBytes > 0) {
      this.#parts.push(chunk);
      this.#partsBytes += chunk.length;
      if (this.#partsBytes < this.#wanted) return;
      this.#setBuffer(Buffer.concat(this.#parts, this.#partsBytes));
      this.#parts = [];
      this.#partsBytes = 0;
      return;
    }
    const left = this.#filled - this.#read;
    if (left === 0) {
      this.#setBuffer(
        Buffer.isBuffer(chunk)
          ? chunk
          : Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength),
      );
      return;
    }
    this.#setBuffer(
      Buffer.concat([this.buffer.subarray(this.#read, this.#filled), chunk], left + chunk.length),
    );
  }

  /**
   * Finds the next complete frame. False means: more bytes are needed.
   * @throws LimitError when the announced length is past `limitBytes`
   */
  next(): boolean {
    const available = this.#filled - this.#read;
    const prefix = this.prefixBytes;
    if (available < prefix) return false;
    const at = this.#read;
    const b = this.buffer;
    const length =
      prefix === 4
        ? b[at]! * 0x1000000 + ((b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!)
        : (b[at]! << 8) | b[at + 1]!;
    if (length > this.limitBytes)
      throw new LimitError(
        this.limitName,
        `a frame of ${length} bytes was announced, at most ${this.limitBytes} are accepted (limits.${this.limitName})`,
      );
    if (available - prefix < length) {
      // Long frames collect their chunks and are joined once, so that n chunks cost n copies, not n².
      if (length > 65_536) {
        this.#wanted = prefix + length;
        this.#parts = [b.subarray(at, this.#filled)];
        this.#partsBytes = available;
        this.#setBuffer(NOTHING);
      }
      return false;
    }
    this.start = at + prefix;
    this.end = this.start + length;
    this.#read = this.end;
    return true;
  }

  #setBuffer(buffer: Buffer): void {
    this.buffer = buffer;
    this.#filled = buffer.length;
    this.#read = 0;
  }
}
