import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LengthFramer } from '../../src/codec/framer.ts';
import { LimitError } from '../../src/errors.ts';

const frame = (prefixBytes: 2 | 4, body: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUIntBE(body.length, 0, prefixBytes);
  return Buffer.concat([prefix, body]);
};
const drain = (framer: LengthFramer): string[] => {
  const bodies: string[] = [];
  while (framer.next()) bodies.push(framer.buffer.toString('hex', framer.start, framer.end));
  return bodies;
};

describe('the length framer', () => {
  test('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        fc.constantFrom(2 as const, 4 as const),
        (bodies, sizes, prefixBytes) => {
          const stream = Buffer.concat(bodies.map((body) => frame(prefixBytes, body)));
          const framer = new LengthFramer(prefixBytes, 1000, 'maxFrameBytes');
          const seen: string[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const chunk = Uint8Array.from(stream.subarray(at, at + sizes[i % sizes.length]!));
            at += chunk.length;
            framer.push(chunk);
            seen.push(...drain(framer));
          }
          expect(seen).toEqual(bodies.map((body) => Buffer.from(body).toString('hex')));
          expect(framer.pendingBytes).toBe(0);
        },
      ),
    );
  });

  test('cut at every byte, long frames included, with what follows in the same chunk', () => {
    const long = Buffer.alloc(70_000, 7);
    const stream = Buffer.concat([frame(4, Buffer.from('ab')), frame(4, long), frame(4, Buffer.from('cd'))]);
    for (const cut of [1, 3, 4, 6, 7, 10, 11, 65_000, 70_009, 70_010, 70_012, 70_015]) {
      const framer = new LengthFramer(4, 100_000, 'maxFrameBytes');
      const seen: string[] = [];
      for (const chunk of [stream.subarray(0, cut), stream.subarray(cut)]) {
        framer.push(chunk);
        seen.push(...drain(framer));
      }
      expect(seen).toEqual(['6162', long.toString('hex'), '6364']);
    }
    const framer = new LengthFramer(4, 100_000, 'maxFrameBytes');
    for (let at = 0; at < stream.length; at += 999) framer.push(stream.subarray(at, at + 999));
    // Nothing was asked for in between: all frames wait.
    expect(drain(framer)).toHaveLength(3);
  });

  test('the prefix can widen between two frames of one chunk', () => {
    const framer = new LengthFramer(2, 1000, 'maxFrameBytes');
    framer.push(Buffer.concat([frame(2, Buffer.from('last')), frame(4, Buffer.from('first'))]));
    expect(framer.next()).toBe(true);
    framer.prefixBytes = 4;
    expect(drain(framer)).toEqual([Buffer.from('first').toString('hex')]);
  });

  test('an empty body is a frame: the tick', () => {
    const framer = new LengthFramer(4, 10, 'maxFrameBytes');
    framer.push(Buffer.alloc(8));
    expect(drain(framer)).toEqual(['', '']);
  });

  test('a length past the limit is refused before its body has come, naming the limit', () => {
    const framer = new LengthFramer(4, 10, 'maxFrameBytes');
    framer.push(Buffer.from('ffffffff', 'hex'));
    expect(() => framer.next()).toThrow(LimitError);
    expect(() => framer.next()).toThrow(/4294967295 bytes.*at most 10.*limits\.maxFrameBytes/);
  });

  test('lets go of a long frame when it is asked for the next, and finds none', () => {
    const framer = new LengthFramer(4, 1_000_000, 'frameBytes');
    const long = frame(4, new Uint8Array(100_000));
    const gather = (cut: number): void => {
      framer.push(long.subarray(0, cut));
      expect(framer.next()).toBe(false);
      framer.push(long.subarray(cut));
      expect(framer.next()).toBe(true);
    };
    const expectNothing = (): void => {
      expect(framer.next()).toBe(false);
      expect([framer.buffer.length, framer.isOwn, framer.isPlaced]).toEqual([0, false, false]);
    };
    gather(50_000);
    expect([framer.end - framer.start, framer.isOwn, framer.isPlaced]).toEqual([100_000, true, false]);
    expectNothing();
    // The rest is short; the memory that it is in is long.
    const place = Buffer.alloc(100_000);
    framer.room = (_buffer, start, end, length) => place.subarray(end - start, length);
    gather(90_000);
    expect([framer.end - framer.start, framer.isOwn, framer.isPlaced]).toEqual([10_004, false, true]);
    expectNothing();
  });
});
