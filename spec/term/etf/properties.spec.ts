import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../src/codec/writer.ts';
import { DecodeError } from '../../../src/errors.ts';
import {
  compareTerms,
  decodeTerm,
  encodeInto,
  encodeTerm,
  equalTerms,
  inspectTerm,
  TermDecoder,
} from '../../../src/term/index.ts';
import { term } from './arbitrary.ts';
import { tag } from './tagged.ts';
import { exactly, twinDecode } from './twin.ts';

const outcome = (run: () => unknown): unknown => {
  try {
    return tag(run());
  } catch (error) {
    if (error instanceof DecodeError) return 'refused';
    throw error;
  }
};
const twinOutcome = (bytes: Uint8Array): unknown => {
  try {
    return tag(twinDecode(bytes));
  } catch {
    return 'refused';
  }
};

describe('any term', () => {
  test('survives the trip', () => {
    fc.assert(
      fc.property(term, (value) => {
        expect(equalTerms(exactly(encodeTerm(value)), value)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  test('reads the same as by the slow twin, also with a decoder that has read others before', () => {
    const shared = new TermDecoder();
    fc.assert(
      fc.property(term, (value) => {
        const bytes = Buffer.from(encodeTerm(value));
        const expected = tag(twinDecode(bytes));
        expect(tag(decodeTerm(bytes))).toEqual(expected);
        expect(tag(shared.decode(bytes, 1, bytes.length))).toEqual(expected);
        expect(shared.position).toBe(bytes.length);
      }),
      { numRuns: 1500 },
    );
  });

  test('encodes to the same bytes again once it was decoded, floats that are integral excepted', () => {
    fc.assert(
      fc.property(term, (value) => {
        const first = decodeTerm(encodeTerm(value));
        expect(tag(decodeTerm(encodeTerm(first)))).toEqual(tag(first));
      }),
      { numRuns: 700 },
    );
  });

  test('survives compression', () => {
    fc.assert(
      fc.property(term, fc.integer({ min: 0, max: 9 }), (value, compressed) => {
        expect(tag(decodeTerm(encodeTerm(value, { compressed })))).toEqual(
          tag(decodeTerm(encodeTerm(value))),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('is refused at every cut', () => {
    fc.assert(
      fc.property(term, (value) => {
        const bytes = encodeTerm(value);
        for (let cut = 0; cut < bytes.length; cut += 1 + (bytes.length >> 7))
          expect(outcome(() => decodeTerm(bytes.subarray(0, cut)))).toBe('refused');
      }),
      { numRuns: 300 },
    );
  });

  test('is printed without a throw', () => {
    fc.assert(fc.property(term, (value) => inspectTerm(value).length > 0));
  });

  test('is written anywhere in a writer, however small it was', () => {
    fc.assert(
      fc.property(term, fc.integer({ min: 0, max: 40 }), (value, before) => {
        const writer = new ByteWriter(before + 1);
        writer.bytes(new Uint8Array(before));
        encodeInto(writer, value);
        expect(Buffer.from(writer.toBytes()).subarray(before)).toEqual(
          Buffer.from(encodeTerm(value)).subarray(1),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('the order of any terms', () => {
  test('is total', () => {
    fc.assert(
      fc.property(term, term, term, (a, b, c) => {
        expect(Math.sign(compareTerms(a, b))).toBe(-Math.sign(compareTerms(b, a)) + 0);
        expect(compareTerms(a, a)).toBe(0);
        // Wrapped, since Array.sort moves undefined to the end without asking.
        const [x, y, z] = [[a], [b], [c]]
          .sort(([left], [right]) => compareTerms(left, right))
          .map(([v]) => v);
        expect(compareTerms(x, y)).toBeLessThanOrEqual(0);
        expect(compareTerms(y, z)).toBeLessThanOrEqual(0);
        expect(compareTerms(x, z)).toBeLessThanOrEqual(0);
        if (equalTerms(a, b)) expect(compareTerms(a, b)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('bytes from anywhere', () => {
  test('random bytes give a term or a DecodeError, and the slow twin agrees', () => {
    const tags = [70, 77, 88, 90, 97, 98, 100, 104, 106, 107, 108, 109, 110, 113, 115, 116, 119, 120];
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3, ...tags), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 60 }), (rest) => {
        const bytes = Uint8Array.from([131, ...rest]);
        expect(outcome(() => decodeTerm(bytes))).toEqual(rest[0] === 80 ? 'refused' : twinOutcome(bytes));
      }),
      { numRuns: 20_000 },
    );
  });

  test('terms with some bytes changed give a term or a DecodeError, and the slow twin agrees', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(term, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
        const bytes = encodeTerm(value);
        for (const [at, byte] of changes) bytes[1 + (at % (bytes.length - 1))] = byte;
        if (bytes[1] === 80) return;
        expect(outcome(() => decodeTerm(bytes))).toEqual(twinOutcome(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test('memory stays within a small multiple of the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.constantFrom(104, 105, 108, 109, 111, 116, 119),
        (rest, first) => {
          const bytes = Uint8Array.from([131, first, ...rest]);
          let decoded: unknown;
          try {
            decoded = decodeTerm(bytes);
          } catch {
            return;
          }
          expect(JSON.stringify(tag(decoded)).length).toBeLessThan(2000 + bytes.length * 200);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
