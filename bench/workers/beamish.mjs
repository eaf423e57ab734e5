/**
 * A Beamish node for the benchmarks: the built package, as users get it. The exchange is that of bench_beam.erl, so
 * that any sender works with any sink.
 */
import { createSocket } from 'node:dgram';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { actor, at, atom, gossip, startNode, tuple } from '../../dist/index.js';
import { serve, timed } from './serve.mjs';

const MSG = atom('msg');
const START = atom('start');
const READY = atom('ready');
const DONE = atom('done');
const BAD = atom('bad');
const ALTERED = atom('altered');

let node;

serve(
  {
    start,
    oneWay,
    calls,
    localSends,
    localCalls,
    spawns,
    idleBytes,
    globalLookups,
    globalRegistrations,
    globalFill,
    globalJoin,
    groupJoins,
    groupBytes,
    groupSeen,
    tellMembers,
    startGossiping,
    connectMs,
    gossipAmong,
    listenAlone,
    cpuMs,
    ready,
    joinMesh,
    counters,
    stop,
  },
  // Which of its links holds bytes back, and what it has counted.
  () => node && { connections: node.inspect().connections, counters: node.inspect().counters },
);

/**
 * Message `i` carries one byte over and over, and another one than its neighbours, so that a buffer used again too early
 * shows. Three bytes of each are looked at, and all bytes of every 64th.
 */
const KINDS = 16;
/** Above 127, hence no text: it arrives as bytes. */
const byteOf = (i) => (i % KINDS) * 8 + 128;

function isIntact(i, binary) {
  const byte = byteOf(i);
  const size = binary.length;
  const at = (index) => binary[index] === byte;
  return at(0) && at(size >> 1) && at(size - 1) && (i % 64 !== 0 || Buffer.alloc(size, byte).equals(binary));
}

/** Counts messages and checks their order and content, in a plain synchronous handler. */
const Sink = actor('sink', (self) => {
  let from;
  let next = 1;
  let count = 0;
  self.onMessage((message) => {
    // Read by position, as any fast handler would: destructuring runs an iterator.
    const { elements } = message;
    const kind = elements[0];
    const value = elements[1];
    if (kind === MSG) {
      if (value !== next) self.send(from, tuple(BAD, next, value));
      else if (elements.length === 3 && !isIntact(next, elements[2]))
        self.send(from, tuple(BAD, next, ALTERED));
      next += 1;
      if (next > count) self.send(from, tuple(DONE, count));
    } else if (kind === START) {
      from = value;
      count = elements[2];
      next = 1;
      self.send(from, tuple(READY, self.pid));
    }
  });
  return {};
});

const Adder = actor('adder', () => ({ add: (n) => n + 1 }));
const Idle = actor('idle', () => ({}));

async function start(options) {
  node = await startNode(options);
  node.spawn(Sink, [], { name: 'sink' });
  node.spawn(Adder, [], { name: 'adder' });
}

async function stop() {
  await node.stop();
}

/** Milliseconds for `count` messages of `bytes` (0: a small tuple) to the sink of another node. */
async function oneWay({ peer, count, bytes }) {
  const { sink, done } = await open(at(peer, 'sink'), count);
  const binaries = Array.from({ length: KINDS }, (_, i) => Buffer.alloc(bytes, byteOf(i)));
  return timed(async () => {
    for (let i = 1; i <= count; i++) {
      const message = bytes === 0 ? tuple(MSG, i) : tuple(MSG, i, binaries[i % KINDS]);
      if (!node.send(sink, message)) await node.drained(peer);
    }
    await done;
  });
}

/** Starts the exchange from a process of its own; `done` settles when the sink has counted or complained. */
function open(to, count) {
  return new Promise((opened) => {
    let settle;
    const done = new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
    // A complaint may come before all is sent, and hence before anyone waits for it.
    done.catch(() => undefined);
    node.spawn(async (self) => {
      self.send(to, tuple(START, self.pid, count));
      const [, sink] = await self.receive();
      opened({ sink, done });
      const [kind, expected, got] = await self.receive();
      if (kind === DONE) settle.resolve();
      else settle.reject(new Error(`the sink expected message ${expected} and got ${got}`));
    });
  });
}

async function calls({ peer, count }) {
  const adder = at(peer, 'adder');
  return timed(() => callAll(adder, count));
}

async function localCalls({ count }) {
  const adder = node.whereis('adder');
  return timed(() => callAll(adder, count));
}

