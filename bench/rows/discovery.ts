/** How soon a young node is part of the cluster: from its first heartbeat to `nodeup`, on loopback. */
import { setTimeout as sleep } from 'node:timers/promises';
import { freeUdpPort } from '../../spec/support/ports.ts';
import { median, type Row } from '../row.ts';

const STARTS = 10;
const AT_MOST_MS = 50;
const OLD = 'gossip1@127.0.0.1';
const EAR = 'ear@127.0.0.1';

const NAMES = 1_000;
const HEARD_FOR_MS = 5_000;
/** Before that, at ten times the pace: the engine compiles what is called thousands of times, and a node lives for days. */
const WARM_FOR_MS = 2_500;
const WARM_PACE = 10;
/**
 * Then at the pace itself, until the node knows that it is one of many and reads in goes, and until the engine has collected
 * what starting left: it does so once, eight seconds after, and takes as long as hearing for eight.
 */
const SETTLE_FOR_MS = 8_000;
/** Longer than the longest time between two goes. */
const UNREAD_FOR_MS = 200;
const GROUPS = ['230.1.1.251', '233.252.1.32'];
/** Share of a core that hearing the heartbeats of such a cluster may cost, in per cent. */
const HEARING_AT_MOST = 2;

const hearingName = (who: string) => `${NAMES.toLocaleString('en')} names heard, ${who}`;
const BARE_SOCKET = 'bare socket';

/**
 * One node of a thousand, all connected: what it costs to hear the others. And a socket that counts what comes and
 * does nothing else: what waking up for each datagram costs alone.
 */
function hearing(form: 'plain' | 'encrypted' | 'sealed', options?: Record<string, unknown>): Row {
  return {
    name: hearingName(options === undefined ? BARE_SOCKET : form),
    unit: '% of a core',
    needs: ['beamish'],
    goals: options === undefined ? [] : [{ atMost: HEARING_AT_MOST }],
    async measure(fleet) {
      // A port of its own: whoever gossips for another row would try to connect to them all.
      const port = await freeUdpPort();
      const names = Array.from({ length: NAMES }, (_, i) => `node-${i}@10.0.${i >> 8}.${i & 255}`);
      const ear = fleet.fresh();
      const crowd = fleet.worker('crowd');
      try {
        const gossipOptions = { port, multicastIf: '127.0.0.1', ...options };
        if (options === undefined) await ear.ask('listenAlone', { ...gossipOptions, groups: GROUPS });
        else await ear.ask('gossipAmong', { ...(await fleet.nodeOptions(EAR)), names, gossipOptions });
        const speak = (ms: number, pace: number) =>
          crowd.ask<number>('speak', {
            names,
            form,
            port,
            groups: GROUPS,
            multicastIf: '127.0.0.1',
            ms,
            pace,
          });
        const soFar = async () => {
          await sleep(UNREAD_FOR_MS);
          return ear.ask<{ cpuMs: number; heard: number }>('cpuMs');
        };
        await speak(WARM_FOR_MS, WARM_PACE);
        await speak(SETTLE_FOR_MS, 1);
        const before = await soFar();
        const sent = await speak(HEARD_FOR_MS, 1);
        const after = await soFar();
        if (after.heard - before.heard < sent * 0.99) throw new Error('not all heartbeats were heard');
        return ((after.cpuMs - before.cpuMs) / HEARD_FOR_MS) * 100;
      } finally {
        await Promise.all([ear.end(), crowd.end()]);
      }
    },
  };
}

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
  hearing('plain'),
  hearing('plain', {}),
  hearing('encrypted', { secret: 'secret' }),
  hearing('sealed', { secret: 'secret', seal: 'secretbox' }),
];
