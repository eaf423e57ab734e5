import { OptionsError } from '../errors.ts';
import type { Node } from '../node.ts';
import { SimCluster, type SimClusterOptions } from './cluster.ts';
import { ConvergenceError } from './convergence-error.ts';
import { LINK_DEFAULTS } from './links.ts';
import type { SimNodeOptions } from './member.ts';
import type { FaultPlan, FaultStep } from './plan.ts';
import { all, asked, converged, nameOf, type Predicate } from './predicates.ts';

export interface CheckOptions {
  /** Options of the nodes, the same for all or by name. @default those of `SimCluster.start` */
  readonly node?: SimNodeOptions | ((name: string) => SimNodeOptions);
  /** Options of the simulation; seed and links come from the plan. */
  readonly cluster?: Omit<SimClusterOptions, 'seed'>;
  /** Told of every node that is up, after restarts too: spawn actors here. */
  readonly started?: (node: Node, cluster: SimCluster) => void | Promise<void>;
  /** What must hold after every step of the simulation, in the midst of the faults. @default nothing */
  readonly always?: Predicate | readonly Predicate[];
  /** What must come to hold once the faults are over. @default converged */
  readonly eventually?: Predicate | readonly Predicate[];
  /** How long that may take, in virtual milliseconds. @default 200_000 */
  readonly withinMs?: number;
  /** How much longer it must stay so, in virtual milliseconds. @default 0 */
  readonly quietMs?: number;
  /** Called at the end, when all of that held: what it throws is a failure too. */
  readonly finally?: (cluster: SimCluster) => void | Promise<void>;
}

const KNOWN: readonly (keyof CheckOptions)[] = [
  'node',
  'cluster',
  'started',
  'always',
  'eventually',
  'withinMs',
  'quietMs',
  'finally',
];
/** Longer than any rest between two attempts to connect, and than it takes to miss a node. */
const WITHIN_MS = 200_000;

/**
 * Plays a plan of faults on a new cluster, in two phases. In the first the faults happen. Then there is peace: the
 * network heals, frozen nodes go on, and nodes that are down start again; the weather of the plan's links stays. From
 * there on the cluster has to find itself.
 *
 * ```ts
 * await fc.assert(fc.asyncProperty(faultPlan({ nodes: 5, steps: 20 }), (plan) => checkConvergence(plan)));
 * ```
 *
 * @throws ConvergenceError when something that must always hold does not, or what must come to hold does not in time;
 *   its message has the plan
 */
export async function checkConvergence(plan: FaultPlan, options: CheckOptions = {}): Promise<void> {
  for (const name of Object.keys(options))
    if (!(KNOWN as readonly string[]).includes(name))
      throw new OptionsError(
        name,
        `unknown option "${name}" of checkConvergence; known are ${KNOWN.join(', ')}`,
      );
  const { node = {}, started, withinMs = WITHIN_MS, quietMs = 0 } = options;
  const eventually = all(...list(options.eventually ?? converged));
  const cluster = new SimCluster({
    replay: `checkConvergence(${JSON.stringify(plan)})`,
    ...options.cluster,
    ...plan.link,
    seed: plan.seed,
  });
  const isUp = async (up: Promise<Node>): Promise<void> => {
    const which = await up;
    await started?.(which, cluster);
  };
  /** A start that a fault prevents is a fault's effect. */
  const play = (doing: Promise<unknown>): void => void doing.catch(() => {});
  try {
    for (const predicate of list(options.always ?? [])) cluster.always(predicate);
    await Promise.all(
      plan.nodes.map((name) => isUp(cluster.start(name, typeof node === 'function' ? node(name) : node))),
    );
    for (const step of plan.steps) {
      inject(cluster, plan, step, (name) => play(isUp(cluster.restart(name))), play);
      await cluster.advance(step.thenMs);
    }
    cluster.timeline.record('network', 'peace');
    cluster.heal();
    for (const name of plan.nodes) {
      if (cluster.isPaused(name)) cluster.resume(name);
      for (const other of plan.nodes)
        if (name !== other) cluster.network.setLink(name, other, { ...LINK_DEFAULTS, ...plan.link });
    }
    await Promise.all(
      plan.nodes.filter((name) => !cluster.isRunning(name)).map((name) => isUp(cluster.restart(name))),
    );
    await cluster.until(eventually, { withinMs });
    if (quietMs > 0) {
      await cluster.advance(quietMs);
      const reason = asked(eventually, cluster);
      if (reason !== '')
        throw new ConvergenceError(
          cluster,
          `${nameOf(eventually)} held, and no more after ${quietMs} ms`,
          reason,
        );
    }
    await options.finally?.(cluster);
  } catch (error) {
    if (error instanceof Error) error.message += `\nthe plan:\n${describePlan(plan)}`;
    throw error;
  } finally {
    cluster.dispose();
  }
}

function inject(
  cluster: SimCluster,
  { nodes }: FaultPlan,
  step: FaultStep,
  restart: (name: string) => void,
  play: (doing: Promise<unknown>) => void,
): void {
  switch (step.fault) {
    case 'crash':
      if (cluster.isAlive(step.node)) cluster.crash(step.node, { silently: step.silently });
      return;
    case 'stop':
      if (cluster.isRunning(step.node)) play(cluster.stop(step.node));
      return;
    case 'restart':
      restart(step.node);
      return;
    case 'restartAll':
      for (const name of nodes) if (cluster.isAlive(name)) cluster.crash(name);
      for (const name of nodes) restart(name);
      return;
    case 'pause':
      if (cluster.isAlive(step.node)) cluster.pause(step.node);
      return;
    case 'resume':
      if (cluster.isAlive(step.node)) cluster.resume(step.node);
      return;
    case 'partition':
    case 'partitionOneWay':
    case 'hold':
      cluster[step.fault](step.from, step.to);
      return;
    case 'heal':
      cluster.heal();
      return;
    case 'reset':
    case 'halfOpen':
      cluster[step.fault](step.node, step.other);
      return;
    case 'link':
      cluster.link(step.node, step.other, step.settings);
      return;
    case 'clockSkew':
      cluster.clockSkew(step.node, step);
      return;
    default:
      throw new OptionsError('plan', `unknown fault ${JSON.stringify(step satisfies never)}`);
  }
}

/** A plan for people, one line a fault. */
export function describePlan({ seed, nodes, link, steps }: FaultPlan): string {
  const weather = Object.entries(link).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [
    `  ${nodes.join(', ')}; seed ${seed}${weather.length > 0 ? `; ${weather.join(', ')}` : ''}`,
    ...steps.map((step, at) => `  ${at + 1}. ${describeStep(step)}, then ${step.thenMs} ms`),
  ].join('\n');
}

function describeStep(step: FaultStep): string {
  if ('from' in step) {
    const sign = step.fault === 'partitionOneWay' ? '-x->' : '|';
    return `${step.fault} ${step.from.join(', ')} ${sign} ${step.to.join(', ')}`;
  }
  if ('other' in step) {
    const settings = step.fault === 'link' ? ` ${JSON.stringify(step.settings)}` : '';
    return `${step.fault} ${step.node}, ${step.other}${settings}`;
  }
  if (step.fault === 'clockSkew') return `clockSkew ${step.node} by ${step.offsetMs} ms, rate ${step.rate}`;
  if (step.fault === 'crash') return `crash ${step.node}${step.silently ? '' : ', its machine says so'}`;
  return 'node' in step ? `${step.fault} ${step.node}` : step.fault;
}

const list = (predicates: Predicate | readonly Predicate[]): readonly Predicate[] =>
  typeof predicates === 'function' ? [predicates] : predicates;
