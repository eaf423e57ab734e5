/**
 * `npm run bench:growth`: how throughput and memory go as the number of links, actors, names and receivers and the
 * size of messages grow. Prints Markdown tables, which `bench/NOTES.md` keeps.
 *
 *   --only TEXT    curves whose name contains TEXT
 */
import { parseArgs } from 'node:util';
import { beamAvailable } from '../spec/support/beam-node.ts';
import { Fleet } from './fleet.ts';
import { describeMachine, machineLines } from './report.ts';
import type { Worker } from './worker.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const HUB = 'hub@127.0.0.1';
const MESSAGES = 300_000;

type Line = readonly (string | number)[];

interface Curve {
  readonly name: string;
  readonly columns: readonly string[];
  lines(fleet: Fleet): AsyncIterable<Line>;
}

const CURVES: readonly Curve[] = [
  {
    name: 'links',
    columns: ['links', 'ms to connect', 'small messages/s to all in turn', 'heap of the hub, KiB a link'],
    async *lines(fleet) {
      for (const count of [1, 2, 5, 10, 20, 50, 100]) {
        const peers = Array.from({ length: count }, (_, i) => `peer${count}x${i}@127.0.0.1`);
        const hub = await started(fleet, [`hub${count}@127.0.0.1`]);
        const others = await started(fleet, peers);
        const before = await hub.ask<number>('heapBytes');
        const connectMs = await hub.ask<number>('connectAll', { peers });
        const perLink = ((await hub.ask<number>('heapBytes')) - before) / count;
        await hub.ask('toEach', { peers, count: MESSAGES / 10 });
        const ms = await hub.ask<number>('toEach', { peers, count: MESSAGES });
        yield [count, connectMs.toFixed(1), perSecond(MESSAGES, ms), (perLink / KIB).toFixed(1)];
        await Promise.all([hub.end(), others.end()]);
      }
    },
  },
  {
    name: 'actors',
    columns: ['actors', 'spawns/s', 'sends/s, one to each', 'bytes each'],
    async *lines(fleet) {
      for (const count of [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]) {
        const hub = await started(fleet, [HUB]);
        await hub.ask('actors', { count: 10_000 });
        const { spawnMs, sendMs, bytesEach } = await hub.ask<Record<string, number>>('actors', { count });
        // What a handful weighs is lost in what the collector leaves.
        const bytes = count < 1_000 ? '–' : Math.round(bytesEach!);
        yield [count, perSecond(count, spawnMs!), perSecond(count, sendMs!), bytes];
        await hub.end();
      }
    },
  },
  {
    name: 'names',
    columns: ['names', 'registrations/s', 'lookups/s', 'ms until a young node has them', 'bytes each'],
    async *lines(fleet) {
      for (const count of [1, 10, 100, 1_000, 10_000, 100_000]) {
        const hub = await started(fleet, [HUB], { hidden: false });
        await hub.ask('names', { tag: 'warm', count: 1_000 });
        const { registerMs, lookUpMs, lookUps, bytesEach } = await hub.ask<Record<string, number>>('names', {
          tag: 'hot',
          count,
        });
        const young = await started(fleet, ['young@127.0.0.1'], { hidden: false });
        const joinMs = await young.ask<number>('joinNames', { peer: HUB, count });
        const bytes = count < 1_000 ? '–' : Math.round(bytesEach!);
        yield [
          count,
          perSecond(count, registerMs!),
          perSecond(lookUps!, lookUpMs!),
          joinMs.toFixed(1),
          bytes,
        ];
        await Promise.all([hub.end(), young.end()]);
      }
    },
  },
  {
    name: 'fan-out',
    columns: ['receivers', 'messages/s'],
    async *lines(fleet) {
      const hub = await started(fleet, [HUB]);
      for (const receivers of [1, 10, 100, 1_000, 10_000, 100_000]) {
        const rounds = Math.max(3, Math.round(MESSAGES / receivers / 10));
        await hub.ask('fanOut', { receivers, rounds: 3 });
        const ms = await hub.ask<number>('fanOut', { receivers, rounds });
        yield [receivers, perSecond(receivers * rounds, ms)];
      }
      await hub.end();
    },
  },
  {
    name: 'message sizes',
    columns: ['bytes', 'messages/s', 'MiB/s'],
    async *lines(fleet) {
      const peer = 'peer@127.0.0.1';
      const hub = await started(fleet, [HUB]);
      const other = await started(fleet, [peer]);
      for (const bytes of [1, 16, 256, 4 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB]) {
        const count = Math.max(5, Math.min(200_000, Math.round((512 * MIB) / bytes)));
        await hub.ask('sizes', { peer, bytes, count: Math.ceil(count / 10) });
        const ms = await hub.ask<number>('sizes', { peer, bytes, count });
        yield [bytes, perSecond(count, ms), ((count * bytes * 1000) / ms / MIB).toFixed(1)];
      }
      await Promise.all([hub.end(), other.end()]);
    },
  },
];

function perSecond(count: number, ms: number): string {
  return Math.round((count * 1000) / ms).toLocaleString('en-GB');
}

async function started(
  fleet: Fleet,
  names: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<Worker> {
  const worker = fleet.worker('growth', ['--expose-gc', '--max-old-space-size=4096']);
  const { name: _, ...options } = await fleet.nodeOptions('');
  await worker.ask('start', { ...options, ...more, names });
  return worker;
}

const { values: options } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const fleet = new Fleet();
try {
  const machine = describeMachine(beamAvailable());
  console.log(machineLines(machine));
  for (const { name, columns, lines } of CURVES.filter((curve) => curve.name.includes(options.only))) {
    console.log(`\n${name}\n\n| ${columns.join(' | ')} |\n|${'---:|'.repeat(columns.length)}`);
    for await (const line of lines(fleet)) console.log(`| ${line.join(' | ')} |`);
  }
} finally {
  await fleet.end();
}
