import { describe, expect, it } from 'vitest';
import { actor } from '../../src/index.ts';
import { converged, SimCluster } from '../../src/testing/index.ts';

const fail = async (what: string): Promise<never> => {
  await undefined;
  throw new RangeError(what);
};

const Careless = actor('careless', () => ({
  ping: () => 'pong',
  // Each leaves a promise behind that is rejected, and answers all the same.
  now: () => {
    void fail('left behind');
    return 'done';
  },
}));

/** An actor on b, called from a, leaves a promise behind. Returns the story. */
async function story(seed: number): Promise<string> {
  const cluster = new SimCluster({ seed, trace: true });
  const a = await cluster.start('a@a.sim');
  const b = await cluster.start('b@b.sim');
  await cluster.until(converged, { withinMs: 10_000 });
  const careless = b.spawn(Careless, []);
  const other = b.spawn(Careless, []);
  const ends: unknown[] = [];
  a.spawn(async (self) => {
    self.monitor(careless);
    for await (const message of self) ends.push(message);
  });
  await cluster.advance(100);
  expect(await cluster.run(a.call(careless, 'now'))).toBe('done');
  await cluster.advance(1_000);
  expect(ends).toMatchObject([{ pid: careless }]);
  expect(String((ends[0] as { reason: unknown }).reason)).toContain('left behind');
  // Nobody else is harmed.
  expect(await cluster.run(a.call(other, 'ping'))).toBe('pong');
  expect(b.isAlive(careless)).toBe(false);
  const logs = cluster.timeline.events.filter(({ event, node }) => event === 'log' && node === 'b@b.sim');
  expect(logs.map(({ detail }) => detail).join()).toContain('left behind');
  cluster.dispose();
  return cluster.timeline.toString();
}

describe('a promise that simulated code leaves behind rejected', () => {
  // The test runner fails a run for any such promise that it hears of: that these pass at all is part of the proof.
  it('is the exit reason of its process, told in its node’s name, at the same moment each time', async () => {
    const first = await story(5);
    expect(await story(5)).toBe(first);
  });

  it('belongs to a function that runs as a process, however late: after an answer from afar, too', async () => {
    await using cluster = new SimCluster({ seed: 6 });
    const a = await cluster.start('a@a.sim');
    const b = await cluster.start('b@b.sim');
    await cluster.until(converged, { withinMs: 10_000 });
    const far = b.spawn(Careless, []);
    const pid = a.spawn(async (self) => {
      void self.call(far, 'ping').then(() => fail('after the answer'));
      await self.receive();
    });
    await cluster.until(() => !a.isAlive(pid), { withinMs: 5_000 });
    expect(cluster.timeline.toString()).toContain('after the answer');
  });

  it('goes to whoever listens when no process made it, and the platform is as before in the end', async () => {
    const before = process.emit;
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const heard: unknown[] = [];
    process.on('unhandledRejection', (error) => heard.push(error));
    try {
      const cluster = new SimCluster({ seed: 7 });
      const a = await cluster.start('a@a.sim');
      const careless = a.spawn(Careless, []);
      const nobodys = new RangeError('of the test');
      void Promise.reject(nobodys);
      await cluster.run(a.call(careless, 'now'));
      await cluster.advance(10);
      expect(heard).toEqual([nobodys]);
      expect(process.emit).not.toBe(before);
      cluster.crash('a@a.sim');
      expect(process.emit).toBe(before);
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
  });
});
