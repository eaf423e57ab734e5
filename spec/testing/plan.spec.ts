import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/index.ts';
import {
  ConvergenceError,
  checkConvergence,
  clusterCommands,
  clusterModel,
  converged,
  describePlan,
  type FaultPlan,
  faultPlan,
  type Predicate,
  randomPlan,
  SeededRandom,
  SimCluster,
  shrinkPlan,
} from '../../src/testing/index.ts';

/** Wrong on purpose: holds no more once a second node was seen frozen. */
const neverFrozen: Predicate = (cluster) => {
  const frozen = cluster.names().find((name) => cluster.isPaused(name));
  return frozen === undefined || `${frozen} is frozen`;
};

describe('a fault plan', () => {
  it('has as many nodes and steps as it was asked for', () => {
    fc.assert(
      fc.property(faultPlan({ nodes: 5, steps: 20 }), (plan) => {
        expect(plan.nodes).toHaveLength(5);
        expect(plan.steps).toHaveLength(20);
      }),
      { numRuns: 20 },
    );
    const sizes = new Set(
      fc
        .sample(faultPlan({ nodes: [2, 4], steps: [1, 3] }), { numRuns: 200, seed: 1 })
        .map(({ nodes, steps }) => `${nodes.length} ${steps.length}`),
    );
    expect([...sizes].sort()).toEqual(['2 1', '2 2', '2 3', '3 1', '3 2', '3 3', '4 1', '4 2', '4 3']);
  });

  it('is drawn from a seed, and holds every fault there is', () => {
    const plan = () => randomPlan(new SeededRandom(7), { steps: 500 });
    expect(plan()).toEqual(plan());
    const faults = new Set(plan().steps.map(({ fault }) => fault));
    expect(faults.size).toBe(14);
    const only = randomPlan(new SeededRandom(7), { steps: 50, faults: ['crash', 'heal'] });
    expect(new Set(only.steps.map(({ fault }) => fault))).toEqual(new Set(['crash', 'heal']));
  });

  it('survives JSON, so that it can be kept', () => {
    const plan = randomPlan(new SeededRandom(8), { steps: 100 });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('shrinks to smaller plans only, and comes to an end', () => {
    const size = (plan: FaultPlan): number =>
      JSON.stringify(plan).length + plan.steps.reduce((sum, { thenMs }) => sum + thenMs, 0) / 10;
    let plan = randomPlan(new SeededRandom(9), { nodes: 4, steps: 6 });
    for (let turns = 0; turns < 10_000; turns++) {
      const [first, ...others] = shrinkPlan(plan);
      if (first === undefined) break;
      for (const smaller of [first, ...others]) expect(size(smaller)).toBeLessThan(size(plan) + 8);
      plan = others.at(-1) ?? first;
    }
    expect([...shrinkPlan(plan)]).toEqual([]);
  });

  it('that fails ends short: one fault of twenty is left', async () => {
    const failure = await fc.check(
      fc.asyncProperty(faultPlan({ nodes: 3, steps: 20 }), (plan) =>
        checkConvergence(plan, { always: neverFrozen }),
      ),
      { seed: 1, numRuns: 20 },
    );
    expect(failure.failed).toBe(true);
    const [plan] = failure.counterexample!;
    expect(plan.nodes).toHaveLength(2);
    expect(plan.link).toEqual({});
    expect(plan.steps).toEqual([{ fault: 'pause', node: expect.any(String), thenMs: 0 }]);
    expect(describePlan(plan)).toMatch(/1\. pause .@.*\.sim, then 0 ms$/);
  });

  it('refuses what makes no sense', () => {
    expect(() => faultPlan({ nodes: 0 })).toThrow(OptionsError);
    expect(() => faultPlan({ steps: -1 })).toThrow(OptionsError);
    expect(() => faultPlan({ faults: ['flood' as never] })).toThrow('flood');
    expect(() => faultPlan({ node: 3 } as never)).toThrow('unknown option "node"');
  });
});

describe('checkConvergence', () => {
  it('holds for the membership, whatever plan', async () => {
    await fc.assert(
      fc.asyncProperty(faultPlan({ nodes: 3, steps: 8 }), (plan) => checkConvergence(plan)),
      { numRuns: 5 },
    );
  });

  it('says what did not hold, after which plan, and how to see it again', async () => {
    const plan: FaultPlan = {
      seed: 3,
      nodes: ['a@a.sim', 'b@b.sim'],
      link: {},
      steps: [{ fault: 'crash', node: 'b@b.sim', silently: true, thenMs: 1_000 }],
    };
    const failure = await checkConvergence(plan, {
      node: (name) => (name === 'a@a.sim' ? {} : { cookie: 'other' }),
      withinMs: 20_000,
    }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConvergenceError);
    const { message, replay } = failure as ConvergenceError;
    expect(message).toContain(
      'converged did not hold within 20000 ms (seed 3): a@a.sim is not connected to b@b.sim',
    );
    expect(message).toContain('1. crash b@b.sim, then 1000 ms');
    // What the message says to run fails in the same way.
    const again = JSON.parse(/checkConvergence\((.*)\)/.exec(replay)![1]!) as FaultPlan;
    expect(again).toEqual(plan);
  });

  it('asks what must always hold in the midst of the faults', async () => {
    const plan: FaultPlan = {
      seed: 4,
      nodes: ['a@a.sim', 'b@b.sim'],
      link: {},
      steps: [{ fault: 'pause', node: 'b@b.sim', thenMs: 10 }],
    };
    await expect(checkConvergence(plan, { always: [neverFrozen] })).rejects.toThrow(
      'neverFrozen, which must always hold, did not hold at',
    );
    await expect(checkConvergence(plan, { sometimes: [] } as never)).rejects.toThrow(
      'unknown option "sometimes"',
    );
  });

  it('tells of every node that is up, restarts included, and asks again after the quiet', async () => {
    const started: string[] = [];
    await checkConvergence(
      {
        seed: 5,
        nodes: ['a@a.sim', 'b@b.sim'],
        link: {},
        steps: [{ fault: 'restartAll', thenMs: 10 }],
      },
      { started: (node) => void started.push(node.name), quietMs: 100_000 },
    );
    expect(started.sort()).toEqual(['a@a.sim', 'a@a.sim', 'b@b.sim', 'b@b.sim']);
  });
});

describe('cluster commands', () => {
  it('drive a cluster by a model', async () => {
    const nodes = ['a@a.sim', 'b@b.sim', 'c@c.sim'];
    await fc.assert(
      fc.asyncProperty(fc.commands(clusterCommands({ nodes }), { maxCommands: 12 }), async (commands) => {
        const cluster = new SimCluster({ seed: 6 });
        const model = clusterModel(nodes);
        await fc.asyncModelRun(async () => {
          await Promise.all(nodes.map((name) => cluster.start(name)));
          return { model, real: cluster };
        }, commands);
        expect(cluster.nodes().map(({ name }) => name)).toEqual(nodes.filter((name) => model.up.has(name)));
        for (const name of nodes) expect(cluster.isPaused(name)).toBe(model.paused.has(name));
        if (model.isWhole) await cluster.until(converged, { withinMs: 200_000 });
        cluster.dispose();
      }),
      { numRuns: 8 },
    );
  });
});
