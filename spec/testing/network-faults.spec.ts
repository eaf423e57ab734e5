import { describe, expect, it } from 'vitest';
import { actor, at, dns, epmd, hosts, OptionsError } from '../../src/index.ts';
import { converged, SimCluster, type SimClusterOptions } from '../../src/testing/index.ts';

const A = 'a@a.sim';
const B = 'b@b.sim';
const Echo = actor('echo', () => ({ say: (text: string) => text }));
const echo = at<typeof Echo>(B, 'echo');

async function pair(options: SimClusterOptions = {}) {
  const cluster = new SimCluster({ seed: 1, ...options });
  await Promise.all([cluster.start(A), cluster.start(B)]);
  await cluster.until(converged, { withinMs: 10_000 });
  cluster.node(B).spawn(Echo, [], { name: 'echo' });
  return cluster;
}

const events = (cluster: SimCluster, event: string) =>
  cluster.timeline.events.filter((one) => one.event === event);

describe('a hold', () => {
  it('keeps back what streams and datagrams carry, and loses nothing', async () => {
    await using cluster = await pair();
    cluster.hold(A, B);
    const answer = cluster.node(A).request(at(B, 'echo'), 1, { timeout: 60_000 });
    answer.catch(() => {});
    const heardBefore = cluster.node(B).inspect().counters['gossip.heard']!;
    const sentBefore = cluster.node(A).inspect().counters['gossip.sent']!;
    const call = cluster.node(A).client<typeof Echo>(echo, { timeout: 60_000 }).say('late');
    await cluster.advance(30_000);
    cluster.release(A, B);
    expect(await cluster.run(call)).toBe('late');
    await cluster.advance(1_000);
    const sent = cluster.node(A).inspect().counters['gossip.sent']! - sentBefore;
    const heard = cluster.node(B).inspect().counters['gossip.heard']! - heardBefore;
    // B hears all of A's datagrams and its own.
    expect(heard).toBeGreaterThanOrEqual(sent);
    expect(events(cluster, 'nodedown')).toEqual([]);
  });

  it('is ended by heal as well, and counts as out of reach', async () => {
    await using cluster = await pair();
    cluster.hold([A], [B]);
    expect(cluster.canReach(A, B)).toBe(false);
    await cluster.advance(80_000);
    expect(new Set(events(cluster, 'nodedown').map(({ node }) => node))).toEqual(new Set([A, B]));
    cluster.heal();
    expect(cluster.canReach(A, B)).toBe(true);
    await cluster.until(converged, { withinMs: 130_000 });
  });
});

describe('a pause', () => {
  it('shorter than netTickTime changes nothing: what happened meanwhile is learnt at its end', async () => {
    await using cluster = await pair();
    cluster.pause(B);
    expect(cluster.isPaused(B)).toBe(true);
    const call = cluster.node(A).client<typeof Echo>(echo, { timeout: 60_000 }).say('wake up');
    await cluster.advance(44_000);
    expect(events(cluster, 'nodedown')).toEqual([]);
    cluster.resume(B);
    expect(await cluster.run(call)).toBe('wake up');
    await cluster.advance(120_000);
    expect(events(cluster, 'nodedown')).toEqual([]);
    expect(converged(cluster)).toBe(true);
  });

  it('that is longer has the others give the node up, never before its time, and both meet again', async () => {
    for (const seed of [1, 2, 3]) {
      await using cluster = await pair({ seed });
      cluster.pause(B);
      const pausedMs = cluster.nowMs;
      await cluster.advance(100_000);
      const [down] = events(cluster, 'nodedown');
      expect(down).toMatchObject({ node: A, peer: B, detail: `${B}: net_tick_timeout` });
      expect(down!.atMs - pausedMs).toBeGreaterThan(44_000);
      cluster.resume(B);
      await cluster.until(converged, { withinMs: 130_000 });
    }
  });

  it('lets its system accept connections, which are served after it', async () => {
    await using cluster = new SimCluster({ seed: 5 });
    await cluster.startEpmd('b.sim');
    await cluster.start(A, { discovery: {} });
    const b = await cluster.start(B, { discovery: {} });
    b.spawn(Echo, [], { name: 'echo' });
    cluster.pause(B);
    const call = cluster.node(A).client<typeof Echo>(echo, { timeout: 60_000 }).say('anybody?');
    call.catch(() => {});
    await cluster.advance(5_000);
    cluster.resume(B);
    expect(await cluster.run(call)).toBe('anybody?');
  });

  it('runs what waited in order, one turn each, and drops timers that were cancelled meanwhile', async () => {
    await using cluster = await pair();
    const seen: unknown[] = [];
    const pid = cluster.node(B).spawn(async (self) => {
      for await (const message of self) seen.push(message);
    });
    await cluster.advance(10);
    cluster.pause(B);
    for (let number = 0; number < 20; number++) cluster.node(A).send(pid, number);
    await cluster.advance(1_000);
    expect(seen).toEqual([]);
    cluster.resume(B);
    await cluster.advance(100);
    expect(seen).toEqual(Array.from({ length: 20 }, (_, number) => number));
  });
});

