import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../src/codec/reader.ts';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DecodeError } from '../../src/errors.ts';

describe('reader and writer', () => {
  test('read what was written, however small the writer began', () => {
    const u = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
    const any = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(
        u(8),
        u(16),
        u(32),
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.uint8Array(),
        any,
        fc.integer({ min: 1, max: 9 }),
        (a, b, c, d, raw, text, initial) => {
          const w = new ByteWriter(initial);
          w.u8(a);
          w.u16(b);
          w.u32(c);
          w.u64(d);
          w.bytes(raw);
          w.utf8(text);
          w.latin1('é');
          w.f64(1.5);
          w.setU32(3, c);
          const r = new ByteReader(w.toBytes());
          expect([r.u8(), r.u16(), r.u32(), r.u64()]).toEqual([a, b, c, d]);
          expect(Uint8Array.from(r.bytes(raw.length))).toEqual(raw);
          expect(r.utf8(Buffer.byteLength(text))).toBe(text);
          expect(r.latin1(1)).toBe('é');
          expect(r.rest().readDoubleBE()).toBe(1.5);
          expect(r.remaining).toBe(0);
        },
      ),
    );
  });

  test('reading past the end is a DecodeError that says what was expected, and where', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4), 1, 3);
    expect(reader.u8()).toBe(2);
    for (const read of ['u16', 'u32', 'u64'] as const)
      expect(() => reader[read]('a count')).toThrow(DecodeError);
    expect(() => reader.bytes(2, 'a name')).toThrow('expected 2 bytes of a name, 1 remain (at offset 2)');
    expect(reader.position).toBe(2);
    expect(() => reader.utf8(2)).toThrow(DecodeError);
    expect(() => reader.latin1(2)).toThrow(DecodeError);
  });

  test('take hands the bytes out and starts anew', () => {
    const writer = new ByteWriter(2);
    writer.latin1('first');
    const first = writer.take();
    writer.latin1('again');
    expect(first.toString('latin1')).toBe('first');
    expect(Buffer.from(writer.toBytes()).toString('latin1')).toBe('again');
    expect(writer.toBytes(3)).toHaveLength(2);
  });
});
