import { describe, expect, it } from 'vitest';
import { gossip } from '../../src/discovery/index.ts';
import {
  converged,
  SimCluster,
  type SimClusterOptions,
  type SimNodeOptions,
} from '../../src/testing/index.ts';

const SEEDS = [1, 2, 3, 4, 5];

/** Nodes a, b, c, ... that share one machine, or have one each. */
function names(count: number, apart = false): string[] {
  return Array.from({ length: count }, (_, number) => {
    const letter = String.fromCharCode(97 + number);
    return apart ? `${letter}@${letter}.sim` : `${letter}@sim`;
  });
}

async function started(members: readonly string[], options: SimClusterOptions, node: SimNodeOptions = {}) {
  const cluster = new SimCluster(options);
  await Promise.all(members.map((name) => cluster.start(name, node)));
  return cluster;
}

describe('membership converges', () => {
  for (const count of [2, 3, 4, 5])
    it(`for ${count} nodes of one machine and for ${count} machines`, async () => {
      for (const seed of SEEDS)
        for (const apart of [false, true]) {
          await using cluster = await started(names(count, apart), { seed });
          // All dial each other at the same moment; nobody waits for a time-out to get out of that.
          await cluster.until(converged, { withinMs: 1_000 });
          // And stays so: nobody dials, drops or replaces anything any more.
          await cluster.advance(300_000);
          expect(cluster.timeline.events.filter(({ event }) => event === 'nodedown')).toEqual([]);
          expect(converged(cluster)).toBe(true);
        }
    });

  it('when a fifth of the datagrams is lost and some come twice', async () => {
    for (const seed of SEEDS) {
      const hostile: SimClusterOptions = { seed, latencyMs: [1, 200], loss: 0.2, duplicate: 0.1 };
      await using cluster = await started(names(5, true), hostile);
      await cluster.until(converged, { withinMs: 60_000 });
    }
  });

  it('with a secret, and never with another one', async () => {
    await using cluster = await started(names(3, true), { seed: 6 }, { discovery: gossip({ secret: 's' }) });
    await cluster.until(converged, { withinMs: 10_000 });
    const stranger = await cluster.start('x@x.sim', { discovery: gossip({ secret: 'other' }) });
    await cluster.advance(120_000);
    expect(stranger.nodes('connected')).toEqual([]);
    expect(stranger.inspect().counters['gossip.ignored.undecryptable']).toBeGreaterThan(0);
  });

  it('by seals without any port mapper, also when nodes restart at other ports', async () => {
    // Once for all nodes: deriving keys is slow.
    const [before, after] = [['old', 'new'] as const, ['new', 'old'] as const].map(
      (secret): SimNodeOptions => ({
        epmd: { mode: 'off' },
        discovery: gossip({ seal: 'secretbox', secret }),
      }),
    );
    for (const seed of SEEDS) {
      await using cluster = await started(names(3, true), { seed }, before);
      await cluster.until(converged, { withinMs: 1_000 });
      // And so a cluster changes its secret: one node after the other.
      for (const name of names(3, true)) {
        cluster.crash(name);
        await cluster.advance(1_000);
        await cluster.start(name, after);
        await cluster.until(converged, { withinMs: 10_000 });
      }
      // And one that starts again and again is joined again by its first heartbeat each time, wherever it listens.
      for (let i = 0; i < 4; i++) {
        cluster.crash(names(3, true)[0]!, { silently: false });
        await cluster.advance(100);
        await cluster.restart(names(3, true)[0]!);
        await cluster.until(converged, { withinMs: 90 });
      }
      // Whoever is connected to a member is connected to the others by the registry, which hears no datagrams.
      await cluster.advance(60_000);
      expect(converged(cluster)).toBe(true);
    }
  });

  it('never with a node of another cookie, whose knocking grows rare', async () => {
    await using cluster = await started(names(2, true), { seed: 7 });
    const stranger = await cluster.start('x@x.sim', { cookie: 'other' });
    await cluster.advance(600_000);
    expect(stranger.nodes('connected')).toEqual([]);
    expect(cluster.node('a@a.sim').nodes('connected')).toEqual(['b@b.sim']);
    // Rests double up to a minute: some twenty attempts in ten minutes, not hundreds.
    const failed = stranger.inspect().counters['handshake.failed'] ?? 0;
    expect(failed).toBeGreaterThan(2);
    expect(failed).toBeLessThan(100);
  });
});