describe('clock skew', () => {
  it('moves the wall clock of one node, for all its lives, and none of its timers', async () => {
    await using cluster = await pair();
    cluster.clockSkew(B, 3_600_000);
    await cluster.advance(120_000);
    await cluster.restart(B);
    await cluster.until(converged, { withinMs: 30_000 });
    expect(events(cluster, 'clock_skew')).toHaveLength(1);
  });

  it('of rate makes timers early', async () => {
    await using cluster = await pair();
    cluster.clockSkew(B, { rate: 2 });
    const startedMs = cluster.nowMs;
    const firedMs = new Promise<number>((resolve) => {
      cluster.node(B).spawn(async (self) => {
        self.sendAfter(10_000, 'due');
        await self.receive();
        resolve(cluster.nowMs);
      });
    });
    expect((await cluster.run(firedMs)) - startedMs).toBeCloseTo(5_000, 0);
  });

  it('refuses clocks that cannot be', async () => {
    await using cluster = await pair();
    expect(() => cluster.clockSkew(B, { rate: 0 })).toThrow(OptionsError);
    expect(() => cluster.clockSkew(B, Number.NaN)).toThrow(OptionsError);
    expect(() => cluster.clockSkew('x@x', 1)).toThrow('x@x was never started');
  });
});

describe('links', () => {
  it('draw log-normal latencies: half below the median, one in a hundred above p99', async () => {
    const cluster = new SimCluster({ seed: 3, latencyMs: { median: 10, p99: 200 } });
    const link = cluster.network.link('a', 'b');
    const drawn = Array.from({ length: 20_000 }, () => link.latencyMs()).sort((one, other) => one - other);
    expect(drawn[10_000]!).toBeGreaterThan(9.5);
    expect(drawn[10_000]!).toBeLessThan(10.5);
    expect(drawn[19_800]!).toBeGreaterThan(170);
    expect(drawn[19_800]!).toBeLessThan(235);
  });

  it('of little bandwidth let bytes wait in line, and a router drops what would wait too long', async () => {
    await using cluster = await pair({ latencyMs: 1, bandwidthBytesPerSec: 10_000 });
    const startedMs = cluster.nowMs;
    const text = 'x'.repeat(50_000);
    const answer = cluster.node(A).client<typeof Echo>(echo, { timeout: 60_000 }).say(text);
    expect(await cluster.run(answer)).toBe(text);
    // Five seconds there and five back.
    expect(cluster.nowMs - startedMs).toBeGreaterThan(9_900);
    expect(cluster.nowMs - startedMs).toBeLessThan(11_500);
    const link = cluster.network.link(A, B);
    const lost = Array.from({ length: 100 }, () => link.datagram(1_000, cluster.nowMs)).filter(
      (copies) => copies.length === 0,
    );
    expect(lost.length).toBeGreaterThan(80);
  });

  it('garble datagrams, which harms nobody', async () => {
    await using cluster = await pair({ garble: 0.5, reorder: 0.5, duplicate: 0.5 });
    await cluster.advance(300_000);
    const { counters } = cluster.node(A).inspect();
    expect(Object.keys(counters).filter((name) => name.startsWith('gossip.ignored.')).length).toBeGreaterThan(
      0,
    );
    expect(events(cluster, 'nodedown')).toEqual([]);
  });

  it('are set for one direction, of several nodes at once', async () => {
    await using cluster = await pair({ latencyMs: 10 });
    cluster.link(A, [B, 'c@c.sim'], { latencyMs: 500 });
    const startedMs = cluster.nowMs;
    await cluster.run(cluster.node(A).call(echo, 'say', 'x'));
    expect(cluster.nowMs - startedMs).toBe(510);
    expect(() => cluster.link(A, B, { lose: 1 } as never)).toThrow('unknown link setting "lose"');
    expect(() => cluster.link(A, B, { latencyMs: { median: 0, p99: 1 } })).toThrow(OptionsError);
    expect(() => cluster.link(A, B, { bandwidthBytesPerSec: 0 })).toThrow(OptionsError);
  });

  it('break: both ends of a reset stream hear of it and meet again', async () => {
    await using cluster = await pair();
    cluster.reset(A, B);
    await cluster.advance(0);
    expect(events(cluster, 'nodedown').map(({ node }) => node)).toEqual([A, B]);
    await cluster.until(converged, { withinMs: 130_000 });
  });

  it('are half open: one end forgets, the other believes until it sends', async () => {
    await using cluster = await pair();
    cluster.halfOpen(A, B);
    await cluster.advance(0);
    expect(events(cluster, 'nodedown').map(({ node }) => node)).toEqual([A]);
    expect(cluster.node(B).nodes('connected')).toEqual([A]);
    await cluster.until(converged, { withinMs: 130_000 });
  });
});

