/** Global names: lookups in the local replica, and registrations that a whole cluster confirms. */
import { beamName, type Fleet } from '../fleet.ts';
import type { Row } from '../row.ts';
import type { Worker } from '../worker.ts';

const NAMES = 500;
const LOOKUPS = 2_000_000;
const lookups = (of: string) => `global names, lookups of ${of}`;
const registrations = (of: string) => `global names, one registration in a cluster of two, ${of}`;

/** Two visible nodes of ours that have joined. */
async function withPair<T>(fleet: Fleet, work: (worker: Worker, peer: string) => Promise<T>): Promise<T> {
  const names = ['names1@127.0.0.1', 'names2@127.0.0.1'] as const;
  const workers = [fleet.fresh(), fleet.fresh()] as const;
  try {
    for (const [i, worker] of workers.entries())
      await worker.ask('start', { ...(await fleet.nodeOptions(names[i]!)), hidden: false });
    return await work(workers[0], names[1]);
  } finally {
    for (const worker of workers) await worker.end();
  }
}

export const globalRows: readonly Row[] = [
  {
    name: lookups('Beamish'),
    unit: 'lookups/s',
    needs: ['beamish'],
    measure: (fleet) =>
      withPair(
        fleet,
        async (worker) => (LOOKUPS * 1_000) / (await worker.ask<number>('globalLookups', { count: LOOKUPS })),
      ),
  },
  {
    name: registrations('BEAM'),
    unit: 'µs',
    needs: ['erl'],
    measure: async (fleet) => {
      await fleet.beam(2);
      const micros = await (await fleet.beam(1)).eval(`true = net_kernel:connect_node('${beamName(2)}'),
        ok = global:sync(), Self = self(),
        Round = fun(Tag) ->
          Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, ${NAMES})],
          {Time, _} = timer:tc(fun() ->
            [yes = global:register_name({Self, Tag, I}, P) || {I, P} <- lists:zip(lists:seq(1, ${NAMES}), Pids)] end),
          [P ! stop || P <- Pids], Time end,
        Round(warm), Round(hot)`);
      return Number(micros) / NAMES;
    },
  },
  {
    name: registrations('Beamish'),
    unit: 'µs',
    needs: ['beamish'],
    goals: [{ against: registrations('BEAM'), atMost: 1 }],
    measure: (fleet) =>
      withPair(
        fleet,
        async (worker, peer) =>
          ((await worker.ask<number>('globalRegistrations', { peer, count: NAMES })) * 1_000) / NAMES,
      ),
  },
];