describe('after a partition', () => {
  it('both sides miss each other within netTickTime and a quarter, and meet again when it heals', async () => {
    for (const seed of SEEDS) {
      // Each finds out for itself: nobody is told by another member.
      const node = { preventOverlappingPartitions: false };
      await using cluster = await started(names(4, true), { seed }, node);
      await cluster.until(converged, { withinMs: 10_000 });
      const [a, b, c, d] = names(4, true) as [string, string, string, string];
      cluster.partition([a, b], [c, d]);
      // Each half is whole in itself, and nobody believes in the other one.
      await cluster.until(converged, { withinMs: 75_000 });
      const lost = cluster.timeline.events.filter(({ event }) => event === 'nodedown');
      expect(lost.map(({ detail }) => detail.split(': ')[1])).toEqual(new Array(8).fill('net_tick_timeout'));
      await cluster.advance(60_000);
      cluster.heal();
      await cluster.until(converged, { withinMs: 130_000 });
    }
  });

  it('that was shorter than netTickTime nothing has changed', async () => {
    await using cluster = await started(names(3, true), { seed: 8 });
    await cluster.until(converged, { withinMs: 10_000 });
    const [a, ...others] = names(3, true) as [string, string, string];
    cluster.partition([a], others);
    await cluster.advance(20_000);
    cluster.heal();
    await cluster.advance(120_000);
    expect(cluster.timeline.events.filter(({ event }) => event === 'nodedown')).toEqual([]);
    expect(converged(cluster)).toBe(true);
  });

  it('of one direction both sides give the link up, and meet again', async () => {
    for (const seed of SEEDS) {
      await using cluster = await started(names(2, true), { seed });
      await cluster.until(converged, { withinMs: 10_000 });
      const [a, b] = names(2, true) as [string, string];
      cluster.partitionOneWay([a], [b]);
      await cluster.advance(180_000);
      expect(cluster.node(b).nodes('connected')).toEqual([]);
      cluster.heal();
      await cluster.until(converged, { withinMs: 130_000 });
    }
  });
});

describe('a node that crashed', () => {
  it('leaves every view within netTickTime and a quarter, and stays out', async () => {
    for (const seed of SEEDS) {
      await using cluster = await started(names(4, true), { seed });
      await cluster.until(converged, { withinMs: 10_000 });
      cluster.crash('b@b.sim');
      await cluster.until(converged, { withinMs: 75_100 });
      const events = cluster.timeline.events.length;
      await cluster.advance(300_000);
      const later = cluster.timeline.events.slice(events).map(({ event }) => event);
      expect(later).not.toContain('nodeup');
    }
  });

  it('is missed at once when only its process died', async () => {
    await using cluster = await started(names(3, true), { seed: 9 });
    await cluster.until(converged, { withinMs: 10_000 });
    cluster.crash('b@b.sim', { silently: false });
    await cluster.until(converged, { withinMs: 50 });
  });

  it('comes back under its name as another incarnation, before and after it was missed', async () => {
    for (const seed of SEEDS)
      for (const awayMs of [0, 5_000, 90_000])
        for (const apart of [false, true]) {
          await using cluster = await started(names(3, apart), { seed });
          await cluster.until(converged, { withinMs: 10_000 });
          const name = names(3, apart)[1]!;
          const before = cluster.node(name).creation;
          cluster.crash(name);
          await cluster.advance(awayMs);
          const again = await cluster.restart(name);
          expect(again.creation).not.toBe(before);
          // The new life takes the place of the old one at once, whether that was missed yet or not.
          await cluster.until(converged, { withinMs: 5_000 });
          for (const node of cluster.nodes().filter((one) => one !== again)) {
            const seen = node.inspect().connections.find((peer) => peer.name === name);
            expect(seen?.creation).toBe(again.creation);
          }
        }
  });

  it('may have been the port mapper of its machine: another node takes over', async () => {
    await using cluster = await started(names(3), { seed: 10 });
    await cluster.until(converged, { withinMs: 10_000 });
    const owner = cluster.nodes().find((node) => node.inspect().epmd.role === 'owner')!;
    cluster.crash(owner.name);
    await cluster.advance(1_000);
    expect(
      cluster
        .nodes()
        .map((node) => node.inspect().epmd.role)
        .sort(),
    ).toEqual(['guest', 'owner']);
    const names3 = await cluster.run(cluster.nodes()[0]!.names());
    expect(names3.map(({ name }) => `${name}@sim`).sort()).toEqual(cluster.nodes().map(({ name }) => name));
    await cluster.restart(owner.name);
    await cluster.until(converged, { withinMs: 90_000 });
  });

  it('may have been every node at once', async () => {
    for (const seed of SEEDS)
      for (const apart of [false, true]) {
        await using cluster = await started(names(4, apart), { seed });
        await cluster.until(converged, { withinMs: 10_000 });
        for (const name of names(4, apart)) cluster.crash(name);
        await Promise.all(names(4, apart).map((name) => cluster.restart(name)));
        await cluster.until(converged, { withinMs: 30_000 });
      }
  });
});
