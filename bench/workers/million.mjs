/**
 * A million live actors on one node, of which every hundredth exchanges messages with a neighbour: how long the event
 * loop is kept from its other work meanwhile.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { actor, startNode } from '../../dist/index.js';
import { serve } from './serve.mjs';

let node;
let pids;

serve({ start, populate, exchange });

const Neighbour = actor('neighbour', (self) => {
  let partner;
  let heard = 0;
  self.onMessage((message) => {
    heard += 1;
    if (message !== undefined && partner === undefined) partner = message;
    self.send(partner, undefined);
  });
  return { heard: () => heard };
});

async function start(options) {
  node = await startNode(options);
}

/** Starts them, in pieces as any program would, and gives the heap that each takes, in bytes. */
async function populate({ count }) {
  pids = new Array(count);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i += 1) {
    pids[i] = node.spawn(Neighbour, []);
    if (i % 1024 === 1023) await new Promise(setImmediate);
  }
  // One that is spawned last starts last.
  await new Promise((resolve) => node.spawn(() => resolve()));
  globalThis.gc();
  return (process.memoryUsage().heapUsed - before) / count;
}

/**
 * Pairs of actors, one actor in a hundred, send each other a message for each they get, as fast as they can, for `ms`.
 * Gives the 99th percentile of the event loop's delay in ms and the messages that were exchanged a second.
 */
async function exchange({ ms }) {
  const talkers = pids.filter((_pid, i) => i % 200 < 2);
  const resolutionMs = 1;
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  const heardBefore = await total(talkers);
  for (let i = 0; i < talkers.length; i += 2) {
    node.send(talkers[i], talkers[i + 1]);
    node.send(talkers[i + 1], talkers[i]);
  }
  delay.enable();
  const begun = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  delay.disable();
  const heard = (await total(talkers)) - heardBefore;
  // They talk on while they are counted.
  const tookMs = performance.now() - begun;
  if (heard < talkers.length) throw new Error(`${talkers.length} actors exchanged only ${heard} messages`);
  return {
    // The monitor counts its own period in.
    p99Ms: Math.max(0, delay.percentile(99) / 1e6 - resolutionMs),
    maxMs: delay.max / 1e6,
    perSecond: (heard * 1000) / tookMs,
    live: node.inspect().processes,
  };
}

async function total(talkers) {
  let sum = 0;
  for (let i = 0; i < talkers.length; i += 1000) {
    const heard = await Promise.all(
      talkers.slice(i, i + 1000).map((pid) => node.client(pid, { timeout: 60_000 }).heard()),
    );
    for (const each of heard) sum += each;
  }
  return sum;
}
