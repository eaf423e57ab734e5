/** The same inside one program by others: nact, and XState without Beamish. Our own local rows are held against them. */
import type { Need, Row } from '../row.ts';

interface Peer {
  readonly name: string;
  readonly unit: string;
  readonly needs: readonly Need[];
  readonly operation: string;
  readonly count: number;
}

const PEERS: readonly Peer[] = [
  { name: 'local sends, nact', unit: 'messages/s', needs: ['nact'], operation: 'nactSends', count: 300_000 },
  { name: 'local calls, nact', unit: 'calls/s', needs: ['nact'], operation: 'nactCalls', count: 50_000 },
  { name: 'spawn and exit, nact', unit: 'spawns/s', needs: ['nact'], operation: 'nactSpawns', count: 50_000 },
  { name: 'local sends, XState', unit: 'messages/s', needs: [], operation: 'xstateSends', count: 100_000 },
  { name: 'spawn and exit, XState', unit: 'spawns/s', needs: [], operation: 'xstateSpawns', count: 20_000 },
];

export const peerRows: readonly Row[] = PEERS.map(({ name, unit, needs, operation, count }) => ({
  name,
  unit,
  needs,
  messages: count,
  async measure(fleet) {
    const ms = await (await fleet.peers()).ask<number>(operation, { count });
    return (count * 1000) / ms;
  },
}));
