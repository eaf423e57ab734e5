/**
 * `npm run bench:growth`: how throughput and memory go as the number of links, actors, names and receivers and the
 * size of messages grow. Prints Markdown tables, which `bench/NOTES.md` keeps.
 *
 *   --only TEXT    curves whose name contains TEXT
 *   --runs N       measures each curve so often, and tells the medians (1)
 *   --svg FOLDER   also draws each curve, into a file of its name there
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { beamAvailable } from '../spec/support/beam-node.ts';
import { Fleet } from './fleet.ts';
import { plot } from './plot.ts';
import { describeMachine, machineLines } from './report.ts';
import { median } from './row.ts';
import type { Worker } from './worker.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const HUB = 'hub@127.0.0.1';
const MESSAGES = 300_000;

/** What grows, then what was measured; undefined where that says nothing. */
type Line = readonly [number, ...(number | undefined)[]];

interface Curve {
  readonly name: string;
  readonly columns: readonly [string, ...string[]];
  lines(fleet: Fleet): AsyncIterable<Line>;
}

const CURVES: readonly Curve[] = [
  {
    name: 'links',
    columns: [
      'links',
      'ms to connect',
      'small messages/s, one to each in turn',
      'small messages/s, 100 to each in turn',
      'heap of the hub, KiB a link',
    ],
    async *lines(fleet) {
      for (const count of [1, 2, 5, 10, 20, 50, 100]) {
        const peers = Array.from({ length: count }, (_, i) => `peer${count}x${i}@127.0.0.1`);
        // Hidden: visible ones would connect with each other, and a hundred links would be five thousand.
        const hub = await started(fleet, [`hub${count}@127.0.0.1`], { hidden: true });
        const others = await started(fleet, peers, { hidden: true });
        const before = await hub.ask<number>('heapBytes');
        const connectMs = await hub.ask<number>('connectAll', { peers });
        const perLink = ((await hub.ask<number>('heapBytes')) - before) / count;
        const rates: number[] = [];
        for (const run of [1, 100]) {
          // A second of it: the first run would be measured while the engine compiles.
          await hub.ask('toEach', { peers, count: MESSAGES, run });
          rates.push(perSecond(MESSAGES, await hub.ask<number>('toEach', { peers, count: MESSAGES, run })));
        }
        yield [count, connectMs, ...rates, perLink / KIB];
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
        const { spawnMs, sendMs, bytesEach } = await hub.ask<Times>('actors', { count });
        yield [count, perSecond(count, spawnMs!), perSecond(count, sendMs!), ofMany(count, bytesEach!)];
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
        const { registerMs, lookUpMs, lookUps, bytesEach } = await hub.ask<Times>('names', {
          tag: 'hot',
          count,
        });
        const young = await started(fleet, ['young@127.0.0.1'], { hidden: false });
        const joinMs = await young.ask<number>('joinNames', { peer: HUB, count });
        yield [
          count,
          perSecond(count, registerMs!),
          perSecond(lookUps!, lookUpMs!),
          joinMs,
          ofMany(count, bytesEach!),
        ];
        await Promise.all([hub.end(), young.end()]);
      }
    },
  },
  {
    name: 'fan-out',
    columns: ['receivers', 'messages/s', 'heap, bytes a receiver'],
    async *lines(fleet) {
      const hub = await started(fleet, [HUB]);
      for (const receivers of [1, 10, 100, 1_000, 10_000, 100_000]) {
        const rounds = Math.max(10, Math.round(MESSAGES / receivers));
        await hub.ask('fanOut', { receivers, rounds: 10 });
        const { ms, bytesEach } = await hub.ask<Times>('fanOut', { receivers, rounds });
        yield [receivers, perSecond(receivers * rounds, ms!), ofMany(receivers, bytesEach!)];
      }
      await hub.end();
    },
  },
  {
    name: 'message sizes',
    columns: ['bytes', 'messages/s', 'MiB/s', 'memory of the sender, MiB', 'memory of the receiver, MiB'],
    async *lines(fleet) {
      const peer = 'peer@127.0.0.1';
      for (const bytes of [1, 16, 256, 4 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB]) {
        const count = Math.max(5, Math.min(200_000, Math.round((512 * MIB) / bytes)));
        const hub = await started(fleet, [HUB]);
        const other = await started(fleet, [peer]);
        await hub.ask('sizes', { peer, bytes, count: Math.ceil(count / 10) });
        const ms = await hub.ask<number>('sizes', { peer, bytes, count });
        const memory = [await hub.ask<number>('mostBytes'), await other.ask<number>('mostBytes')];
        yield [
          bytes,
          perSecond(count, ms),
          (count * bytes * 1000) / ms / MIB,
          memory[0]! / MIB,
          memory[1]! / MIB,
        ];
        await Promise.all([hub.end(), other.end()]);
      }
    },
  },
];

type Times = Readonly<Record<string, number>>;

function perSecond(count: number, ms: number): number {
  return (count * 1000) / ms;
}

/** What a handful weighs is lost in what the collector leaves. */
function ofMany(count: number, bytesEach: number): number | undefined {
  return count < 1_000 ? undefined : bytesEach;
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

/** The medians of several runs, cell by cell. */
async function measured({ lines }: Curve, fleet: Fleet, runs: number): Promise<readonly Line[]> {
  const all: Line[][] = [];
  for (let run = 0; run < runs; run++) {
    const one: Line[] = [];
    for await (const line of lines(fleet)) one.push(line);
    all.push(one);
  }
  return all[0]!.map((first, row) => {
    const cells = first.map((_, column) => {
      const values = all.map((one) => one[row]![column]).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : median(values);
    });
    return cells as unknown as Line;
  });
}

function cell(value: number | undefined): string {
  if (value === undefined) return '–';
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1;
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    runs: { type: 'string', default: '1' },
    svg: { type: 'string' },
  },
});
const runs = Number(options.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error('--runs takes a whole number from 1');
const chosen = CURVES.filter((curve) => curve.name.includes(options.only));
if (chosen.length === 0)
  throw new Error(
    `no curve is called ${options.only}; there are ${CURVES.map(({ name }) => name).join(', ')}`,
  );
// Before the minutes of measuring, so that a folder that can't be made is told at once.
if (options.svg !== undefined) mkdirSync(options.svg, { recursive: true });
const fleet = new Fleet();
try {
  const machine = describeMachine(beamAvailable());
  console.log(machineLines(machine));
  for (const curve of chosen) {
    const { name, columns } = curve;
    const lines = await measured(curve, fleet, runs);
    console.log(`\n${name}\n\n| ${columns.join(' | ')} |\n|${'---:|'.repeat(columns.length)}`);
    for (const line of lines) console.log(`| ${line.map(cell).join(' | ')} |`);
    if (options.svg === undefined) continue;
    const [across, ...measures] = columns;
    const panels = measures.map((title, i) => ({
      title,
      points: lines.flatMap((line) => {
        const y = line[i + 1];
        return y !== undefined && y > 0 ? [[line[0], y] as const] : [];
      }),
    }));
    const file = join(options.svg, `${name.replaceAll(' ', '-')}.svg`);
    writeFileSync(file, plot(`${name}: ${measures.join(', ')}, by ${across}`, across, panels));
  }
} finally {
  await fleet.end();
}
