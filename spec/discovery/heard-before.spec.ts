import { describe, expect, it } from 'vitest';
import { HeardBefore } from '../../src/discovery/heard-before.ts';

describe('what was heard before', () => {
  it('is known for at least six seconds and forgotten after twelve', () => {
    for (const afterMs of [0, 1, 5_999, 6_000]) {
      const memory = new HeardBefore();
      expect(memory.note('first@x', 0)).toBe(false);
      expect(memory.note('a@x', 100)).toBe(false);
      expect(memory.note('a@x', 100 + afterMs)).toBe(true);
    }
    const memory = new HeardBefore();
    memory.note('a@x', 0);
    expect(memory.note('a@x', 12_000)).toBe(false);
    const kept = new HeardBefore();
    kept.note('a@x', 0);
    kept.note('b@x', 6_000);
    expect(kept.note('a@x', 12_000)).toBe(false);
  });

  it('takes few new names for known ones under a flood', () => {
    const memory = new HeardBefore();
    let mistakes = 0;
    for (let i = 0; i < 200_000; i++) if (memory.note(`forged${i}@10.0.0.1`, i / 10)) mistakes++;
    expect(mistakes).toBeLessThan(200_000 * 0.03);
  });
});
