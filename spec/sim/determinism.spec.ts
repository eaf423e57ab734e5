import { describe, expect, it } from 'vitest';
import { actor } from '../../src/index.ts';
import { converged, SimCluster } from '../../src/testing/index.ts';

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

describe('a simulation', () => {
  it('tells the same story for the same seed, event for event, twenty times over', async () => {
    const stories = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const first = await story(seed);
      expect(await story(seed)).toBe(first);
      stories.add(first);
    }
    expect(stories.size).toBe(20);
  });

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
