/** A million live actors on one node, one in a hundred of them talking: does everything else still get its turn? */
import type { Row } from '../row.ts';
import { Worker } from '../worker.ts';

const ACTORS = 1_000_000;
const EXCHANGE_MS = 3_000;
/** What issue and design allow the 99th percentile of the event loop's delay. */
const P99_AT_MOST_MS = 20;
const BYTES_AT_MOST = 1_024;

interface Exchange {
  readonly p99Ms: number;
  readonly perSecond: number;
  readonly live: number;
}

export const millionRows: readonly Row[] = [
  {
    name: 'event loop delay p99, a million actors, Beamish',
    unit: 'ms',
    needs: ['beamish'],
    goals: [{ atMost: P99_AT_MOST_MS }],
    measure: () => withMillion(async (worker) => (await exchange(worker)).p99Ms),
  },
  {
    name: 'messages among a million actors, Beamish',
    unit: 'messages/s',
    needs: ['beamish'],
    measure: () => withMillion(async (worker) => (await exchange(worker)).perSecond),
  },
  {
    name: 'idle actor of a million, Beamish',
    unit: 'bytes',
    needs: ['beamish'],
    goals: [{ atMost: BYTES_AT_MOST }],
    measure: () => withMillion((_worker, bytesEach) => Promise.resolve(bytesEach)),
  },
];

async function exchange(worker: Worker): Promise<Exchange> {
  const outcome = await worker.ask<Exchange>('exchange', { ms: EXCHANGE_MS });
  if (outcome.live < ACTORS) throw new Error(`only ${outcome.live} actors are alive`);
  return outcome;
}

async function withMillion(work: (worker: Worker, bytesEach: number) => Promise<number>): Promise<number> {
  const worker = new Worker('million', ['--expose-gc', '--max-old-space-size=4096']);
  try {
    await worker.ask('start', {
      name: 'million@127.0.0.1',
      cookie: 'bench',
      listen: false,
      epmd: { mode: 'off' },
    });
    return await work(worker, await worker.ask<number>('populate', { count: ACTORS }));
  } finally {
    await worker.end();
  }
}
