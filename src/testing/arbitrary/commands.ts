import { OptionsError } from '../../errors.ts';
import type { SimCluster } from '../cluster.ts';
import { type Arbitrary, type AsyncCommand, checkNames, fastCheck } from './library.ts';

/** What a test of commands knows of the cluster without asking it: who should be up, frozen, parted. */
export interface ClusterModel {
  readonly names: readonly string[];
  readonly up: Set<string>;
  readonly paused: Set<string>;
  /** Whether the network is whole. */
  isWhole: boolean;
}

/** The model of a cluster all of whose nodes are up and see each other. */
export function clusterModel(names: readonly string[]): ClusterModel {
  return { names, up: new Set(names), paused: new Set(), isWhole: true };
}

export type ClusterCommand = AsyncCommand<ClusterModel, SimCluster>;

export interface ClusterCommandsOptions {
  readonly nodes: readonly string[];
  /** Longest time that one command lets pass, milliseconds. @default 40_000 */
  readonly restMs?: number;
}

/**
 * The faults of a cluster as commands for fast-check's model-based testing, one arbitrary for each, so that you can put
 * your own beside them:
 *
 * ```ts
 * const commands = fc.commands([...clusterCommands({ nodes }), fc.constant(new Increment())]);
 * await fc.assert(fc.asyncProperty(commands, async (commands) => {
 *   await fc.asyncModelRun(async () => ({ model: clusterModel(nodes), real: await startAll(nodes) }), commands);
 * }));
 * ```
 *
 * @throws OptionsError for options that make no sense, and where fast-check is not installed
 */
export function clusterCommands(options: ClusterCommandsOptions): Arbitrary<ClusterCommand>[] {
  const fc = fastCheck();
  const { nodes, restMs = 40_000 } = options ?? {};
  checkNames(nodes);
  if (!(Number.isInteger(restMs) && restMs >= 0))
    throw new OptionsError('restMs', `restMs: expected whole milliseconds from 0, got ${restMs}`);
  const one = fc.constantFrom(...nodes);
  const command = (
    text: string,
    check: (model: ClusterModel) => boolean,
    run: (model: ClusterModel, cluster: SimCluster) => void | Promise<unknown>,
  ): ClusterCommand => ({
    check,
    run: async (model, cluster) => void (await run(model, cluster)),
    toString: () => text,
  });
  const isUp = (name: string) => (model: ClusterModel) => model.up.has(name);
  return [
    one.map((name) =>
      command(`crash(${name})`, isUp(name), (model, cluster) => {
        model.up.delete(name);
        model.paused.delete(name);
        cluster.crash(name);
      }),
    ),
    one.map((name) =>
      command(`stop(${name})`, isUp(name), async (model, cluster) => {
        model.up.delete(name);
        model.paused.delete(name);
        await cluster.stop(name);
      }),
    ),
    one.map((name) =>
      command(
        `restart(${name})`,
        // A frozen port mapper on its machine would keep it from coming up.
        ({ paused }) => paused.size === 0,
        async (model, cluster) => {
          model.up.add(name);
          await cluster.restart(name);
        },
      ),
    ),
    one.map((name) =>
      command(`pause(${name})`, isUp(name), (model, cluster) => {
        model.paused.add(name);
        cluster.pause(name);
      }),
    ),
    one.map((name) =>
      command(
        `resume(${name})`,
        ({ paused }) => paused.has(name),
        (model, cluster) => {
          model.paused.delete(name);
          cluster.resume(name);
        },
      ),
    ),
    one.map((name) =>
      command(
        `partition(${name})`,
        () => true,
        (model, cluster) => {
          model.isWhole = false;
          cluster.partition(
            [name],
            nodes.filter((other) => other !== name),
          );
        },
      ),
    ),
    fc.tuple(one, one).map(([from, to]) =>
      command(
        `partitionOneWay(${from}, ${to})`,
        () => from !== to,
        (model, cluster) => {
          model.isWhole = false;
          cluster.partitionOneWay([from], [to]);
        },
      ),
    ),
    fc.tuple(one, one).map(([name, other]) =>
      command(
        `reset(${name}, ${other})`,
        () => name !== other,
        (_, cluster) => cluster.reset(name, other),
      ),
    ),
    fc.constant(
      command(
        'heal()',
        () => true,
        (model, cluster) => {
          model.isWhole = true;
          cluster.heal();
        },
      ),
    ),
    fc.integer({ min: 0, max: restMs }).map((ms) =>
      command(
        `advance(${ms})`,
        () => true,
        (_, cluster) => cluster.advance(ms),
      ),
    ),
  ];
}
