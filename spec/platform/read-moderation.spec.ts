import { describe, expect, it } from 'vitest';
import { PAUSE_MS, ReadModeration } from '../../src/platform/read-moderation.ts';

/** Reads of so many bytes, one each `everyMs`; the numbers of those after which the stream is left alone. */
function reader() {
  const moderation = new ReadModeration();
  const state = { nowMs: 0, writes: 0, reads: 0 };
  const read = (count: number, bytes: number, everyMs: number): number[] => {
    const rests: number[] = [];
    for (let i = 0; i < count; i++) {
      state.nowMs += everyMs;
      state.reads++;
      if (!moderation.read(bytes, state.writes, () => state.nowMs)) continue;
      rests.push(state.reads);
      state.nowMs += PAUSE_MS;
    }
    return rests;
  };
  return { state, read };
}

describe('a stream is left alone', () => {
  it('in a flood of small messages: once it is one, and then now and then', () => {
    const { read } = reader();
    expect(read(700, 110, 0.01)).toEqual([501, 552, 603, 654]);
  });

  it('also when a pause has collected much, which took long', () => {
    const { read, state } = reader();
    expect(read(501, 110, 0.01)).toEqual([501]);
    state.nowMs += 50;
    expect(read(1, 200_000, 0.01)).toEqual([]);
    expect(read(50, 110, 0.01)).toEqual([552]);
  });

  it('not at all when messages come slowly, or are long', () => {
    expect(reader().read(5_000, 110, 0.06)).toEqual([]);
    expect(reader().read(5_000, 8_000, 0.01)).toEqual([]);
  });

  it('no more when the flood is over, until there is another', () => {
    const { read } = reader();
    expect(read(501, 110, 0.01)).toEqual([501]);
    expect(read(51, 110, 0.2)).toEqual([]);
    expect(read(500, 110, 0.01)).toEqual([]);
    expect(read(1, 110, 0.01)).toEqual([1_053]);
  });

  it('never by a program that writes: others may wait for its answers', () => {
    const { read, state } = reader();
    for (let i = 0; i < 100; i++) {
      expect(read(400, 110, 0.001)).toEqual([]);
      state.writes++;
    }
    expect(read(501, 110, 0.001)).toHaveLength(1);
    state.writes++;
    expect(read(500, 110, 0.001)).toEqual([]);
  });
});
