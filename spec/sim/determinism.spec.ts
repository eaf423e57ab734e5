import { describe, expect, it } from 'vitest';
import { actor } from '../../src/index.ts';
import { converged, SimCluster } from '../../src/testing/index.ts';
import { overSeeds, seedsFor, timeoutFor } from './budget.ts';

const Counter = actor('counter', (self, start: number) => {
  let sum = start;
  self.onMessage(() => {
    sum += 1;
    self.sendAfter(700, 'again');
  });
  self.send(self.pid, 'begin');
  return {
    add: async (by: number) => {
      for (let turn = 0; turn < by; turn++) await undefined;
      sum += by;
      return sum;
    },
  };
});

/** A story with every fault there is, and calls in between. Returns all that was recorded. */
async function story(seed: number): Promise<string> {
  const names = ['a@a.sim', 'b@b.sim', 'c@b.sim', 'd@d.sim'];
  await using cluster = new SimCluster({
    seed,
    trace: true,
    latencyMs: [1, 80],
    loss: 0.15,
    duplicate: 0.05,
  });
  await Promise.all(names.map((name) => cluster.start(name, { actors: [Counter], netTickTime: 8_000 })));
  await cluster.until(converged, { withinMs: 60_000 });
  const [a, b, c, d] = names as [string, string, string, string];
  const pid = await cluster.run(cluster.node(a).spawnOn(d, Counter, [1]));
  const said: unknown[] = [];
  for (const by of [1, 2, 3]) said.push(await cluster.run(cluster.node(b).call(pid, 'add', by)));
  cluster.partition([a], [b, c]);
  await cluster.advance(12_000);
  cluster.crash(d);
  cluster.partitionOneWay([b], [c]);
  await cluster.advance(5_000);
  cluster.link(a, b, { latencyMs: 300, loss: 0.5 });
  void cluster.restart(d);
  cluster.heal();
  await cluster.until(converged, { withinMs: 120_000 });
  await cluster.stop(c);
  await cluster.advance(3_000);
  return `${cluster.timeline}\n${said.join(' ')}\n${cluster.nowMs}`;
}

/** Less of everything, so that many seeds can be told. */
async function shortStory(seed: number): Promise<string> {
  const names = ['a@a.sim', 'b@b.sim', 'c@b.sim'] as const;
  const cluster = new SimCluster({
    seed,
    trace: true,
    latencyMs: { median: 5, p99: 80 },
    loss: 0.1,
    reorder: 0.1,
  });
  await Promise.all(names.map((name) => cluster.start(name, { netTickTime: 2_000 })));
  const pid = cluster.node(names[0]).spawn(Counter, [seed]);
  await cluster.until(converged, { withinMs: 60_000 });
  const said = [await cluster.run(cluster.node(names[1]).call(pid, 'add', 3))];
  cluster.pause(names[2]);
  cluster.partitionOneWay(names[0], names[1]);
  await cluster.advance(3_000);
  cluster.crash(names[1]);
  cluster.heal();
  cluster.resume(names[2]);
  void cluster.restart(names[1]);
  await cluster.until(converged, { withinMs: 60_000 });
  cluster.dispose();
  return `${cluster.timeline}\n${said.join(' ')}\n${cluster.nowMs}`;
}

describe('a simulation', () => {
  for (const [what, usual, tell] of [
    ['with every fault there is', 10, story],
    ['of three nodes', 200, shortStory],
  ] as const) {
    const seeds = seedsFor(usual);
    it(`tells the same story ${what} for the same seed, event for event, ${seeds.length} times over`, {
      timeout: timeoutFor(seeds),
    }, async () => {
      const stories = new Set<string>();
      await overSeeds('tells the same story', seeds, async (seed) => {
        const first = await tell(seed);
        expect(await tell(seed)).toBe(first);
        stories.add(first);
      });
      expect(stories.size).toBe(seeds.length);
    });
  }

  it('is not changed by another one beside it', async () => {
    const alone = await story(21);
    const [beside] = await Promise.all([story(21), story(22), story(23)]);
    expect(beside).toBe(alone);
  });

  it('runs an idle cluster of five nodes a thousand times as fast as real time, or nearly', async () => {
    await using cluster = new SimCluster({ seed: 24 });
    for (const name of ['a@sim', 'b@sim', 'c@sim', 'd@sim', 'e@sim']) await cluster.start(name);
    await cluster.until(converged, { withinMs: 10_000 });
    const startedAt = process.hrtime.bigint();
    await cluster.advance(600_000);
    const realMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
    // The target is 1,000; a busy machine is given room.
    expect(600_000 / realMs).toBeGreaterThan(200);
  });
});
