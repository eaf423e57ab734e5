import { deflateSync, inflateSync } from 'node:zlib';
import { ByteWriter } from '../../codec/writer.ts';
import { DecodeError, EncodeError } from '../../errors.ts';
import { TermDecoder, type TermDecoderOptions } from './decode.ts';
import { encodeInto } from './encode.ts';
import { COMPRESSED, MAX_INFLATED_BYTES, VERSION_MAGIC } from './tags.ts';

export interface EncodeOptions {
  /**
   * Compress with zlib, at this level (0 to 9) or with `true` at level 6. As in Erlang, the term stays plain when
   * compression does not make it shorter.
   * @default false
   */
  readonly compressed?: boolean | number;
}

export interface DecodeOptions extends TermDecoderOptions {
  /** Most bytes a compressed term may unpack to. @default 67_108_864 */
  readonly maxInflatedBytes?: number;
}

/**
 * A value as an external term, version byte 131 included: what `binary_to_term` reads.
 * @throws EncodeError naming the place of what has no term
 */
export function encodeTerm(value: unknown, options: EncodeOptions = {}): Uint8Array {
  const level = compressionLevel(options.compressed);
  const writer = new ByteWriter(256);
  writer.u8(VERSION_MAGIC);
  encodeInto(writer, value);
  if (level === undefined) return writer.toBytes();
  const packed = deflateSync(writer.buffer.subarray(1, writer.position), { level });
  if (packed.length + 5 >= writer.position - 1) return writer.toBytes();
  const out = new ByteWriter(packed.length + 6);
  out.u8(VERSION_MAGIC);
  out.u8(COMPRESSED);
  out.u32(writer.position - 1);
  out.bytes(packed);
  return out.toBytes();
}

function compressionLevel(compressed: boolean | number | undefined): number | undefined {
  if (compressed === undefined || compressed === false) return undefined;
  if (compressed === true) return 6;
  if (!Number.isInteger(compressed) || compressed < 0 || compressed > 9)
    throw new EncodeError(`compression levels are 0 to 9, not ${compressed}`, 'options.compressed');
  return compressed;
}

/**
 * Reads an external term, version byte 131 included: what `term_to_binary` writes, compressed or not. Bytes after
 * the term are ignored, as Erlang ignores them. Nothing in the result points into `bytes`.
 * @throws DecodeError and nothing else
 */
export function decodeTerm(bytes: Uint8Array, options: DecodeOptions = {}): unknown {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] !== VERSION_MAGIC)
    throw new DecodeError(
      buffer.length === 0 ? 'expected a term, got no bytes' : `expected version byte 131, got ${buffer[0]}`,
      0,
    );
  const decoder = new TermDecoder(options);
  if (buffer[1] !== COMPRESSED) {
    decoder.begin(buffer, 0, buffer.length);
    decoder.position = 1;
    return decoder.readTerm();
  }
  const inflated = inflate(buffer, options.maxInflatedBytes ?? MAX_INFLATED_BYTES);
  return decoder.decode(inflated, 0, inflated.length);
}

/** 131, 80, unpacked size u32, zlib stream. */
function inflate(buffer: Buffer, limitBytes: number): Buffer {
  if (buffer.length < 6) throw new DecodeError('a compressed term is cut off', buffer.length);
  const size = buffer.readUInt32BE(2);
  if (size === 0 || size > limitBytes)
    throw new DecodeError(
      `a compressed term of ${size} bytes is announced, 1 to ${limitBytes} are accepted`,
      2,
    );
  let inflated: Buffer;
  try {
    inflated = inflateSync(buffer.subarray(6), { maxOutputLength: size });
  } catch (cause) {
    throw new DecodeError('a compressed term cannot be unpacked to its size', 6, { cause });
  }
  if (inflated.length !== size)
    throw new DecodeError(`a compressed term of ${size} bytes unpacks to ${inflated.length}`, 2);
  return inflated;
}
