import fc from 'fast-check';
import {
  atom,
  atoms,
  BitString,
  ExternalFun,
  float,
  ImproperList,
  internPid,
  Port,
  Ref,
  Tuple,
  tuple,
} from '../../src/term/index.ts';

const odd = JSON.parse('{"__proto__": {"x": 1}, "a": 2}') as object;
const withCause = new RangeError('outer', { cause: new Error('inner', { cause: { code: 5n } }) });
class Odd extends Error {
  override name = 'Odd';
}

/** Everything that is to survive between two Beamish nodes. */
export const SURVIVES: readonly (readonly [title: string, value: unknown])[] = [
  ['undefined, also inside', [undefined, { a: undefined }, tuple(undefined)]],
  ['null and booleans', [null, true, false]],
  [
    'integers at every border',
    [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1],
  ],
  [
    'negative integers',
    [-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, 1 - 2 ** 53],
  ],
  ['other numbers', [0.1, 1e300, 5e-324, -0, Number.NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 64)]],
  ['text', ['', 'a', 'grüße', '😀', 'x'.repeat(31), 'x'.repeat(32), 'ü'.repeat(200), 'y'.repeat(70_000)]],
  ['bytes, text or not', [new Uint8Array(0), Uint8Array.of(104, 105), new Uint8Array(70_000).fill(255)]],
  ['lists', [[], [[]], Array.from({ length: 15 }, (_, i) => i), Array.from({ length: 70_000 }, () => 1)]],
  [
    'plain objects',
    [{}, { a: { b: [{}] } }, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i]))],
  ],
  ['a key named __proto__', odd],
  [
    'maps',
    new Map<unknown, unknown>([
      ['a', [1]],
      [{ k: 1 }, new Map()],
      [1, 'one'],
      [tuple(1), new Date(4)],
    ]),
  ],
  ['a map of text keys', new Map([['k', 1]])],
  ['sets', new Set<unknown>([1, 'a', new Set([[]]), tuple()])],
  ['dates', [new Date(0), new Date(1_700_000_000_123), new Date(-1), new Date(Number.NaN)]],
  ['bigints', [0n, 1n, -1n, 2n ** 64n, 2n ** 200n, -(2n ** 64n)]],
  [
    'typed arrays',
    [
      Int8Array.of(-1),
      Uint8ClampedArray.of(300),
      Int16Array.of(-1, 7),
      Uint16Array.of(65_535),
      Int32Array.of(-5),
      Uint32Array.of(2 ** 32 - 1),
      Float32Array.of(1.5),
      Float64Array.of(0.1, -0, Number.NaN),
      BigInt64Array.of(-(2n ** 63n)),
      BigUint64Array.of(2n ** 64n - 1n),
      new Float64Array(0),
    ],
  ],
  ['errors', [new Error('plain'), new TypeError('typed'), withCause, new Odd('odd')]],
  [
    'the errors of an error',
    [
      new AggregateError([new TypeError('one'), withCause, 'text'], 'all'),
      new AggregateError([new AggregateError([])], 'nested', { cause: new Error('why') }),
    ],
  ],
  ['atoms', [atom('ok'), atom(''), atom('with space'), atom('日'.repeat(255))]],
  [
    'tuples',
    [tuple(), tuple(1), tuple(atom('ok'), tuple([])), new Tuple(Array.from({ length: 300 }, (_, i) => i))],
  ],
  ['a long tuple', new Tuple(Array.from({ length: 70_000 }, () => 'four'))],
  ['maps with atom keys', [atoms({}), atoms({ id: 1, at: new Date(9) })]],
  ['pids', [internPid('a@b', 1, 2, 3), internPid('x@host.example', 2 ** 32 - 1, 0, 2 ** 32 - 1)]],
  ['references', [new Ref('a@b', 1, [1, 2, 3]), new Ref('a@b', 7, [1, 2, 3, 4, 5])]],
  ['ports', new Port('a@b', 2n ** 63n, 1)],
  ['improper lists', [new ImproperList([1, new Date(5)], atom('t')), new ImproperList(['a'], new Map())]],
  ['bit strings', [new BitString(Uint8Array.of(160), 3)]],
  ['external funs', [new ExternalFun(atom('m'), atom('f'), 2)]],
  ['floats', [float(2), float(-7), float(0.5), float(-0), -0]],
  ['all of it nested', { list: [tuple(new Map([[new Set([1n]), [new Date(1), atoms({ e: withCause })]]]))] }],
];

/** Errors by what survives of them; all else as it is. Structural equality does not look at stacks. */
export function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const errors = value instanceof AggregateError ? value.errors : undefined;
    return ['error', name, message, stack, plain(cause), plain(errors)];
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Tuple) return new Tuple(value.elements.map(plain));
  if (value instanceof Map) return new Map([...value].map(([key, inner]) => [plain(key), plain(inner)]));
  if (value instanceof Set) return new Set([...value].map(plain));
  if (value instanceof ImproperList) return ['improper', value.elements.map(plain), plain(value.tail)];
  // Compared one by one they cost seconds.
  if (value instanceof Uint8Array) return ['bytes', Buffer.from(value).toString('latin1')];
  const isRecord = Object.getPrototypeOf(value ?? 0) === Object.prototype;
  if (!isRecord) return value;
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, plain(inner)]));
}

const text = fc.string({ unit: 'binary', maxLength: 12 });
const word = fc.nat(0xffff_ffff);

const leaf = fc.oneof(
  fc.anything({ maxDepth: 0, withBigInt: true, withDate: true, withTypedArray: true }),
  fc.string({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(undefined, null, -0, Number.NaN),
  fc.string({ unit: 'binary', maxLength: 20 }).map(atom),
  fc.tuple(word, word, word).map(([id, serial, creation]) => internPid('peer@host', id, serial, creation)),
  fc
    .tuple(word, fc.array(word, { maxLength: 5 }))
    .map(([creation, words]) => new Ref('peer@host', creation, words)),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), word)
    .map(([id, creation]) => new Port('p@h', id, creation)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(float),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 7 }))
    .map(([bytes, bits]) => {
      bytes[bytes.length - 1]! &= (0xff << (8 - bits)) & 0xff;
      return new BitString(bytes, bits);
    }),
);

/** Values of everything that survives, nested in any way. */
export const { anyValue } = fc.letrec((tie) => {
  const inner = tie('anyValue');
  const some = fc.array(inner, { maxLength: 5 });
  return {
    anyValue: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 4, arbitrary: leaf },
      some,
      some.map((elements) => new Tuple(elements)),
      some.map((members) => new Set(members)),
      fc.array(fc.tuple(inner, inner), { maxLength: 4 }).map((pairs) => new Map(pairs)),
      fc.dictionary(text, inner, { maxKeys: 5, noNullPrototype: true }),
      fc
        .dictionary(
          text.filter((key) => key !== '__proto__'),
          inner,
          { maxKeys: 4 },
        )
        .map(atoms),
      fc
        .tuple(
          fc.array(inner, { minLength: 1, maxLength: 3 }),
          inner.filter((tail) => !Array.isArray(tail)),
        )
        .map(([elements, tail]) => new ImproperList(elements, tail)),
      fc.tuple(text, inner).map(([message, cause]) => new SyntaxError(message, { cause })),
      fc.tuple(some, text).map(([errors, message]) => new AggregateError(errors, message)),
    ),
  };
});
