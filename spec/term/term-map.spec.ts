import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atom,
  atoms,
  BitString,
  ExternalFun,
  equalTerms,
  float,
  ImproperList,
  internPid,
  Ref,
  tuple,
} from '../../src/term/index.ts';
import { TermMap } from '../../src/term/term-map.ts';

const pid = internPid('a@h', 1, 2, 3);

/** Terms of every kind, each once. */
const TERMS: readonly unknown[] = [
  'a',
  atom('a'),
  1,
  float(1),
  -0,
  0,
  1.5,
  2n ** 70n,
  true,
  null,
  undefined,
  [],
  ['a'],
  [1],
  new ImproperList(['a'], 'b'),
  new ImproperList(['a'], 'c'),
  tuple(),
  tuple('a'),
  tuple(atom('a')),
  tuple(tuple('a')),
  tuple('a', 'a'),
  tuple('a,string a'),
  tuple('a', 'a', 'a'),
  tuple('a,string a,string a'),
  tuple('a,string a', 'a'),
  {},
  { a: 1 },
  { a: 2 },
  { b: 1 },
  atoms({ a: 1 }),
  new Map<unknown, unknown>([[1, 1]]),
  Uint8Array.of(255),
  Uint8Array.of(254),
  new BitString(Uint8Array.of(128), 1),
  new BitString(Uint8Array.of(128), 2),
  pid,
  internPid('a@h', 2, 2, 3),
  tuple(pid),
  new Ref('a@h', 3, [1, 2, 3]),
  new Ref('a@h', 4, [1, 2, 3]),
  new ExternalFun(atom('m'), atom('f'), 1),
  new ExternalFun(atom('m'), atom('f'), 2),
];

/** The same term, written in another way. */
const TWINS: readonly (readonly [unknown, unknown])[] = [
  ['é', Uint8Array.of(0xc3, 0xa9)],
  [true, atom('true')],
  [null, atom('nil')],
  [undefined, atom('undefined')],
  [5, 5n],
  [1.5, float(1.5)],
  [2 ** 60, float(2 ** 60)],
  [
    { a: 1, b: 2 },
    { b: 2, a: 1 },
  ],
  [{ a: 1 }, new Map([['a', 1]])],
  [atoms({ a: 1 }), new Map([[atom('a'), 1]])],
  [tuple('é', [5]), tuple(Uint8Array.of(0xc3, 0xa9), [5n])],
  [new Ref('a@h', 3, [1, 2]), new Ref('a@h', 3, [1, 2])],
];

describe('a map of terms', () => {
  it('keeps different terms apart, and forgets each alone', () => {
    const map = new TermMap<number>();
    for (const [index, term] of TERMS.entries()) map.set(term, index);
    expect(map.size).toBe(TERMS.length);
    for (const [index, term] of TERMS.entries()) expect(map.get(term)).toBe(index);
    expect([...map.values()].sort((a, b) => a - b)).toEqual(TERMS.map((_, index) => index));
    for (const [index, term] of TERMS.entries()) {
      expect(map.delete(term)).toBe(true);
      expect(map.delete(term)).toBe(false);
      expect(map.has(term)).toBe(false);
      expect(map.size).toBe(TERMS.length - index - 1);
    }
  });

  it('takes equal terms for one key, however they are written', () => {
    for (const [one, other] of TWINS) {
      expect(equalTerms(one, other)).toBe(true);
      const map = new TermMap<string>();
      map.set(one, 'first');
      map.set(other, 'second');
      expect([map.size, map.get(one), map.get(other)]).toEqual([1, 'second', 'second']);
      expect(map.delete(other)).toBe(true);
      expect(map.has(one)).toBe(false);
    }
  });

  it('agrees with a list that is searched by equality', () => {
    const term = fc.constantFrom(...TERMS, ...TWINS.flat());
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), term, fc.nat())), (steps) => {
        const map = new TermMap<number>();
        let list: [unknown, number][] = [];
        for (const [isSet, key, value] of steps) {
          list = list.filter(([held]) => !equalTerms(held, key));
          if (isSet) {
            map.set(key, value);
            list.push([key, value]);
          } else map.delete(key);
        }
        expect(map.size).toBe(list.length);
        for (const [key, value] of list) expect(map.get(key)).toBe(value);
      }),
    );
  });

  it('finds one of many maps of equal size as quickly as one of many texts', () => {
    const map = new TermMap<number>();
    const keys = [
      (i: number) => ({ id: i, kind: 'room' }),
      (i: number) => atoms({ id: i, kind: 'room' }),
      (i: number) =>
        new Map<unknown, unknown>([
          [atom('id'), i],
          [1, 'room'],
        ]),
      (i: number) => tuple('room', { id: i }),
    ];
    const COUNT = 500;
    let compared = 0;
    const watched = (i: number) =>
      Object.defineProperty({ kind: 'x' }, 'id', { enumerable: true, get: () => i + 0 * ++compared });
    for (let i = 0; i < COUNT; i++) for (const key of keys) map.set(key(i), i);
    for (let i = 0; i < COUNT; i++) for (const key of keys) expect(map.get(key(i))).toBe(i);
    expect(map.size).toBe(COUNT * keys.length);
    const other = new TermMap<number>();
    for (let i = 0; i < COUNT; i++) other.set(watched(i), i);
    compared = 0;
    for (let i = 0; i < COUNT; i++) expect(other.get({ id: i, kind: 'x' })).toBe(i);
    // Each look reads the one key that it finds, and no other.
    expect(compared).toBeLessThanOrEqual(2 * COUNT);
  });

  it('refuses what is no term', () => {
    const map = new TermMap<number>();
    expect(() => map.set(() => 1, 1)).toThrow(TypeError);
    expect(() => map.get(new Date(0))).toThrow(TypeError);
    expect(() => map.has(Symbol('s'))).toThrow(TypeError);
  });
});
