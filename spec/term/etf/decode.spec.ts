import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../src/codec/writer.ts';
import { DecodeError } from '../../../src/errors.ts';
import {
  AtomMap,
  atom,
  atoms,
  decodeTerm,
  encodeInto,
  encodeTerm,
  Float,
  internPid,
  OpaqueFun,
  Ref,
  TermDecoder,
  tuple,
} from '../../../src/term/index.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const failure = (run: () => unknown): DecodeError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return error as DecodeError;
  }
  throw new Error('it was decoded');
};
const encoded = (value: unknown): Buffer => Buffer.from(encodeTerm(value)).subarray(1);

describe('bounds', () => {
  test.each([
    ['lists', '6c00000001', '6a'],
    ['tuples', '6801', ''],
    ['maps', '74000000016161', ''],
    ['keys of maps', '7400000001', '6161'],
    ['tails', '6c000000016101' + '6801', '6a'],
  ])('a hundred thousand nested %s are a DecodeError with an offset', (_, open, close) => {
    const hostile = bytes(`83${open.repeat(100_000)}6161${close.repeat(100_000)}`);
    const error = failure(() => decodeTerm(hostile));
    expect(error.message).toMatch(/nested more than 1024 deep/);
    expect(error.offset).toBeGreaterThan(1024);
    expect(failure(() => decodeTerm(hostile, { maxTermDepth: 1_000_000 }))).toBeInstanceOf(DecodeError);
  });

  test.each([
    '6c 00000005 6101',
    '69 00000005 6101',
    '74 00000003 6101 6101',
    '6d 00000005 61',
    '6f 00000005 00 01',
  ])('a size past what remains is refused before anything is made for it: %s', (hex) => {
    expect(failure(() => decodeTerm(bytes(`83${hex}`))).message).toMatch(/is announced/);
  });

  test('a chain of a hundred thousand tails is one list', () => {
    const chain = bytes(`83${'6c000000016101'.repeat(100_000)}6a`);
    expect(decodeTerm(chain)).toHaveLength(100_000);
  });

  test('what a compressed term may unpack to is limited before anything is unpacked', () => {
    const packed = encodeTerm('a'.repeat(10_000), { compressed: true });
    expect(decodeTerm(packed, { maxInflatedBytes: 10_005 })).toHaveLength(10_000);
    expect(failure(() => decodeTerm(packed, { maxInflatedBytes: 10_004 })).message).toMatch(/10005 bytes/);
  });

  test('a bomb that unpacks to more than it says is stopped at what it says', () => {
    const packed = Buffer.from(encodeTerm('a'.repeat(10_000_000), { compressed: true }));
    packed.writeUInt32BE(100, 2);
    expect(failure(() => decodeTerm(packed)).message).toMatch(/cannot be unpacked/);
  });

  test('the offset counts from the start of the frame', () => {
    const decoder = new TermDecoder();
    const frame = bytes('ffffff 6802 6101 ff');
    expect(failure(() => decoder.decode(frame, 3, frame.length)).offset).toBe(4);
  });

  test('bytes behind the end of the frame are never read', () => {
    const decoder = new TermDecoder();
    for (const value of [
      'text',
      300,
      1.5,
      2 ** 40,
      atom('a'),
      [1, 2],
      tuple(1, 2),
      { a: 1 },
      new Uint8Array(3),
    ]) {
      const term = encoded(value);
      const frame = Buffer.concat([term, term]);
      for (let end = 0; end < term.length; end++) failure(() => decoder.decode(frame, 0, end));
    }
  });

  test('a decoder goes on after an error', () => {
    const decoder = new TermDecoder();
    // Broken inside the key of a map, where floats are read exactly.
    failure(() => decoder.decode(bytes('7400000001 6801 ff'), 0, 8));
    expect(decoder.decode(encoded(new Float(2)), 0, 9)).toBe(2);
  });
});

