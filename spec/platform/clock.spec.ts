import { afterEach, describe, expect, it, vi } from 'vitest';
import { clock } from '../../src/platform/clock.ts';
import { clockSuite } from '../support/env/clock-suite.ts';

clockSuite("the platform's clock", () => ({ clock, until: (promise) => promise }));

describe('a very long timer', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('fires at its time, beyond what the platform can count', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const delayMs = 3 * 2 ** 31;
    let fired = 0;
    clock.setTimeout(() => fired++, delayMs);
    vi.advanceTimersByTime(delayMs - 10);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(20);
    expect(fired).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
