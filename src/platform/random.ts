import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../env/random.ts';

/** The system's cryptographic generator. */
export const random: Random = {
  bytes: (count) => randomBytes(count),
  u32: () => randomInt(0, 2 ** 32),
  between: (min, max) => randomInt(min, max + 1),
};
