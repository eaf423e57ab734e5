import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { Dice, mutate } from './mutate.ts';
import { makeTargets, type Target } from './targets.ts';

const targets = makeTargets();

describe('whatever comes from a socket', () => {
  it('is read, or refused with an error of our own: 40,000 mutated frames', async () => {
    for (const { name, frames, read, refused } of await fuzz(targets, 40_000, 1)) {
      expect([name, frames]).toEqual([name, 4_000]);
      const isGossip = name.startsWith('gossip');
      // Nothing was tried if all of it was read, or all refused. Datagrams are ignored, not refused.
      expect([name, read > 100, isGossip || refused.size > 0 || name.startsWith('handshake')]).toEqual([
        name,
        true,
        true,
      ]);
      for (const code of refused.keys()) expect(['DecodeError', 'LimitError']).toContain(code);
    }
  }, 120_000);

  it('is the same for the same seed', async () => {
    const one = (seed: number) => fuzz(makeTargets(), 2_000, seed);
    expect(await one(7)).toEqual(await one(7));
    expect(await one(7)).not.toEqual(await one(8));
  });

  it('an error of another kind is told with seed, number and bytes', async () => {
    const broken: Target = {
      name: 'broken',
      seeds: [Buffer.from('abc')],
      feed(bytes) {
        if (bytes.length > 3) throw new TypeError('oops');
      },
    };
    await expect(fuzz([broken], 1_000, 5)).rejects.toThrow(
      /broken: frame \d+ of seed 5 threw TypeError: oops[\s\S]*after [0-9a-f]+/,
    );
  });

  it('differs in every way that is tried', () => {
    const dice = new Dice(3);
    const original = Buffer.from('0123456789');
    const made = Array.from({ length: 500 }, () => mutate(dice, original, [original]));
    expect(original.toString()).toBe('0123456789');
    expect(new Set(made.map((bytes) => bytes.length)).size).toBeGreaterThan(15);
    expect(made.filter((bytes) => !bytes.equals(original)).length).toBeGreaterThan(400);
  });
});
