/**
 * `npm run bench:soak`: mixed traffic between two operating system processes at half of the rate they can do, for ten
 * minutes: a line for each minute with both heaps and the round trips of calls meanwhile. Fails when a message is lost,
 * out of order or altered, when the heap grows, or when more than one call in a thousand takes longer than 50 ms.
 *
 *   --minutes N    how long (10)
 */
import { parseArgs } from 'node:util';
import { Fleet } from './fleet.ts';
import { describeMachine, machineLines } from './report.ts';

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
}

const { values: options } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minutes = Number(options.minutes);
if (!(minutes > 0)) throw new Error('--minutes takes a number above 0');

console.log(machineLines(describeMachine(false)));
const fleet = new Fleet();
try {
  const sender = fleet.worker('soak', ['--expose-gc']);
  const receiver = fleet.worker('soak', ['--expose-gc']);
  await receiver.ask('start', await fleet.nodeOptions(RECEIVER));
  await sender.ask('start', await fleet.nodeOptions(SENDER));
  const full = await sender.ask<number>('fullRate', { peer: RECEIVER, ms: 10_000 });
  const perSecond = Math.round(full / 2);
  console.log(`full rate ${Math.round(full)} messages/s, held at ${perSecond}`);
  const heaps: number[] = [];
  const worst: Minute[] = [];
  for (let leftMs = minutes * 60_000; leftMs > 0; leftMs -= 60_000) {
    const ms = Math.min(60_000, leftMs);
    const minute = await sender.ask<Minute>('run', { peer: RECEIVER, perSecond, ms });
    const [ours, theirs] = [await sender.ask<number>('heapBytes'), await receiver.ask<number>('heapBytes')];
    heaps.push(ours + theirs);
    worst.push(minute);
    const trips = [minute.medianMs, minute.p99Ms, minute.p999Ms, minute.maxMs].map((each) => each.toFixed(2));
    console.log(
      `minute ${heaps.length}: ${minute.sent} messages, heaps ${(ours / MIB).toFixed(1)} and ${(theirs / MIB).toFixed(1)} MiB, ` +
        `${minute.calls} calls: median ${trips[0]} ms, p99 ${trips[1]}, p99.9 ${trips[2]}, longest ${trips[3]}`,
    );
  }
  const growth = heaps.at(-1)! / heaps[0]!;
  const p999Ms = Math.max(...worst.map((minute) => minute.p999Ms));
  console.log(`nothing lost; heap ×${growth.toFixed(2)}; worst p99.9 ${p999Ms.toFixed(2)} ms`);
  if (growth > GROWTH_AT_MOST || p999Ms > P999_AT_MOST_MS) process.exitCode = 1;
} finally {
  await fleet.end();
}
