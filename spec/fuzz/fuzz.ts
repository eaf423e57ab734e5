import { BeamishError } from '../../src/errors.ts';
import { Dice, mutate } from './mutate.ts';
import type { Target } from './targets.ts';

/** What a run came to. */
export interface Outcome {
  readonly name: string;
  frames: number;
  /** Read without an error. */
  read: number;
  /** Errors of the family, by class. */
  readonly refused: Map<string, number>;
}

/** A decoder threw what it must not. */
export class ForeignError extends Error {
  constructor(target: Target, seed: number, number: number, bytes: Buffer, cause: unknown) {
    super(
      `${target.name}: frame ${number} of seed ${seed} threw ${cause instanceof Error ? cause.stack : cause}\n` +
        `after ${bytes.subarray(0, 2_000).toString('hex')}`,
      { cause },
    );
  }
}

/**
 * Feeds mutated frames to every target, in turns. The same seed feeds the same bytes.
 * @throws ForeignError for an error that is none of the family's
 */
export async function fuzz(
  targets: readonly Target[],
  frames: number,
  seed: number,
  tick?: (done: number) => void,
): Promise<readonly Outcome[]> {
  const outcomes = targets.map(
    ({ name }): Outcome => ({ name, frames: 0, read: 0, refused: new Map<string, number>() }),
  );
  const dice = targets.map((_, at) => new Dice(seed * 1_000 + at));
  const round = 1_000;
  for (let done = 0; done < frames; ) {
    for (const [at, target] of targets.entries()) {
      const outcome = outcomes[at]!;
      for (let i = 0; i < round && done < frames; i++, done++) feedOne(target, dice[at]!, outcome, seed);
    }
    // What is remembered weakly (atoms, pids) is let go between turns only.
    await new Promise(setImmediate);
    tick?.(done);
  }
  return outcomes;
}

function feedOne(target: Target, dice: Dice, outcome: Outcome, seed: number): void {
  const original = dice.pick(target.seeds);
  // Now and then one as it was: what follows meets a decoder that remembers things.
  const bytes = dice.roll(5) === 0 ? Buffer.from(original) : mutate(dice, original, target.seeds);
  const fed = Buffer.from(bytes);
  outcome.frames++;
  try {
    target.feed(bytes, dice);
    outcome.read++;
  } catch (error) {
    if (!(error instanceof BeamishError) || error.code === 'EncodeError')
      throw new ForeignError(target, seed, outcome.frames, fed, error);
    outcome.refused.set(error.code, (outcome.refused.get(error.code) ?? 0) + 1);
  }
}
