import { describe, expect, it } from 'vitest';
import { DatagramModeration, LONGEST_PAUSE_MS, TO_COLLECT } from '../../src/platform/datagram-moderation.ts';

/** Small datagrams that Linux holds for a socket. */
const HELD = 277;

/**
 * A socket in virtual time whose datagrams come evenly. Reads as the platform's does: what has come at once, or in one go
 * after a pause.
 */
function crowd() {
  const moderation = new DatagramModeration();
  const seen = { pauses: [] as number[], read: 0, lost: 0, goes: [] as number[] };
  let nowMs = 0;
  let endOfPauseMs = 0;
  let held = 0;
  const readAll = () => {
    let pauses = false;
    seen.goes.push(held);
    for (; held > 0; held--, seen.read++) pauses = moderation.read(nowMs);
    const pauseMs = pauses ? moderation.pauseMs() : 0;
    if (pauseMs > 0) seen.pauses.push(pauseMs);
    endOfPauseMs = nowMs + pauseMs;
  };
  const come = (perSecond: number, forMs: number) => {
    Object.assign(seen, { pauses: [], read: 0, lost: 0, goes: [] });
    const startMs = nowMs;
    for (let i = 1; i <= (perSecond * forMs) / 1_000; i++) {
      const comesAtMs = startMs + (i * 1_000) / perSecond;
      if (held > 0 && endOfPauseMs <= comesAtMs) {
        nowMs = endOfPauseMs;
        readAll();
      }
      nowMs = comesAtMs;
      if (held < HELD) held++;
      else seen.lost++;
      if (endOfPauseMs <= nowMs) readAll();
    }
    nowMs = startMs + forMs;
    return seen;
  };
  return { come };
}

describe('a socket is left alone', () => {
  it('not at all by a cluster of a hundred, nor by the first heartbeats of any', () => {
    expect(crowd().come(90, 60_000).pauses).toEqual([]);
    const { come } = crowd();
    expect(come(2_000, 1_500).pauses).toEqual([]);
    expect(come(40, 10_000).pauses).toEqual([]);
    expect(come(2_000, 1_500).pauses).toEqual([]);
  });

  it('once a hundred a second have come for three seconds', () => {
    const { come } = crowd();
    // The first datagram begins the first window.
    expect(come(110, 3_000).pauses).toEqual([]);
    expect(come(110, 100).pauses.length).toBeGreaterThan(0);
    expect(crowd().come(444, 3_100).pauses[0]).toBe(72);
  });

  it('for as long as some dozens take to come, and loses none', () => {
    const { come } = crowd();
    come(444, 4_000);
    const { pauses, read, lost, goes } = come(444, 10_000);
    expect(lost).toBe(0);
    expect(read).toBeGreaterThan(4_440 - 2 * TO_COLLECT);
    expect(Math.max(...goes)).toBeLessThanOrEqual(TO_COLLECT + 2);
    expect(pauses.length).toBeLessThan(4_440 / (TO_COLLECT - 2));
    expect(Math.min(...pauses)).toBeGreaterThan(65);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(75);
  });

  it('never longer than a tenth of a second', () => {
    const { come } = crowd();
    come(110, 4_000);
    const { pauses } = come(110, 10_000);
    expect(new Set(pauses)).toEqual(new Set([LONGEST_PAUSE_MS]));
  });

  it.each([5_000, 10_000, 100_000])(
    'in a storm of %i a second for moments in which no datagram is lost',
    (perSecond) => {
      const { come } = crowd();
      const { lost, pauses } = come(perSecond, 10_000);
      expect(lost).toBe(0);
      expect(pauses.length).toBeGreaterThan(0);
    },
  );

  it('and loses little of a storm that begins in a pause', () => {
    const { come } = crowd();
    come(444, 5_000);
    expect(come(10_000, 1_000).lost).toBeLessThan(0.1 * 10_000);
    expect(come(10_000, 10_000).lost).toBe(0);
    expect(come(444, 1_000).lost).toBe(0);
    expect(Math.min(...come(444, 10_000).pauses)).toBeGreaterThan(65);
  });

  it('no more when few come, and not soon again', () => {
    const { come } = crowd();
    come(444, 5_000);
    expect(come(40, 5_000).pauses.length).toBeLessThanOrEqual(40 + 1);
    expect(come(40, 5_000).pauses).toEqual([]);
    expect(come(444, 2_900).pauses).toEqual([]);
  });

  it('no more after a silence', () => {
    const { come } = crowd();
    come(444, 5_000);
    come(0, 60_000);
    // One for what the pause before the silence has collected.
    expect(come(444, 2_900).pauses.length).toBeLessThanOrEqual(1);
  });

  it('also by as many as begin a pause only just, and then become fewer', () => {
    const { come } = crowd();
    come(110, 5_000);
    expect(come(60, 5_000).pauses.length).toBeGreaterThan(0);
  });

  it('not by a pause that was due when the last window brought few', () => {
    const moderation = new DatagramModeration();
    for (let i = 0; i < 500; i++) moderation.read(i * 10);
    expect(moderation.read(5_000)).toBe(true);
    expect(moderation.read(60_000)).toBe(false);
    expect(moderation.pauseMs()).toBe(0);
    expect(moderation.read(60_001)).toBe(false);
  });
});
