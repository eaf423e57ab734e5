import { Decoder, Encoder, ExtData } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DecodeError, EncodeError } from '../../src/errors.ts';
import { MSGPACK_MAGIC } from '../../src/payload/heads.ts';
import { MsgpackPayload } from '../../src/payload/msgpack.ts';
import { UnknownPart, Unreadable } from '../../src/payload/unreadable.ts';
import {
  AtomMap,
  atom,
  atoms,
  type Float,
  float,
  ImproperList,
  Pid,
  Ref,
  Tuple,
  tuple,
} from '../../src/term/index.ts';
import { anyValue, plain, SURVIVES } from './values.ts';

const codec = new MsgpackPayload();

function written(value: unknown): Buffer {
  const writer = new ByteWriter(16);
  codec.write(writer, value);
  return Buffer.from(writer.toBytes());
}

/** Reads bytes that lie somewhere in a frame, which is overwritten afterwards. */
function read(bytes: Uint8Array, by: MsgpackPayload = codec): unknown {
  const frame = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('behind')]);
  const value = by.read(frame, 6, 6 + bytes.length);
  frame.fill(0xff);
  return value;
}

const trip = (value: unknown): unknown => read(written(value));

/** A payload, without its mark, as a string of hexadecimal digits. */
const payload = (hex: string): Buffer => Buffer.concat([Buffer.of(MSGPACK_MAGIC), Buffer.from(hex, 'hex')]);

describe('a message between Beamish nodes', () => {
  it.each(SURVIVES)('carries %s', (_title, value) => {
    expect(plain(trip(value))).toStrictEqual(plain(value));
  });

  it('carries any value equal', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(plain(trip(value))).toStrictEqual(plain(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps the class of an atom map, and an own key named __proto__', () => {
    expect(trip(new AtomMap())).toBeInstanceOf(AtomMap);
    const odd = trip(JSON.parse('{"__proto__": {"x": 1}, "a": 2}')) as object;
    expect(Object.keys(odd)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(odd)).toBe(Object.prototype);
  });

  it('carries errors as instances of the classes that everybody has', () => {
    const back = trip(new TypeError('outer', { cause: new Error('inner') })) as TypeError;
    expect(back).toBeInstanceOf(TypeError);
    expect((back.cause as Error).message).toBe('inner');
    expect('cause' in (trip(new Error('x')) as Error)).toBe(false);
    expect((trip(Object.assign(new Error('x'), { name: 5 })) as Error).name).toBe('5');
  });

  it('carries the errors of an error', () => {
    const back = trip(new AggregateError([new TypeError('one'), 'two'], 'all')) as AggregateError;
    expect([back.constructor, back.errors[0].constructor, back.errors[1]]).toEqual([
      AggregateError,
      TypeError,
      'two',
    ]);
    expect(Object.getOwnPropertyDescriptor(back, 'errors')?.enumerable).toBe(false);
    expect('cause' in back).toBe(false);
    const changed = trip(Object.assign(new AggregateError([1], 'all'), { errors: 'none' })) as Error;
    expect([changed.constructor, changed.name]).toEqual([Error, 'AggregateError']);
  });

  it('tells the number minus zero from the float, and reads both as they were always written', () => {
    const back = trip([-0, float(-0), new Set([-0])]) as [number, Float, Set<number>];
    expect([back[0], back[1], [...back[2]]]).toEqual([-0, float(-0), [0]]);
    expect(Object.is(read(payload('c7080c8000000000000000')), -0)).toBe(true);
  });

  it('refuses what cannot travel, saying what and where', () => {
    class Point {}
    const refused = (value: unknown): string => {
      const writer = new ByteWriter(16);
      writer.u8(7);
      try {
        codec.write(writer, value);
      } catch (error) {
        expect(error).toBeInstanceOf(EncodeError);
        // What was there before stays, and nothing else.
        expect(writer.position).toBe(1);
        return (error as Error).message;
      }
      return 'written';
    };
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const loop = new Map();
    loop.set('self', loop);
    const holes = [1];
    holes[2] = 3;
    expect({
      function: refused({ a: [() => 1] }),
      symbol: refused(tuple(Symbol('x'))),
      instance: refused(new Map([['k', new Point()]])),
      inSet: refused(new Set([1, new Point()])),
      inCause: refused(new Error('x', { cause: () => 1 })),
      inErrors: refused(new AggregateError([1, { f: () => 1 }])),
      surrogate: refused({ a: '\ud800' }),
      key: refused({ '\ud800': 1n }),
      cycle: refused(cycle),
      loop: refused(loop),
      holes: refused({ date: new Date(), holes }),
    }).toEqual({
      function: expect.stringMatching(/^a function cannot be sent.*\(at value\.a\[0\]\)$/),
      symbol: expect.stringMatching(/^a symbol cannot be sent.*\(at value\[0\]\)$/),
      instance: expect.stringMatching(/^an instance of Point .*\(at value\.get\("k"\)\)$/),
      inSet: expect.stringMatching(/^an instance of Point .*\(at value\.member\(1\)\)$/),
      inCause: expect.stringMatching(/^a function cannot be sent.*\(at value\.cause\)$/),
      inErrors: expect.stringMatching(/^a function cannot be sent.*\(at value\.errors\[1\]\.f\)$/),
      surrogate: expect.stringMatching(/half of a surrogate pair.*\(at value\.a\)$/),
      key: expect.stringMatching(/^a key with half of a surrogate pair/),
      cycle: expect.stringMatching(/cannot contain itself.*\(at value\[0\]\)$/),
      loop: expect.stringMatching(/cannot contain itself.*\(at value\.get\("self"\)\)$/),
      holes: expect.stringMatching(/holes.*\(at value\.holes\[1\]\)$/),
    });
  });
});

describe('beside the library', () => {
  const library = new Decoder();

  it('reads what it reads, and writes what it reads', () => {
    const twin = new Encoder();
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: false, withSparseArray: false, maxDepth: 3 }).filter(isJson),
        (value) => {
          const bytes = twin.encode(value);
          expect(read(Buffer.concat([Buffer.of(MSGPACK_MAGIC), bytes]))).toStrictEqual(library.decode(bytes));
          expect(library.decode(written(value).subarray(1))).toStrictEqual(library.decode(bytes));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads the forms that only others write', () => {
    expect(read(payload('ca3fc00000'))).toBe(1.5);
    expect(read(payload('cfffffffffffffffff'))).toBe(2n ** 64n - 1n);
    expect(read(payload('d38000000000000000'))).toBe(-(2n ** 63n));
    expect(read(payload('d3ffffffffffffffff'))).toBe(-1);
    expect(read(payload('cd0001'))).toBe(1);
    expect(read(payload('d60292a16101'))).toEqual(tuple('a', 1));
  });
});

