/** Every pair of some 140 terms, as OTP 25 orders them. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compareTerms, decodeTerm, equalTerms, float, tuple } from '../../src/term/index.ts';
import { exactly } from './etf/twin.ts';

interface Golden {
  readonly terms: readonly { readonly text: string; readonly hex: string }[];
  readonly order: readonly string[];
  readonly exact: readonly string[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('../golden/etf-order.json', import.meta.url), 'utf8'));
const terms = golden.terms.map(({ text, hex }) => ({ text, value: exactly(Buffer.from(hex, 'hex')) }));

describe('the order of terms', () => {
  test.each(terms.map(({ text }, row) => [text, row] as const))(
    '%s stands to all others as in Erlang',
    (_, row) => {
      const signs = terms.map(({ value }) => '<=>'[Math.sign(compareTerms(terms[row]!.value, value)) + 1]);
      const differing = terms.flatMap(({ text }, column) =>
        signs[column] === golden.order[row]![column] ? [] : [`${golden.order[row]![column]} ${text}`],
      );
      expect(differing).toEqual([]);
    },
  );

  test('terms that are =:= in Erlang are equalTerms, and no others', () => {
    const differing: string[] = [];
    for (const [row, left] of terms.entries())
      for (const [column, right] of terms.entries())
        if (equalTerms(left.value, right.value) !== (golden.exact[row]![column] === '='))
          differing.push(`${left.text} and ${right.text}`);
    expect(differing).toEqual([]);
  });

  test('text and its bytes are one term, as are an object and a Map of the same pairs', () => {
    expect(equalTerms('é', Buffer.from('é'))).toBe(true);
    expect(equalTerms({ a: 1 }, new Map([['a', 1]]))).toBe(true);
    expect(equalTerms(1, float(1))).toBe(false);
    expect(compareTerms(1, float(1))).toBe(0);
    expect(equalTerms(1.5, float(1.5))).toBe(true);
    expect(equalTerms(tuple(1n, 2), tuple(1, 2n))).toBe(true);
    expect(equalTerms(0, 0n) && equalTerms(0n, 0)).toBe(true);
    expect(equalTerms(float(0), -0) || equalTerms(-0, float(0))).toBe(false);
    expect(equalTerms(decodeTerm(Buffer.from('836101', 'hex')), 1)).toBe(true);
  });

  test('what is no term cannot be compared', () => {
    expect(() => compareTerms(new Date(0), 1)).toThrow(TypeError);
    expect(() => compareTerms(() => 1, 1)).toThrow(TypeError);
  });
});