describe('maps', () => {
  test('with text keys are objects, with atom keys AtomMaps, with others Maps, and empty an object', () => {
    expect(decodeTerm(encodeTerm({ a: 1 }))).toEqual({ a: 1 });
    const atomMap = decodeTerm(encodeTerm(atoms({ id: 1, nil: null }))) as AtomMap;
    expect(atomMap).toBeInstanceOf(AtomMap);
    expect({ ...atomMap }).toEqual({ id: 1, nil: null });
    expect(decodeTerm(encodeTerm(atoms({})))).toEqual({});
    const mixed = new Map<unknown, unknown>([
      ['a', 1],
      [Uint8Array.of(255), 2],
      [true, 3],
      [7, 4],
    ]);
    expect(decodeTerm(encodeTerm(mixed))).toEqual(mixed);
    const late = new Map<unknown, unknown>([
      [atom('first'), 1],
      [null, 2],
      [tuple(1), 3],
    ]);
    expect(decodeTerm(encodeTerm(late))).toEqual(late);
  });

  test('keep the keys 1 and 1.0 apart, alone and inside of keys', () => {
    const keys = new Map<unknown, unknown>([
      [1, 'integer'],
      [new Float(1), 'float'],
      [tuple(1), 'integer'],
      [tuple(new Float(1)), 'float'],
      [new Float(-0), 'minus'],
      [0, 'zero'],
    ]);
    expect(decodeTerm(encodeTerm(keys))).toEqual(keys);
  });

  test.each([
    ['text', '74 00000002 6d0000000161 6101 6d0000000161 6102'],
    ['atoms', '74 00000002 770161 6101 64000161 6102'],
    [
      'the key __proto__',
      `74 00000002 ${`6d00000009${Buffer.from('__proto__').toString('hex')}6101`.repeat(2)}`,
    ],
    ['numbers', '74 00000002 6101 6101 6200000001 6101'],
    ['tuples', '74 00000002 6801 6101 6101 6900000001 6101 6101'],
    ['lists', '74 00000002 6b000101 6101 6c0000000161016a 6101'],
    ['floats', '74 00000002 463ff0000000000000 6101 463ff0000000000000 6101'],
    ['text, and a number behind it', '74 00000003 6d0000000161 6101 6d0000000161 6102 6101 6101'],
    ['atoms, and a number behind them', '74 00000003 770161 6101 770161 6102 6101 6101'],
    ['text that reads as a number', '74 00000002 6d0000000130 6101 6d0000000130 6102'],
    ['text, inside another map', '74 00000001 6d0000000161 74 00000002 6d0000000162 6101 6d0000000162 6102'],
    ['text after an atom', '74 00000003 770161 6101 6d0000000161 6101 6d0000000161 6102'],
  ])('with a key twice are refused: %s', (_, hex) => {
    expect(failure(() => decodeTerm(bytes(`83${hex}`))).message).toMatch(/twice/);
  });

  test('the first key that comes twice is named, with its place', () => {
    const pair = (key: string) => `6d00000001${Buffer.from(key).toString('hex')}6101`;
    const error = failure(() =>
      decodeTerm(bytes(`8374 00000005 ${['a', 'b', 'b', 'a', 'c'].map(pair).join('')}`)),
    );
    expect(error.message).toContain('"b" twice');
    // The version byte and the head of the map, two pairs, and the key.
    expect(error.offset).toBe(6 + 2 * 8 + 6);
  });
});

describe('binaries', () => {
  test('are text where they are UTF-8, at every length and wherever the fault is', () => {
    for (let length = 1; length < 70; length++) {
      const good = Buffer.alloc(length, 'x');
      expect(decodeTerm(encodeTerm(good))).toBe('x'.repeat(length));
      for (const at of [0, length >> 1, length - 1]) {
        const bad = Buffer.from(good);
        bad[at] = 0xff;
        expect(decodeTerm(encodeTerm(bad))).toEqual(Uint8Array.from(bad));
      }
      if (length < 3) continue;
      const mark = Buffer.from(good);
      mark.write('\ufffd', length - 3);
      expect(decodeTerm(encodeTerm(mark))).toBe(`${'x'.repeat(length - 3)}\ufffd`);
    }
  });

  test('keep a byte order mark', () => {
    expect(decodeTerm(encodeTerm('\ufeffx'))).toBe('\ufeffx');
  });

  test('are all bytes on request, except where they are keys', () => {
    const value = new Map<unknown, unknown>([
      ['k', 'v'],
      [1, { in: 'text' }],
    ]);
    expect(decodeTerm(encodeTerm(value), { binaries: 'bytes' })).toEqual(
      new Map<unknown, unknown>([
        ['k', Uint8Array.from(Buffer.from('v'))],
        [1, { in: Uint8Array.from(Buffer.from('text')) }],
      ]),
    );
  });

  test('are copies: the buffer they came in can be used again', () => {
    const frame = encoded(Uint8Array.of(255, 254, 253));
    const decoded = new TermDecoder().decode(frame, 0, frame.length);
    frame.fill(0);
    expect(decoded).toEqual(Uint8Array.of(255, 254, 253));
  });
});

