/** What Node's bare socket gives on this machine: the ceiling for anything built on it. */
import type { Row } from '../row.ts';

export const SOCKET_ROUND_TRIPS = 'bare socket, round trips';
export const SOCKET_BYTES = 'bare socket, bytes';

const ROUND_TRIPS = 10_000;
const FRAMES = 10_000_000;
const MEBIBYTES = 1_500;

export const socketRows: readonly Row[] = [
  {
    name: SOCKET_ROUND_TRIPS,
    unit: 'round trips/s',
    needs: [],
    async measure(fleet) {
      const { client, port } = await fleet.sockets();
      return (ROUND_TRIPS * 1000) / (await client.ask<number>('roundTrips', { port, count: ROUND_TRIPS }));
    },
  },
  {
    name: 'bare socket, 44-byte frames',
    unit: 'frames/s',
    needs: [],
    async measure(fleet) {
      const { client, port } = await fleet.sockets();
      return (FRAMES * 1000) / (await client.ask<number>('frames', { port, count: FRAMES }));
    },
  },
  {
    name: SOCKET_BYTES,
    unit: 'MiB/s',
    needs: [],
    async measure(fleet) {
      const { client, port } = await fleet.sockets();
      return (MEBIBYTES * 1000) / (await client.ask<number>('bytes', { port, mebibytes: MEBIBYTES }));
    },
  },
];
