import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/env/clock.ts';
import { Scheduler } from '../../src/process/scheduler.ts';

/** A scheduler whose time passes only while work is done, and whose next turn is begun by hand. */
function bench() {
  const state = { nowMs: 0, looks: 0 };
  const turns: (() => void)[] = [];
  const clock: Clock = {
    wallMs: () => 0,
    nowMs: () => {
      state.looks++;
      return state.nowMs;
    },
    setTimeout: () => undefined,
    clearTimeout: () => {},
    setImmediate: (fn) => void turns.push(fn),
  };
  const scheduler = new Scheduler(clock);
  /** Pieces of work done before the turn is over, of at most `count`. */
  const work = (count: number, ms: number): number => {
    for (let done = 1; done <= count; done++) {
      state.nowMs += ms;
      if (scheduler.spend()) return done;
    }
    return count;
  };
  const turn = (): void => {
    for (const fn of turns.splice(0)) fn();
  };
  return { state, work, turn };
}

describe('a turn of the scheduler', () => {
  it('ends after 4 ms, and a few pieces of work that were begun before anybody looked', () => {
    const { work, turn } = bench();
    for (const [ms, most] of [
      [0.1, 40 + 16],
      [1, 4 + 16],
      [50, 16],
    ] as const) {
      expect(work(1_000, ms)).toBeLessThanOrEqual(most);
      turn();
    }
  });

  it('that was quick before looks as seldom as every 16 pieces, never more seldom', () => {
    const { work, state } = bench();
    expect(work(5_000, 0.0001)).toBe(5_000);
    expect(state.looks).toBeLessThan(5_000 / 14);
    // Then slow ones come.
    expect(work(1_000, 2)).toBeLessThanOrEqual(16 + 2);
  });

  it('ends after 10,000 pieces of work that take no time, and begins anew', () => {
    const { work, turn } = bench();
    for (let i = 0; i < 3; i++) {
      const done = work(20_000, 0);
      expect(done).toBeGreaterThanOrEqual(10_000);
      expect(done).toBeLessThan(10_020);
      expect(work(1, 0)).toBe(1);
      turn();
    }
  });
});
