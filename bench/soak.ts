/**
 * `npm run bench:soak`: mixed traffic between two operating system processes at half of the rate they can do, for ten
 * minutes: a line for each minute with both heaps and the round trips of calls meanwhile. Fails when a message is lost,
 * out of order or altered, when the heap grows, or when more than one call in a thousand takes longer than 50 ms; says
 * how many calls took longer than that, and how long the event loops and collections of both processes were meanwhile,
 * which is where a long call comes from.
 *
 *   --minutes N    how long (10)
 *   --rate N       messages a second, instead of half of what they can do
 */
import { parseArgs } from 'node:util';
import { beamAvailable } from '../spec/support/beam-node.ts';
import { Fleet } from './fleet.ts';
import { describeMachine, machineLines } from './report.ts';
import { withinLimit } from './watchdog.ts';
import type { Worker } from './worker.ts';

const P999_AT_MOST_MS = 50;
/** The heap at the end by the heap after the first minute. */
const GROWTH_AT_MOST = 1.2;
const SENDER = 'soak1@127.0.0.1';
const RECEIVER = 'soak2@127.0.0.1';
const MIB = 1024 * 1024;

interface Minute {
  readonly sent: number;
  readonly calls: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Calls above 50 ms. */
  readonly spikes: number;
}

interface Pauses {
  readonly loopMs: number;
  readonly collectionMs: number;
  readonly kind: string;
}

/** Beyond its own time; a minute that takes longer stands still. */
const LATE_AT_MOST_MS = 120_000;

async function pausesOf(worker: Worker): Promise<string> {
  const { loopMs, collectionMs, kind } = await worker.ask<Pauses>('pauses');
  return `${loopMs.toFixed(1)} ms (collection ${collectionMs.toFixed(1)}, ${kind})`;
}

const { values: options } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string' } },
});
const minutes = Number(options.minutes);
if (!(minutes > 0)) throw new Error('--minutes takes a number above 0');

const givenRate = Number(options.rate ?? 1);
if (!(givenRate >= 1)) throw new Error('--rate takes a number from 1');

console.log(machineLines(describeMachine(beamAvailable())));
const fleet = new Fleet();
try {
  const sender = fleet.worker('soak', ['--expose-gc']);
  const receiver = fleet.worker('soak', ['--expose-gc']);
  await receiver.ask('start', await fleet.nodeOptions(RECEIVER));
  await sender.ask('start', await fleet.nodeOptions(SENDER));
  const guarded = <T>(work: Promise<T>, ms: number): Promise<T> =>
    withinLimit(work, ms + LATE_AT_MOST_MS, () => fleet.describe());
  // The first seconds are spent compiling; half of that rate would be less than half.
  await guarded(sender.ask('fullRate', { peer: RECEIVER, ms: 3_000 }), 3_000);
  const full = await guarded(sender.ask<number>('fullRate', { peer: RECEIVER, ms: 10_000 }), 10_000);
  const perSecond = options.rate === undefined ? Math.round(full / 2) : givenRate;
  console.log(`full rate ${Math.round(full)} messages/s, held at ${perSecond}`);
  await Promise.all([pausesOf(sender), pausesOf(receiver)]);
  const heaps: number[] = [];
  const worst: Minute[] = [];
  for (let leftMs = minutes * 60_000; leftMs > 0; leftMs -= 60_000) {
    const ms = Math.min(60_000, leftMs);
    const minute = await guarded(sender.ask<Minute>('run', { peer: RECEIVER, perSecond, ms }), ms);
    const [sending, receiving] = [await pausesOf(sender), await pausesOf(receiver)];
    const [ours, theirs] = [await sender.ask<number>('heapBytes'), await receiver.ask<number>('heapBytes')];
    heaps.push(ours + theirs);
    worst.push(minute);
    const trips = [minute.medianMs, minute.p99Ms, minute.p999Ms, minute.maxMs].map((each) => each.toFixed(2));
    console.log(
      `minute ${heaps.length}: ${minute.sent} messages, heaps ${(ours / MIB).toFixed(1)} and ${(theirs / MIB).toFixed(1)} MiB, ` +
        `${minute.calls} calls: median ${trips[0]} ms, p99 ${trips[1]}, p99.9 ${trips[2]}, longest ${trips[3]}, ${minute.spikes} above 50 ms; longest turns ${sending} and ${receiving}`,
    );
  }
  const growth = heaps.at(-1)! / heaps[0]!;
  const p999Ms = Math.max(...worst.map((minute) => minute.p999Ms));
  const spikes = worst.reduce((sum, minute) => sum + minute.spikes, 0);
  const calls = worst.reduce((sum, minute) => sum + minute.calls, 0);
  const held = growth <= GROWTH_AT_MOST && p999Ms <= P999_AT_MOST_MS;
  console.log(
    `${held ? 'held' : 'FAILED'}: nothing lost; heap ×${growth.toFixed(2)} since the first minute, at most ×${GROWTH_AT_MOST}; ` +
      `worst p99.9 ${p999Ms.toFixed(2)} ms, at most ${P999_AT_MOST_MS}; ${spikes} of ${calls} calls above 50 ms`,
  );
  if (!held) process.exitCode = 1;
} finally {
  await fleet.end();
}
