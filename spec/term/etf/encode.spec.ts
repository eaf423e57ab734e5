import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../src/codec/writer.ts';
import { EncodeError } from '../../../src/errors.ts';
import { Pid } from '../../../src/term/identifiers.ts';
import {
  atom,
  atoms,
  decodeTerm,
  encodeInto,
  encodeTerm,
  equalTerms,
  float,
  ImproperList,
  tuple,
} from '../../../src/term/index.ts';

const hex = (value: unknown): string => Buffer.from(encodeTerm(value)).toString('hex');
const message = (value: unknown): string => {
  try {
    encodeTerm(value);
  } catch (error) {
    expect(error).toBeInstanceOf(EncodeError);
    return (error as EncodeError).message;
  }
  throw new Error('it was encoded');
};
const cyclic = (): unknown => {
  const users: unknown[] = [];
  users.push({ friends: users });
  return { users };
};

describe('values that have no term', () => {
  test.each([
    [{ users: [1, 2, 3, { name: () => 1 }] }, /^a function cannot be sent.*\(at value\.users\[3\]\.name\)$/],
    [[Symbol('x')], /^a symbol cannot be sent; send an atom \(at value\[0\]\)$/],
    [{ 'a b': Number.NaN }, /^NaN is not an Erlang float.*\(at value\["a b"\]\)$/],
    [tuple(1, Number.POSITIVE_INFINITY), /^Infinity is not.*\(at value\[1\]\)$/],
    [{ when: new Date(0) }, /Date.*getTime\(\).*\(at value\.when\)$/],
    [new Set([1]), /Set.*\[\.\.\.set\]/],
    [new Error('x'), /Error.*message/],
    [/x/, /RegExp.*source/],
    [Promise.resolve(1), /await it/],
    [new ArrayBuffer(1), /new Uint8Array/],
    [new Float64Array(1), /Float64Array.*Array\.from/],
    [new DataView(new ArrayBuffer(1)), /DataView/],
    [Object(1), /boxed Number.*valueOf/],
    [new (class Account {})(), /an instance of Account.*plain object/],
    [new Map([['a', [() => 1]]]), /\(at value\.get\("a"\)\[0\]\)$/],
    [new Map([[[() => 1], 1]]), /\(at value\.key\(0\)\[0\]\)$/],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the test
    [[1, , 3], /array with holes.*\(at value\[1\]\)$/],
    [new ImproperList([1], () => 1), /\(at value\.tail\)$/],
    [cyclic(), /cannot contain itself: this is value\.users again \(at value\.users\[0\]\.friends\)$/],
    ['half \ud800', /half of a surrogate pair/],
    [{ 'half \ud800': 1 }, /a key with half of a surrogate pair/],
    [atoms({ ['x'.repeat(256)]: 1 }), /255 characters/],
    [
      new Map<unknown, unknown>([
        [1, 'a'],
        [1n, 'b'],
      ]),
      /two keys that are the same term/,
    ],
    [
      new Map<unknown, unknown>([
        ['é', 'a'],
        [Buffer.from('é'), 'b'],
      ]),
      /two keys that are the same term/,
    ],
  ])('%# is an EncodeError that says where, and what would do', (value, expected) => {
    expect(message(value)).toMatch(expected);
  });

  test('leave the writer where it was', () => {
    const writer = new ByteWriter(4);
    encodeInto(writer, 'before');
    const { position } = writer;
    expect(() => encodeInto(writer, ['x'.repeat(1000), () => 1])).toThrow(EncodeError);
    expect(writer.position).toBe(position);
  });

  test('and one with a getter that throws: its error is the cause, and the writer where it was', () => {
    const writer = new ByteWriter(4);
    const mine = new RangeError('mine');
    const value = {
      get broken(): number {
        throw mine;
      },
    };
    const why = expect.objectContaining({
      code: 'EncodeError',
      message: 'cannot be read: mine (at value[1])',
      path: 'value[1]',
      cause: mine,
    });
    expect(() => encodeInto(writer, [1000, value])).toThrow(why);
    expect(writer.position).toBe(0);
  });

  test('nesting ends at 1,024, with a path of bearable length', () => {
    const nest = (depth: number): unknown => {
      let value: unknown = 'x';
      for (let i = 0; i < depth; i++) value = { a: value };
      return value;
    };
    expect(decodeTerm(encodeTerm(nest(1024)))).toEqual(nest(1024));
    expect(message(nest(1025))).toMatch(/^nested more than 1024 deep/);
    expect(message(nest(50_000)).length).toBeLessThan(300);
  });
});

