import { isUtf8 } from 'node:buffer';
import { DecodeError, EncodeError } from '../errors.ts';
import { INSPECT, inspectTerm, PRINT } from './print.ts';

/** A binary whose last byte is not full. */
export class BitString {
  /** The bits from the top of each byte down; those below `bits` in the last byte are zero. */
  readonly bytes: Uint8Array;
  /** Used bits of the last byte, 1 to 7. */
  readonly bits: number;

  /**
   * Bits of the last byte that are not used are cleared (in a copy).
   * @throws EncodeError when `bytes` is empty or `bits` is outside 1 to 7: full bytes are a `Uint8Array`
   */
  constructor(bytes: Uint8Array, bits: number) {
    if (bytes.length === 0) throw new EncodeError('a bit string has at least one byte');
    if (!Number.isInteger(bits) || bits < 1 || bits > 7)
      throw new EncodeError(`a bit string uses 1 to 7 bits of its last byte, not ${bits}`);
    const last = bytes[bytes.length - 1]!;
    const kept = last & (0xff << (8 - bits)) & 0xff;
    if (kept !== last) {
      bytes = Uint8Array.from(bytes);
      bytes[bytes.length - 1] = kept;
    }
    this.bytes = bytes;
    this.bits = bits;
  }

  [PRINT](): string {
    const parts = [...this.bytes].map(String);
    parts.push(`${this.bytes[this.bytes.length - 1]! >>> (8 - this.bits)}:${this.bits}`);
    parts.splice(-2, 1);
    return `<<${parts.join(',')}>>`;
  }

  toString(): string {
    return inspectTerm(this);
  }

  [INSPECT](): string {
    return inspectTerm(this);
  }
}

/**
 * Text out of whatever a peer may have meant by it: a string, a UTF-8 binary, a charlist, or iodata (a list
 * of such, nested).
 * @throws DecodeError when it is none of these, or not UTF-8
 */
export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) {
    if (!isUtf8(value)) throw new DecodeError('expected text, the bytes are not UTF-8', 0);
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  }
  if (!Array.isArray(value)) throw new DecodeError(`expected text, got ${inspectTerm(value)}`, 0);
  let out = '';
  for (const element of value) {
    if (typeof element !== 'number') out += text(element);
    else if (
      Number.isInteger(element) &&
      element >= 0 &&
      element <= 0x10ffff &&
      (element & 0x1ff800) !== 0xd800
    )
      out += String.fromCodePoint(element);
    else throw new DecodeError(`expected a character, got ${element}`, 0);
  }
  return out;
}

/**
 * The bytes of a binary, however it was decoded: a string gives its UTF-8 form, a `Uint8Array` itself.
 * @throws EncodeError for a string with half of a surrogate pair, DecodeError for anything else
 */
export function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw new DecodeError(`expected a binary, got ${inspectTerm(value)}`, 0);
  if (!value.isWellFormed()) throw new EncodeError('half of a surrogate pair has no UTF-8');
  return new TextEncoder().encode(value);
}
