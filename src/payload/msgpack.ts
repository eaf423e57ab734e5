import { Decoder, Encoder, ExtData, type ExtensionCodecType } from '@msgpack/msgpack';
import type { ByteWriter } from '../codec/writer.ts';
import { BeamishError, DecodeError, EncodeError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { AtomMap } from '../term/atom-map.ts';
import { EncodedTerm } from '../term/encoded-term.ts';
import { MAX_TERM_DEPTH } from '../term/etf/tags.ts';
import { Pid, Ref } from '../term/identifiers.ts';
import { Tuple } from '../term/tuple.ts';
import { fromExtension, type ReadNested, toExtension, type WriteNested } from './extensions.ts';
import type { PayloadCodec } from './payload.ts';

/** First byte of a MessagePack payload: no tag of the external term format, and never used by MessagePack itself. */
export const MSGPACK_MAGIC = 0xc1;

/**
 * Payloads between Beamish nodes: MessagePack behind 0xC1, with extension types for terms and for what JavaScript
 * users expect to survive. A string is a string and bytes are bytes.
 *
 * Values that the external term format carries without loss are left to it (`survivesEtf`): it is several times
 * faster, and the first byte tells the receiver which of the two came.
 */
export class MsgpackPayload implements PayloadCodec {
  readonly #encoder: Encoder<undefined>;
  readonly #decoder: Decoder<undefined>;
  readonly #maxDepth: number;
  #depth = 0;

  constructor(options: { readonly maxTermDepth?: number } = {}) {
    this.#maxDepth = options.maxTermDepth ?? MAX_TERM_DEPTH;
    // Everything is an `ExtData` before the encoder sees it; the decoder asks here.
    const extensionCodec: ExtensionCodecType<undefined> = {
      tryToEncode: (value) => (value instanceof ExtData ? value : null),
      decode: (data, type) => fromExtension(type, data, this.#readNested),
    };
    this.#encoder = new Encoder<undefined>({ extensionCodec, maxDepth: this.#maxDepth + 1 });
    this.#decoder = new Decoder<undefined>({ extensionCodec });
  }

  write(writer: ByteWriter, value: unknown): void {
    const bytes = this.#encode(value);
    writer.u8(MSGPACK_MAGIC);
    writer.bytes(bytes);
  }

  read(buffer: Buffer, start: number, end: number): unknown {
    if (buffer[start] !== MSGPACK_MAGIC)
      throw new DecodeError(`expected a MessagePack payload (0xC1), got ${buffer[start]}`, 0);
    try {
      // One copy: byte strings in the value are views into it, not into the frame.
      return this.#decoder.decode(new Uint8Array(buffer.subarray(start + 1, end)));
    } catch (error) {
      if (error instanceof BeamishError) throw error;
      throw new DecodeError(`no MessagePack: ${error instanceof Error ? error.message : error}`, 0, {
        cause: error,
      });
    }
  }

  #encode(value: unknown): Uint8Array {
    this.#depth = 0;
    return this.#encoder.encode(this.#prepare(value));
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
    if (this.#depth >= this.#maxDepth)
      throw new EncodeError(`a value is nested deeper than ${this.#maxDepth} (or contains itself)`);
    const depth = this.#depth++;
    try {
      const extension = toExtension(value, this.#writeNested);
      if (extension instanceof ExtData) return extension;
      if (Array.isArray(value)) return Array.from(value, (element) => this.#prepare(element));
      if (value instanceof Uint8Array || value instanceof ExtData) return value;
      const copy: Record<string, unknown> = {};
      for (const key of Object.keys(value as object))
        copy[key] = this.#prepare((value as Record<string, unknown>)[key]);
      return copy;
    } finally {
      this.#depth = depth;
    }
  }

  /** Nested values go on counting the depth where they stand. */
  readonly #writeNested: WriteNested = (values) =>
    this.#encoder.encode(values.map((value) => this.#prepare(value)));

  readonly #readNested: ReadNested = (bytes) => {
    const values = this.#decoder.decode(bytes);
    if (!Array.isArray(values)) throw new DecodeError('expected a sequence inside an extension', 0);
    return values;
  };
}

/** Depth to which the quick look goes; deeper values take the MessagePack form. */
const QUICK_DEPTH = 8;

/**
 * Whether the external term format carries this value so that it comes out equal. Bytes do not (they may come out as
 * text), nor do `Map`, `Set`, `Date`, `bigint`, typed arrays, errors, NaN and infinities.
 */
export function survivesEtf(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed();
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
    case 'undefined':
      return true;
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null || value instanceof Atom || value instanceof Pid || value instanceof Ref) return true;
  if (value instanceof EncodedTerm) return true;
  if (depth >= QUICK_DEPTH) return false;
  if (value instanceof Tuple) return every(value.elements, depth);
  if (Array.isArray(value)) return every(value, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== AtomMap.prototype) return false;
  let keys = 0;
  for (const key in value as object) {
    keys++;
    if (!key.isWellFormed()) return false;
    if (!survivesEtf((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  // An empty atom map is an empty map, which comes out as a plain object.
  return keys > 0 || prototype === Object.prototype;
}

function every(values: readonly unknown[], depth: number): boolean {
  for (let i = 0; i < values.length; i++) if (!survivesEtf(values[i], depth + 1)) return false;
  return true;
}
