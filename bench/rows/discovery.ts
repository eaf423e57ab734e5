/** How soon a young node is part of the cluster: from its first heartbeat to `nodeup`, on loopback. */
import { median, type Row } from '../row.ts';

const STARTS = 10;
const AT_MOST_MS = 50;
const OLD = 'gossip1@127.0.0.1';

export const discoveryRows: readonly Row[] = [
  {
    name: 'first heartbeat to connected',
    unit: 'ms',
    needs: ['beamish'],
    goals: [{ atMost: AT_MOST_MS }],
    async measure(fleet) {
      const gossipOptions = {
        port: await fleet.gossipPort(),
        multicastAddr: '230.1.1.251',
        multicastIf: '127.0.0.1',
      };
      const young = await fleet.once('young', async () => {
        await fleet.fresh().ask('startGossiping', { ...(await fleet.nodeOptions(OLD)), gossipOptions });
        return fleet.fresh();
      });
      const all: number[] = [];
      for (let i = 0; i < STARTS; i++) {
        const options = await fleet.nodeOptions(`young${process.hrtime.bigint()}@127.0.0.1`);
        all.push(await young.ask<number>('connectMs', { ...options, peer: OLD, gossipOptions }));
      }
      return median(all);
    },
  },
];
