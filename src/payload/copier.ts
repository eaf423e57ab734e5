import { ByteWriter } from '../codec/writer.ts';
import type { PayloadCodec } from './payload.ts';

/** Copies values as a link would carry them: what cannot travel is an `EncodeError`, and nothing is shared. */
export function copier(codec: PayloadCodec): (value: unknown) => unknown {
  const writer = new ByteWriter(1024);
  return (value) => {
    writer.position = 0;
    codec.write(writer, value);
    return codec.read(writer.buffer, 0, writer.position);
  };
}
