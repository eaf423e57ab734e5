import { DecodeError } from '../errors.ts';

/**
 * A read position over bytes. Numbers are big-endian. Reading past the end throws `DecodeError`; where "not yet
 * complete" is possible, ask `remaining` first. Slices are views into the given bytes.
 */
export class ByteReader {
  readonly buffer: Buffer;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Throws unless `count` more bytes are there; `what` names them in the error. */
  need(count: number, what: string): void {
    if (count > this.end - this.position)
      throw new DecodeError(
        `expected ${count} bytes of ${what}, ${this.end - this.position} remain`,
        this.position,
      );
  }

  u8(what = 'u8'): number {
    this.need(1, what);
    return this.buffer[this.position++]!;
  }

  u16(what = 'u16'): number {
    this.need(2, what);
    const value = this.buffer.readUInt16BE(this.position);
    this.position += 2;
    return value;
  }

  u32(what = 'u32'): number {
    this.need(4, what);
    const value = this.buffer.readUInt32BE(this.position);
    this.position += 4;
    return value;
  }

  u64(what = 'u64'): bigint {
    this.need(8, what);
    const value = this.buffer.readBigUInt64BE(this.position);
    this.position += 8;
    return value;
  }

  bytes(count: number, what = 'bytes'): Buffer {
    this.need(count, what);
    const slice = this.buffer.subarray(this.position, this.position + count);
    this.position += count;
    return slice;
  }

  utf8(count: number, what = 'text'): string {
    this.need(count, what);
    const text = this.buffer.utf8Slice(this.position, this.position + count);
    this.position += count;
    return text;
  }

  latin1(count: number, what = 'text'): string {
    this.need(count, what);
    const text = this.buffer.latin1Slice(this.position, this.position + count);
    this.position += count;
    return text;
  }

  /** Everything up to the end. */
  rest(): Buffer {
    return this.bytes(this.remaining);
  }
}
