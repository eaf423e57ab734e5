import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/codec/buffer-pool.ts';
import { Outbox } from '../../src/connection/outbox.ts';
import { BulkQueue } from '../../src/dist/bulk.ts';
import type { Clock } from '../../src/env/clock.ts';
import type { Stream, StreamHandlers } from '../../src/env/streams.ts';
import { internPid } from '../../src/term/identifiers.ts';

const PID = internPid('a@h', 1, 0, 1);

/** A stream whose system takes what it is allowed to, and a clock whose turns and timers are run by hand. */
function bench(highWaterBytes: number, bulk?: BulkQueue, pool?: BufferPool) {
  const written: Buffer[] = [];
  const turns: (() => void)[] = [];
  const timers = new Map<number, () => void>();
  const state = { bufferedBytes: 0, takes: true, drained: 0, nowMs: 0 };
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
    writeAll: (pieces) => {
      for (const piece of pieces) stream.write(piece);
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
    nowMs: () => state.nowMs,
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
  const outbox = new Outbox(stream, clock, highWaterBytes, () => state.drained++, bulk, pool);
  return {
    outbox,
    stream,
    pendingTurns: () => turns.length,
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

  it('fills no buffer again before the stream has taken it, and then does', () => {
    const given: { readonly bytes: Uint8Array; readonly copy: Buffer }[] = [];
    const { outbox, state, stream, turn } = bench(100_000_000);
    stream.write = (bytes) => {
      given.push({ bytes, copy: Buffer.from(bytes) });
      state.bufferedBytes += bytes.length;
      return false;
    };
    const memory = new Set<ArrayBufferLike>();
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 40; i++) {
        outbox.writer.bytes(new Uint8Array(i % 7 === 0 ? 270_000 : 900).fill(round * 40 + i));
        outbox.wrote();
        if (i % 3 === 0) turn();
      }
      turn();
      for (const { bytes, copy } of given) expect(Buffer.compare(bytes, copy)).toBe(0);
      for (const { bytes } of given) memory.add(bytes.buffer);
      if (round === 2) expect(memory.size).toBeGreaterThan(5);
      if (round < 2) continue;
      given.length = 0;
      state.bufferedBytes = 0;
      outbox.drain();
    }
    // Three rounds without room, then three in the same memory.
    expect(memory.size).toBeLessThan(20);
    expect(outbox.writtenBytes).toBe(6 * (6 * 270_000 + 34 * 900));
  });

  it('copies nothing that the stream has already, when frames are long and it takes none', () => {
    const { outbox, state, send } = bench(100_000_000);
    state.takes = false;
    const lengths = new Set<number>();
    for (let i = 0; i < 40; i++) {
      send(65_600);
      lengths.add(outbox.writer.buffer.length);
    }
    // The first is outgrown before any is written, twice; none of the others is.
    expect([...lengths]).toEqual([512 * 1024, 1024 * 1024]);
  });

  it('keeps the memory of a busy turn for the next, and not in a quiet one', () => {
    const { outbox, state, send, turn } = bench(100_000_000);
    for (let i = 0; i < 20; i++) send(65_600);
    turn();
    const { buffer } = outbox.writer;
    expect(buffer.length).toBe(1024 * 1024);
    // Whether it is the same is asked so, since showing how two of a MiB differ takes for ever.
    for (let i = 0; i < 20; i++) send(65_600);
    turn();
    expect(outbox.writer.buffer === buffer).toBe(true);
    // Not while the stream has it.
    state.takes = false;
    send(50);
    turn();
    expect(outbox.writer.buffer === buffer).toBe(true);
    state.takes = true;
    state.bufferedBytes = 0;
    send(50);
    turn();
    expect(outbox.writer.buffer.length).toBe(64 * 1024);
    // The pool had it meanwhile.
    for (let i = 0; i < 8; i++) send(65_600);
    expect(outbox.writer.buffer === buffer).toBe(true);
  });

  it('takes back what the stream has done with between two writes, though it is never full and tells nothing', () => {
    const { outbox, state, stream, turn } = bench(100_000_000);
    const memory = new Set<ArrayBufferLike>();
    stream.write = (bytes) => {
      memory.add(bytes.buffer);
      state.bufferedBytes += bytes.length;
      return true;
    };
    for (const bytes of [10_000, 900_000]) {
      memory.clear();
      for (let i = 0; i < 200; i++) {
        outbox.writer.bytes(new Uint8Array(bytes));
        outbox.wrote();
        turn();
        // As over TLS, where nothing has left yet when a write returns.
        state.bufferedBytes = 0;
      }
      expect(memory.size).toBeLessThan(6);
    }
  });

  it('gives a link that says little small buffers, be its stream ever so slow', () => {
    const { outbox, state, send, turn } = bench(100_000_000);
    state.takes = false;
    const memory = new Set<Buffer>();
    for (let i = 0; i < 3_000; i++) {
      send(50);
      turn();
      memory.add(outbox.writer.buffer);
    }
    expect([...memory].map(({ length }) => length)).toEqual(new Array(memory.size).fill(64 * 1024));
    expect(memory.size).toBeLessThan(5);
  });

  it('gives nothing to others that its stream may still have to send after the end', () => {
    const pool = new BufferPool();
    const { outbox, state, send, turn } = bench(100_000_000, undefined, pool);
    state.takes = false;
    for (let i = 0; i < 4; i++) send(65_600);
    outbox.flushAll();
    const { buffer } = outbox.writer;
    outbox.close();
    turn();
    for (let i = 0; i < 10; i++) expect(pool.take(buffer.length) === buffer).toBe(false);
  });

  it('lets go of the memory of a very long frame', () => {
    const { outbox, send, turn } = bench(100_000_000);
    send(30_000_000);
    turn();
    expect(outbox.writer.buffer.length).toBeLessThan(1_000_000);
  });

  it('does not ask a full stream again and again for its fragments', () => {
    const bulk = new BulkQueue();
    const { outbox, state, turn, pendingTurns, written, timers } = bench(1_000, bulk);
    state.takes = false;
    bulk.message(PID, Buffer.alloc(2_000_000), 0, 65_536);
    expect(outbox.wrote()).toBe(false);
    for (let i = 0; i < 5; i++) turn();
    expect(pendingTurns()).toBe(0);
    expect(timers.size).toBe(1);
    const before = written.length;
    expect(before).toBeGreaterThan(0);
    // One turn's share, and no more until the stream has room.
    expect(written.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(700_000);
    state.bufferedBytes = 0;
    state.takes = true;
    outbox.drain();
    expect(written.length).toBe(before);
    while (pendingTurns() > 0) turn();
    expect(written.reduce((sum, { length }) => sum + length, 0)).toBe(2_000_000 + 31 * 22 + 1);
    expect(state.drained).toBe(1);
    expect(timers.size).toBe(0);
  });

  it('gives fragments less room while small frames go beside them, and all of it later', () => {
    const bulk = new BulkQueue();
    const { outbox, state, send, turn, tickTimers, pendingTurns, written } = bench(100_000_000, bulk);
    const turnBytes = (): number => {
      written.length = 0;
      turn();
      return written.reduce((sum, { length }) => sum + length, 0);
    };
    // Long frames of a time when no fragments waited say nothing about the small ones beside these.
    bulk.longBytes = 70_000;
    send(70_000);
    turn();
    expect(bulk.longBytes).toBe(0);
    bulk.message(PID, Buffer.alloc(4_000_000), 0, 65_536);
    outbox.wrote();
    expect(turnBytes()).toBeGreaterThan(500_000);
    send(50);
    expect(turnBytes()).toBeLessThan(350_000);
    // The frame went first, and nothing more goes until a millisecond has passed.
    expect(written[0]).toHaveLength(50);
    expect(pendingTurns()).toBe(0);
    send(50);
    expect(turnBytes()).toBe(50);
    tickTimers();
    const polite = turnBytes();
    expect(polite).toBeGreaterThan(200_000);
    expect(polite).toBeLessThan(350_000);
    state.nowMs = 100;
    tickTimers();
    expect(turnBytes()).toBeGreaterThan(500_000);
    expect(pendingTurns()).toBe(1);
    outbox.close();
    turn();
    expect(pendingTurns()).toBe(0);
  });

  it('does not wait for the end of a turn that sends a lot', () => {
    const { send, turn, written } = bench(10_000_000);
    for (let i = 0; i < 10; i++) send(200_000);
    expect(written.map(({ length }) => length)).toEqual([600_000, 600_000, 600_000]);
    turn();
    expect(written.reduce((sum, { length }) => sum + length, 0)).toBe(2_000_000);
    const low = bench(1_000);
    for (let i = 0; i < 4; i++) low.send(70_000);
    expect(low.written.map(({ length }) => length)).toEqual([140_000, 140_000]);
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
