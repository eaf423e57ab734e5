/** Messages and calls between two operating system processes on loopback, every pairing of BEAM and Beamish. */
import { beamishName, beamName, type Fleet } from '../fleet.ts';
import type { Goal, Need, Row } from '../row.ts';
import { SOCKET_BYTES, SOCKET_ROUND_TRIPS } from './socket.ts';
import { callsOf, oneWayOf } from './strangers.ts';

type Kind = 'BEAM' | 'Beamish';

interface Size {
  readonly label: string;
  readonly bytes: number;
  /** Messages per measurement, by the kind of the sender: each takes about a second. */
  readonly count: Readonly<Record<Kind, number>>;
}

const SMALL: Size = { label: 'small', bytes: 0, count: { BEAM: 150_000, Beamish: 600_000 } };
const KIB_64: Size = { label: '64 KiB', bytes: 64 * 1024, count: { BEAM: 20_000, Beamish: 20_000 } };
const MIB_1: Size = { label: '1 MiB', bytes: 1024 * 1024, count: { BEAM: 1_500, Beamish: 1_500 } };
const CALLS = 8_000;
/** Who else speaks to a BEAM, or is spoken to by one: what ours are compared with. */
const STRANGERS = ['Jinterface', 'C node'];

const PAIRS: readonly (readonly [from: Kind, to: Kind])[] = [
  ['BEAM', 'BEAM'],
  ['Beamish', 'Beamish'],
  ['Beamish', 'BEAM'],
  ['BEAM', 'Beamish'],
];

/** Goals of one-way small messages, held against BEAM to BEAM. */
const SMALL_AT_LEAST: Readonly<Record<string, number>> = {
  'Beamish to Beamish': 6,
  'Beamish to BEAM': 2,
  'BEAM to Beamish': 1,
};

const oneWayName = (size: Size, pair: string) => `one-way ${size.label}, ${pair}`;

export const remoteRows: readonly Row[] = [
  ...[SMALL, KIB_64, MIB_1].flatMap((size) => PAIRS.map(([from, to]) => oneWayRow(size, from, to))),
  ...PAIRS.map(([from, to]) => callsRow(from, to)),
];

function oneWayRow(size: Size, from: Kind, to: Kind): Row {
  const pair = `${from} to ${to}`;
  const count = size.count[from];
  return {
    name: oneWayName(size, pair),
    unit: 'messages/s',
    needs: needs(from, to),
    messages: count,
    goals: oneWayGoals(size, pair),
    async measure(fleet) {
      const peer = await receiver(fleet, to);
      if (from === 'Beamish') {
        const ms = await (await fleet.beamish(1)).ask<number>('oneWay', { peer, count, bytes: size.bytes });
        return (count * 1000) / ms;
      }
      const us = await (await fleet.beam(1)).eval(
        `bench_beam:one_way({sink, '${peer}'}, ${count}, ${size.bytes})`,
      );
      return (count * 1_000_000) / Number(us);
    },
  };
}

function oneWayGoals(size: Size, pair: string): readonly Goal[] {
  if (pair === 'BEAM to BEAM') return [];
  const against = oneWayName(size, 'BEAM to BEAM');
  const small = SMALL_AT_LEAST[pair];
  if (size === SMALL)
    return small === undefined ? [] : [{ against, atLeast: small }, ...strangers(pair, oneWayOf)];
  if (pair !== 'Beamish to Beamish') return [{ against, atLeast: 0.8 }];
  // The bare socket's row counts MiB, so a message is worth its own share of one.
  return [
    { against, atLeast: 0.8 },
    { against: SOCKET_BYTES, atLeast: (0.6 * 1024 * 1024) / size.bytes },
  ];
}

/** Nothing is promised against these. */
function strangers(pair: string, name: (pair: string) => string): readonly Goal[] {
  if (pair === 'Beamish to Beamish') return [];
  return STRANGERS.map((kind) => ({ against: name(pair.replace('Beamish', kind)) }));
}

function callsRow(from: Kind, to: Kind): Row {
  return {
    name: `sequential calls, ${from} to ${to}`,
    unit: 'calls/s',
    messages: CALLS,
    needs: needs(from, to),
    goals:
      from === 'BEAM' && to === 'BEAM'
        ? []
        : [
            { against: SOCKET_ROUND_TRIPS, atLeast: 0.7 },
            ...(from === 'Beamish' ? strangers(`${from} to ${to}`, callsOf) : []),
          ],
    async measure(fleet) {
      const peer = await receiver(fleet, to);
      if (from === 'Beamish') {
        const ms = await (await fleet.beamish(1)).ask<number>('calls', { peer, count: CALLS });
        return (CALLS * 1000) / ms;
      }
      const us = await (await fleet.beam(1)).eval(`bench_beam:calls({adder, '${peer}'}, ${CALLS})`);
      return (CALLS * 1_000_000) / Number(us);
    },
  };
}

/** Starts the receiving node, and tells its name. */
async function receiver(fleet: Fleet, kind: Kind): Promise<string> {
  if (kind === 'BEAM') {
    await fleet.beam(2);
    return beamName(2);
  }
  await fleet.beamish(2);
  return beamishName(2);
}

function needs(...kinds: readonly Kind[]): readonly Need[] {
  return [...new Set(kinds)].map((kind) => (kind === 'BEAM' ? 'erl' : 'beamish'));
}
