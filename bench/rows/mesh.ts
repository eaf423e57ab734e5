/** Thirty nodes, each an operating system process, started at once on loopback, until each is connected with each. */
import type { Fleet } from '../fleet.ts';
import type { Row } from '../row.ts';

const NODES = 30;

interface Joined {
  /** Wall clock, ms: the node was started; it was connected with all others. */
  readonly startedAtMs: number;
  readonly fullAtMs: number;
}

interface Mesh {
  readonly ms: number;
  readonly datagrams: number;
  readonly attempts: number;
}

/** The mesh that was formed last in a run: one mesh gives three numbers. */
const last = new WeakMap<Fleet, Mesh>();

async function formMesh(fleet: Fleet): Promise<Mesh> {
  const gossipOptions = {
    port: await fleet.gossipPort(),
    multicastAddr: '230.1.1.251',
    multicastIf: '127.0.0.1',
  };
  const workers = Array.from({ length: NODES }, () => fleet.fresh());
  try {
    // Loaded before the first node starts: what is measured is the cluster, not thirty starts of Node.js.
    await Promise.all(workers.map((worker) => worker.ask('ready')));
    const joined = await Promise.all(
      workers.map(async (worker, i) => {
        const options = await fleet.nodeOptions(`mesh${i}@127.0.0.1`);
        return worker.ask<Joined>('joinMesh', { ...options, gossipOptions, peers: NODES - 1 });
      }),
    );
    const counters = await Promise.all(
      workers.map((worker) => worker.ask<Readonly<Record<string, number>>>('counters')),
    );
    const sum = (name: string) => counters.reduce((total, one) => total + (one[name] ?? 0), 0);
    return {
      ms: Math.max(...joined.map((one) => one.fullAtMs)) - Math.max(...joined.map((one) => one.startedAtMs)),
      datagrams: sum('gossip.sent'),
      attempts: sum('discovery.connected') + sum('discovery.connect_failed'),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

/** Of the mesh that the row above has just formed, or of one formed for the purpose when that row was left out. */
async function lastOf(fleet: Fleet): Promise<Mesh> {
  const mesh = last.get(fleet) ?? (await formMesh(fleet));
  last.set(fleet, mesh);
  return mesh;
}

export const meshRows: readonly Row[] = [
  {
    name: `${NODES} processes, last start to full mesh`,
    unit: 'ms',
    needs: ['beamish'],
    async measure(fleet) {
      const mesh = await formMesh(fleet);
      last.set(fleet, mesh);
      return mesh.ms;
    },
  },
  {
    name: `${NODES} processes, datagrams sent`,
    unit: 'datagrams',
    needs: ['beamish'],
    measure: async (fleet) => (await lastOf(fleet)).datagrams,
  },
  {
    name: `${NODES} processes, attempts for ${(NODES * (NODES - 1)) / 2} links`,
    unit: 'attempts',
    needs: ['beamish'],
    // Each pair may try from both sides.
    goals: [{ atMost: NODES * (NODES - 1) }],
    measure: async (fleet) => (await lastOf(fleet)).attempts,
  },
];
