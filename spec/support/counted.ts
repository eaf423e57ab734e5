/** What work costs, counted: memory, and calls into the system. Neither depends on how fast the machine is. */
import type { Stream, Streams } from '../../src/env/streams.ts';
import { watchedStreams } from './watched-streams.ts';

/**
 * Bytes of heap that each of many like pieces of work makes, be it that they are garbage at once.
 *
 * @param work - does `count` of them; done many times before it counts: what is compiled makes less
 * @param perStep - few enough that hardly a step sees a collection
 * @returns the median of many steps, those that saw a collection left out; the least of three such medians, since a
 * busy machine compiles late
 */
export async function bytesMade(work: (count: number) => Promise<void>, perStep = 200): Promise<number> {
  for (let i = 0; i < WARM_STEPS; i++) await work(perStep);
  const medians: number[] = [];
  for (let round = 0; round < 3; round++) {
    const steps: number[] = [];
    for (let i = 0; i < STEPS; i++) {
      const before = process.memoryUsage().heapUsed;
      await work(perStep);
      steps.push((process.memoryUsage().heapUsed - before) / perStep);
    }
    const made = steps.filter((bytes) => bytes > 0).sort((a, b) => a - b);
    medians.push(made[made.length >> 1] ?? 0);
  }
  return Math.min(...medians);
}

const WARM_STEPS = 150;
const STEPS = 60;

/** Calls into the system, as far as they are calls at the boundary `env/` draws. */
export interface SystemCalls {
  writes: number;
  writtenBytes: number;
  reads: number;
  readBytes: number;
}

/** Streams that count what goes over all of them. */
export function countedStreams(streams: Streams): { readonly streams: Streams; readonly calls: SystemCalls } {
  const calls: SystemCalls = { writes: 0, writtenBytes: 0, reads: 0, readBytes: 0 };
  const count = (stream: Stream): Stream => {
    const { write, writeAll } = stream;
    stream.write = (bytes) => {
      calls.writes += 1;
      calls.writtenBytes += bytes.length;
      return write.call(stream, bytes);
    };
    stream.writeAll = (pieces) => {
      calls.writes += 1;
      for (const piece of pieces) calls.writtenBytes += piece.length;
      return writeAll.call(stream, pieces);
    };
    return stream;
  };
  const heard = watchedStreams(streams, (bytes) => {
    calls.reads += 1;
    calls.readBytes += bytes;
  });
  return {
    calls,
    streams: {
      ...heard,
      listen: (options, onStream) => heard.listen(options, (stream) => onStream(count(stream))),
      connect: async (options) => count(await heard.connect(options)),
    },
  };
}
