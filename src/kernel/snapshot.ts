import { ByteWriter } from '../codec/writer.ts';
import type { Connection } from '../connection/connection.ts';
import { EncodeError } from '../errors.ts';
import { EtfPayload } from '../payload/etf.ts';
import { MsgpackPayload } from '../payload/msgpack.ts';
import { PackedMessage } from '../payload/packed-message.ts';
import { EncodedTerm } from '../term/encoded-term.ts';

/** A message as it was when it was sent, for a link that is still to be made. */
export interface Snapshot {
  /** What it holds, in bytes. */
  readonly bytes: number;
  /** The message in a form that this link's encoder writes as what it was. */
  on(link: Connection): unknown;
}

/**
 * Takes snapshots. Which payloads the peer reads shows only once its link stands; so a message is kept as MessagePack,
 * which carries all that a term does and more, and read back where it turns out that a term is wanted.
 */
export class Snapshots {
  readonly #payload: 'msgpack' | 'etf';
  readonly #frameBytes: number;
  readonly #packed = new MsgpackPayload();
  readonly #etf = new EtfPayload();

  /** @param frameBytes longest frame (`limits.frameBytes`): longer messages are refused before a link stands, too */
  constructor(payload: 'msgpack' | 'etf', frameBytes: number) {
    this.#payload = payload;
    this.#frameBytes = frameBytes;
  }

  /** @throws EncodeError for what no peer of ours reads, or what no frame holds */
  take(message: unknown): Snapshot {
    const writer = new ByteWriter(256);
    const codec = this.#payload === 'etf' ? this.#etf : this.#packed;
    codec.write(writer, message);
    const bytes = writer.position;
    if (bytes > this.#frameBytes)
      throw new EncodeError(
        `the message takes ${bytes} bytes, a frame at most ${this.#frameBytes} (limits.frameBytes)`,
      );
    if (codec === this.#etf) {
      const term = new EncodedTerm(writer.toBytes());
      return { bytes, on: () => term };
    }
    const wire = Buffer.from(writer.toBytes());
    return {
      bytes,
      on: (link) =>
        link.payload === 'msgpack'
          ? new PackedMessage(wire.subarray(1))
          : this.#packed.read(wire, 0, wire.length),
    };
  }

  /** As `take`, with something else in place of what cannot be kept. */
  takeOr(message: unknown, instead: (error: EncodeError) => unknown): Snapshot {
    try {
      return this.take(message);
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      return this.take(instead(error));
    }
  }
}
