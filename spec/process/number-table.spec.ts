import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberTable } from '../../src/process/number-table.ts';

describe('a table of numbered things', () => {
  it('holds what a Map would, whatever is added and deleted in whatever order', () => {
    // Few numbers, far apart and close by, so that they collide and are deleted again.
    const number = fc.oneof(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 8 }).map((n) => n * 2 ** 33),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), number), { maxLength: 300 }), (steps) => {
        const table = new NumberTable<{ readonly number: number }>();
        const twin = new Map<number, { readonly number: number }>();
        for (const [add, n] of steps) {
          if (add && !twin.has(n)) {
            const item = { number: n };
            table.add(item);
            twin.set(n, item);
          } else if (!add) expect(table.delete(n)).toBe(twin.delete(n));
          expect(table.get(n)).toBe(twin.get(n));
          expect(table.size).toBe(twin.size);
        }
        for (const [n, item] of twin) expect(table.get(n)).toBe(item);
        expect(table.all()).toEqual([...twin.values()].sort((a, b) => a.number - b.number));
      }),
    );
  });

  it('takes no longer for each of many that end in any order: half a million come and go', () => {
    const table = new NumberTable<{ readonly number: number }>();
    const most = 250_000;
    for (const order of [(i: number) => i + 1, (i: number) => most - i]) {
      for (let i = 1; i <= most; i += 1) table.add({ number: i });
      expect(table.size).toBe(most);
      for (let i = 0; i < most; i += 1) table.delete(order(i));
      expect(table.size).toBe(0);
    }
  });
});