/** What MessagePack holds without any extension, and JavaScript gives back as it was. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return !Object.is(value, -0);
  if (value === undefined) return false;
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => key !== '__proto__' && isJson(key) && isJson(inner));
}

describe('a part of a kind that only a newer version knows', () => {
  it('is told with its number, and the rest of the message', () => {
    const bytes = new Encoder().encode(['a', new ExtData(99, new Uint8Array(5)), { b: 1 }]);
    const message = read(Buffer.concat([Buffer.of(MSGPACK_MAGIC), bytes])) as Unreadable;
    expect(message).toBeInstanceOf(Unreadable);
    expect(message.error.message).toMatch(/unknown MessagePack extension type 99; the sender may be a newer/);
    expect(message.partial).toEqual(['a', new UnknownPart(99), { b: 1 }]);
    expect(trip('after')).toBe('after');
  });

  it('is found inside all that holds others', () => {
    const future = new ExtData(100, new Uint8Array(3));
    const inside = Buffer.from(new Encoder().encode([1, future]));
    for (const type of [2, 4, 5, 10]) {
      const head = Buffer.of(MSGPACK_MAGIC, 0xc7, inside.length, type);
      expect(read(Buffer.concat([head, inside]))).toBeInstanceOf(Unreadable);
    }
  });
});

describe('what a newer version might send inside what is known', () => {
  const unknown = (type: number, kind?: number) => new UnknownPart(type, kind);
  const PART = unknown(77);

  it.each<[string, string, RegExp, unknown]>([
    [
      'a kind of typed array',
      'c70808ff01020304050607',
      /^unknown kind 255 of typed array \(MessagePack extension type 8\); the sender may be a newer version/,
      unknown(8, 255),
    ],
    ['the next kind of typed array', 'd4080a', /unknown kind 10 of typed array/, unknown(8, 10)],
    ['a key of an object', '82c7014d0101a16102', /unknown MessagePack extension type 77/, { a: 2 }],
    ['a key of an atom map', 'c7080394d44d0101a16102', /type 77/, atoms({ a: 2 })],
    ['a key of an object with a key of its own', 'c7080b94d44d0101a16102', /type 77/, { a: 2 }],
    ['a key of a map', 'c7050492d44d0101', /type 77/, new Map([[PART, 1]])],
    ['the value of a key that is unknown too', '81d44d01d44e01', /type 77/, {}],
    ['a typed array as key', '81c70108ff01', /kind 255 of typed array/, {}],
    ['the name of an error', 'c7070993d44d01a16dc0', /type 77/, PART],
    ['the message of an error', 'c7070993a16ed44d01c0', /type 77/, PART],
    ['the errors of an error', 'c7090e94d44d01a16ea16dc0', /type 77/, PART],
    ['the tail of an improper list', 'c7050a9201d44d01', /type 77/, new ImproperList([1], PART)],
    [
      'a tag of a term',
      'c70101ff',
      /^unknown tag 255 of a term \(MessagePack extension type 1\)/,
      unknown(1, 255),
    ],
    ['a tag inside a list of terms', 'c708016c00000001ff016a', /unknown tag 255/, unknown(1, 255)],
    ['a compressed term', 'c70601500000000100', /unknown tag 80/, unknown(1, 80)],
  ])('%s costs that message alone', (_what, hex, message, partial) => {
    for (const [wire, around] of [
      [hex, partial],
      [`93${hex}a5616674657201`, [partial, 'after', 1]],
    ] as const) {
      const got = read(payload(wire)) as Unreadable;
      expect(got).toBeInstanceOf(Unreadable);
      expect(got.error).toBeInstanceOf(DecodeError);
      expect(got.error.message).toMatch(message);
      expect(got.partial).toEqual(around);
    }
    expect(trip(['next', atom('a')])).toEqual(['next', atom('a')]);
  });

  it('is told of the first of several; what says whose the message is, is read all the same', () => {
    const ref = new Ref('a@h', 7, [1, 2, 3]);
    const pid = new Pid('a@h', 1, 2, 3);
    const known = written([ref, atom('a'), pid, 'text', tuple(1)])
      .subarray(1)
      .toString('hex');
    const got = read(payload(`94c70101ffd44d01c70108ff${known}`)) as Unreadable;
    expect(got.error.message).toMatch(/unknown tag 255 of a term/);
    const part = unknown(1, 255);
    expect(got.partial).toEqual([part, part, part, [ref, atom('a'), pid, 'text', tuple(1)]]);
  });

  it('is cheap, however often it comes', () => {
    const many = 200_000;
    const head = Buffer.from([MSGPACK_MAGIC, 0xdd, 0, many >> 16, (many >> 8) & 0xff, many & 0xff]);
    for (const hex of ['c70101ff', 'c708016c00000001ff016a', 'c70108ff', 'd44d01']) {
      const part = Buffer.from(hex, 'hex');
      const { partial } = read(Buffer.concat([head, Buffer.alloc(many * part.length, part)])) as Unreadable;
      expect(new Set(partial as unknown[]).size).toBe(1);
    }
  });

  it('does not excuse what is wrong behind it', () => {
    for (const hex of ['92c70101ffc7020164', '92c70101ffc702015200', '92d44d01c70101', '92d44d01c70109'])
      expect(() => read(payload(hex))).toThrow(DecodeError);
  });
});

describe('hostile bytes', () => {
  const refused = (hex: string): string => {
    try {
      read(payload(hex));
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
      return (error as Error).message;
    }
    return 'read';
  };

  it.each([
    ['nothing', '', /nothing remains \(at offset 1\)/],
    ['the mark itself', 'c1', /0xc1 starts no MessagePack value \(at offset 1\)/],
    ['bytes behind the value', '0000', /1 bytes follow the value \(at offset 2\)/],
    ['a number cut off', 'ce0000', /4 bytes are announced, 2 remain/],
    ['a text longer than the frame', 'dbffffffff61', /4294967295 bytes are announced, 1 remain/],
    ['a text that is no UTF-8', 'a1ff', /not UTF-8/],
    ['bytes longer than the frame', 'c6ffffffff61', /4294967295 bytes are announced/],
    ['a list of four thousand million', 'ddffffffff01', /4294967295 values are announced, 1 bytes remain/],
    ['a map of four thousand million', 'dfffffffff01', /8589934590 values are announced/],
    ['a map with a number for a key', '810102', /a key of a map is no text/],
    ['an extension longer than the frame', 'c9ffffffff0201', /4294967295 bytes are announced/],
    ['a tuple of no list', 'c7010201', /expected a sequence inside an extension/],
    ['a tuple with bytes behind it', 'c703029100ff', /an extension is longer than what is in it/],
    ['a tuple that reads on behind itself', 'c7020292000102', /2 values are announced, 1 bytes remain/],
    ['an odd map', 'c702049101', /a key has no value/],
    ['a date of three bytes', 'c70306000000', /8 bytes are announced, 3 remain/],
    ['a float that is infinite', 'c7080c7ff0000000000000', /a float is not finite/],
    ['a bigint of no digits', 'c7010767', /hexadecimal digits of a bigint/],
    ['a typed array of no kind', 'c70008', /a typed array does not say its kind/],
    ['an unknown extension as a key without a value', '81d46301', /nothing remains/],
    [
      'an unknown extension longer than the tuple around it',
      'c7050292c7036301',
      /3 bytes are announced, 1 remain/,
    ],
    ['bytes behind an unknown tag of a term', 'c70101ff00', /1 bytes follow the value/],
    ['an atom cut off beside a term of an unknown tag', '92c70101ffc7020164', /more|remain|cut off/],
    ['a typed array of half an element', 'c702080201', /no whole number of Int16Array/],
    ['an error without a message', 'c7030991a141', /expected name and message of an error/],
    ['an error of errors without a list of them', 'c7030e91a141', /expected the errors of an error/],
    ['an error of errors without a message', 'c7040e9290a141', /expected name and message of an error/],
    ['a minus zero with something behind it', 'c7010d00', /an extension is longer than what is in it/],
    ['an improper list of nothing', 'c7010a90', /an improper list has an element/],
    ['an improper list with a list as tail', 'c7030a920190', /a tail that is no list/],
    ['an atom map with a number as key', 'c70303920101', /a key of a map is no text/],
    ['a term of no bytes', 'c70001', /nothing remains/],
    ['a list of terms that is cut off', 'c706016c0000000261', /remain/],
    ['a term with bytes behind it', 'c70301610100', /longer than what is in it/],
    ['a term from an atom cache', 'c702015200', /has no atom 0/],
  ])('%s', (_title, hex, message) => {
    expect(refused(hex)).toMatch(message);
  });

  it('of every length are refused without room for what they announce', () => {
    // 16 million elements each, nested: 128 MB a level, if one believes it.
    const hex = 'dd01000000'.repeat(200);
    const before = process.memoryUsage();
    expect(refused(hex)).toMatch(/16777216 values are announced/);
    const after = process.memoryUsage();
    expect(after.rss - before.rss).toBeLessThan(64 * 1024 * 1024);
  });

  it.each([
    ['lists', (inner: unknown) => [inner], '91'],
    ['maps', (inner: unknown) => ({ k: inner }), '81a16b'],
    ['tuples', (inner: unknown) => tuple(inner), undefined],
    ['sets', (inner: unknown) => new Set([inner]), undefined],
    ['errors', (inner: unknown) => new Error('e', { cause: inner }), undefined],
  ] as const)('%s nested 1,024 deep travel, deeper ones do not', (_title, wrap, hex) => {
    for (const rare of [1, 1n]) {
      let value: unknown = rare;
      for (let i = 0; i < 1024; i++) value = wrap(value);
      expect(() => trip(value)).not.toThrow();
      expect(() => written(wrap(value))).toThrow(/nested more than 1024 deep/);
    }
    if (hex !== undefined) expect(refused(`${hex.repeat(1025)}01`)).toMatch(/nested more than 1024 deep/);
    const shallow = new MsgpackPayload({ maxTermDepth: 2 });
    expect(() => read(written(wrap(wrap(1))), shallow)).not.toThrow();
    expect(() => read(written(wrap(wrap(wrap(1)))), shallow)).toThrow(/nested more than 2 deep/);
  });

  it('are answered with a value or a DecodeError, whatever they are', () => {
    const seeds = SURVIVES.map(([, value]) => written(value)).filter(({ length }) => length < 2_000);
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(1_999), fc.nat(255)), { maxLength: 4 }))
      .map(([seed, changes]) => {
        const bytes = Buffer.from(seed);
        for (const [at, byte] of changes) if (at > 0) bytes[at % bytes.length] = byte;
        bytes[0] = MSGPACK_MAGIC;
        return bytes;
      });
    const random = fc
      .uint8Array({ maxLength: 100 })
      .map((bytes) => Buffer.concat([Buffer.of(MSGPACK_MAGIC), bytes]));
    fc.assert(
      fc.property(fc.oneof(mutated, random), (bytes) => {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('a tuple', () => {
  it.each([0, 1, 255, 256, 257, 65_535, 65_536, 65_537])('of %i bytes inside', (bytes) => {
    const value = new Tuple([new Uint8Array(Math.max(0, bytes - 6)), atom('a')]);
    expect(plain(trip(tuple(value, 'behind')))).toEqual(plain(tuple(value, 'behind')));
    expect(trip(new ImproperList([1], tuple(2)))).toEqual(new ImproperList([1], tuple(2)));
  });

  // The codes of extensions with a length of 8, 16 and 32 bits.
  it.each([
    [200, 0xc7],
    [252, 0xc7],
    [253, 0xc8],
    [256, 0xc8],
    [65_531, 0xc8],
    [65_532, 0xc9],
    [65_536, 0xc9],
  ])('with %i bytes has the shortest head, code %i', (bytes, code) => {
    const long = new Uint8Array(bytes).fill(7);
    const frame = written(tuple(long));
    expect(frame[1]).toBe(code);
    expect(plain(read(frame))).toEqual(plain(tuple(long)));
    const spread = tuple(1, long.subarray(0, bytes / 2), long.subarray(bytes / 2), 'end');
    expect(plain(trip(spread))).toEqual(plain(spread));
  });
});
