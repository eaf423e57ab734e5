import { describe, expect, it } from 'vitest';
import { BusyWait } from '../../src/platform/busy-wait.ts';

const WAIT_MS = 0.2;

/** A loop whose turns take 0.05 ms each. */
function loop() {
  const state = { nowMs: 1_000, turns: 0 };
  let next: (() => void) | undefined;
  const wait = new BusyWait(
    WAIT_MS,
    () => state.nowMs,
    (fn) => {
      expect(next).toBeUndefined();
      next = fn;
    },
  );
  const turn = (): void => {
    const fn = next;
    next = undefined;
    state.nowMs += 0.05;
    state.turns++;
    fn?.();
  };
  return {
    wait,
    state,
    turn,
    isAwake: () => next !== undefined,
    /** Lets so much time pass, awake or asleep. */
    pass: (ms: number) => {
      const end = state.nowMs + ms;
      while (next !== undefined && state.nowMs + 0.05 <= end) turn();
      state.nowMs = end;
    },
    read: (count: number, everyMs: number) => {
      for (let i = 0; i < count; i++) {
        const end = state.nowMs + everyMs;
        while (next !== undefined && state.nowMs + 0.05 <= end) turn();
        state.nowMs = end;
        wait.read();
      }
    },
  };
}

describe('the next read is waited for busily', () => {
  it('where one follows the other, as long as was asked for, and in one place only', () => {
    const { read, isAwake, pass } = loop();
    read(60, 0.1);
    expect(isAwake()).toBe(true);
    pass(WAIT_MS - 0.1);
    expect(isAwake()).toBe(true);
    pass(0.2);
    expect(isAwake()).toBe(false);
  });

  it('not by a stream that has just begun, nor where reads come seldom', () => {
    const young = loop();
    young.read(5, 0.01);
    expect(young.isAwake()).toBe(false);
    const slow = loop();
    for (let i = 0; i < 1_000; i++) {
      slow.read(1, 0.3);
      expect(slow.isAwake()).toBe(false);
    }
  });

  it('no more once they come seldom, and again when they do not', () => {
    const { read, isAwake, state } = loop();
    read(60, 0.1);
    expect(isAwake()).toBe(true);
    read(60, 0.5);
    expect(isAwake()).toBe(false);
    const { turns } = state;
    read(100, 0.5);
    expect(state.turns).toBe(turns);
    read(60, 0.1);
    expect(isAwake()).toBe(true);
  });

  it('also after a pause, however long, soon again', () => {
    const { read, isAwake, pass } = loop();
    read(60, 0.1);
    pass(1_000_000);
    read(40, 0.1);
    expect(isAwake()).toBe(true);
  });

  it('not beyond the end', () => {
    const { read, wait, turn, isAwake } = loop();
    read(60, 0.1);
    wait.end();
    turn();
    expect(isAwake()).toBe(false);
  });
});
