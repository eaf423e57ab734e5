/**
 * The other ways to speak distribution without a BEAM: Jinterface and `ei`, to and from the same BEAM as ours, with the
 * same messages. Neither has a `gen_server:call`; their calls go without a monitor, which ours and the BEAM's have.
 */
import { beamName, type Fleet } from '../fleet.ts';
import type { Need, Row } from '../row.ts';
import { type StrangerKind, strangerName } from '../stranger.ts';

const KINDS: readonly StrangerKind[] = ['Jinterface', 'C node'];
const MESSAGES = 100_000;
const CALLS = 8_000;

export const oneWayOf = (pair: string): string => `one-way small, ${pair}`;
export const callsOf = (pair: string): string => `sequential calls, ${pair}`;

const needs = (kind: StrangerKind): readonly Need[] => ['erl', kind === 'Jinterface' ? 'jinterface' : 'ei'];

/** What it measured of an order to a BEAM, in microseconds. */
async function ask(fleet: Fleet, kind: StrangerKind, order: string, count: number): Promise<number> {
  await fleet.beam(2);
  return Number(await (await fleet.stranger(kind)).ask(`${order} ${beamName(2)} ${count}`));
}

export const strangerRows: readonly Row[] = KINDS.flatMap((kind): readonly Row[] => [
  {
    name: oneWayOf(`${kind} to BEAM`),
    unit: 'messages/s',
    needs: needs(kind),
    measure: async (fleet) => (MESSAGES * 1_000_000) / (await ask(fleet, kind, 'one_way', MESSAGES)),
  },
  {
    name: oneWayOf(`BEAM to ${kind}`),
    unit: 'messages/s',
    needs: needs(kind),
    async measure(fleet) {
      const [beam, stranger] = [await fleet.beam(1), await fleet.stranger(kind)];
      await stranger.ask('sink');
      const counted = stranger.heard('sink');
      const sent = beam.eval(`bench_beam:one_way({sink, '${strangerName(kind)}'}, ${MESSAGES}, 0)`);
      const [us] = await Promise.all([sent, counted]);
      await stranger.ask('close');
      return (MESSAGES * 1_000_000) / Number(us);
    },
  },
  {
    name: callsOf(`${kind} to BEAM`),
    unit: 'calls/s',
    needs: needs(kind),
    measure: async (fleet) => (CALLS * 1_000_000) / (await ask(fleet, kind, 'calls', CALLS)),
  },
]);
