import { describe, expect, it } from 'vitest';
import type { Random } from '../../../src/env/random.ts';

/** What every implementation of `Random` does. */
export function randomSuite(title: string, makeRandom: () => Random): void {
  describe(title, () => {
    it('gives as many bytes as asked for, new ones each time', () => {
      const random = makeRandom();
      expect(random.bytes(0)).toHaveLength(0);
      expect(random.bytes(16)).toHaveLength(16);
      expect(Buffer.from(random.bytes(16)).equals(random.bytes(16))).toBe(false);
    });

    it('gives unsigned 32-bit numbers that use all their bits', () => {
      const random = makeRandom();
      const numbers = Array.from({ length: 500 }, () => random.u32());
      for (const number of numbers) {
        expect(Number.isInteger(number)).toBe(true);
        expect(number).toBeGreaterThanOrEqual(0);
        expect(number).toBeLessThan(2 ** 32);
      }
      for (let bit = 0; bit < 32; bit++) expect(numbers.some((number) => (number >>> bit) & 1)).toBe(true);
    });

    it('gives whole numbers between two bounds, both included', () => {
      const random = makeRandom();
      const seen = new Set(Array.from({ length: 500 }, () => random.between(3, 6)));
      expect([...seen].sort()).toEqual([3, 4, 5, 6]);
      expect(random.between(7, 7)).toBe(7);
    });
  });
}