describe('values at the edges', () => {
  test('minus zero is a float, zero an integer', () => {
    expect(hex(-0)).toBe('83468000000000000000');
    expect(hex([-0])).toBe('836c000000014680000000000000006a');
    expect(hex(0)).toBe('836100');
  });

  test('a key named __proto__ is a key like any other', () => {
    const hostile = JSON.parse('{"__proto__":{"admin":true}}');
    const decoded = decodeTerm(encodeTerm(hostile)) as object;
    expect(Object.hasOwn(decoded, '__proto__')).toBe(true);
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect((decoded as { admin?: boolean }).admin).toBeUndefined();
    const atomKeys = decodeTerm(encodeTerm(atoms(hostile))) as object;
    expect(Object.keys(atomKeys)).toEqual(['__proto__']);
    expect(equalTerms(atomKeys, atoms(hostile))).toBe(true);
  });

  test('objects without a prototype are maps, and inherited properties do not count', () => {
    const bare = Object.assign(Object.create(null), { a: 1 });
    expect(decodeTerm(encodeTerm(bare))).toEqual({ a: 1 });
  });

  test('buffers, subclasses and long texts', () => {
    expect(decodeTerm(encodeTerm(Buffer.from([255, 1])))).toEqual(Uint8Array.of(255, 1));
    expect(decodeTerm(encodeTerm(new (class More extends Array {})(0)))).toEqual([]);
    for (const length of [39, 40, 41, 42, 65_535, 65_536, 200_000])
      for (const unit of ['a', 'é', '世', '😀'])
        expect(decodeTerm(encodeTerm(unit.repeat(length)))).toBe(unit.repeat(length));
  });

  test('a list of bytes is STRING_EXT up to 65,535, as OTP writes it', () => {
    const bytes = (length: number): number[] => new Array<number>(length).fill(97);
    expect(encodeTerm(bytes(65_535))).toHaveLength(65_539);
    expect(encodeTerm(bytes(65_536))).toHaveLength(131_079);
    expect(hex([1, 2, 300])).toBe('836c00000003610161026200' + '00012c6a');
  });

  test('compression is used where it pays, and its level is checked', () => {
    const text = 'abc'.repeat(1000);
    const packed = encodeTerm(text, { compressed: true });
    expect(packed[1]).toBe(80);
    expect(packed.length).toBeLessThan(100);
    expect(decodeTerm(packed)).toBe(text);
    expect(encodeTerm('x', { compressed: 9 })).toEqual(encodeTerm('x'));
    expect(() => encodeTerm('x', { compressed: 10 })).toThrow(EncodeError);
  });

  test('a float is forced by float()', () => {
    expect(hex(float(2))).toBe('83464000000000000000');
    expect(() => float(Number.NaN)).toThrow(EncodeError);
  });
});

describe('pids and atoms', () => {
  test('a pid made here comes back as the same object once it was written', () => {
    const pid = new Pid('here@h', 71, 0, 9);
    expect(decodeTerm(encodeTerm([pid]))).toEqual([pid]);
    expect((decodeTerm(encodeTerm([pid])) as unknown[])[0]).toBe(pid);
  });

  test('atoms with a place in the frame are written as references, the others in full', () => {
    const writer = new ByteWriter();
    const places = [atom('ok'), atom('true')];
    encodeInto(writer, tuple(atom('ok'), true, atom('other'), null), {
      indexOf: (a) => places.indexOf(a),
      indexOfNode: () => -1,
    });
    expect(Buffer.from(writer.toBytes()).toString('hex')).toBe(
      '6804520052017705' + '6f746865727703' + '6e696c',
    );
  });
});
