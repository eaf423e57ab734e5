import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import type { Env } from '../../src/env/index.ts';
import type { Stream, Streams } from '../../src/env/streams.ts';
import { Acceptor } from '../../src/handshake/acceptor.ts';
import { offeredFlags } from '../../src/handshake/flags.ts';
import { encodeName } from '../../src/handshake/messages.ts';
import {
  actor,
  at,
  atom,
  ExitError,
  HandshakeError,
  type Node,
  type NodeOptions,
  tuple,
} from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { Telemetry } from '../../src/telemetry/events.ts';
import { collector, history, Nodes, once } from '../support/nodes.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';
import { watchedStreams } from '../support/watched-streams.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

/** Resolves when a counter of the node has reached a value. */
async function counted(node: Node, counter: string, value = 1): Promise<void> {
  while ((node.inspect().counters[counter] ?? 0) < value)
    await new Promise((resolve) => setImmediate(resolve));
}

/** A clock on which the seven seconds of a handshake pass at once. */
function hasty(): Env {
  const env = platformEnv();
  const wait = (ms: number) => (ms === 7_000 ? 40 : ms);
  return {
    ...env,
    clock: { ...env.clock, setTimeout: (fn, ms) => env.clock.setTimeout(fn, wait(ms)) },
    log: { write: nodes.write },
  };
}

const TICK_BYTES = 4;

/** Resolves when so many chunks have come that are a tick and nothing else; hand it every chunk's length. */
function ticks(count: number): { heard(bytes: number): void; readonly all: Promise<void> } {
  let done = (): void => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const heard = (bytes: number): void => {
    if (bytes === TICK_BYTES && --count === 0) done();
  };
  return { heard, all };
}

async function raw(node: Node): Promise<RawPeer> {
  const peer = await RawPeer.dial(node.port!);
  nodes.atEnd(() => peer.close());
  return peer;
}

async function proven(
  node: Node,
  alive = 'raw',
  more: { headers?: boolean; visible?: boolean } = {},
): Promise<[RawPeer, string]> {
  const name = nodes.name(alive);
  const up = once(node, 'nodeup', name);
  const peer = await RawPeer.call(node.port!, { name, to: node.name, cookie: nodes.cookie, ...more });
  nodes.atEnd(() => peer.close());
  await up;
  return [peer, name];
}

/** A name in the port mapper behind which a bare listener answers. */
async function impostor(): Promise<[RawListener, string]> {
  const listener = await RawListener.open();
  const name = nodes.name('impostor');
  const { streams, clock } = platformEnv();
  const client = new EpmdClient({ streams, clock, host: '127.0.0.1', port: nodes.epmdPort });
  const { registration } = await client.register({
    name: name.split('@')[0]!,
    port: listener.port,
    hidden: true,
  });
  nodes.atEnd(() => {
    listener.close();
    return registration.close();
  });
  return [listener, name];
}

describe('a wrong cookie', () => {
  it('ends the handshake with its stage on both sides, and both nodes live on', async () => {
    const [a, b] = await nodes.pair();
    const c = await nodes.start({ name: nodes.name('c'), cookie: 'another-secret-one' });
    const refused = await c.connect(a.name).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HandshakeError);
    expect(refused).toMatchObject({ stage: 'recv_challenge_ack', peer: a.name });
    await expect(a.connect(c.name)).rejects.toMatchObject({ code: 'HandshakeError' });
    expect(await c.ping(a.name)).toBe('pang');
    expect(await a.ping(b.name)).toBe('pong');
    await counted(a, 'handshake.failed', 3);
    expect(a.nodes('connected')).toEqual([b.name]);
    expect(c.nodes('connected')).toEqual([]);
    const told = inspect([refused, nodes.log, a.inspect(), c.inspect(), a, c], {
      depth: 20,
      showHidden: true,
    });
    expect(told).toContain('the cookies differ');
    expect(told).not.toContain('another-secret-one');
    expect(told).not.toContain(nodes.cookie);
  });

  it('is none when the peer has one of its own in `cookies`', async () => {
    const b = await nodes.start({ name: nodes.name('b'), cookie: 'theirs' });
    const a = await nodes.start({ cookies: { [b.name]: 'theirs' } });
    expect(await a.ping(b.name)).toBe('pong');
    a.disconnect(b.name);
    const c = await nodes.start({ cookies: { [b.name]: 'wrong' }, cookie: 'theirs' });
    await expect(c.connect(b.name)).rejects.toThrow(HandshakeError);
  });
});

