/** Groups: processes that join one by one, what a member weighs, and how soon another node has them all. */
import { beamName, type Fleet } from '../fleet.ts';
import type { Row } from '../row.ts';
import type { Worker } from '../worker.ts';

const MEMBERS = 10_000;
const title = (what: string) => `${MEMBERS.toLocaleString('en')} members of a group, ${what}`;

/** What the BEAM tells of one kind of measurement, in the unit of the row or in µs. */
async function beam(fleet: Fleet, call: string): Promise<number> {
  return Number(await (await fleet.beam(1)).eval(`bench_beam:${call}`));
}

async function beamish<T>(fleet: Fleet, work: (worker: Worker) => Promise<T>): Promise<T> {
  const worker = fleet.fresh(['--expose-gc']);
  try {
    await worker.ask('start', await fleet.nodeOptions('groups@127.0.0.1'));
    return await work(worker);
  } finally {
    await worker.end();
  }
}

const PAIR = ['groups1@127.0.0.1', 'groups2@127.0.0.1'] as const;

/** Two visible nodes, the second of which tells when a group is as big as asked. */
async function pair(fleet: Fleet): Promise<readonly [Worker, Worker]> {
  const workers = [fleet.fresh(), fleet.fresh()] as const;
  for (const [i, worker] of workers.entries())
    await worker.ask('start', { ...(await fleet.nodeOptions(PAIR[i]!)), hidden: false });
  await workers[1].ask('tellMembers');
  return workers;
}

export const groupRows: readonly Row[] = [
  {
    name: title('joins, BEAM'),
    unit: 'joins/s',
    needs: ['erl'],
    measure: async (fleet) => (MEMBERS * 1_000_000) / (await beam(fleet, `group_joins(${MEMBERS})`)),
  },
  {
    name: title('joins, Beamish'),
    unit: 'joins/s',
    needs: ['beamish'],
    goals: [{ against: title('joins, BEAM'), atLeast: 1 }],
    // Once to be warm.
    messages: 2 * MEMBERS,
    measure: (fleet) =>
      beamish(fleet, async (worker) => {
        await worker.ask('groupJoins', { count: MEMBERS });
        return (MEMBERS * 1_000) / (await worker.ask<number>('groupJoins', { count: MEMBERS }));
      }),
  },
  {
    name: title('each weighs, BEAM'),
    unit: 'bytes',
    needs: ['erl'],
    measure: (fleet) => beam(fleet, `group_bytes(${MEMBERS})`),
  },
  {
    name: title('each weighs, Beamish'),
    unit: 'bytes',
    needs: ['beamish'],
    goals: [{ against: title('each weighs, BEAM'), atMost: 3 }],
    measure: (fleet) => beamish(fleet, (worker) => worker.ask<number>('groupBytes', { count: MEMBERS })),
  },
  {
    name: title('until another node has them, BEAM to BEAM'),
    unit: 'ms',
    needs: ['erl'],
    measure: async (fleet) => {
      await fleet.beam(2);
      return (await beam(fleet, `group_seen('${beamName(2)}', ${MEMBERS})`)) / 1_000;
    },
  },
  {
    name: title('until another node has them, Beamish to Beamish'),
    unit: 'ms',
    needs: ['beamish'],
    goals: [{ against: title('until another node has them, BEAM to BEAM'), atMost: 1 }],
    measure: async (fleet) => {
      const [one] = await fleet.once('groups', () => pair(fleet));
      return one.ask<number>('groupSeen', { peer: PAIR[1], count: MEMBERS });
    },
  },
];
