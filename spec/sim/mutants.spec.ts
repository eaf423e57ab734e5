/** Each property bites: the house with one deliberate bug in it does not pass. */
import { describe, expect, it } from 'vitest';
import { firstFailure, propertiesWith } from './mutants/build.ts';
import { MUTANTS } from './mutants/list.ts';

const DEFAULT_SEEDS = 12;

describe('a bug is caught', () => {
  it('only where there is one: the bundle of the unchanged house passes', { timeout: 120_000 }, async () => {
    const properties = await propertiesWith(undefined, 'none');
    const caughtBy = [...new Set(MUTANTS.map((mutant) => mutant.caughtBy))];
    for (const name of caughtBy) expect(await firstFailure(properties[name]!, 1)).toBeUndefined();
  });

  for (const [at, mutant] of MUTANTS.entries()) {
    const { bug, caughtBy, seeds = DEFAULT_SEEDS } = mutant;
    it(`${bug} (${caughtBy})`, { timeout: 180_000 }, async () => {
      const properties = await propertiesWith(mutant, String(at));
      expect(await firstFailure(properties[caughtBy]!, seeds)).toMatchObject({ seed: expect.any(Number) });
    });
  }
});
