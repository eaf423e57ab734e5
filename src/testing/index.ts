/**
 * The outside world in memory, for tests: time that is told to move, randomness from a seed, a network that loses,
 * delays and parts, and whole nodes upon it.
 *
 * `SimCluster` is the way in. Below it, `SimNetwork` joins simulated machines, and `simEnv` gives one process on it
 * the same interfaces (`env/`) that `platform/` implements on Node.js, so that the production rooms run unchanged.
 * Above it, a `FaultPlan` is a list of faults as plain data: `faultPlan` draws them for fast-check and shrinks them,
 * `checkConvergence` plays one and asks whether the cluster finds itself again. Nothing in the house imports any of it,
 * and nothing here touches a real timer or socket.
 */
export {
  type ClusterCommand,
  type ClusterCommandsOptions,
  type ClusterModel,
  clusterCommands,
  clusterModel,
} from './arbitrary/commands.ts';
export { anyDatagram, anyNodeName, type GossipDatagram } from './arbitrary/gossip.ts';
export { faultPlan } from './arbitrary/plans.ts';
export { anySchedule, type Moment, type ScheduleOptions } from './arbitrary/schedules.ts';
export { anyTerm } from './arbitrary/terms.ts';
export { type CheckOptions, checkConvergence, describePlan } from './check.ts';
export { SimCluster, type SimClusterOptions } from './cluster.ts';
export { ConvergenceError } from './convergence-error.ts';
export { EscapeError } from './escapes.ts';
export type { Latency, LinkSettings } from './links.ts';
export type { SimNodeOptions } from './member.ts';
export { SimNetwork, type SimNetworkOptions } from './network.ts';
export {
  FAULT_KINDS,
  type Fault,
  type FaultKind,
  type FaultPlan,
  type FaultPlanOptions,
  type FaultStep,
  type Range,
  randomPlan,
  shrinkPlan,
} from './plan.ts';
export { all, converged, groupsAgree, namesAgree, noOrphans, type Predicate } from './predicates.ts';
export type { ClockSkew } from './process.ts';
export { mermaid } from './report.ts';
export { SeededRandom } from './seeded-random.ts';
export { type SimEnv, type SimEnvOptions, simEnv } from './sim-env.ts';
export { Timeline, type TimelineEvent } from './timeline.ts';
export { VirtualClock } from './virtual-clock.ts';
