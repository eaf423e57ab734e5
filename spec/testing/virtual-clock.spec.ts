import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/testing/index.ts';
import { clockSuite } from '../support/env/clock-suite.ts';

clockSuite('the virtual clock', () => {
  const clock = new VirtualClock();
  return { clock, until: (promise) => clock.run(promise) };
});

describe('the virtual clock moves', () => {
  it('deadline by deadline: a repeating timer fires at each of its times', async () => {
    const clock = new VirtualClock();
    const firedAtMs: number[] = [];
    const repeat = () => {
      firedAtMs.push(clock.nowMs());
      clock.setTimeout(repeat, 100);
    };
    clock.setTimeout(repeat, 100);
    await clock.advance(1_000);
    expect(firedAtMs).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
    expect(clock.nowMs()).toBe(1_000);
  });

  it('only after every promise has settled, however long the chain', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimeout(async () => {
      for (let turn = 0; turn < 1_000; turn++) await undefined;
      order.push(`settled at ${clock.nowMs()}`);
    }, 10);
    clock.setTimeout(() => order.push(`next at ${clock.nowMs()}`), 11);
    await clock.advance(20);
    expect(order).toEqual(['settled at 10', 'next at 11']);
  });

  it('for several callers at once, each up to his own moment', async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimeout(() => order.push('timer 15'), 15);
    await Promise.all([
      clock.advance(20).then(() => order.push(`advanced to ${clock.nowMs()}`)),
      clock.advance(10).then(() => order.push(`advanced to ${clock.nowMs()}`)),
      clock
        .run(new Promise<void>((resolve) => void clock.setTimeout(resolve, 12)))
        .then(() => order.push(`done at ${clock.nowMs()}`)),
    ]);
    expect(order).toEqual(['advanced to 10', 'done at 12', 'timer 15', 'advanced to 20']);
  });

  it('no further than to a callback that throws, and says what it threw', async () => {
    const clock = new VirtualClock();
    clock.setTimeout(() => {
      throw new Error('broken at 5');
    }, 5);
    await expect(clock.advance(10)).rejects.toThrow('broken at 5');
    expect(clock.nowMs()).toBe(5);
    await clock.advance(10);
    expect(clock.nowMs()).toBe(15);
  });

  it('no further when nothing is left to happen', async () => {
    const clock = new VirtualClock();
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow('nothing is left to happen at 0 ms');
  });

  it('and notices a program that never lets time pass', async () => {
    const clock = new VirtualClock();
    const again = () => clock.setImmediate(again);
    again();
    await expect(clock.advance(1)).rejects.toThrow('time stands still at 0 ms');
  });

  it('and says whether what it ran for came to pass', async () => {
    const clock = new VirtualClock();
    expect(await clock.runUntil(() => clock.nowMs() >= 50, { withinMs: 20 })).toBe(false);
    clock.setTimeout(() => {}, 30);
    expect(await clock.runUntil(() => clock.nowMs() >= 50, { withinMs: 100 })).toBe(true);
    expect(clock.nowMs()).toBe(50);
  });
});
