import { describe, expect, it } from 'vitest';
import { Outbox } from '../../src/connection/outbox.ts';
import type { Clock } from '../../src/env/clock.ts';
import type { Stream, StreamHandlers } from '../../src/env/streams.ts';

/** A stream whose system takes what it is allowed to, and a clock whose turns and timers are run by hand. */
function bench(highWaterBytes: number) {
  const written: Buffer[] = [];
  const turns: (() => void)[] = [];
  const timers = new Map<number, () => void>();
  const state = { bufferedBytes: 0, takes: true, drained: 0 };
  const stream: Stream = {
    remoteHost: '',
    remotePort: 0,
    localHost: '',
    localPort: 0,
    start: (_handlers: StreamHandlers) => {},
    write: (bytes) => {
      written.push(Buffer.from(bytes));
      if (!state.takes) state.bufferedBytes += bytes.length;
      return state.takes;
    },
    get bufferedBytes() {
      return state.bufferedBytes;
    },
    pause: () => {},
    resume: () => {},
    end: () => {},
    destroy: () => {},
  };
  let lastTimer = 0;
  const clock: Clock = {
    wallMs: () => 0,
    nowMs: () => 0,
    setTimeout: (fn) => {
      timers.set(++lastTimer, fn);
      return lastTimer;
    },
    clearTimeout: (handle) => {
      timers.delete(handle as number);
    },
    setImmediate: (fn) => {
      turns.push(fn);
    },
  };
  const outbox = new Outbox(stream, clock, highWaterBytes, () => state.drained++);
  return {
    outbox,
    state,
    written,
    timers,
    turn: () => {
      for (const fn of turns.splice(0)) fn();
    },
    tickTimers: () => {
      for (const [handle, fn] of [...timers]) {
        timers.delete(handle);
        fn();
      }
    },
    send: (bytes: number, fill = 1) => {
      outbox.writer.bytes(new Uint8Array(bytes).fill(fill));
      return outbox.wrote();
    },
  };
}

describe('an outbox', () => {
  it('writes the frames of one turn at once, and nothing when there is nothing', () => {
    const { outbox, send, turn, written } = bench(1_000);
    for (let i = 0; i < 10; i++) expect(send(3, i)).toBe(true);
    expect(written).toEqual([]);
    turn();
    expect(written.map(({ length }) => length)).toEqual([30]);
    expect([...written[0]!.subarray(0, 6)]).toEqual([0, 0, 0, 1, 1, 1]);
    turn();
    outbox.flush();
    expect(outbox.writes).toBe(1);
    expect(outbox.writtenBytes).toBe(30);
  });

  it('hands over bytes that later frames do not change, short and long', () => {
    for (const bytes of [10, 40_000]) {
      const { send, turn, written } = bench(1_000_000);
      send(bytes, 7);
      turn();
      send(bytes, 9);
      turn();
      expect(written.map((chunk) => [chunk[0], chunk.at(-1)])).toEqual([
        [7, 7],
        [9, 9],
      ]);
    }
  });

  it('does not wait for the end of a turn that sends a lot', () => {
    const { send, turn, written } = bench(10_000_000);
    for (let i = 0; i < 10; i++) send(50_000);
    expect(written.length).toBeGreaterThan(1);
    turn();
    expect(written.reduce((sum, { length }) => sum + length, 0)).toBe(500_000);
  });

  it('is above its mark until its stream has emptied, and tells that once', () => {
    const { outbox, state, send, turn, timers } = bench(100);
    state.takes = false;
    expect(send(100)).toBe(true);
    expect(send(1)).toBe(false);
    expect(outbox.isAboveHighWater).toBe(true);
    turn();
    expect(outbox.waitingBytes).toBe(101);
    expect(state.drained).toBe(0);
    state.bufferedBytes = 0;
    outbox.drain();
    outbox.drain();
    expect(state.drained).toBe(1);
    expect(outbox.isAboveHighWater).toBe(false);
    expect(timers.size).toBe(0);
  });

  it('notices by itself that a stream which never tells has emptied', () => {
    const { outbox, state, send, turn, tickTimers, timers } = bench(100);
    state.takes = false;
    send(200);
    turn();
    tickTimers();
    expect(state.drained).toBe(0);
    expect(timers.size).toBe(1);
    state.bufferedBytes = 0;
    expect(outbox.waitingBytes).toBe(0);
    tickTimers();
    expect(state.drained).toBe(1);
    expect(timers.size).toBe(0);
  });

  it('tells at the end of the turn when the system took all of it', () => {
    const { state, send, turn } = bench(100);
    expect(send(200)).toBe(false);
    turn();
    expect(state.drained).toBe(1);
  });

  it('keeps nothing once it is closed: no bytes, no timer', () => {
    const { outbox, state, send, turn, timers, written } = bench(100);
    state.takes = false;
    send(200);
    turn();
    expect(timers.size).toBe(1);
    outbox.close();
    expect(timers.size).toBe(0);
    for (let i = 0; i < 3; i++) expect(send(500)).toBe(false);
    turn();
    outbox.drain();
    expect(written).toHaveLength(1);
    expect(outbox.writer.position).toBe(0);
    expect(outbox.waitingBytes).toBe(0);
    expect(outbox.isAboveHighWater).toBe(false);
    expect(state.drained).toBe(0);
  });
});
