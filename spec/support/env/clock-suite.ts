import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/env/clock.ts';

export interface ClockWorld {
  readonly clock: Clock;
  /** Waits; a virtual clock is run until the promise settles. */
  until<T>(promise: Promise<T>): Promise<T>;
}

/** What every implementation of `Clock` does. */
export function clockSuite(title: string, makeWorld: () => ClockWorld): void {
  describe(title, () => {
    it('fires a timer once, not before its time', async () => {
      const { clock, until } = makeWorld();
      const startedMs = clock.nowMs();
      let fired = 0;
      await until(
        new Promise<void>((resolve) => {
          clock.setTimeout(() => {
            fired++;
            resolve();
          }, 20);
        }),
      );
      await until(new Promise<void>((resolve) => void clock.setTimeout(resolve, 30)));
      expect(fired).toBe(1);
      // The platform rounds to whole milliseconds, either way.
      expect(clock.nowMs() - startedMs).toBeGreaterThanOrEqual(48);
    });

    it('fires timers in the order of their deadlines', async () => {
      const { clock, until } = makeWorld();
      const order: number[] = [];
      await until(
        new Promise<void>((resolve) => {
          clock.setTimeout(() => {
            order.push(40);
            resolve();
          }, 40);
          clock.setTimeout(() => order.push(5), 5);
          clock.setTimeout(() => order.push(20), 20);
        }),
      );
      expect(order).toEqual([5, 20, 40]);
    });

    it('forgets a timer that is cleared, however often', async () => {
      const { clock, until } = makeWorld();
      let fired = false;
      const handle = clock.setTimeout(() => {
        fired = true;
      }, 5);
      clock.clearTimeout(handle);
      clock.clearTimeout(handle);
      clock.clearTimeout(undefined);
      await until(new Promise<void>((resolve) => void clock.setTimeout(resolve, 20)));
      expect(fired).toBe(false);
    });

    it('does not fire a delay of more than 2^31 ms at once', async () => {
      const { clock, until } = makeWorld();
      let fired = false;
      const handle = clock.setTimeout(() => {
        fired = true;
      }, 2 ** 32);
      await until(new Promise<void>((resolve) => void clock.setTimeout(resolve, 20)));
      clock.clearTimeout(handle);
      expect(fired).toBe(false);
    });

    it('runs immediates in order, after the code that asked for them', async () => {
      const { clock, until } = makeWorld();
      const order: string[] = [];
      await until(
        new Promise<void>((resolve) => {
          clock.setImmediate(() => order.push('first'));
          clock.setImmediate(() => {
            order.push('second');
            resolve();
          });
          order.push('now');
        }),
      );
      expect(order).toEqual(['now', 'first', 'second']);
    });

    it('counts durations without ever going back', () => {
      const { clock } = makeWorld();
      let lastMs = clock.nowMs();
      for (let index = 0; index < 1_000; index++) {
        const nowMs = clock.nowMs();
        expect(nowMs).toBeGreaterThanOrEqual(lastMs);
        lastMs = nowMs;
      }
      expect(clock.wallMs()).toBeGreaterThan(0);
    });
  });
}
