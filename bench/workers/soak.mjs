/**
 * One end of a long run: mixed traffic at a fixed rate to a sink elsewhere that checks every message, and calls in
 * between whose round trips are timed.
 */
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { actor, at, startNode } from '../../dist/index.js';
import { serve } from './serve.mjs';

const SLICE_MS = 5;
const CALL_EVERY_MS = 5;
/** A round trip that is longer is told of. */
const SPIKE_MS = 50;
/** One message in so many is this long; the others are small. */
const MIX = [
  { every: 64, bytes: 1024 },
  { every: 1024, bytes: 64 * 1024 },
  { every: 16_384, bytes: 1024 * 1024 },
];
const BINARIES = new Map(MIX.map(({ bytes }) => [bytes, Buffer.alloc(bytes, 200)]));

let node;

serve(
  { start, fullRate, run, heapBytes, pauses },
  () => node && { sent, connections: node.inspect().connections },
);

/** What holds this process up: turns of its event loop, and the collector. Since the last time it was asked. */
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();
let longestCollection = { ms: 0, kind: 'none' };
new PerformanceObserver((list) => {
  for (const { duration, detail } of list.getEntries())
    if (duration > longestCollection.ms)
      longestCollection = { ms: duration, kind: KINDS[detail.kind] ?? 'other' };
}).observe({ entryTypes: ['gc'] });

const KINDS = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
};

function pauses() {
  const told = { loopMs: loop.max / 1e6, collectionMs: longestCollection.ms, kind: longestCollection.kind };
  loop.reset();
  longestCollection = { ms: 0, kind: 'none' };
  return told;
}

/** Messages are their number, alone or with a binary; each must be one more than the last. */
const Sink = actor('soak_sink', (self) => {
  let last = 0;
  let wrong = 0;
  self.onMessage((message) => {
    const number = typeof message === 'number' ? message : message[0];
    if (number !== last + 1 || (typeof message !== 'number' && !isIntact(number, message[1]))) wrong += 1;
    last = number;
  });
  return { state: () => [last, wrong], echo: (n) => n };
});

function bytesOf(number) {
  let bytes = 0;
  for (const each of MIX) if (number % each.every === 0) bytes = each.bytes;
  return bytes;
}

function isIntact(number, binary) {
  return BINARIES.get(bytesOf(number))?.equals(binary) === true;
}

async function start(options) {
  node = await startNode(options);
  node.spawn(Sink, [], { name: 'soak_sink' });
}

let sent = 0;

function sendOne(sink) {
  sent += 1;
  const bytes = bytesOf(sent);
  return node.send(sink, bytes === 0 ? sent : [sent, BINARIES.get(bytes)]);
}

/** Messages of the mix a second, as fast as they go. */
async function fullRate({ peer, ms }) {
  const sink = at(peer, 'soak_sink');
  const before = sent;
  const begun = performance.now();
  while (performance.now() - begun < ms) {
    if (!sendOne(sink)) await node.drained(peer);
    else if (sent % 4096 === 0) await new Promise(setImmediate);
  }
  await allArrived(peer);
  return ((sent - before) * 1000) / (performance.now() - begun);
}

/** `perSecond` messages of the mix for `ms`; gives the round trips of the calls in between, and what went wrong. */
async function run({ peer, perSecond, ms }) {
  const sink = at(peer, 'soak_sink');
  const client = node.client(sink, { timeout: 60_000 });
  const before = sent;
  const begun = performance.now();
  const tripsMs = [];
  let failed;
  let callsAfterMs = CALL_EVERY_MS;
  let pending = 0;
  for (;;) {
    const nowMs = performance.now() - begun;
    if (nowMs >= ms) break;
    const due = Math.floor((nowMs * perSecond) / 1000) - (sent - before);
    // Who sends on above the mark loses the link in the end: what is late is made up for in the next slices.
    for (let i = 0; i < due; i++) {
      if (!sendOne(sink)) {
        await node.drained(peer);
        break;
      }
      // A program that catches up lets others run in between, too.
      if (i % 1024 === 1023) await new Promise(setImmediate);
    }
    if (nowMs >= callsAfterMs) {
      callsAfterMs = nowMs + CALL_EVERY_MS;
      const calledMs = performance.now();
      pending += 1;
      client.echo(calledMs).then(
        (echoed) => {
          pending -= 1;
          if (echoed !== calledMs) failed ??= new Error(`${calledMs} came back as ${echoed}`);
          tripsMs.push(performance.now() - calledMs);
        },
        (error) => {
          pending -= 1;
          failed ??= error;
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
  }
  await allArrived(peer);
  if (failed !== undefined) throw failed;
  if (pending > 0) throw new Error(`${pending} calls were not answered`);
  tripsMs.sort((a, b) => a - b);
  const share = (part) => tripsMs[Math.min(tripsMs.length - 1, Math.floor(tripsMs.length * part))];
  return {
    sent: sent - before,
    calls: tripsMs.length,
    medianMs: share(0.5),
    p99Ms: share(0.99),
    p999Ms: share(0.999),
    maxMs: share(1),
    spikes: tripsMs.filter((ms) => ms > SPIKE_MS).length,
  };
}

/** A call is answered behind all messages that were sent before it. */
async function allArrived(peer) {
  const [last, wrong] = await node.client(at(peer, 'soak_sink'), { timeout: 60_000 }).state();
  if (last !== sent || wrong > 0)
    throw new Error(`of ${sent} messages ${last} arrived, ${wrong} of them out of order or altered`);
}

function heapBytes() {
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