describe('what a decoder remembers', () => {
  test('equal pids are the same object, in one decoder and across', () => {
    const pid = internPid('far@h', 4_000_000_000, 7, 1);
    const decoder = new TermDecoder();
    const frame = encoded(tuple(pid, pid));
    for (let round = 0; round < 3; round++)
      for (const element of decoder.decode(frame, 0, frame.length) as Iterable<unknown>)
        expect(element).toBe(pid);
    expect(new TermDecoder().decode(encoded(pid), 0, encoded(pid).length)).toBe(pid);
  });

  test('pids, atoms and keys that share a place in its tables are not mixed up', () => {
    const decoder = new TermDecoder();
    const parts = [1, 257];
    const pids = ['a@h', 'b@h'].flatMap((node) =>
      parts.flatMap((id) =>
        parts.flatMap((serial) => parts.map((creation) => internPid(node, id, serial, creation))),
      ),
    );
    for (const first of pids)
      for (const second of pids)
        for (const pid of [first, second]) {
          const frame = encoded(pid);
          expect(decoder.decode(frame, 0, frame.length)).toBe(pid);
        }
    for (let round = 0; round < 2; round++)
      for (let i = 0; i < 3000; i++) {
        const value = [internPid(`n${i & 3}@h`, i, i >> 2, 1), atom(`a${i}`), { [`k${i}`]: i, other: i }];
        const frame = encoded(value);
        expect(decoder.decode(frame, 0, frame.length)).toEqual(value);
      }
  });
});

describe('reading field by field', () => {
  test('a control tuple is read without being made', () => {
    const from = internPid('a@h', 1, 0, 1);
    const ref = new Ref('a@h', 1, [1, 2, 3]);
    const writer = new ByteWriter();
    encodeInto(writer, tuple(19, from, atom('true'), ref, 2n ** 60n));
    encodeInto(writer, 'payload');
    const decoder = new TermDecoder();
    decoder.begin(writer.buffer, 0, writer.position);
    expect(decoder.readTupleHeader()).toBe(5);
    expect(decoder.readInteger()).toBe(19);
    expect(decoder.peekTag()).toBe(88);
    expect(decoder.readPid()).toBe(from);
    expect(decoder.readAtom()).toBe(atom('true'));
    expect(decoder.readRef()).toEqual(ref);
    expect(decoder.readBigInteger()).toBe(2n ** 60n);
    expect(decoder.readTerm()).toBe('payload');
    expect(decoder.position).toBe(writer.position);
    decoder.release();
    failure(() => decoder.peekTag());
  });

  test('another kind than asked for is a DecodeError', () => {
    const decoder = new TermDecoder();
    for (const read of ['readPid', 'readRef', 'readAtom', 'readInteger', 'readTupleHeader'] as const) {
      decoder.begin(encoded('text'), 0, 9);
      failure(() => decoder[read]());
      decoder.begin(encoded('text'), 0, 0);
      failure(() => decoder[read]());
    }
    decoder.begin(encoded(2n ** 60n), 0, 11);
    failure(() => decoder.readInteger());
  });

  test('references to atoms of the frame are looked up, and refused without a frame', () => {
    const decoder = new TermDecoder();
    decoder.atomRefs = [atom('ok'), atom('nil')];
    const frame = bytes('6802 5200 5201');
    expect(decoder.decode(frame, 0, 6)).toEqual(tuple(atom('ok'), null));
    failure(() => decoder.decode(bytes('5202'), 0, 2));
    expect(decoder.decode(bytes('74 00000001 5200 6101'), 0, 9)).toEqual(atoms({ ok: 1 }));
  });

  test('a fun that holds such references is kept without them', () => {
    const body =
      '01 00112233445566778899aabbccddeeff 00000003 00000001 5200 6101 6102 58 5201 000000010000000000000001 6801 5200';
    const size = (body.replaceAll(' ', '').length / 2 + 4).toString(16).padStart(8, '0');
    const decoder = new TermDecoder();
    decoder.atomRefs = [atom('mod'), atom('n@h')];
    const frame = bytes(`70 ${size} ${body}`);
    const fun = decoder.decode(frame, 0, frame.length) as OpaqueFun;
    expect(fun).toBeInstanceOf(OpaqueFun);
    const again = decodeTerm(encodeTerm(fun)) as OpaqueFun;
    expect(again).toEqual(fun);
    expect([again.module, again.index, again.free]).toEqual([atom('mod'), 3, [tuple(atom('mod'))]]);
    expect(Buffer.from(again.uniq).toString('hex')).toBe('00112233445566778899aabbccddeeff');
  });
});
