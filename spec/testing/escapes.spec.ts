import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { actor, gossip } from '../../src/index.ts';
import { converged, EscapeError, SimCluster } from '../../src/testing/index.ts';

const realNow = Date.now;
const realTimeout = globalThis.setTimeout;

const Leaky = actor('leaky', () => ({
  now: () => Date.now(),
  date: () => new Date().getFullYear(),
  given: () => new Date(0).getFullYear(),
  random: () => Math.random(),
  timer: () => void setTimeout(() => {}, 1),
  sleep: () => sleep(1),
  later: async () => {
    await undefined;
    await undefined;
    return performance.now();
  },
  fetched: () => void fetch('http://127.0.0.1:1/').catch(() => {}),
}));

async function leaky(escapes?: 'record' | 'ignore') {
  const cluster = new SimCluster({ seed: 1, ...(escapes && { escapes }) });
  const node = await cluster.start('a@a.sim');
  return { cluster, node, pid: node.spawn(Leaky, []) };
}

describe('what leaves the simulation', () => {
  it.each([
    ['now', 'Date.now'],
    ['date', 'new Date()'],
    ['random', 'Math.random'],
    ['timer', 'setTimeout'],
    ['sleep', 'timers/promises.setTimeout'],
    ['later', 'performance.now'],
    ['fetched', 'fetch'],
  ] as const)('is named with its place: %s', async (method, what) => {
    const { cluster, node, pid } = await leaky();
    const call = node.call(pid, method);
    call.catch(() => {});
    const failure = await cluster.run(call).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EscapeError);
    expect(failure).toMatchObject({ what, node: 'a@a.sim' });
    expect((failure as EscapeError).where).toMatch(/escapes\.spec\.ts:\d+:\d+$/);
    expect(cluster.timeline.toString()).toContain(`escape ${what} at`);
    cluster.dispose();
  });

  it('is not a date that is given its time, nor anything a test does between two waits', async () => {
    const { cluster, node, pid } = await leaky();
    expect(await cluster.run(node.call(pid, 'given'))).toBe(1970);
    expect(Date.now()).toBeGreaterThan(0);
    await sleep(1);
    const asks = () => Date.now() > 0;
    await cluster.until(asks, { withinMs: 10 });
    await cluster.stopAll();
  });

  it('may be recorded only, or ignored', async () => {
    const recorded = await leaky('record');
    expect(await recorded.cluster.run(recorded.node.call(recorded.pid, 'now'))).toBeGreaterThan(0);
    expect(recorded.cluster.timeline.events.filter(({ event }) => event === 'escape')).toHaveLength(1);
    const ignored = await leaky('ignore');
    expect(await ignored.cluster.run(ignored.node.call(ignored.pid, 'now'))).toBeGreaterThan(0);
    expect(ignored.cluster.timeline.events.filter(({ event }) => event === 'escape')).toHaveLength(0);
    await Promise.all([recorded.cluster.stopAll(), ignored.cluster.stopAll()]);
  });

  it('is nothing that the house itself does, whatever strategy finds the nodes', async () => {
    await using cluster = new SimCluster({ seed: 2 });
    for (const [name, discovery] of [
      ['a@a.sim', gossip({ secret: 's' })],
      ['b@b.sim', gossip({ secret: 's' })],
    ] as const)
      await cluster.start(name, { discovery });
    await cluster.until(converged, { withinMs: 10_000 });
    await cluster.advance(100_000);
  });

  it('leaves the platform as it was, once time rests', async () => {
    const { cluster } = await leaky();
    await cluster.advance(10);
    await cluster.stopAll();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(Date.now).toBe(realNow);
    expect(globalThis.setTimeout).toBe(realTimeout);
  });
});
