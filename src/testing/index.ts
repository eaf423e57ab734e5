/**
 * The outside world in memory, for tests: time that is told to move, randomness from a seed, a network that loses,
 * delays and parts, and whole nodes upon it.
 *
 * `SimCluster` is the way in. Below it, `SimNetwork` joins simulated machines, and `simEnv` gives one process on it
 * the same interfaces (`env/`) that `platform/` implements on Node.js, so that the production rooms run unchanged.
 * Nothing in the house imports any of it, and nothing here touches a real timer or socket.
 */
export { SimCluster, type SimClusterOptions, type SimNodeOptions } from './cluster.ts';
export { ConvergenceError } from './convergence-error.ts';
export type { LinkSettings } from './links.ts';
export { SimNetwork, type SimNetworkOptions } from './network.ts';
export { converged, type Predicate } from './predicates.ts';
export { SeededRandom } from './seeded-random.ts';
export { type SimEnv, type SimEnvOptions, simEnv } from './sim-env.ts';
export { Timeline, type TimelineEvent } from './timeline.ts';
export { VirtualClock } from './virtual-clock.ts';
