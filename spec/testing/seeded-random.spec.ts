import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/testing/index.ts';
import { randomSuite } from '../support/env/random-suite.ts';

randomSuite('seeded randomness', () => new SeededRandom(7));

const draw = (random: SeededRandom) => Array.from({ length: 20 }, () => random.u32());

describe('seeded randomness', () => {
  it('follows from the seed', () => {
    expect(draw(new SeededRandom(1))).toEqual(draw(new SeededRandom(1)));
    expect(draw(new SeededRandom(1))).not.toEqual(draw(new SeededRandom(2)));
  });

  it('forks into generators that do not depend on what was drawn', () => {
    const fresh = new SeededRandom(3);
    const used = new SeededRandom(3);
    draw(used);
    expect(draw(used.fork('a'))).toEqual(draw(fresh.fork('a')));
    expect(draw(fresh.fork('a'))).not.toEqual(draw(fresh.fork('b')));
    expect(draw(fresh.fork('ab').fork('c'))).not.toEqual(draw(fresh.fork('a').fork('bc')));
  });

  it('is spread evenly', () => {
    const random = new SeededRandom(4);
    const buckets = new Array<number>(10).fill(0);
    for (let count = 0; count < 10_000; count++) buckets[random.between(0, 9)]!++;
    for (const bucket of buckets) expect(Math.abs(bucket - 1_000)).toBeLessThan(150);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });
});
