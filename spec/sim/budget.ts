/**
 * How many seeds the simulations try: the same few on every test run, more with `npm run test:sim -- --seeds N`, one
 * with `--seed S`.
 */

/** @param usual - seeds of a usual run; a run of `--seeds N` tries N, and at least those */
export function seedsFor(usual: number): number[] {
  const one = process.env.BEAMISH_SIM_ONE_SEED;
  if (one !== undefined) return [Number(one)];
  const asked = Number(process.env.BEAMISH_SIM_SEEDS ?? 0);
  return Array.from({ length: Math.max(usual, asked) }, (_, at) => at + 1);
}

/** Time for a test that tries so many seeds, in ms; a busy machine is given plenty. */
export function timeoutFor(seeds: readonly number[]): number {
  return 60_000 + seeds.length * 10_000;
}

/** Says which seed failed, and how to see it again. */
export async function overSeeds(
  name: string,
  seeds: readonly number[],
  property: (seed: number) => Promise<void>,
): Promise<void> {
  for (const seed of seeds)
    try {
      await property(seed);
    } catch (error) {
      if (error instanceof Error)
        error.message = `${name}, seed ${seed} (npm run test:sim -- --seed ${seed} -t ${name}): ${error.message}`;
      throw error;
    }
}
