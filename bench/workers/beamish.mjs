/**
 * A Beamish node for the benchmarks: the built package, as users get it. The exchange is that of bench_beam.erl, so
 * that any sender works with any sink.
 */
import { actor, at, atom, startNode, tuple } from '../../dist/index.js';
import { serve, timed } from './serve.mjs';

const MSG = atom('msg');
const START = atom('start');
const READY = atom('ready');
const DONE = atom('done');
const BAD = atom('bad');

let node;

serve({ start, oneWay, calls, localSends, localCalls, spawns, idleBytes, connectMs, stop });

/** Counts messages and checks their order, in a plain synchronous handler. */
const Sink = actor('sink', (self) => {
  let from;
  let next = 1;
  let count = 0;
  self.onMessage((message) => {
    const [kind, value, size] = message.elements;
    if (kind === MSG) {
      if (value !== next) self.send(from, tuple(BAD, next, value));
      next += 1;
      if (next > count) self.send(from, tuple(DONE, count));
    } else if (kind === START) {
      from = value;
      count = size;
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
  const binary = bytes === 0 ? undefined : Buffer.alloc(bytes, 255);
  return timed(async () => {
    for (let i = 1; i <= count; i++) {
      const message = binary === undefined ? tuple(MSG, i) : tuple(MSG, i, binary);
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

async function idleBytes({ count }) {
  const pids = new Array(count);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i++) pids[i] = node.spawn(Idle, []);
  await new Promise(setImmediate);
  globalThis.gc();
  // The list itself: 8 bytes each, allocated before.
  const after = process.memoryUsage().heapUsed;
  await node.stop();
  return (after - before) / count;
}

/** Milliseconds from this node's first heartbeat to its connection with the one that already gossips. */
async function connectMs({ peer, ...options }) {
  const { gossip } = await import('../../dist/index.js');
  const up = Promise.withResolvers === undefined ? deferred() : Promise.withResolvers();
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel');
  const marks = {};
  const onSent = () => {
    marks.sent ??= performance.now();
  };
  const onUp = (event) => {
    if (event.peer === peer) up.resolve(performance.now());
  };
  subscribe('beamish:gossip.heartbeat', onSent);
  subscribe('beamish:nodeup', onUp);
  const { gossipOptions, ...nodeOptions } = options;
  const young = await startNode({ ...nodeOptions, discovery: gossip(gossipOptions) });
  const connected = await up.promise;
  await young.stop();
  unsubscribe('beamish:gossip.heartbeat', onSent);
  unsubscribe('beamish:nodeup', onUp);
  if (marks.sent === undefined) throw new Error('connected without a heartbeat');
  return connected - marks.sent;
}

function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
