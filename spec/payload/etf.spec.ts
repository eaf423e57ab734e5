import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DecodeError, EncodeError } from '../../src/errors.ts';
import { EtfPayload } from '../../src/payload/etf.ts';
import { atom, tuple } from '../../src/term/index.ts';

describe('payloads in the external term format', () => {
  test('are written without a version byte and read back', () => {
    const payload = new EtfPayload();
    const writer = new ByteWriter();
    writer.u8(112);
    payload.write(writer, tuple(atom('add'), 2));
    expect(writer.buffer[1]).toBe(104);
    expect(payload.read(writer.buffer, 1, writer.position)).toEqual(tuple(atom('add'), 2));
  });

  test('never begin with the byte that announces MessagePack', () => {
    const payload = new EtfPayload();
    expect(() => payload.read(Buffer.from([0xc1, 0]), 0, 2)).toThrow(DecodeError);
    expect(() => payload.write(new ByteWriter(), () => 1)).toThrow(EncodeError);
  });

  test('turn binaries into bytes on request', () => {
    const payload = new EtfPayload({ binaries: 'bytes' });
    const writer = new ByteWriter();
    payload.write(writer, 'x');
    expect(payload.read(writer.buffer, 0, writer.position)).toEqual(Uint8Array.of(120));
  });
});