describe('a start or restart that nobody awaits', () => {
  it('goes on while time moves, and nothing is judged before it is done', async () => {
    await using cluster = await pair();
    cluster.crash(B);
    void cluster.restart(B);
    expect(cluster.isRunning(B)).toBe(false);
    // Alone, a is all there is: without the wait this would hold at once.
    await cluster.until(converged, { withinMs: 30_000 });
    expect(cluster.isRunning(B)).toBe(true);
    void cluster.start('c@c.sim');
    await cluster.advance(60_000);
    expect(cluster.nodes().map(({ name }) => name)).toEqual([A, B, 'c@c.sim']);
  });

  it('rejects when the node crashes meanwhile', async () => {
    await using cluster = await pair();
    const restarted = cluster.restart(B);
    const outcome = expect(restarted).rejects.toThrow(`${B} crashed before it was up`);
    cluster.crash(B);
    await cluster.advance(1_000);
    await outcome;
    expect(cluster.isRunning(B)).toBe(false);
  });
});

describe('what machines offer besides', () => {
  it('a port mapper of its own outlives the nodes, and its crash is healed', async () => {
    await using cluster = new SimCluster({ seed: 4 });
    await cluster.startEpmd('one.sim');
    await expect(cluster.startEpmd('one.sim')).rejects.toThrow('is running already');
    const strategy = { discovery: epmd(), epmd: { mode: 'external' } } as const;
    const x = await cluster.start('x@one.sim', strategy);
    await cluster.start('y@one.sim', strategy);
    expect(x.inspect().epmd.role).toBe('guest');
    await cluster.until(converged, { withinMs: 60_000 });
    cluster.crashEpmd('one.sim');
    await cluster.advance(5_000);
    expect(converged(cluster)).toBe(true);
    await cluster.startEpmd('one.sim');
    await cluster.advance(60_000);
    expect((await cluster.run(x.names())).map(({ name }) => name).sort()).toEqual(['x', 'y']);
  });

  it('DNS finds nodes by a name with addresses', async () => {
    await using cluster = new SimCluster({ seed: 6 });
    const discovery = dns({ query: 'shop.internal', basename: 'shop', interval: 1_000 });
    await cluster.start('shop@10.1.0.1', { discovery });
    await cluster.start('shop@10.1.0.2', { discovery });
    await cluster.advance(10_000);
    expect(cluster.node('shop@10.1.0.1').nodes('connected')).toEqual([]);
    cluster.dns('shop.internal', { addresses: ['10.1.0.1', '10.1.0.2'] });
    await cluster.until(converged, { withinMs: 30_000 });
  });

  it('hosts are found without gossip', async () => {
    await using cluster = new SimCluster({ seed: 7 });
    const discovery = hosts([A, B]);
    await Promise.all([cluster.start(A, { discovery }), cluster.start(B, { discovery })]);
    await cluster.until(converged, { withinMs: 30_000 });
  });
});

describe('local messages', () => {
  it('are encoded by default, so that what cannot travel fails, and what arrives is a copy', async () => {
    await using cluster = await pair();
    const b = cluster.node(B);
    expect(() => b.send('echo', { fn: () => 1 })).toThrow('fn');
    const sent = { list: [1, 2] };
    const got = new Promise<unknown>((resolve) => {
      b.spawn(async (self) => resolve(await self.receive()), [], { name: 'getter' });
    });
    b.send('getter', sent);
    const received = await cluster.run(got);
    expect(received).toEqual(sent);
    expect(received).not.toBe(sent);
  });

  it('are handed over as they are with encodeLocal: false', async () => {
    await using cluster = await pair({ encodeLocal: false });
    const b = cluster.node(B);
    const sent = { fn: () => 1 };
    const got = new Promise<unknown>((resolve) => {
      b.spawn(async (self) => resolve(await self.receive()), [], { name: 'getter' });
    });
    b.send('getter', sent);
    expect(await cluster.run(got)).toBe(sent);
  });
});
