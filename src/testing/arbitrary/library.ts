// biome-ignore-all lint/suspicious/noTsIgnore: they reach the declarations, for whoever has simulations without fast-check
import { createRequire } from 'node:module';
import { OptionsError } from '../../errors.ts';

/** @ts-ignore: any, where fast-check is not installed */
export type Library = typeof import('fast-check');
/** @ts-ignore */
export type Arbitrary<T> = import('fast-check').Arbitrary<T>;
/** @ts-ignore */
export type AsyncCommand<Model extends object, Real> = import('fast-check').AsyncCommand<Model, Real>;

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

/** @throws OptionsError unless there is a node to do something with */
export function checkNames(nodes: unknown): asserts nodes is readonly string[] {
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.some((name) => typeof name !== 'string'))
    throw new OptionsError('nodes', `nodes: expected at least one name, got ${JSON.stringify(nodes)}`);
}