async function callAll(adder, count) {
  for (let i = 1; i <= count; i++) {
    const sum = await node.call(adder, 'add', i);
    if (sum !== i + 1) throw new Error(`${i} + 1 came back as ${sum}`);
  }
}

/** The sender yields now and then, as any program does, so that the sink can run; both share one thread. */
async function localSends({ count }) {
  const { sink, done } = await open('sink', count);
  return timed(async () => {
    for (let i = 1; i <= count; i++) {
      node.send(sink, tuple(MSG, i));
      if (i % 1024 === 0) await new Promise(setImmediate);
    }
    await done;
  });
}

/** A process that watches others end, one after the other, as spawn_monitor is used. */
async function spawns({ count }) {
  return timed(
    () =>
      new Promise((resolve, reject) => {
        node.spawn(async (self) => {
          try {
            for (let i = 0; i < count; i++) {
              self.monitor(self.spawn(() => {}));
              await self.receive();
            }
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      }),
  );
}

/** Those that were spawned before have started: that takes as many turns as they need. */
function allStarted() {
  return new Promise((resolve) => node.spawn(() => resolve()));
}

async function idleBytes({ count }) {
  const pids = new Array(count);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) pids[i] = node.spawn(Idle, []);
  await allStarted();
  globalThis.gc();
  // The list itself: 8 bytes each, allocated before.
  const after = process.memoryUsage().heapUsed;
  await node.stop();
  return (after - before) / count;
}

/** Processes that join one by one, and leave again. */
async function groupJoins({ count }) {
  const pids = Array.from({ length: count }, () => node.spawn(Idle, []));
  const scope = node.groups.scope('bench');
  await scope.join('first', pids[0]);
  const ms = await timed(async () => {
    for (const pid of pids) await scope.join('all', pid);
  });
  if (scope.members('all').length !== count) throw new Error('not all have joined');
  for (const pid of pids) node.exit(pid, 'kill');
  if (scope.members('all').length !== 0) throw new Error('not all have left');
  return ms;
}

/** Reads of the local replica, over a thousand names. */
async function globalLookups({ count }) {
  const pid = node.spawn(Idle, []);
  const names = Array.from({ length: 1_000 }, (_, i) => `name ${i}`);
  for (const name of names) await node.global.register(name, pid);
  const { global } = node;
  let found = 0;
  const read = () => {
    for (let i = 0; i < count; i++) if (global.whereis(names[i % 1_000]) === pid) found++;
  };
  read();
  const ms = await timed(read);
  if (found !== 2 * count) throw new Error('a name was not found');
  return ms;
}

/**
 * One after the other; each is confirmed by all other nodes.
 * @param warm - rounds before the one that counts, in which all these nodes compile their code
 */
async function globalRegistrations({ peers, count, warm }) {
  for (const peer of peers) await node.connect(peer);
  while (node.global.members().length < peers.length) await new Promise(setImmediate);
  await node.global.sync();
  const round = async (tag) => {
    const pids = Array.from({ length: count }, () => node.spawn(Idle, []));
    const ms = await timed(async () => {
      for (const [i, pid] of pids.entries()) await node.global.register(tuple(tag, i), pid);
    });
    for (const pid of pids) node.exit(pid, 'kill');
    return ms;
  };
  for (let i = 0; i < warm; i += 1) await round(i);
  return await round(warm);
}

/** Names a process each. Gives the bytes of heap that a name weighs. */
async function globalFill({ count }) {
  const pids = Array.from({ length: count }, () => node.spawn(Idle, []));
  await allStarted();
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (const [i, pid] of pids.entries()) await node.global.register(tuple('many', i), pid);
  await new Promise(setImmediate);
  globalThis.gc();
  return (process.memoryUsage().heapUsed - before) / count;
}

/** Until this node has all the names of that one. */
async function globalJoin({ peer, count }) {
  return timed(async () => {
    await node.connect(peer);
    await node.global.sync();
    if (node.global.registered().length !== count) throw new Error('names are missing');
  });
}

async function groupBytes({ count }) {
  const pids = Array.from({ length: count }, () => node.spawn(Idle, []));
  await allStarted();
  const scope = node.groups.scope('bench');
  await scope.join('first', pids[0]);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (const pid of pids) await scope.join('all', pid);
  globalThis.gc();
  return (process.memoryUsage().heapUsed - before) / count;
}

/** Until the scope of another node has them all. */
async function groupSeen({ peer, count }) {
  await node.connect(peer);
  const pids = Array.from({ length: count }, () => node.spawn(Idle, []));
  const scope = node.groups.scope('bench');
  await scope.join('first', pids[0]);
  await node.call(at(peer, 'teller'), 'when', 'first', 1);
  const ms = await timed(async () => {
    for (const pid of pids) await scope.join('all', pid);
    await node.call(at(peer, 'teller'), 'when', 'all', count);
  });
  for (const pid of pids) node.exit(pid, 'kill');
  await node.call(at(peer, 'teller'), 'when', 'all', 0);
  return ms;
}

/** A process that answers once a group has so many members. */
function tellMembers() {
  const scope = node.groups.scope('bench');
  const Teller = actor('teller', () => ({
    when: (group, count) =>
      new Promise((resolve) => {
        let size = 0;
        const watch = scope.monitor(group, ({ change, pids }) => {
          size += change === 'join' ? pids.length : -pids.length;
          if (size === count) finish();
        });
        const finish = () => {
          watch.stop();
          resolve(true);
        };
        size = watch.members.length;
        if (size === count) finish();
      }),
  }));
  node.spawn(Teller, [], { name: 'teller' });
}

/** The node that is there already: it gossips, and greets whoever does. */
async function startGossiping({ gossipOptions, ...options }) {
  node = await startNode({ ...options, discovery: gossip(gossipOptions) });
}

/** A gossiping node to which all these names are connected. */
async function gossipAmong({ names, gossipOptions, ...options }) {
  const connected = new Set(names);
  const strategy = gossip(gossipOptions);
  // The node's own answer comes from a map, too.
  const list = Object.assign([...names], { includes: (name) => connected.has(name) });
  const listNodes = () => list;
  node = await startNode({ ...options, discovery: { lan: { strategy, listNodes } } });
}

let heardAlone = 0;

/** A socket that counts what it hears. */
function listenAlone({ port, multicastIf, groups }) {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.on('message', () => {
    heardAlone += 1;
  });
  return new Promise((resolve) => {
    socket.bind(port, () => {
      for (const group of groups) socket.addMembership(group, multicastIf);
      resolve();
    });
  });
}

/** Time that this process has spent computing so far, and what it has heard. */
function cpuMs() {
  const { user, system } = process.cpuUsage();
  const heard = node === undefined ? heardAlone : (node.inspect().counters['gossip.heard'] ?? 0);
  return { cpuMs: (user + system) / 1000, heard };
}

/** Answers when this process has loaded all it needs. */
function ready() {}

/** Starts a gossiping node and waits until it has that many peers. */
async function joinMesh({ gossipOptions, peers, ...options }) {
  const now = () => performance.timeOrigin + performance.now();
  node = await startNode({ ...options, discovery: gossip(gossipOptions) });
  const startedAtMs = now();
  await new Promise((resolve) => {
    const look = () => {
      if (node.nodes('connected').length >= peers) resolve();
    };
    node.on('nodeup', look);
    look();
  });
  return { startedAtMs, fullAtMs: now() };
}

function counters() {
  return node.inspect().counters;
}

/**
 * Milliseconds from a young node's first heartbeat to its nodeup. The heartbeat is heard off the wire, by a socket of
 * this process that joined the group too, so that nothing inside the node is relied upon.
 */
async function connectMs({ peer, gossipOptions, ...options }) {
  const ear = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise((resolve) => ear.bind(gossipOptions.port, resolve));
  ear.addMembership(gossipOptions.multicastAddr, gossipOptions.multicastIf);
  let heardAt;
  ear.on('message', (datagram) => {
    if (heardAt === undefined && datagram.includes(options.name)) heardAt = performance.now();
  });
  let young;
  const connectedAt = new Promise((resolve) => {
    const onUp = ({ node: us, name }) => {
      if (us !== options.name || name !== peer) return;
      unsubscribe('beamish:nodeup', onUp);
      resolve(performance.now());
    };
    subscribe('beamish:nodeup', onUp);
  });
  try {
    young = await startNode({ ...options, discovery: gossip(gossipOptions) });
    const at = await connectedAt;
    if (heardAt === undefined) throw new Error('connected before a heartbeat was heard');
    return at - heardAt;
  } finally {
    await young?.stop();
    ear.close();
  }
}
