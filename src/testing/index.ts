/**
 * The outside world in memory, for tests: time that is told to move, randomness from a seed. Each file implements one
 * interface of `env/` as `platform/` does, and nothing in the house imports any of it.
 */
export { SeededRandom } from './seeded-random.ts';
export { VirtualClock } from './virtual-clock.ts';
