import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRESH_WINDOW_MS, Freshness, MAX_SENDERS, type SealedHeartbeat } from '../../src/gossip/index.ts';

const WALL_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const beat = (sequence: number, wallMs: number, more: Partial<SealedHeartbeat> = {}): SealedHeartbeat => ({
  node: 'a@x',
  port: 1,
  creation: 1,
  sequence,
  wallMs,
  ...more,
});

describe('freshness', () => {
  it('takes each sequence number once', () => {
    const freshness = new Freshness();
    expect(freshness.judge(beat(5, WALL_MS), 0, WALL_MS)).toBe('fresh');
    expect(freshness.judge(beat(5, WALL_MS), 1, WALL_MS)).toBe('replayed');
    expect(freshness.judge(beat(6, WALL_MS), 1, WALL_MS)).toBe('fresh');
    expect(freshness.judge(beat(5, WALL_MS), 2, WALL_MS)).toBe('replayed');
  });

  it('lets the last 32 overtake each other, not more', () => {
    const freshness = new Freshness();
    freshness.judge(beat(100, WALL_MS), 0, WALL_MS);
    expect(freshness.judge(beat(140, WALL_MS), 0, WALL_MS)).toBe('fresh');
    expect(freshness.judge(beat(109, WALL_MS), 0, WALL_MS)).toBe('fresh');
    expect(freshness.judge(beat(109, WALL_MS), 0, WALL_MS)).toBe('replayed');
    expect(freshness.judge(beat(108, WALL_MS), 0, WALL_MS)).toBe('replayed');
  });

  it('never takes one datagram twice, in whatever order and however often they come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100)), (sequences) => {
        const freshness = new Freshness();
        const taken = new Set<number>();
        for (const sequence of sequences)
          if (freshness.judge(beat(sequence, WALL_MS), 0, WALL_MS) === 'fresh') {
            expect(taken.has(sequence)).toBe(false);
            taken.add(sequence);
          }
        if (sequences.length > 0) expect(taken.has(Math.max(...sequences))).toBe(true);
      }),
    );
  });

  it('compares the wall clocks at the first datagram of a sender', () => {
    for (const [offMs, judgement] of [
      [-FRESH_WINDOW_MS - 1, 'late'],
      [-FRESH_WINDOW_MS, 'fresh'],
      [FRESH_WINDOW_MS, 'fresh'],
      [FRESH_WINDOW_MS + 1, 'early'],
    ] as const)
      expect(new Freshness().judge(beat(1, WALL_MS + offMs), 0, WALL_MS)).toBe(judgement);
  });

  it('keeps hearing a sender when our clock is set, or its own is put right', () => {
    const ours = new Freshness();
    ours.judge(beat(1, WALL_MS), 0, WALL_MS);
    expect(ours.judge(beat(2, WALL_MS + 5_000), 5_000, WALL_MS + HOUR_MS)).toBe('fresh');
    expect(ours.judge(beat(3, WALL_MS + 10_000), 10_000, WALL_MS - HOUR_MS)).toBe('fresh');
    const theirs = new Freshness();
    theirs.judge(beat(1, WALL_MS - 250_000), 0, WALL_MS);
    expect(theirs.judge(beat(2, WALL_MS + 5_000 + 200_000), 5_000, WALL_MS + 5_000)).toBe('fresh');
  });

  it('keeps hearing, for hours, a sender whose clock and ours stay an hour apart', () => {
    const freshness = new Freshness();
    freshness.judge(beat(1, WALL_MS), 0, WALL_MS);
    for (let count = 1; count <= 1_000; count++) {
      const atMs = count * 10_000;
      expect(freshness.judge(beat(1 + count, WALL_MS + atMs), atMs, WALL_MS + atMs + HOUR_MS)).toBe('fresh');
    }
  });

  it('refuses what was held back, though its number is new, whatever our wall clock says', () => {
    const freshness = new Freshness();
    freshness.judge(beat(1, WALL_MS), 0, WALL_MS);
    const heldBack = beat(2, WALL_MS + 5_000);
    expect(freshness.judge(heldBack, 5_000 + FRESH_WINDOW_MS + 1, WALL_MS + HOUR_MS)).toBe('late');
    expect(freshness.judge(heldBack, 5_000 + FRESH_WINDOW_MS + 1, WALL_MS - HOUR_MS)).toBe('early');
  });

  it('takes a restarted sender, and nothing of its earlier life any more', () => {
    const freshness = new Freshness();
    freshness.judge(beat(10, WALL_MS), 0, WALL_MS);
    expect(freshness.judge(beat(20, WALL_MS + 10, { creation: 2 }), 10, WALL_MS + 10)).toBe('fresh');
    expect(freshness.judge(beat(11, WALL_MS + 5), 20, WALL_MS + 20)).toBe('replayed');
  });

  it('forgets a silent sender only when its recordings are too old to be taken', () => {
    const freshness = new Freshness();
    const last = beat(10, WALL_MS + FRESH_WINDOW_MS);
    expect(freshness.judge(last, 0, WALL_MS)).toBe('fresh');
    for (let passedMs = 0; passedMs <= 4 * FRESH_WINDOW_MS; passedMs += 1_000)
      expect(freshness.judge(last, passedMs, WALL_MS + passedMs)).not.toBe('fresh');
  });

  it('remembers a bounded number of senders', () => {
    const freshness = new Freshness();
    for (let i = 0; i < MAX_SENDERS + 100; i++)
      freshness.judge(beat(1, WALL_MS, { node: `n${i}@x` }), 0, WALL_MS);
    expect(freshness.size).toBe(MAX_SENDERS);
  });
});
