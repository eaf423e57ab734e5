import type { BufferPool } from './buffer-pool.ts';

/** A buffer that was outgrown is kept for `cut` up to this size. */
const KEPT_BYTES = 1024 * 1024;

/**
 * A growing byte buffer with a write position. Numbers are big-endian.
 *
 * Hot: encoders reserve space once and write through `buffer` and `position` where that is measurably faster;
 * everywhere else use the named steps.
 */
export class ByteWriter {
  /** The bytes written so far are `buffer[0..position)`. Replaced when it grows: never keep it across a `reserve`. */
  buffer: Buffer;
  position = 0;
  /** The buffer before it last grew: what `cut` goes back to. */
  #outgrown: Buffer | undefined;
  readonly #pool: BufferPool | undefined;

  /** @param pool - where buffers come from; whoever brings one keeps count of when it can go back */
  constructor(initialBytes = 1024, pool?: BufferPool) {
    this.#pool = pool;
    this.buffer = this.#allocate(initialBytes);
  }

  #allocate(bytes: number): Buffer {
    return this.#pool === undefined ? Buffer.allocUnsafeSlow(bytes) : this.#pool.take(bytes);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed <= this.buffer.length) return;
    const grown = this.#allocate(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    if (this.buffer.length <= KEPT_BYTES) this.#outgrown = this.buffer;
    this.buffer = grown;
  }

  /** Goes on in another buffer, from its beginning. The bytes written so far belong to whoever has them. */
  renew(buffer: Buffer): void {
    this.#outgrown = undefined;
    this.buffer = buffer;
    this.position = 0;
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.position++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    const { buffer } = this;
    buffer[this.position++] = value >>> 8;
    buffer[this.position++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    this.position = this.buffer.writeUInt32BE(value >>> 0, this.position);
  }

  u64(value: bigint): void {
    this.reserve(8);
    this.position = this.buffer.writeBigUInt64BE(value, this.position);
  }

  f64(value: number): void {
    this.reserve(8);
    this.position = this.buffer.writeDoubleBE(value, this.position);
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  latin1(text: string): void {
    this.reserve(text.length);
    this.position += this.buffer.latin1Write(text, this.position);
  }

  utf8(text: string): void {
    this.reserve(text.length * 3);
    this.position += this.buffer.utf8Write(text, this.position);
  }

  /** Overwrites four bytes written earlier, typically a length that was not yet known. */
  setU32(at: number, value: number): void {
    this.buffer.writeUInt32BE(value >>> 0, at);
  }

  /** A copy of what was written, from `start` on. */
  toBytes(start = 0): Uint8Array {
    // Not `slice`: a slice of a Buffer is a Buffer, whose own `slice` surprises those who asked for bytes.
    const copy = new Uint8Array(this.position - start);
    copy.set(this.buffer.subarray(start, this.position));
    return copy;
  }

  /** Takes the bytes from `start` on out without copying them; the writer keeps those before, in another buffer. */
  cut(start: number): Buffer {
    const taken = this.buffer.subarray(start, this.position);
    const old = this.#outgrown;
    this.#outgrown = undefined;
    // What it holds below `start` are the same bytes, so that others may still read them meanwhile.
    const kept = old !== undefined && old.length >= start ? old : this.#allocate(Math.max(1024, start));
    this.buffer.copy(kept, 0, 0, start);
    this.buffer = kept;
    this.position = start;
    return taken;
  }

  /** Takes the written bytes out without a copy; the writer starts anew. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.position);
    this.buffer = Buffer.allocUnsafeSlow(Math.max(1024, Math.min(this.buffer.length, 64 * 1024)));
    this.position = 0;
    return taken;
  }
}
