import { describe, it } from 'vitest';
import { converged, SeededRandom, SimCluster } from '../../src/testing/index.ts';

/** Fixed, so that every run of the tests does the same work. */
const SEEDS = 30;
const STEPS = 20;
/** Longer than any rest between two attempts, and than it takes to miss a node. */
const QUIET_MS = 200_000;

/** Two phases: any faults at all, then peace, in which the cluster must find itself again. */
async function survive(seed: number): Promise<void> {
  const random = new SeededRandom(seed).fork('faults');
  const count = random.between(2, 5);
  const apart = random.chance(0.5);
  const names = ['a', 'b', 'c', 'd', 'e']
    .slice(0, count)
    .map((name) => `${name}@${apart ? name : 'one'}.sim`);
  const cluster = new SimCluster({
    seed,
    latencyMs: [1, random.between(5, 500)],
    loss: random.fraction() * 0.4,
    duplicate: 0.1,
  });
  const pick = (): string => names[random.between(0, count - 1)]!;
  const faults: readonly ((name: string) => void | Promise<unknown>)[] = [
    (name) => (cluster.isRunning(name) ? cluster.crash(name, { silently: random.chance(0.5) }) : undefined),
    (name) => (cluster.isRunning(name) ? cluster.stop(name) : undefined),
    (name) => cluster.restart(name),
    (name) =>
      cluster.partition(
        [name],
        names.filter((other) => other !== name),
      ),
    (name) => cluster.partitionOneWay([name], [pick()]),
    () => cluster.heal(),
  ];
  await Promise.all(names.map((name) => cluster.start(name)));
  for (let step = 0; step < STEPS; step++) {
    await faults[random.between(0, faults.length - 1)]!(pick());
    await cluster.advance(random.between(0, 40_000));
  }
  cluster.heal();
  for (const name of names) if (!cluster.isRunning(name)) await cluster.restart(name);
  await cluster.until(converged, { withinMs: QUIET_MS });
  await cluster.stopAll();
}

describe('after any faults, when peace returns', () => {
  it(`membership converges (${SEEDS} seeds of ${STEPS} faults)`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++)
      await survive(seed).catch((cause: unknown) => {
        throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      });
  });
});
