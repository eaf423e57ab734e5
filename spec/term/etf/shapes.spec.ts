import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/errors.ts';
import { TermDecoder } from '../../../src/term/etf/decode.ts';

/** MAP_EXT of binary keys and small integers. */
function map(...keys: readonly string[]): Buffer {
  return Buffer.concat([
    Buffer.from([116, 0, 0, 0, keys.length]),
    ...keys.flatMap((key, i) => {
      const text = Buffer.from(key);
      const head = Buffer.from([109, 0, 0, 0, 0]);
      head.writeUInt32BE(text.length, 1);
      return [head, text, Buffer.from([97, i])];
    }),
  ]);
}

function plain(...keys: readonly string[]): unknown {
  return Object.fromEntries(keys.map((key, i) => [key, i]));
}

function read(decoder: TermDecoder, bytes: Buffer): unknown {
  return decoder.decode(bytes, 0, bytes.length);
}

describe('maps whose keys have come before', () => {
  it('are read, whichever of the ways they may go on is guessed', () => {
    const decoder = new TermDecoder();
    const kinds = [
      ['a', 'b', 'c'],
      ['a', 'b'],
      ['a', 'c', 'b'],
      ['a', 'bc'],
      ['ab', 'c'],
      [''],
      ['ä', 'a'],
      ['x'.repeat(33), 'a'],
      ['x'.repeat(256), 'a'],
      ['a', 'x'.repeat(300), 'b'],
    ];
    for (let round = 0; round < 3; round++)
      for (const keys of kinds) expect(read(decoder, map(...keys))).toEqual(plain(...keys));
  });

  it('are refused with a key that comes twice, each time', () => {
    const decoder = new TermDecoder();
    const long = 'x'.repeat(40);
    for (const keys of [
      ['a', 'a'],
      ['a', 'b', 'a'],
      ['a', 'b', 'b'],
      [long, long],
      ['a', long, 'a'],
      ['ä', 'ä'],
    ])
      for (let round = 0; round < 3; round++) {
        expect(read(decoder, map('a', 'b', 'c'))).toEqual(plain('a', 'b', 'c'));
        expect(() => read(decoder, map(...keys))).toThrow(DecodeError);
      }
  });

  it('do not take a byte that is no text for the character of its number', () => {
    const decoder = new TermDecoder();
    const bytes = Buffer.from([116, 0, 0, 0, 1, 109, 0, 0, 0, 1, 0xe4, 97, 0]);
    for (let round = 0; round < 2; round++) {
      expect(read(decoder, map('ä'))).toEqual({ ä: 0 });
      expect(read(decoder, bytes)).toEqual(new Map([[new Uint8Array([0xe4]), 0]]));
    }
  });

  it('may have the key __proto__', () => {
    const decoder = new TermDecoder();
    for (let round = 0; round < 2; round++) {
      const record = read(decoder, map('a', '__proto__')) as object;
      expect(Object.getPrototypeOf(record)).toBe(Object.prototype);
      expect(Object.getOwnPropertyDescriptor(record, '__proto__')?.value).toBe(1);
    }
  });

  it('are read while more kinds come than are remembered, and afterwards', () => {
    const decoder = new TermDecoder();
    for (let i = 0; i < 5_000; i++) {
      expect(read(decoder, map('kind', `k${i}`))).toEqual(plain('kind', `k${i}`));
      if (i % 500 === 0) expect(() => read(decoder, map('kind', 'kind'))).toThrow(DecodeError);
    }
  });

  it('are refused where a guessed key is cut off', () => {
    const decoder = new TermDecoder();
    const bytes = map('alpha', 'beta');
    read(decoder, bytes);
    for (let end = 0; end < bytes.length; end++)
      expect(() => decoder.decode(bytes, 0, end)).toThrow(DecodeError);
  });
});
