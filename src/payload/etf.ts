import type { ByteWriter } from '../codec/writer.ts';
import { TermDecoder, type TermDecoderOptions } from '../term/etf/decode.ts';
import { type AtomIndexes, encodeInto } from '../term/etf/encode.ts';
import type { PayloadCodec } from './payload.ts';

/** Payloads as external terms without a version byte: what every BEAM node writes and reads. One per connection. */
export class EtfPayload implements PayloadCodec {
  readonly decoder: TermDecoder;

  constructor(options: TermDecoderOptions = {}) {
    this.decoder = new TermDecoder(options);
  }

  write(writer: ByteWriter, value: unknown, indexes?: AtomIndexes): void {
    encodeInto(writer, value, indexes);
  }

  read(buffer: Buffer, start: number, end: number, base = start): unknown {
    const { decoder } = this;
    decoder.begin(buffer, base, end);
    decoder.position = start;
    return decoder.readTerm();
  }
}