describe('a stranger', () => {
  const garbage: [string, string, string, RegExp][] = [
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), 'recv_name', /./],
    ['an unknown message', '0003580102', 'recv_name', /./],
    ['a message that ends early', '00054e00000000', 'recv_name', /./],
    ['an empty message', '0000', 'recv_name', /./],
    ['a length past limits.handshakeBytes', 'ffff', 'recv_name', /65535 bytes.*limits\.handshakeBytes/],
  ];
  it.each(garbage)('that sends %s is closed alone, and counted', async (what, hex, stage, message) => {
    const [a, b] = await nodes.pair({ limits: { handshakeBytes: 4096 } });
    await b.connect(a.name);
    const peer = await raw(a);
    peer.write(hex);
    if (what === 'an HTTP request') peer.socket.end();
    await peer.closed;
    await counted(a, 'handshake.failed');
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(a.inspect().counters['handshake.failed']).toBe(1);
    const line = nodes.log.find(({ area }) => area === 'handshake');
    expect(line?.message).toContain(`failed at ${stage}`);
    expect(line?.message).toMatch(message);
    expect(a.nodes('connected')).toEqual([b.name]);
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('that hangs up in the middle is forgotten', async () => {
    const a = await nodes.start();
    const peer = await raw(a);
    peer.write('0010');
    peer.close();
    await counted(a, 'handshake.failed');
  });

  it('that stays silent is closed when its time is over', async () => {
    const a = await nodes.start({ env: hasty() });
    const peer = await raw(a);
    await peer.closed;
    expect(a.inspect().counters['handshake.failed']).toBe(1);
    expect(nodes.log.some(({ message }) => message.includes('recv_name: no answer within 7000 ms'))).toBe(
      true,
    );
  });

  it('that falls silent after its name is closed when its time is over', async () => {
    const a = await nodes.start({ env: hasty() });
    const peer = await raw(a);
    const body = encodeName({ version: 6, flags: offeredFlags(true), creation: 5, name: 'x@127.0.0.1' });
    peer.write(Buffer.concat([Buffer.of(0, body.length), body]));
    await peer.closed;
    expect(nodes.log.some(({ message }) => message.includes('recv_challenge_reply'))).toBe(true);
  });

  it('that is called and stays silent makes connect() reject, naming the stage', async () => {
    const a = await nodes.start({ env: hasty() });
    const [listener, name] = await impostor();
    const connecting = a.connect(name);
    const call = await listener.call();
    await expect(connecting).rejects.toMatchObject({
      code: 'HandshakeError',
      stage: 'recv_status',
      peer: name,
    });
    await call.closed;
    expect(a.inspect().counters['handshake.failed']).toBe(1);
  });

  it('that is called and says it is somebody else, or sends nonsense, is not believed', async () => {
    const a = await nodes.start();
    const [listener, name] = await impostor();
    const connecting = a.connect(name);
    const call = await listener.call();
    const other = new Acceptor({
      local: { name: 'other@127.0.0.1', creation: 1, flags: offeredFlags(true) },
      address: 'x',
      cookieFor: () => nodes.cookie,
      challenge: 2,
    });
    await Promise.all([
      expect(connecting).rejects.toMatchObject({ code: 'HandshakeError', stage: 'recv_challenge' }),
      expect(call.handshake(other)).rejects.toThrow(HandshakeError),
    ]);
    const again = a.connect(name);
    (await listener.call()).write('0003580102');
    await expect(again).rejects.toMatchObject({ code: 'HandshakeError', stage: 'recv_status' });
  });

  it('finds no room past limits.unauthenticatedSockets, and friends do when room is made', async () => {
    const a = await nodes.start({ limits: { unauthenticatedSockets: 8 } });
    const flood: RawPeer[] = [];
    for (let i = 0; i < 8; i++) flood.push(await raw(a));
    const refused = await raw(a);
    await refused.closed;
    await counted(a, 'connection.refused.unauthenticated');
    const b = await nodes.start({ name: nodes.name('b') });
    // Our own calls are not held up by strangers.
    expect(await a.ping(b.name)).toBe('pong');
    a.disconnect(b.name);
    for (const peer of flood) peer.close();
    await counted(a, 'handshake.failed', 8);
    expect(await b.ping(a.name)).toBe('pong');
    expect(nodes.log.filter(({ message }) => message.includes('limits.unauthenticatedSockets'))).toHaveLength(
      1,
    );
  });

  it('cannot take the node down with a flood of nonsense', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    for (let round = 0; round < 10; round++) {
      const peers = await Promise.all(Array.from({ length: 20 }, () => raw(a)));
      for (const [i, peer] of peers.entries()) {
        peer.write(
          Buffer.from(Array.from({ length: 1 + i * 7 }, (_, j) => (i * 31 + j * 17 + round) & 0xff)),
        );
        peer.socket.end();
      }
      await Promise.all(peers.map((peer) => peer.closed));
    }
    expect(a.nodes('connected')).toEqual([b.name]);
    expect(await a.ping(b.name)).toBe('pong');
  });
});

