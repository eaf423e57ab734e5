import { OptionsError } from '../../errors.ts';
import { type Arbitrary, checkNames, fastCheck } from './library.ts';

/** When something happens, and at which node. */
export interface Moment {
  /** Virtual milliseconds since the start of the schedule. */
  readonly atMs: number;
  readonly node: string;
}

export interface ScheduleOptions {
  readonly nodes: readonly string[];
  /** How many moments at most. @default 20 */
  readonly moments?: number;
  /** When the last one may be, milliseconds. @default 10_000 */
  readonly withinMs?: number;
}

/**
 * Moments in order, many of them at the same time: when your test does something at which node. Shrinks to few moments,
 * early ones, at the first nodes.
 *
 * ```ts
 * fc.asyncProperty(anySchedule({ nodes }), async (schedule) => {
 *   for (const { atMs, node } of schedule) {
 *     await cluster.advance(atMs - cluster.nowMs);
 *     cluster.node(node).cast(global('tally'), 'add', 1);
 *   }
 * });
 * ```
 *
 * @throws OptionsError for options that make no sense, and where fast-check is not installed
 */
export function anySchedule(options: ScheduleOptions): Arbitrary<readonly Moment[]> {
  const fc = fastCheck();
  const { nodes, moments = 20, withinMs = 10_000 } = options ?? {};
  checkNames(nodes);
  for (const [option, value] of Object.entries({ moments, withinMs }))
    if (!(Number.isInteger(value) && value >= 0))
      throw new OptionsError(option, `${option}: expected a whole number from 0, got ${value}`);
  const moment = fc.record({
    // Several at one instant are where the trouble is.
    atMs: fc.oneof(
      fc.integer({ min: 0, max: withinMs }),
      fc.integer({ min: 0, max: 4 }).map((quarter) => Math.floor((quarter * withinMs) / 4)),
    ),
    node: fc.constantFrom(...nodes),
  });
  return fc
    .array(moment, { maxLength: moments })
    .map((all) => [...all].sort((one, other) => one.atMs - other.atMs));
}
