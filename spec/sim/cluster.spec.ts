import { describe, expect, it } from 'vitest';
import { actor, at, OptionsError } from '../../src/index.ts';
import { ConvergenceError, converged, SimCluster } from '../../src/testing/index.ts';

const Echo = actor('echo', () => ({
  say: (text: string) => text,
  never: () => new Promise<string>(() => {}),
}));

describe('a simulated cluster', () => {
  it('carries calls between actors of two nodes, in virtual time', async () => {
    await using cluster = new SimCluster({ seed: 1, latencyMs: 25 });
    const a = await cluster.start('a@a.sim');
    const b = await cluster.start('b@b.sim');
    await cluster.until(converged, { withinMs: 10_000 });
    b.spawn(Echo, [], { name: 'echo' });
    const echo = at<typeof Echo>('b@b.sim', 'echo');
    const startedMs = cluster.nowMs;
    expect(await cluster.run(a.call(echo, 'say', 'hello'))).toBe('hello');
    expect(cluster.nowMs - startedMs).toBe(50);
    const pending = a.call(echo, 'never');
    await expect(cluster.run(pending)).rejects.toMatchObject({ code: 'CallTimeoutError' });
    expect(cluster.nowMs - startedMs).toBe(5_050);
  });

  it('answers a call to a node that crashes with noconnection, once it is missed', async () => {
    await using cluster = new SimCluster({ seed: 2 });
    const a = await cluster.start('a@a.sim');
    const b = await cluster.start('b@b.sim');
    await cluster.until(converged, { withinMs: 10_000 });
    const pid = b.spawn(Echo, []);
    const pending = a.client<typeof Echo>(pid, { timeout: 100_000 }).never();
    pending.catch(() => {});
    await cluster.advance(1_000);
    cluster.crash('b@b.sim');
    await expect(cluster.run(pending, { withinMs: 80_000 })).rejects.toThrow('noconnection');
  });

  it('says with the seed and the story what did not come to pass', async () => {
    await using cluster = new SimCluster({ seed: 77 });
    await cluster.start('a@a.sim');
    await cluster.start('b@b.sim', { cookie: 'another' });
    const failure = await cluster.until(converged, { withinMs: 5_000 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConvergenceError);
    const { seed, reason, message, timeline } = failure as ConvergenceError;
    expect(seed).toBe(77);
    expect(reason).toBe('a@a.sim is not connected to b@b.sim');
    expect(message).toContain('converged did not hold within 5000 ms (seed 77)');
    expect(timeline).toContain('b@b.sim  up creation');
    expect(cluster.nowMs).toBe(5_000);
  });

  it('takes predicates of the user, whose errors end the wait', async () => {
    await using cluster = new SimCluster({ seed: 3 });
    await cluster.start('a@sim');
    await cluster.until(({ nowMs }) => nowMs > 1_000, { withinMs: 20_000 });
    expect(cluster.nowMs).toBeLessThan(6_000);
    const broken = () => {
      throw new Error('broken predicate');
    };
    await expect(cluster.until(broken, { withinMs: 10 })).rejects.toThrow('broken predicate');
    const sentence = () => 'the moon is not full';
    await expect(cluster.until(sentence, { withinMs: 10 })).rejects.toThrow('the moon is not full');
  });

  it('refuses what makes no sense', async () => {
    expect(() => new SimCluster({ loss: 2 })).toThrow(OptionsError);
    expect(() => new SimCluster({ latencyMs: [5, 1] })).toThrow(OptionsError);
    await using cluster = new SimCluster();
    await cluster.start('a@sim');
    await expect(cluster.start('a@sim')).rejects.toThrow('a@sim is running already');
    await expect(cluster.start('b@sim', { netTickTime: -1 })).rejects.toThrow(OptionsError);
    await expect(cluster.stop('b@sim')).rejects.toThrow('b@sim is not running');
    await expect(cluster.restart('c@sim')).rejects.toThrow('c@sim was never started');
    expect(() => cluster.crash('c@sim')).toThrow('c@sim is not running');
    expect(() => cluster.node('b@sim')).toThrow('b@sim is not running');
    await cluster.start('b@sim');
    expect(cluster.nodes().map(({ name }) => name)).toEqual(['a@sim', 'b@sim']);
    for (const options of [undefined, {}, { withinMs: -1 }, { withinMs: '5' }])
      await expect(cluster.until(converged, options as never)).rejects.toThrow(
        /withinMs: expected milliseconds/,
      );
    await expect(cluster.run(Promise.resolve(), { withinMs: Number.NaN })).rejects.toBeInstanceOf(
      OptionsError,
    );
  });

  it('leaves nothing of a node that was stopped', async () => {
    await using cluster = new SimCluster({ seed: 4 });
    await cluster.start('a@sim');
    await cluster.start('b@sim');
    await cluster.until(converged, { withinMs: 10_000 });
    await cluster.stopAll();
    expect(cluster.nodes()).toEqual([]);
    const [machine] = cluster.network.machines;
    expect([machine?.listeners, machine?.sockets]).toEqual([[], []]);
    await cluster.advance(10_000);
    const { fired } = cluster.clock;
    await cluster.advance(1_000_000);
    // One step to the end: nobody has a timer left.
    expect(cluster.clock.fired - fired).toBeLessThanOrEqual(2);
  });
});
