import type { Fleet } from './fleet.ts';

/** What a row needs on the machine; a row is skipped, aloud, when it is not there. */
export type Need = 'erl' | 'beamish' | 'nact' | 'jinterface' | 'ei';

/** A row that another is held against; with neither bound, only to show how they compare. */
export interface Goal {
  /** The row this one is held against; absent: the number itself. */
  readonly against?: string;
  /** At least this many times the other row. */
  readonly atLeast?: number;
  /** At most this many times the other row, or this number itself. */
  readonly atMost?: number;
}

/** One line of the table. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly needs: readonly Need[];
  readonly goals?: readonly Goal[];
  /** How many messages, calls or spawns one measurement is, where it is a number of them. */
  readonly messages?: number;
  /** Takes long, and starts anew each time: measured once, without a warm-up. */
  readonly once?: boolean;
  /** One measurement, in `unit`. Throws when anything was lost or out of order. */
  measure(fleet: Fleet): Promise<number>;
}

export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  /** Half the distance between the lowest and highest measurement, as a share of the median. */
  readonly spread: number;
  readonly measurements: readonly number[];
  readonly goals: readonly Verdict[];
}

export interface Verdict {
  /** `6 × one-way small, BEAM to BEAM` */
  readonly goal: string;
  readonly ratio: number;
  /** Absent where the other is there to be compared with, and nothing is promised. */
  readonly met: boolean | undefined;
}

export interface Skipped {
  readonly name: string;
  readonly skipped: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** Half the distance between the lowest and highest, as a share of the median. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}

/** Sums a row up; `medianOf` tells the other rows' medians, as far as they were measured. */
export function summarise(
  row: Row,
  measurements: readonly number[],
  medianOf: (name: string) => number | undefined,
): Result {
  const middle = median(measurements);
  const goals: Verdict[] = [];
  for (const { against, atLeast, atMost } of row.goals ?? []) {
    const base = against === undefined ? 1 : medianOf(against);
    if (base === undefined) continue;
    const ratio = middle / base;
    if (atLeast === undefined && atMost === undefined) {
      goals.push({ goal: `× ${against}`, ratio, met: undefined });
      continue;
    }
    const met =
      ratio >= (atLeast ?? Number.NEGATIVE_INFINITY) && ratio <= (atMost ?? Number.POSITIVE_INFINITY);
    const bound = atLeast !== undefined ? `at least ${atLeast}` : `at most ${atMost}`;
    goals.push({
      goal: against === undefined ? `${bound} ${row.unit}` : `${bound} × ${against}`,
      ratio,
      met,
    });
  }
  return {
    name: row.name,
    unit: row.unit,
    median: middle,
    spread: spread(measurements),
    measurements,
    goals,
  };
}
