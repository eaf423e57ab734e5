import type { ByteWriter } from '../codec/writer.ts';

/**
 * How a message looks on a link. A payload says what it is by its first byte: 0xC1, which is no tag of the
 * external term format and which MessagePack never uses, announces MessagePack; anything else is ETF.
 */
export interface PayloadCodec {
  /** Appends the value. @throws EncodeError with the writer where it was */
  write(writer: ByteWriter, value: unknown): void;
  /**
   * The value in `buffer[start..end)`; nothing in it points into the buffer.
   * @param base - where the offsets of errors count from; `start` when it is absent
   * @throws DecodeError
   */
  read(buffer: Buffer, start: number, end: number, base?: number): unknown;
}
