import { describe, it } from 'vitest';
import { overSeeds, seedsFor, timeoutFor } from './budget.ts';
import { PROPERTIES } from './properties.ts';

/** Seeds of a usual run; those that cost more get fewer. */
const USUAL: Readonly<Record<string, number>> = { membershipConverges: 10, costsAreBounded: 1 };

/** Seeds that have found something once: 24, a lock that stayed on a node that was no member any more when it was freed. */
const FOUND: Readonly<Record<string, readonly number[]>> = { namesAndGroupsAgree: [24] };

describe('whatever happens to a cluster', () => {
  for (const [name, property] of Object.entries(PROPERTIES)) {
    const usual = seedsFor(USUAL[name] ?? 6);
    const seeds = [...usual, ...(usual.length === 1 ? [] : (FOUND[name] ?? []))];
    it(name, { timeout: timeoutFor(seeds) }, () => overSeeds(name, seeds, property));
  }
});