describe('a proven peer', () => {
  const malformed: [string, string][] = [
    ['no pass-through frame', '0000000101'],
    ['a wrong version byte', '000000027082'],
    ['a control message that is no tuple', '0000000470836101'],
    ['a control message that ends early', '0000000470836803'],
  ];
  it.each(malformed)('that sends %s is closed alone, and counted', async (_what, hex) => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    const [peer, name] = await proven(a);
    const down = once(a, 'nodedown', name);
    peer.write(hex);
    expect(await down).toBe('malformed');
    await peer.closed;
    expect(a.inspect().counters['connection.closed.malformed']).toBe(1);
    expect(a.nodes('connected')).toEqual([b.name]);
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('that brings a fault of this node to light is closed alone, and the log says where the fault is', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    const [peer, name] = await proven(a);
    const down = once(a, 'nodedown', name);
    const fault = vi.spyOn(Telemetry.prototype, 'count').mockImplementationOnce(() => {
      throw new TypeError('not thought of');
    });
    peer.write('00000006708368016163');
    expect(await down).toBe('internal');
    await peer.closed;
    fault.mockRestore();
    expect(a.inspect().counters['connection.closed.internal']).toBe(1);
    const line = nodes.log.find(({ message }) => message.startsWith(`lost ${name} (internal)`));
    expect(line?.message).toMatch(/TypeError: not thought of\n +at .*\n/);
    expect(a.nodes('connected')).toEqual([b.name]);
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('that announces a frame over limits.frameBytes is closed alone', async () => {
    const a = await nodes.start({ limits: { frameBytes: 10_000 } });
    const [peer, name] = await proven(a);
    const down = once(a, 'nodedown', name);
    peer.write('00002711');
    expect(await down).toBe('malformed');
    expect(nodes.log.some(({ message }) => message.includes('limits.frameBytes'))).toBe(true);
  });

  it('that sends an operation nobody knows is kept, and the operation counted', async () => {
    const a = await nodes.start();
    const [peer] = await proven(a);
    for (const frame of ['00000006708368016163', '000000097083680162ffffffff', '00000009708368016200010000'])
      peer.write(frame);
    await counted(a, 'connection.ignored.operation_other', 2);
    expect(a.nodes('connected')).toHaveLength(1);
    const ignored = Object.entries(a.inspect().counters).filter(([name]) => name.includes('operation'));
    expect(Object.fromEntries(ignored)).toEqual({
      'connection.ignored.unknown_operation': 3,
      'connection.ignored.operation_99': 1,
      'connection.ignored.operation_other': 2,
    });
  });
});

it('a node that has stopped takes no stream any more, whatever the system still brings', async () => {
  const env = platformEnv();
  let accept: ((stream: Stream) => void) | undefined;
  const listen: typeof env.streams.listen = (options, onStream) => {
    accept = onStream;
    return env.streams.listen(options, onStream);
  };
  const epmd = { mode: 'off' } as const;
  const a = await nodes.start({ epmd, env: { ...env, streams: { ...env.streams, listen } } });
  await a.stop();
  const done: string[] = [];
  const late = { start: () => done.push('start'), destroy: () => done.push('destroy') };
  accept!(late as unknown as Stream);
  expect(done).toEqual(['start', 'destroy']);
  expect(a.inspect().counters['connection.refused.not_running']).toBe(1);
});

describe('ticks', () => {
  const options: NodeOptions = { netTickTime: 400 };

  it('keep an idle link up', async () => {
    const env = platformEnv();
    const start = async () => {
      const ticked = ticks(12);
      const streams = watchedStreams(env.streams, ticked.heard);
      const node = await nodes.start({ ...options, env: { ...env, log: { write: nodes.write }, streams } });
      return [node, ticked.all] as const;
    };
    const [a, aTicked] = await start();
    const [b, bTicked] = await start();
    const events = [history(a), history(b)];
    await a.connect(b.name);
    await Promise.all([aTicked, bTicked]);
    expect(events).toEqual([[`up ${b.name}`], [`up ${a.name}`]]);
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('have their next bytes waited for as long as `busyWait` says', async () => {
    const env = platformEnv();
    const b = await nodes.start();
    /** A node, and what was asked of the streams that it made; it may call others of the cluster, too. */
    const noting = async (options: NodeOptions): Promise<readonly [Node, readonly number[]]> => {
      const asked: number[] = [];
      const streams: Streams = {
        ...env.streams,
        connect: async (to) => {
          const stream = await env.streams.connect(to);
          stream.waitBusily = (ms) => void asked.push(ms);
          return stream;
        },
      };
      return [await nodes.start({ ...options, env: { ...env, streams } }), asked];
    };
    for (const [options, ms] of [
      [{}, 0.25],
      [{ busyWait: 0 }, 0],
      [{ busyWait: 1.5 }, 1.5],
    ] as const) {
      const [a, asked] = await noting(options);
      await a.connect(b.name);
      expect(asked[0]).toBe(ms);
    }
    // Not for who has the wrong cookie, nor for a port mapper.
    const [stranger, asked] = await noting({ cookie: 'another' });
    await expect(stranger.connect(b.name)).rejects.toThrow(HandshakeError);
    expect(asked).toEqual([]);
  });

  it('give up a peer that says nothing, within a quarter of netTickTime', async () => {
    const a = await nodes.start(options);
    const [peer, name] = await proven(a);
    const start = performance.now();
    expect(await once(a, 'nodedown', name)).toBe('net_tick_timeout');
    const tookMs = performance.now() - start;
    expect(tookMs).toBeGreaterThanOrEqual(290);
    expect(tookMs).toBeLessThan(1_000);
    await peer.closed;
    // Four bytes each: it was ticked while it was silent.
    expect(peer.received).toBeGreaterThan(0);
  });

  it('leave at every check of an idle link: those before count for nothing', async () => {
    const env = platformEnv();
    let check = (): void => {};
    const setTimeout: typeof env.clock.setTimeout = (fn, ms) => {
      if (ms !== 100) return env.clock.setTimeout(fn, ms);
      check = fn;
      return undefined;
    };
    const a = await nodes.start({
      // A hundred checks before the silent peer is given up.
      netTickTime: 10_000,
      netTickIntensity: 100,
      registry: false,
      env: { ...env, clock: { ...env.clock, setTimeout } },
    });
    // A visible one: hidden peers are ticked whatever else is written.
    await proven(a, 'raw', { headers: true, visible: true });
    const bytes = (): number => a.inspect().connections[0]!.writtenBytes;
    /** What leaves for a check, at the end of its turn. */
    const leaves = async (): Promise<number> => {
      const before = bytes();
      check();
      for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      return bytes() - before;
    };
    // Until the last of what is said at the start has left.
    for (let first = 0; first !== TICK_BYTES; ) first = await leaves();
    expect([await leaves(), await leaves()]).toEqual([TICK_BYTES, TICK_BYTES]);
  });

  it('keep a peer that only ticks', async () => {
    const a = await nodes.start(options);
    const [peer, name] = await proven(a);
    const events = history(a);
    const ticked = ticks(12);
    peer.socket.on('data', (chunk) => {
      ticked.heard(chunk.length);
      peer.write('00000000');
    });
    await ticked.all;
    expect(events).toEqual([]);
    expect(a.nodes('connected')).toEqual([name]);
  });
});

describe('back-pressure', () => {
  const block = new Uint8Array(64 * 1024).fill(0xff);

  it('makes send() false above the high-water mark, and drained() waits for the peer to read', async () => {
    const a = await nodes.start();
    const [peer, name] = await proven(a);
    peer.deafen();
    let sent = 0;
    while (a.send(at(name, 'sink'), block)) {
      sent++;
      if (sent % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const { unsentBytes } = a.inspect().connections[0]!;
    expect(unsentBytes).toBeGreaterThan(1024 * 1024);
    expect(unsentBytes).toBeLessThan(2 * 1024 * 1024);
    let isDrained = false;
    const drained = a.drained(name).then(() => {
      isDrained = true;
    });
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    peer.listen();
    await drained;
    expect(a.inspect().connections[0]!.unsentBytes).toBeLessThanOrEqual(1024 * 1024);
    expect(a.send(at(name, 'sink'), 'more')).toBe(true);
    await a.drained(name);
    await a.drained('nobody@127.0.0.1');
    await expect(a.drained('nobody')).rejects.toThrow(/expected a node name "name@host", got <<"nobody">>/);
  });

  it('is the same seen from a process, whose end ends its waiting', async () => {
    const a = await nodes.start();
    const [peer, name] = await proven(a);
    peer.deafen();
    const waiting: Promise<void>[] = [];
    const patient = new AbortController();
    const flooded = new Promise<void>((resolve) => {
      a.spawn(async (self) => {
        await self.drained(name);
        while (self.send(at(name, 'sink'), block)) await new Promise((turn) => setImmediate(turn));
        waiting.push(self.drained(name, { signal: patient.signal }), self.drained(name));
        resolve();
        await Promise.allSettled(waiting);
      });
    });
    await flooded;
    const killed = new Promise<unknown>((resolve) => {
      const pid = a.spawn(async (self) => {
        self.drained(name).catch(resolve);
        await self.receive();
      });
      a.send(pid, 'end');
    });
    expect(await killed).toBeInstanceOf(ExitError);
    patient.abort(new Error('enough'));
    await expect(waiting[0]).rejects.toThrow('enough');
    await expect(a.drained(name, { signal: patient.signal })).rejects.toThrow('enough');
    const soon = new AbortController();
    const aborted = a.drained(name, { signal: soon.signal });
    soon.abort('no time');
    await expect(aborted).rejects.toBe('no time');
    peer.listen();
    await waiting[1];
    expect(a.inspect().connections[0]!.unsentBytes).toBeLessThanOrEqual(1024 * 1024);
    await a.drained(name, { signal: new AbortController().signal });
  });

  it('works with a mark below the system’s own buffer', async () => {
    const [a, b] = await nodes.pair({ limits: { highWaterBytes: 100 } });
    const { take } = collector(b, 'sink');
    await a.connect(b.name);
    for (let i = 0; i < 20; i++) {
      expect(a.send(at(b.name, 'sink'), 'x'.repeat(200))).toBe(false);
      await a.drained(b.name);
    }
    expect(await take(20)).toHaveLength(20);
  });

  it('closes a link that takes too little, and wakes who waits', async () => {
    const unsentBytes = 2 * 1024 * 1024;
    const a = await nodes.start({ limits: { unsentBytes } });
    const [peer, name] = await proven(a);
    // Longer than the limit, which it may be: that is forgotten once it has left.
    a.send(at(name, 'sink'), new Uint8Array(2 * unsentBytes).fill(0xff));
    await a.drained(name);
    peer.deafen();
    let most = 0;
    const down = once(a, 'nodedown', name);
    let isUp = true;
    void down.then(() => {
      isUp = false;
    });
    let drained: Promise<void> | undefined;
    for (let i = 0; i < 2_000 && isUp; i++) {
      if (!a.send(at(name, 'sink'), block)) drained ??= a.drained(name);
      most = Math.max(most, a.inspect().connections[0]?.unsentBytes ?? 0);
      if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await down).toBe('unsent_limit');
    expect(most).toBeLessThanOrEqual(unsentBytes);
    await drained;
    expect(a.inspect().counters['connection.closed.unsent']).toBe(1);
    expect(a.nodes('connected')).toEqual([]);
  });

  it('lets one message through that is longer than the limit', async () => {
    const limits = { highWaterBytes: 1_000, unsentBytes: 1_000_000 };
    const [a, b] = await nodes.pair({ limits });
    const { take } = collector(b, 'sink');
    const long = new Uint8Array(20_000_000).fill(0xfe);
    await a.connect(b.name);
    expect(a.send(at(b.name, 'sink'), long)).toBe(false);
    const [got] = (await take(1)) as [Uint8Array];
    expect(got.length).toBe(long.length);
    expect(a.nodes('connected')).toEqual([b.name]);
  });

  it('lets the next such message through once the one before has left', async () => {
    const limits = { highWaterBytes: 1_000, unsentBytes: 20_000 };
    // In one frame each.
    const [a, b] = await nodes.pair({ limits, payload: 'etf' });
    const { take } = collector(b, 'sink');
    await a.connect(b.name);
    for (let i = 0; i < 4; i++) {
      expect(a.send(at(b.name, 'sink'), new Uint8Array(50_000).fill(0xfe))).toBe(false);
      // Others, who know nothing of it.
      for (let other = 0; other < 10; other++) a.send(at(b.name, 'nobody'), other);
      await a.drained(b.name);
      await take(1);
      expect(a.send(at(b.name, 'sink'), 'small')).toBe(true);
      await take(1);
    }
    expect(a.nodes('connected')).toEqual([b.name]);
  });

  it('counts messages as well where they wait for a link: drained() waits, and nothing is dropped', async () => {
    const [a, b] = await nodes.pair({ limits: { waitingSignals: 1 } });
    const { take } = collector(b, 'sink');
    for (let i = 0; i < 60; i++) if (!a.send(at(b.name, 'sink'), i)) await a.drained(b.name);
    expect(await take(60)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it('leaves the event loop its turns where nothing can be sent at all', async () => {
    const a = await nodes.start({ allow: ['other@'] });
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    for (let i = 0; i < 50; i++) {
      expect(a.send(at(nodes.name('stranger'), 'sink'), i)).toBe(false);
      await a.drained(nodes.name('stranger'));
    }
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(49);
  });

  it('holds for what waits for a link, too', async () => {
    const limits = { highWaterBytes: 100_000, unsentBytes: 300_000 };
    const [a, b] = await nodes.pair({ limits });
    const { take } = collector(b, 'sink');
    const results = Array.from({ length: 10 }, () => a.send(at(b.name, 'sink'), block));
    expect(results).toEqual([true, ...Array(9).fill(false)]);
    await a.drained(b.name);
    expect(await take(5)).toHaveLength(5);
    expect(a.inspect().counters['connection.dropped.waiting']).toBe(5);
  });
});

describe('batching', () => {
  it('writes all that one turn sends at once, and it arrives whole and in order', async () => {
    // Visible nodes have more to say to each other.
    const [a, b] = await nodes.pair({ hidden: true });
    const { take } = collector(b, 'sink');
    await a.connect(b.name);
    const before = a.inspect().connections[0]!.writes;
    for (let i = 0; i < 1_000; i++) a.cast(at<{ n(i: number): void }>(b.name, 'sink'), 'n', i);
    const got = await take(1_000);
    expect(a.inspect().connections[0]!.writes - before).toBe(1);
    const cast = (i: number) => tuple(atom('$gen_cast'), tuple(atom('n'), i));
    expect(got).toEqual(Array.from({ length: 1_000 }, (_, i) => cast(i)));
  });

  it.each([
    ['in short pieces, once its head has come', false],
    ['in long ones where handlers are behind, since then each takes a turn', true],
  ])('reads a long message %s', async (_, isBusy) => {
    const reads: number[] = [];
    const { env } = nodes.options();
    const streams = watchedStreams(env!.streams, (bytes) => reads.push(bytes));
    const [a, b] = [await nodes.start(), await nodes.start({ env: { ...env!, streams } })];
    await a.connect(b.name);
    const { take } = collector(b, 'sink');
    // More than a turn's share, and each brings the next.
    const busy = b.spawn(actor('busy', (self) => void self.onMessage(() => self.send(self.pid, 1))));
    if (isBusy) for (let i = 0; i < 20_000; i++) b.send(busy, 1);
    const sent = Buffer.alloc(8 * 1024 * 1024, 200);
    a.send(at(b.name, 'sink'), sent);
    const [message] = await take(1);
    b.exit(busy, 'kill');
    expect(sent.equals(message as Uint8Array)).toBe(true);
    const short = reads.filter((bytes) => bytes <= 16 * 1024).reduce((all, bytes) => all + bytes, 0);
    expect(short > sent.length / 2).toBe(!isBusy);
  });

  it('does not hold back a long turn', async () => {
    const [a, b] = await nodes.pair();
    const { take } = collector(b, 'sink');
    await a.connect(b.name);
    for (let i = 0; i < 20_000; i++) a.send(at(b.name, 'sink'), i);
    expect(a.inspect().connections[0]!.writes).toBeGreaterThan(2);
    expect(await take(20_000)).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
  });
});
