/** A million live actors on one node, one in a hundred of them talking: does everything else still get its turn? */
import type { Fleet } from '../fleet.ts';
import type { Row } from '../row.ts';

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

/** One million gives three numbers. */
interface Million extends Exchange {
  readonly bytesEach: number;
}

/** The million that was measured last in a run. */
const last = new WeakMap<Fleet, Million>();

export const millionRows: readonly Row[] = [
  {
    name: 'event loop delay p99, a million actors, Beamish',
    unit: 'ms',
    needs: ['beamish'],
    goals: [{ atMost: P99_AT_MOST_MS }],
    async measure(fleet) {
      const million = await measured(fleet);
      last.set(fleet, million);
      return million.p99Ms;
    },
  },
  {
    name: 'messages among a million actors, Beamish',
    unit: 'messages/s',
    needs: ['beamish'],
    measure: async (fleet) => (await lastOf(fleet)).perSecond,
  },
  {
    name: 'idle actor of a million, Beamish',
    unit: 'bytes',
    needs: ['beamish'],
    goals: [{ atMost: BYTES_AT_MOST }],
    measure: async (fleet) => (await lastOf(fleet)).bytesEach,
  },
];

/** Of the million that the first row has just measured, or of one for the purpose when that row was left out. */
async function lastOf(fleet: Fleet): Promise<Million> {
  const million = last.get(fleet) ?? (await measured(fleet));
  last.set(fleet, million);
  return million;
}

async function measured(fleet: Fleet): Promise<Million> {
  const worker = fleet.worker('million', ['--expose-gc', '--max-old-space-size=4096']);
  try {
    await worker.ask('start', {
      name: 'million@127.0.0.1',
      cookie: 'bench',
      listen: false,
      epmd: { mode: 'off' },
    });
    const bytesEach = await worker.ask<number>('populate', { count: ACTORS });
    const outcome = await worker.ask<Exchange>('exchange', { ms: EXCHANGE_MS });
    if (outcome.live < ACTORS) throw new Error(`only ${outcome.live} actors are alive`);
    return { ...outcome, bytesEach };
  } finally {
    await worker.end();
  }
}
