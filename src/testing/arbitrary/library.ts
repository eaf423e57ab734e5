import { createRequire } from 'node:module';
import type * as FastCheck from 'fast-check';
import { OptionsError } from '../../errors.ts';

export type { Arbitrary, AsyncCommand } from 'fast-check';
export type Library = typeof FastCheck;

/**
 * fast-check, which whoever draws test data has installed; the rest of the room does without it.
 * @throws OptionsError when it is not there
 */
export function fastCheck(): Library {
  try {
    return createRequire(import.meta.url)('fast-check') as Library;
  } catch (cause) {
    throw new OptionsError(
      'fast-check',
      `drawing test data needs the package fast-check beside beamish (npm install --save-dev fast-check): ${(cause as Error).message}`,
    );
  }
}
