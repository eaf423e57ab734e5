/** The simulation: virtual time by real time, and how long it takes to break clusters and see them heal. */
import type { Row } from '../row.ts';

const NODES = 5;
const VIRTUAL_MS = 600_000;
const FASTER_AT_LEAST = 1_000;
const PLANS = 100;
const STEPS = 20;
const PLANS_AT_MOST_S = 30;
const MEMBERS = 1_000;
const MEMBERS_AT_MOST_S = 60;

const SIMULATED = `simulated cluster of ${NODES}`;

/** How many times faster than real time. */
function pace(name: string, everyMs: number, goals: Row['goals'] = []): Row {
  return {
    name,
    unit: 'times real time',
    needs: ['beamish'],
    goals,
    async measure(fleet) {
      const worker = await fleet.once('simulation', () => Promise.resolve(fleet.worker('simulation')));
      return (
        VIRTUAL_MS / (await worker.ask<number>('cluster', { nodes: NODES, virtualMs: VIRTUAL_MS, everyMs }))
      );
    },
  };
}

export const simulationRows: readonly Row[] = [
  pace(`${SIMULATED}, idle`, 0, [{ atLeast: FASTER_AT_LEAST }]),
  pace(`${SIMULATED}, a call of each a second`, 1_000),
  {
    name: `${PLANS} plans of ${STEPS} faults, ${NODES} nodes`,
    unit: 's',
    needs: ['beamish'],
    goals: [{ atMost: PLANS_AT_MOST_S }],
    once: true,
    async measure(fleet) {
      const worker = fleet.worker('simulation');
      try {
        return (await worker.ask<number>('plans', { count: PLANS, nodes: NODES, steps: STEPS })) / 1_000;
      } finally {
        await worker.end();
      }
    },
  },
  {
    name: `membership of ${MEMBERS.toLocaleString('en')} simulated nodes`,
    unit: 's',
    needs: ['beamish'],
    goals: [{ atMost: MEMBERS_AT_MOST_S }],
    once: true,
    async measure(fleet) {
      // It is a simulation of the specs, and so in TypeScript.
      const worker = fleet.worker('simulation', ['--import', import.meta.resolve('tsx')]);
      try {
        return (await worker.ask<number>('membership', { nodes: MEMBERS })) / 1_000;
      } finally {
        await worker.end();
      }
    },
  },
];
