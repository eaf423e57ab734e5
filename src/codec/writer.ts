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

  constructor(initialBytes = 1024) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
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

  /** Takes the bytes from `start` on out without copying them; the writer keeps those before, in a fresh buffer. */
  cut(start: number): Buffer {
    const taken = this.buffer.subarray(start, this.position);
    const kept = Buffer.allocUnsafeSlow(Math.max(1024, start + 128 * 1024));
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
