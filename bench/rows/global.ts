/** Global names: lookups in the local replica, registrations that a whole cluster confirms, and joins with many names. */
import type { Beam } from '../../spec/support/beam-node.ts';
import type { Fleet } from '../fleet.ts';
import type { Row } from '../row.ts';
import type { Worker } from '../worker.ts';

const NAMES = 500;
/** Rounds of ours before the one that counts: its time halves with the fifth, and then stays. A BEAM's is the same from the first. */
const WARM = 5;
const LOOKUPS = 2_000_000;
const MANY = 100_000;
/** OTP's time for names grows with their square, 2 ms for the ten thousandth alone: 100,000 would take half an hour. */
const MANY_FOR_BEAM = 4_000;
const CLUSTERS = [2, 5, 10] as const;
const WORDS = { 2: 'two', 5: 'five', 10: 'ten' } as const;
const lookups = (of: string) => `global names, lookups of ${of}`;
const registrations = (size: (typeof CLUSTERS)[number], of: string) =>
  `global names, one registration in a cluster of ${WORDS[size]}, ${of}`;
const joins = (count: number, of: string) =>
  `global names, a node joins one with ${count.toLocaleString('en')}, ${of}`;
const weights = (count: number, of: string) =>
  `global names, each of ${count.toLocaleString('en')} weighs, ${of}`;

/** So many visible nodes of ours, not connected yet. */
async function withNodes<T>(
  fleet: Fleet,
  size: number,
  work: (workers: readonly Worker[], names: readonly string[]) => Promise<T>,
): Promise<T> {
  const names = Array.from({ length: size }, (_, i) => `names${i}@127.0.0.1`);
  const workers = names.map(() => fleet.fresh(['--expose-gc']));
  try {
    for (const [i, worker] of workers.entries())
      await worker.ask('start', { ...(await fleet.nodeOptions(names[i]!)), hidden: false });
    return await work(workers, names);
  } finally {
    for (const worker of workers) await worker.end();
  }
}

async function withBeams<T>(
  fleet: Fleet,
  size: number,
  work: (beams: readonly Beam[]) => Promise<T>,
): Promise<T> {
  const beams = await Promise.all(
    Array.from({ length: size }, (_, i) => fleet.freshBeam(`beamnames${i}@127.0.0.1`)),
  );
  try {
    return await work(beams);
  } finally {
    await Promise.all(beams.map((beam) => beam.kill()));
  }
}

/** A process for each name. */
const fill = (count: number) =>
  `[yes = global:register_name({many, I}, P) || {I, P} <- lists:zip(lists:seq(1, ${count}), Pids)]`;
const idle = (count: number) =>
  `Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, ${count})]`;

function registrationRows(size: (typeof CLUSTERS)[number]): readonly Row[] {
  return [
    {
      name: registrations(size, 'BEAM'),
      unit: 'µs',
      needs: ['erl'],
      measure: (fleet) =>
        withBeams(fleet, size, async ([first, ...others]) => {
          const peers = others.map(({ name }) => `'${name}'`).join();
          const micros = await first!.eval(`
            [true = net_kernel:connect_node(N) || N <- [${peers}]],
            (fun Whole() -> case length(gen_server:call(global_name_server, get_known)) of
              ${size - 1} -> ok = global:sync(); _ -> timer:sleep(20), Whole() end end)(),
            Self = self(),
            Round = fun(Tag) ->
              ${idle(NAMES)},
              {Time, _} = timer:tc(fun() ->
                [yes = global:register_name({Self, Tag, I}, P) || {I, P} <- lists:zip(lists:seq(1, ${NAMES}), Pids)] end),
              [P ! stop || P <- Pids], Time end,
            Round(warm), Round(hot)`);
          return Number(micros) / NAMES;
        }),
    },
    {
      name: registrations(size, 'Beamish'),
      unit: 'µs',
      needs: ['beamish'],
      goals: [{ against: registrations(size, 'BEAM'), atMost: 1 }],
      messages: (WARM + 1) * NAMES,
      measure: (fleet) =>
        withNodes(fleet, size, async ([first], [, ...peers]) => {
          const ms = await first!.ask<number>('globalRegistrations', { peers, count: NAMES, warm: WARM });
          return (ms * 1_000) / NAMES;
        }),
    },
  ];
}

const beamishJoin = (count: number) => (fleet: Fleet) =>
  withNodes(fleet, 2, async ([full, young], [peer]) => {
    await full!.ask('globalFill', { count });
    return young!.ask<number>('globalJoin', { peer, count });
  });

export const globalRows: readonly Row[] = [
  {
    name: lookups('Beamish'),
    unit: 'lookups/s',
    needs: ['beamish'],
    goals: [{ atLeast: 5_000_000 }],
    measure: (fleet) =>
      withNodes(
        fleet,
        1,
        async ([one]) => (LOOKUPS * 1_000) / (await one!.ask<number>('globalLookups', { count: LOOKUPS })),
      ),
  },
  ...CLUSTERS.flatMap(registrationRows),
  {
    name: joins(MANY_FOR_BEAM, 'BEAM'),
    unit: 'ms',
    needs: ['erl'],
    measure: (fleet) =>
      withBeams(fleet, 2, async ([full, young]) => {
        await full!.eval(`${idle(MANY_FOR_BEAM)}, ${fill(MANY_FOR_BEAM)}, ok`);
        const micros = await young!.eval(`element(1, timer:tc(fun() ->
          true = net_kernel:connect_node('${full!.name}'), ok = global:sync(),
          ${MANY_FOR_BEAM} = length(global:registered_names()) end))`);
        return Number(micros) / 1_000;
      }),
  },
  {
    name: joins(MANY_FOR_BEAM, 'Beamish'),
    unit: 'ms',
    needs: ['beamish'],
    goals: [{ against: joins(MANY_FOR_BEAM, 'BEAM'), atMost: 1 }],
    measure: beamishJoin(MANY_FOR_BEAM),
  },
  {
    name: joins(MANY, 'Beamish'),
    unit: 'ms',
    needs: ['beamish'],
    goals: [{ against: joins(MANY_FOR_BEAM, 'BEAM') }],
    measure: beamishJoin(MANY),
  },
  {
    name: weights(MANY_FOR_BEAM, 'BEAM'),
    unit: 'bytes',
    needs: ['erl'],
    measure: (fleet) =>
      withBeams(fleet, 1, async ([one]) =>
        Number(
          await one!.eval(`${idle(MANY_FOR_BEAM)}, Sweep = fun() -> [erlang:garbage_collect(P) || P <- processes()] end,
            Sweep(), Before = erlang:memory(total), ${fill(MANY_FOR_BEAM)}, Sweep(),
            (erlang:memory(total) - Before) / ${MANY_FOR_BEAM}`),
        ),
      ),
  },
  {
    name: weights(MANY, 'Beamish'),
    unit: 'bytes',
    needs: ['beamish'],
    goals: [{ against: weights(MANY_FOR_BEAM, 'BEAM'), atMost: 1 }],
    measure: (fleet) =>
      withNodes(fleet, 1, async ([one]) => await one!.ask<number>('globalFill', { count: MANY })),
  },
];
