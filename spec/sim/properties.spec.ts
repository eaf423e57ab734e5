import { describe, it } from 'vitest';
import { overSeeds, seedsFor, timeoutFor } from './budget.ts';
import { PROPERTIES } from './properties.ts';

/** Seeds of a usual run; those that cost more get fewer. */
const USUAL: Readonly<Record<string, number>> = { membershipConverges: 10, costsAreBounded: 1 };

describe('whatever happens to a cluster', () => {
  for (const [name, property] of Object.entries(PROPERTIES)) {
    const seeds = seedsFor(USUAL[name] ?? 6);
    it(name, { timeout: timeoutFor(seeds) }, () => overSeeds(name, seeds, property));
  }
});
