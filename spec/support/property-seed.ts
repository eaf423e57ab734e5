/**
 * Properties draw the same values on every run, so that a failure is the change's and can be seen again. To look for new
 * ones: `BEAMISH_SEED=random npm test`, or a number to have a run back (a failing property prints its seed).
 */
import fc from 'fast-check';

const wanted = process.env.BEAMISH_SEED ?? '20261127';
if (wanted !== 'random') {
  const seed = Number(wanted);
  if (!Number.isInteger(seed))
    throw new Error(`BEAMISH_SEED: expected a whole number or "random", got ${JSON.stringify(wanted)}`);
  fc.configureGlobal({ seed });
}
