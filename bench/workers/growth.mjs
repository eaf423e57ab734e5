/** Nodes for the growth curves: one hub, or as many peers in one process as are asked for. */
import { actor, at, startNode, tuple } from '../../dist/index.js';
import { serve, timed } from './serve.mjs';

const nodes = [];

serve({ start, connectAll, toEach, fanOut, actors, names, joinNames, sizes, heapBytes, mostBytes });

const Counter = actor('counter', (self) => {
  let count = 0;
  self.onMessage(() => {
    count += 1;
  });
  return { count: () => count };
});

async function start({ names, ...options }) {
  for (const name of names) {
    const node = await startNode({ ...options, name });
    node.spawn(Counter, [], { name: 'counter' });
    nodes.push(node);
  }
}

/** From the hub to every peer; gives the milliseconds. */
async function connectAll({ peers }) {
  return timed(() => Promise.all(peers.map((peer) => nodes[0].connect(peer))));
}

/** `count` small messages, the peers taking turns of `run` each; gives the milliseconds until all have counted theirs. */
async function toEach({ peers, count, run }) {
  const [hub] = nodes;
  const sinks = peers.map((peer) => at(peer, 'counter'));
  const before = await Promise.all(sinks.map((sink) => hub.call(sink, 'count')));
  const ms = await timed(async () => {
    for (let i = 0; i < count; i++) {
      const turn = Math.floor(i / run) % peers.length;
      if (!hub.send(sinks[turn], i)) await hub.drained(peers[turn]);
      else if (i % 1024 === 1023) await new Promise(setImmediate);
    }
    await Promise.all(sinks.map((sink) => hub.call(sink, 'count')));
  });
  const after = await Promise.all(sinks.map((sink) => hub.call(sink, 'count')));
  const arrived = after.reduce((sum, each, i) => sum + each - before[i], 0);
  if (arrived !== count) throw new Error(`of ${count} messages ${arrived} arrived`);
  return ms;
}

/**
 * One message at a time to `receivers` actors of this node, `rounds` times; a round before makes their mailboxes. Gives the
 * milliseconds, and the heap of each receiver.
 */
async function fanOut({ receivers, rounds }) {
  const [hub] = nodes;
  const heapBefore = heapBytes();
  const pids = Array.from({ length: receivers }, () => hub.spawn(Counter, []));
  const round = async () => {
    for (const pid of pids) hub.send(pid, 'message');
    await new Promise(setImmediate);
  };
  await round();
  const last = pids.at(-1);
  await hub.call(last, 'count');
  const ms = await timed(async () => {
    for (let i = 0; i < rounds; i++) await round();
    if ((await hub.call(last, 'count')) !== rounds + 1) throw new Error('messages were lost');
  });
  const bytesEach = (heapBytes() - heapBefore) / receivers;
  for (const pid of pids) hub.exit(pid, 'kill');
  return { ms, bytesEach };
}

/** Spawns `count` actors, sends each one message, and gives times and what each weighs. */
async function actors({ count }) {
  const [hub] = nodes;
  const pids = new Array(count);
  const heapBefore = heapBytes();
  const spawnMs = await timed(async () => {
    for (let i = 0; i < count; i++) {
      pids[i] = hub.spawn(Counter, []);
      if (i % 1024 === 1023) await new Promise(setImmediate);
    }
    await hub.call(pids[count - 1], 'count');
  });
  const bytesEach = (heapBytes() - heapBefore) / count;
  const sendMs = await timed(async () => {
    for (let i = 0; i < count; i++) {
      hub.send(pids[i], i);
      if (i % 1024 === 1023) await new Promise(setImmediate);
    }
    await hub.call(pids[count - 1], 'count');
  });
  for (const pid of pids) hub.exit(pid, 'kill');
  return { spawnMs, bytesEach, sendMs };
}

/** Names `count` processes, one after the other, and looks them up; those of `warm` are taken away again. */
async function names({ tag, count }) {
  const [hub] = nodes;
  const { global } = hub;
  const pids = Array.from({ length: count }, () => hub.spawn(Counter, []));
  const keys = pids.map((_, i) => tuple(tag, i));
  // All have started: what they weigh themselves is not asked.
  await hub.call(pids.at(-1), 'count');
  const heapBefore = heapBytes();
  const registerMs = await timed(async () => {
    for (const [i, pid] of pids.entries()) await global.register(keys[i], pid);
  });
  const bytesEach = (heapBytes() - heapBefore) / count;
  const lookUps = Math.max(100_000, count);
  let found = 0;
  const lookUpMs = await timed(() => {
    for (let i = 0; i < lookUps; i++) if (global.whereis(keys[i % count]) === pids[i % count]) found++;
  });
  if (found !== lookUps) throw new Error('a name was not found');
  if (tag === 'warm') {
    for (const pid of pids) hub.exit(pid, 'kill');
    while (global.registered().length > 0) await new Promise(setImmediate);
  }
  return { registerMs, lookUpMs, lookUps, bytesEach };
}

/** Milliseconds until this young node has all the names of that one. */
async function joinNames({ peer, count }) {
  const [young] = nodes;
  return timed(async () => {
    await young.connect(peer);
    await young.global.sync();
    const { length } = young.global.registered();
    if (length !== count) throw new Error(`of ${count} names ${length} came`);
  });
}

/** `count` binaries of `bytes` to a peer. */
async function sizes({ peer, bytes, count }) {
  const [hub] = nodes;
  const sink = at(peer, 'counter');
  const binary = Buffer.alloc(bytes, 200);
  const client = hub.client(sink, { timeout: 60_000 });
  const before = await client.count();
  const ms = await timed(async () => {
    for (let i = 0; i < count; i++) {
      if (!hub.send(sink, binary)) await hub.drained(peer);
      else if (i % 1024 === 1023) await new Promise(setImmediate);
    }
    if ((await client.count()) !== before + count) throw new Error('messages were lost');
  });
  return ms;
}

function heapBytes() {
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** The most memory that this process has had from the system. */
function mostBytes() {
  return process.resourceUsage().maxRSS * 1024;
}
