/** Inside one node: sends, calls, spawns, and what an idle process weighs. */
import type { Fleet } from '../fleet.ts';
import type { Row } from '../row.ts';

interface Local {
  readonly what: string;
  readonly unit: string;
  readonly beam: string;
  readonly beamish: string;
  readonly count: Readonly<Record<'beam' | 'beamish', number>>;
  readonly atLeast: number;
  /** Who else does this, in JavaScript: see peers.ts. */
  readonly peers: readonly string[];
}

const LOCAL: readonly Local[] = [
  {
    what: 'local sends',
    unit: 'messages/s',
    beam: 'local_sends',
    beamish: 'localSends',
    count: { beam: 4_000_000, beamish: 10_000_000 },
    atLeast: 2,
    peers: ['nact', 'XState'],
  },
  {
    what: 'local calls',
    unit: 'calls/s',
    beam: 'local_calls',
    beamish: 'localCalls',
    count: { beam: 400_000, beamish: 1_000_000 },
    atLeast: 2,
    peers: ['nact'],
  },
  {
    what: 'spawn and exit',
    unit: 'spawns/s',
    beam: 'spawns',
    beamish: 'spawns',
    count: { beam: 400_000, beamish: 600_000 },
    atLeast: 1.5,
    peers: ['nact', 'XState'],
  },
];

const IDLE_PROCESSES = 50_000;
/** What DESIGN allows an idle actor. */
const IDLE_BYTES_AT_MOST = 1_024;

export const localRows: readonly Row[] = [
  ...LOCAL.flatMap((local) => [beamRow(local), beamishRow(local)]),
  {
    name: 'idle process, BEAM',
    unit: 'bytes',
    needs: ['erl'],
    async measure(fleet) {
      return Number(await (await fleet.beam(1)).eval(`bench_beam:idle_bytes(${IDLE_PROCESSES})`));
    },
  },
  {
    name: 'idle actor, Beamish',
    unit: 'bytes',
    needs: ['beamish'],
    goals: [{ atMost: IDLE_BYTES_AT_MOST }],
    async measure(fleet) {
      return withFresh(fleet, 'idle', ['--expose-gc'], (worker) =>
        worker.ask<number>('idleBytes', { count: IDLE_PROCESSES }),
      );
    },
  },
];

function beamRow(local: Local): Row {
  const count = local.count.beam;
  return {
    name: `${local.what}, BEAM`,
    unit: local.unit,
    needs: ['erl'],
    async measure(fleet) {
      const us = await (await fleet.beam(1)).eval(`bench_beam:${local.beam}(${count})`);
      return (count * 1_000_000) / Number(us);
    },
  };
}

function beamishRow(local: Local): Row {
  const count = local.count.beamish;
  return {
    name: `${local.what}, Beamish`,
    unit: local.unit,
    needs: ['beamish'],
    messages: count,
    goals: [
      { against: `${local.what}, BEAM`, atLeast: local.atLeast },
      ...local.peers.map((peer) => ({ against: `${local.what}, ${peer}` })),
    ],
    async measure(fleet) {
      const ms = await (await fleet.beamish(1)).ask<number>(local.beamish, { count });
      return (count * 1000) / ms;
    },
  };
}

/** A node in a process of its own for one measurement, gone afterwards. */
async function withFresh<T>(
  fleet: Fleet,
  name: string,
  flags: readonly string[],
  work: (worker: ReturnType<Fleet['fresh']>) => Promise<T>,
): Promise<T> {
  const worker = fleet.fresh(flags);
  try {
    await worker.ask('start', { ...(await fleet.nodeOptions(`${name}@127.0.0.1`)) });
    return await work(worker);
  } finally {
    await worker.end();
  }
}
