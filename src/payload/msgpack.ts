import { Encoder, ExtData, type ExtensionCodecType } from '@msgpack/msgpack';
import type { ByteWriter } from '../codec/writer.ts';
import { DecodeError, EncodeError } from '../errors.ts';
import { TermDecoder } from '../term/etf/decode.ts';
import { explained } from '../term/etf/explain.ts';
import { MAX_TERM_DEPTH } from '../term/etf/tags.ts';
import { PACKED_FORMAT, toExtension, type WriteNested } from './extensions.ts';
import { MSGPACK_MAGIC } from './heads.ts';
import { PackedMessage } from './packed-message.ts';
import type { PayloadCodec } from './payload.ts';
import { PackedReader } from './reader.ts';
import { Unreadable } from './unreadable.ts';
import { writePacked } from './writer.ts';

/** The library's encoder keeps the buffer of its longest message for ever; past this it goes with the message. */
const KEPT_BYTES = 256 * 1024;

/**
 * Payloads between Beamish nodes: MessagePack behind 0xC1, with extension types for terms and for what JavaScript
 * users expect to survive. A string is a string and bytes are bytes. One per connection.
 *
 * The common forms are written in place (`writePacked`); a message with anything rarer in it is the library's as a
 * whole. Which of the two wrote a message cannot be told from what is read, and does not matter.
 */
export class MsgpackPayload implements PayloadCodec {
  #encoder = newEncoder();
  readonly #reader: PackedReader;
  #depth = 0;

  /**
   * @param options `maxTermDepth`: deepest nesting that is read (written is at most 1024); `terms`: the connection's
   *   reader of terms, so that what it remembers serves both
   */
  constructor(options: { readonly maxTermDepth?: number; readonly terms?: TermDecoder } = {}) {
    this.#reader = new PackedReader(
      options.maxTermDepth ?? MAX_TERM_DEPTH,
      options.terms ?? new TermDecoder(),
    );
  }

  write(writer: ByteWriter, value: unknown): void {
    const start = writer.position;
    writer.u8(MSGPACK_MAGIC);
    try {
      if (writePacked(writer, value, MAX_TERM_DEPTH)) return;
      writer.position = start + 1;
      writer.bytes(value instanceof PackedMessage ? value.wire : this.#encode(value));
    } catch (error) {
      writer.position = start;
      throw explained(error, value, PACKED_FORMAT);
    }
  }

  /**
   * The value, or an `Unreadable` when all that is wrong with it is a part of unknown kind.
   * @throws DecodeError for bytes that are no MessagePack, or past the bounds
   */
  read(buffer: Buffer, start: number, end: number, base = start): unknown {
    if (buffer[start] !== MSGPACK_MAGIC)
      throw new DecodeError(`expected a MessagePack payload (0xC1), got ${buffer[start]}`, start - base);
    const reader = this.#reader;
    const value = reader.read(buffer, start + 1, end, base);
    return reader.unknown === undefined ? value : new Unreadable(reader.unknown, value);
  }

  #encode(value: unknown): Uint8Array {
    this.#depth = 0;
    const encoded = this.#encoder.encode(this.#prepare(value));
    if (encoded.length > KEPT_BYTES) this.#encoder = newEncoder();
    return encoded;
  }

  /** A copy in which everything that MessagePack has no form for is an extension. */
  #prepare(value: unknown): unknown {
    if (typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'string') {
      if (!value.isWellFormed())
        throw new EncodeError('a string with half of a surrogate pair cannot travel');
      return value;
    }
    if (typeof value === 'number' && !Object.is(value, -0)) return value;
    const extension = toExtension(value, this.#writeNested);
    if (extension !== undefined) return extension;
    if (value instanceof Uint8Array) return value;
    return this.#nested(() => {
      if (Array.isArray(value)) return this.#prepareAll(value);
      const copy: Record<string, unknown> = {};
      for (const key of Object.keys(value as object)) {
        if (!key.isWellFormed()) throw new EncodeError('a key with half of a surrogate pair cannot travel');
        copy[key] = this.#prepare((value as Record<string, unknown>)[key]);
      }
      return copy;
    });
  }

  #prepareAll(values: readonly unknown[]): unknown[] {
    const prepared: unknown[] = [];
    for (let i = 0; i < values.length; i++) {
      if (!(i in values)) throw new EncodeError('an array with holes cannot travel');
      prepared.push(this.#prepare(values[i]));
    }
    return prepared;
  }

  #nested<T>(inside: () => T): T {
    if (this.#depth >= MAX_TERM_DEPTH) throw new EncodeError('nested too deeply');
    this.#depth++;
    const made = inside();
    this.#depth--;
    return made;
  }

  /** Nested values go on counting the depth where they stand. */
  readonly #writeNested: WriteNested = (values) =>
    this.#nested(() => this.#encoder.encode(this.#prepareAll(values)));
}

function newEncoder(): Encoder<undefined> {
  // Everything is an `ExtData` before the encoder sees it.
  const extensionCodec: ExtensionCodecType<undefined> = {
    tryToEncode: (value) => (value instanceof ExtData ? value : null),
    decode: () => null,
  };
  return new Encoder<undefined>({ extensionCodec, maxDepth: MAX_TERM_DEPTH + 2, initialBufferSize: 256 });
}
