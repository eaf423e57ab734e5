import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Discovery } from '../../src/discovery/discovery.ts';
import { dns } from '../../src/discovery/dns.ts';
import { epmd } from '../../src/discovery/epmd.ts';
import { hosts } from '../../src/discovery/hosts.ts';
import type { Strategy, StrategyContext, Topology, Whereabouts } from '../../src/discovery/strategy.ts';
import type { DatagramSocket } from '../../src/env/index.ts';
import { ConnectionError, HandshakeError, OptionsError } from '../../src/errors.ts';
import { seeded, type World, world } from './virtual.ts';

/** A strategy whose context the test holds. */
function manual(): Strategy & { readonly contexts: StrategyContext[]; stops: number } {
  const contexts: StrategyContext[] = [];
  return {
    kind: 'manual',
    contexts,
    stops: 0,
    start(context) {
      contexts.push(context);
      return { stop: () => void this.stops++ };
    },
  };
}

type Outcome = 'up' | 'refused' | 'cookie';

/** Peers that answer as told, and a record of the attempts. */
class Peers {
  readonly up = new Set<string>();
  readonly attempts: { readonly name: string; readonly atMs: number; readonly port?: number }[] = [];
  readonly trying = new Set<string>();
  most = 0;
  overlaps = 0;
  outcome: (name: string) => Outcome = () => 'up';
  delayMs: () => number = () => 1;
  readonly #world: World;

  constructor(inWorld: World) {
    this.#world = inWorld;
  }

  readonly connected = (name: string): boolean => this.up.has(name);

  names: () => Promise<{ name: string; port: number }[]> = async () => [];

  readonly connect = (name: string, whereabouts?: Whereabouts): Promise<void> => {
    const port = whereabouts?.port;
    this.attempts.push({ name, atMs: this.#world.clock.nowMs(), ...(port === undefined ? {} : { port }) });
    if (this.trying.has(name)) this.overlaps++;
    this.trying.add(name);
    this.most = Math.max(this.most, this.trying.size);
    return new Promise((resolve, reject) => {
      this.#world.clock.setTimeout(() => {
        this.trying.delete(name);
        const outcome = this.outcome(name);
        if (outcome === 'up') {
          this.up.add(name);
          resolve();
        } else if (outcome === 'refused') reject(new ConnectionError(`no answer from ${name}`));
        else reject(new HandshakeError('recv_challenge_ack', name, 'the peer has another cookie'));
      }, this.delayMs());
    });
  };
}

function start(topologies: Record<string, Strategy | Topology>, inWorld = world(), limits = {}) {
  const peers = new Peers(inWorld);
  const discovery: Discovery = new Discovery({
    self: { name: 'self@here', port: 1, creation: 1 },
    topologies,
    env: inWorld.env,
    telemetry: inWorld.telemetry,
    logger: inWorld.logger,
    limits,
    connect: peers.connect,
    connected: peers.connected,
    disconnect: (name) => {
      peers.up.delete(name);
      discovery.nodeDown(name, 'disconnect');
    },
    connectedNodes: () => peers.up.size,
    names: () => peers.names(),
  });
  return { discovery, peers, ...inWorld };
}

describe('discovery', () => {
  it('connects to a node that is named, once, and not on the path that names it', async () => {
    const strategy = manual();
    const { discovery, peers, clock, telemetry } = start({ lan: strategy });
    await discovery.start();
    for (let i = 0; i < 3; i++) strategy.contexts[0]?.found('a@x');
    expect(peers.attempts).toEqual([]);
    await clock.advance(10);
    strategy.contexts[0]?.found('a@x');
    await clock.advance(10_000);
    expect(peers.attempts).toHaveLength(1);
    expect(telemetry.counter('discovery.connected')).toBe(1);
    await discovery.stop();
  });

  it('ignores its own name and names that are none', async () => {
    const strategy = manual();
    const { discovery, peers, clock, telemetry } = start({ lan: strategy });
    await discovery.start();
    for (const name of ['self@here', 'nobody', '', 'a@b@c', 'a@b c']) strategy.contexts[0]?.found(name);
    await clock.advance(1_000);
    expect(peers.attempts).toEqual([]);
    expect(telemetry.counter('discovery.ignored.name')).toBe(4);
    await discovery.stop();
  });

  it('does not try a node that has connected to us while its name waited', async () => {
    const strategy = manual();
    const { discovery, peers, clock } = start({ lan: strategy });
    await discovery.start();
    strategy.contexts[0]?.found('a@x');
    peers.up.add('a@x');
    await clock.advance(1_000);
    expect(peers.attempts).toEqual([]);
    expect(discovery.state).toEqual({ held: 0, trying: 0 });
    await discovery.stop();
  });

  it('takes a refused attempt for a success when the node is connected by then', async () => {
    const strategy = manual();
    const { discovery, peers, clock, lines } = start({ lan: strategy });
    await discovery.start();
    peers.outcome = (name) => {
      peers.up.add(name);
      return 'refused';
    };
    strategy.contexts[0]?.found('a@x');
    await clock.advance(1_000);
    expect(lines).toEqual([]);
    await discovery.stop();
  });

  it('tries a node with another cookie with growing pauses up to a minute, and says so once', async () => {
    const { discovery, peers, clock, lines, telemetry } = start({ fixed: hosts(['a@x'], { interval: 100 }) });
    peers.outcome = () => 'cookie';
    await discovery.start();
    await clock.advance(600_000);
    const gaps = peers.attempts.slice(1).map(({ atMs }, index) => atMs - peers.attempts[index]!.atMs);
    for (const [index, gap] of gaps.entries())
      expect(gap).toBeGreaterThanOrEqual(Math.min(500 * 2 ** index, 60_000) / 2);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(60_200);
    expect(gaps.length).toBeGreaterThan(10);
    expect(lines.map(({ message }) => message)).toEqual([expect.stringContaining('another cookie')]);
    expect(telemetry.counter('discovery.connect_failed')).toBe(peers.attempts.length);

    peers.outcome = () => 'up';
    await clock.advance(60_200);
    expect(lines.map(({ message }) => message).slice(1)).toEqual(['discovery: a@x is connected now']);
    await discovery.stop();
    expect(clock.pending).toBe(0);
  });

  it('tells of a failure anew after the node was connected from the other side', async () => {
    const { discovery, peers, clock, lines } = start({ fixed: hosts(['a@x'], { interval: 100 }) });
    peers.outcome = () => 'refused';
    await discovery.start();
    await clock.advance(5_000);
    expect(lines).toHaveLength(1);
    peers.up.add('a@x');
    await clock.advance(5_000);
    peers.up.delete('a@x');
    discovery.nodeDown('a@x', 'connection_closed');
    await clock.advance(60_000);
    expect(lines.map(({ level }) => level)).toEqual(['warning', 'info', 'warning']);
    await discovery.stop();
  });

  it('does so also when that connection came and went between two attempts', async () => {
    const { discovery, peers, clock, lines } = start({ fixed: hosts(['a@x'], { interval: 100 }) });
    peers.outcome = () => 'refused';
    await discovery.start();
    await clock.advance(300_000);
    const attempts = peers.attempts.length;
    expect(lines).toHaveLength(1);
    peers.up.add('a@x');
    await clock.advance(50);
    peers.up.delete('a@x');
    discovery.nodeDown('a@x', 'connection_closed');
    await clock.advance(62_000);
    expect(peers.attempts.length).toBeGreaterThan(attempts);
    expect(lines.map(({ level }) => level)).toEqual(['warning', 'warning']);
    await discovery.stop();
  });

  it('remembers a bounded number of failures: who is forgotten is told of once more', async () => {
    const strategy = manual();
    const inWorld = world();
    const { discovery, peers, clock, lines } = start({ lan: strategy }, inWorld, { connectQueueNames: 2 });
    peers.outcome = () => 'refused';
    await discovery.start();
    for (const name of ['a@x', 'b@x', 'c@x', 'a@x']) {
      strategy.contexts[0]?.found(name);
      await clock.advance(2_000);
    }
    expect(peers.attempts.map(({ name }) => name)).toEqual(['a@x', 'b@x', 'c@x', 'a@x']);
    expect(lines.map(({ message }) => message.split(' ')[4])).toEqual(['a@x,', 'b@x,', 'c@x,', 'a@x,']);
    await discovery.stop();
  });

  it('writes few lines about many nodes that cannot be reached', async () => {
    const strategy = manual();
    const { discovery, peers, clock, lines } = start({ lan: strategy });
    peers.outcome = () => 'refused';
    await discovery.start();
    for (let i = 0; i < 150; i++) strategy.contexts[0]?.found(`n${i}@x`);
    await clock.advance(5_000);
    expect(peers.attempts).toHaveLength(150);
    expect(lines).toHaveLength(21);
    await discovery.stop();
  });

  it('stays within its limits under a storm of forged names, and still finds a real node', async () => {
    const strategy = manual();
    const { discovery, peers, clock, telemetry, lines } = start({ lan: strategy });
    peers.outcome = (name) => (name === 'real@x' ? 'up' : 'refused');
    peers.delayMs = () => 7_000;
    await discovery.start();
    let forged = 0;
    for (let tick = 0; tick < 300; tick++) {
      for (let i = 0; i < 1_000; i++) strategy.contexts[0]?.found(`forged${forged++}@x`);
      if (tick % 10 === 0) strategy.contexts[0]?.found('real@x');
      expect(discovery.state.held).toBeLessThanOrEqual(1_024);
      await clock.advance(100);
      // The storm leaves gaps in each window only after its 200 names; the real one may have to come first once.
      if (tick === 100) {
        await clock.advance(1_000);
        strategy.contexts[0]?.found('real@x');
      }
    }
    await clock.advance(30_000);
    expect(peers.most).toBeLessThanOrEqual(16);
    expect(peers.connected('real@x')).toBe(true);
    expect(telemetry.counter('discovery.ignored.too_many')).toBeGreaterThan(200_000);
    expect(lines.length).toBeLessThan(60);
    await discovery.stop();
  });

  it('connects every reachable node in the end, under any outcomes, without overlap or busy loop', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 12 }), async (seed, count) => {
        const random = seeded(seed);
        const names = Array.from({ length: count }, (_, i) => `n${i}@x`);
        const inWorld = world({}, seed);
        const { discovery, peers, clock } = start({ fixed: hosts(names, { interval: 1_000 }) }, inWorld, {
          connectAttempts: 3,
        });
        peers.delayMs = () => random.between(0, 8_000);
        peers.outcome = () => (['up', 'refused', 'cookie'] as const)[random.between(0, 2)]!;
        await discovery.start();
        for (let i = 0; i < 30; i++) {
          await clock.advance(random.between(0, 20_000));
          const lost = [...peers.up][random.between(0, 20)];
          if (lost !== undefined) {
            peers.up.delete(lost);
            if (random.between(0, 1) === 0) discovery.nodeDown(lost, 'connection_closed');
          }
        }
        peers.outcome = () => 'up';
        const firedBefore = clock.fired;
        await clock.advance(180_000);
        expect([...peers.up].sort()).toEqual([...names].sort());
        expect(peers.overlaps).toBe(0);
        expect(peers.most).toBeLessThanOrEqual(3);
        // The strategy looks every second; all else is a few steps per name.
        expect(clock.fired - firedBefore).toBeLessThan(180 + 30 * count + 30);
        await discovery.stop();
      }),
      { numRuns: 40 },
    );
  });

  it('publishes each outcome with topology, node, reason and duration', async () => {
    const events: unknown[] = [];
    const keep = (message: unknown): void => void events.push(message);
    const channels = ['connected', 'connect_failed', 'disconnected'].map(
      (event) => `beamish:discovery.${event}`,
    );
    for (const name of channels) subscribe(name, keep);
    onTestFinished(() => {
      for (const name of channels) unsubscribe(name, keep);
    });
    const { discovery, peers, clock } = start({ fixed: hosts(['a@x'], { interval: 100 }) });
    peers.outcome = () => (peers.attempts.length === 1 ? 'refused' : 'up');
    peers.delayMs = () => 5;
    await discovery.start();
    await clock.advance(1_000);
    expect(events).toEqual([
      {
        node: 'self@here',
        topology: 'fixed',
        peer: 'a@x',
        durationMs: 5,
        restMs: expect.any(Number),
        reason: 'no answer from a@x',
      },
      { node: 'self@here', topology: 'fixed', peer: 'a@x', durationMs: 5 },
    ]);
    const [upAtMs = 0] = peers.attempts.slice(1).map(({ atMs }) => atMs + 5);
    events.length = 0;
    discovery.nodeDown('a@x', 'net_tick_timeout');
    // It came back by itself, and what is lost then is not this topology's doing.
    discovery.nodeDown('a@x', 'connection_closed');
    const disconnected = { reason: 'net_tick_timeout', durationMs: 1_000 - upAtMs };
    expect(events).toEqual([{ node: 'self@here', topology: 'fixed', peer: 'a@x', ...disconnected }]);
    await discovery.stop();
  });

  it('tries a node again when its connection was lost and it is named again', async () => {
    const strategy = manual();
    const { discovery, peers, clock } = start({ lan: strategy });
    await discovery.start();
    strategy.contexts[0]?.found('a@x');
    await clock.advance(20_000);
    peers.up.delete('a@x');
    discovery.nodeDown('a@x', 'connection_closed');
    strategy.contexts[0]?.found('a@x');
    await clock.advance(10);
    expect(peers.attempts.map(({ atMs }) => atMs)).toEqual([0, 20_000]);
    await discovery.stop();
  });

  it('tries nothing more after it was stopped, and may be stopped twice', async () => {
    const strategy = manual();
    const { discovery, peers, clock } = start({ lan: strategy });
    peers.outcome = () => 'refused';
    await discovery.start();
    strategy.contexts[0]?.found('a@x');
    await clock.advance(1);
    strategy.contexts[0]?.found('a@x');
    await discovery.stop();
    await discovery.stop();
    strategy.contexts[0]?.found('b@x');
    await clock.advance(60_000);
    expect(peers.attempts).toHaveLength(1);
    expect(strategy.stops).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe('a supervised strategy', () => {
  it('is started again with growing pauses when it fails, and its old context is dead', async () => {
    const strategy = manual();
    const { discovery, peers, clock, lines, telemetry } = start({ lan: strategy });
    await discovery.start();
    const startsMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      strategy.contexts[i]?.failed(new Error('broken'));
      strategy.contexts[i]?.failed(new Error('broken again'));
      strategy.contexts[i]?.found('dead@x');
      const beforeMs = clock.nowMs();
      while (strategy.contexts.length === i + 1) await clock.advance(100);
      startsMs.push(clock.nowMs() - beforeMs);
    }
    expect(startsMs).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
    expect(strategy.stops).toBe(5);
    expect(telemetry.counter('discovery.strategy_failed')).toBe(5);
    expect(lines).toHaveLength(1);
    await clock.advance(1_000);
    expect(peers.attempts).toEqual([]);
    await discovery.stop();
  });

  it('tells of each further reason, and again of the same one after a minute', async () => {
    const strategy = manual();
    const { discovery, clock, lines } = start({ lan: strategy });
    await discovery.start();
    const fail = async (reason: string): Promise<void> => {
      const starts = strategy.contexts.length;
      strategy.contexts.at(-1)?.failed(new Error(reason));
      while (strategy.contexts.length === starts) await clock.advance(100);
    };
    for (const reason of ['one', 'one', 'other', 'other', 'one', 'one', 'one', 'one']) await fail(reason);
    expect(lines.map(({ message }) => /failed.*/.exec(message)?.[0])).toEqual([
      'failed and is started again, with growing pauses: one',
      'failed, 3 times in a row, and is started again, with growing pauses: other',
      'failed, 5 times in a row, and is started again, with growing pauses: one',
    ]);
    // The pauses are a minute by now.
    await fail('one');
    expect(lines.at(-1)?.message).toMatch(/failed, 9 times in a row/);
    await discovery.stop();
  });

  it('starts with the first pause again after it has run quietly for a minute', async () => {
    const strategy = manual();
    const { discovery, clock } = start({ lan: strategy });
    await discovery.start();
    const pauseMs = async (): Promise<number> => {
      const [fromMs, starts] = [clock.nowMs(), strategy.contexts.length];
      strategy.contexts.at(-1)?.failed(new Error('broken'));
      while (strategy.contexts.length === starts) await clock.advance(100);
      return clock.nowMs() - fromMs;
    };
    expect([await pauseMs(), await pauseMs(), await pauseMs()]).toEqual([500, 1_000, 2_000]);
    await clock.advance(60_000);
    expect([await pauseMs(), await pauseMs()]).toEqual([500, 1_000]);
    await discovery.stop();
  });

  it('that fails, or is stopped, while it still starts is released once it has', async () => {
    let stops = 0;
    const begun: (() => void)[] = [];
    const slow: Strategy = {
      kind: 'slow',
      start: () => new Promise((resolve) => begun.push(() => resolve({ stop: () => void stops++ }))),
    };
    const contexts: StrategyContext[] = [];
    const watched: Strategy = {
      kind: 'slow',
      start(context) {
        contexts.push(context);
        return slow.start(context);
      },
    };
    const { discovery, clock } = start({ lan: watched });
    const started = discovery.start();
    contexts[0]?.failed(new Error('already'));
    begun[0]?.();
    await started;
    expect(stops).toBe(1);
    await clock.advance(500);
    expect(begun).toHaveLength(2);
    await discovery.stop();
    begun[1]?.();
    await clock.advance(0);
    expect(stops).toBe(2);
  });

  it('that throws in a timer or at its start does no harm to the others', async () => {
    let starts = 0;
    const bad: Strategy = {
      kind: 'bad',
      start({ env }) {
        if (++starts === 1) throw new Error('at start');
        env.clock.setTimeout(() => {
          throw new Error('in a timer');
        }, 10);
        env.clock.setTimeout(() => expect.unreachable('a timer outlived its strategy'), 20);
        return { stop: () => Promise.reject(new Error('at stop')) };
      },
    };
    const { discovery, peers, clock } = start({ bad, good: hosts(['a@x']) });
    await discovery.start();
    await clock.advance(10_000);
    expect(starts).toBeGreaterThan(2);
    expect(peers.connected('a@x')).toBe(true);
    await discovery.stop();
    expect(clock.pending).toBe(0);
  });

  it('has its sockets closed exactly once, whoever closes them', async () => {
    let closes = 0;
    const socket: DatagramSocket = {
      host: '0.0.0.0',
      port: 1,
      send: async () => {},
      addMembership() {},
      dropMembership() {},
      setMulticastTtl() {},
      setMulticastLoopback() {},
      setMulticastInterface() {},
      close: () => void closes++,
    };
    let opens = 0;
    const inWorld = world({
      datagrams: {
        open: async () => {
          opens++;
          return socket;
        },
      },
    });
    const strategy: Strategy = {
      kind: 'leaky',
      async start({ env, failed }) {
        const mine = await env.datagrams.open({ family: 'IPv4', port: 1 }, { message() {}, error() {} });
        env.clock.setTimeout(() => failed(new Error('gone')), 10);
        return {
          stop() {
            mine.close();
            mine.close();
          },
        };
      },
    };
    const { discovery, clock } = start({ leaky: strategy }, inWorld);
    await discovery.start();
    await clock.advance(5_000);
    await discovery.stop();
    expect(opens).toBeGreaterThan(1);
    expect(closes).toBe(opens);
  });

  it('whose options are impossible keeps the node from starting, and nothing is left running', async () => {
    const strategy = manual();
    const { discovery, clock } = start({
      good: strategy,
      bad: {
        kind: 'bad',
        start() {
          throw new OptionsError('bad.port', 'bad port');
        },
      },
    });
    await expect(discovery.start()).rejects.toBeInstanceOf(OptionsError);
    expect(strategy.stops).toBe(1);
    await clock.advance(100_000);
    expect(clock.pending).toBe(0);
  });
});

describe('a node found with its port', () => {
  it('is connected there first, and by its name alone every other time', async () => {
    const strategy = manual();
    const { discovery, peers, clock } = start({ lan: strategy });
    peers.outcome = () => 'refused';
    await discovery.start();
    for (const port of [4_001, 4_001, 4_003, 4_003]) {
      strategy.contexts[0]?.found('a@x', { port });
      await clock.advance(30_000);
    }
    expect(peers.attempts.map(({ port }) => port)).toEqual([4_001, undefined, 4_003, undefined]);
    await discovery.stop();
  });
});

describe('a node of a list with its port', () => {
  it('is never looked for by its name alone', async () => {
    const { discovery, peers, clock } = start({ lan: hosts([{ name: 'a@x', port: 4_001 }]) });
    peers.outcome = () => 'refused';
    await discovery.start();
    await clock.advance(60_000);
    expect(peers.attempts.length).toBeGreaterThan(3);
    expect(new Set(peers.attempts.map(({ port }) => port))).toEqual(new Set([4_001]));
    await discovery.stop();
  });
});

describe('a node that is wanted no more', () => {
  it('is not tried again after its rest, though it was named meanwhile', async () => {
    const strategy = manual();
    const { discovery, peers, clock } = start({ lan: strategy });
    peers.outcome = () => 'refused';
    await discovery.start();
    strategy.contexts[0]?.found('a@x');
    await clock.advance(100);
    strategy.contexts[0]?.found('a@x');
    strategy.contexts[0]?.gone('a@x');
    await clock.advance(120_000);
    expect(peers.attempts).toHaveLength(1);
    await discovery.stop();
  });
});

describe('a flood of forged names', () => {
  const REAL = 'real@x';

  /** Ten thousand names a second from `from`; the real node speaks every 2.5 s. Seconds until it is connected. */
  async function secondsUnder(flood: (i: number) => { name: string; from: string }, slowMs: number) {
    const strategy = manual();
    const { discovery, peers, clock } = start({ lan: strategy });
    peers.outcome = (name) => (name === REAL ? 'up' : 'refused');
    peers.delayMs = () => slowMs;
    await discovery.start();
    let forged = 0;
    let tick = 0;
    for (; !peers.connected(REAL) && tick < 6_000; tick++) {
      // The real one speaks in the middle of the crowd, never first.
      for (let i = 0; i < 1_000; i++) {
        const { name, from } = flood(forged++);
        strategy.contexts[0]?.found(name, { from });
        if (i === 500 && tick % 25 === 12) strategy.contexts[0]?.found(REAL, { from: '10.0.0.7' });
      }
      expect(discovery.state.held).toBeLessThanOrEqual(1_024);
      await clock.advance(100);
    }
    expect(peers.most).toBeLessThanOrEqual(16);
    expect(peers.overlaps).toBe(0);
    await discovery.stop();
    return tick / 10;
  }

  it('from one address does not keep a node at another out, even when every attempt takes seven seconds', async () => {
    const flood = (i: number) => ({ name: `forged${i}@x`, from: '10.6.6.6' });
    expect(await secondsUnder(flood, 7_000)).toBeLessThan(20);
  });

  it('that repeats the same names does not either', async () => {
    const flood = (i: number) => ({ name: `forged${i % 2_000}@x`, from: '10.6.6.6' });
    expect(await secondsUnder(flood, 7_000)).toBeLessThan(20);
  });

  it('from a hundred addresses at once does not either', async () => {
    const flood = (i: number) => ({ name: `forged${i}@x`, from: `10.6.6.${i % 100}` });
    expect(await secondsUnder(flood, 50)).toBeLessThan(60);
  });
});

describe('a topology with functions of its own', () => {
  it('connects, counts as connected and disconnects by them, and tells of each', async () => {
    const events = listen('connected', 'connect_failed', 'disconnected', 'disconnect_failed');
    const strategy = manual();
    const tunnel = new Set<string>();
    const { discovery, peers, clock } = start({
      far: {
        strategy,
        connect: async (name) => (name === 'no@x' ? false : void tunnel.add(name)),
        disconnect: (name) => {
          if (!tunnel.delete(name)) throw new Error(`${name} has no tunnel`);
        },
        listNodes: () => [...tunnel],
      },
    });
    await discovery.start();
    const [context] = strategy.contexts;
    for (const name of ['a@x', 'no@x']) context?.found(name);
    await clock.advance(100);
    context?.found('a@x');
    await clock.advance(100);
    context?.gone('a@x');
    await clock.advance(100);
    context?.gone('a@x');
    await clock.advance(100);
    expect(peers.attempts).toEqual([]);
    expect([...tunnel]).toEqual([]);
    expect(events).toMatchObject([
      { event: 'connected', topology: 'far', peer: 'a@x', durationMs: 0 },
      { event: 'connect_failed', peer: 'no@x', reason: expect.stringContaining('refused no@x') },
      { event: 'disconnected', peer: 'a@x', reason: 'gone' },
      { event: 'disconnect_failed', peer: 'a@x', reason: 'a@x has no tunnel' },
    ]);
    await discovery.stop();
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no list');
      },
    ],
    ['gives no list', () => 5 as never],
    ['promises one, in vain', () => Promise.reject(new Error('later')) as never],
  ])('asks the node itself when listNodes %s, and says so', async (_what, listNodes) => {
    const strategy = manual();
    const { discovery, peers, clock, lines, telemetry } = start({ own: { strategy, listNodes } });
    await discovery.start();
    strategy.contexts[0]?.found('a@x');
    await clock.advance(1_000);
    strategy.contexts[0]?.found('a@x');
    await clock.advance(1_000);
    expect(peers.attempts).toHaveLength(1);
    expect(peers.connected('a@x')).toBe(true);
    expect(strategy.contexts).toHaveLength(1);
    expect(telemetry.counter('discovery.list_failed')).toBeGreaterThan(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.message).toMatch(
      /listNodes of topology own failed: (no list|it gave (5|\[object Promise\]))/,
    );
    await discovery.stop();
  });

  it('leaves alone what another topology has connected', async () => {
    const events = listen('disconnected');
    const [one, two] = [manual(), manual()];
    const { discovery, peers, clock } = start({ one, two: { strategy: two } });
    await discovery.start();
    one.contexts[0]?.found('a@x');
    await clock.advance(100);
    two.contexts[0]?.gone('a@x');
    expect(peers.connected('a@x')).toBe(true);
    await clock.advance(900);
    one.contexts[0]?.gone('a@x');
    expect(peers.connected('a@x')).toBe(false);
    expect(events).toMatchObject([{ topology: 'one', peer: 'a@x', reason: 'disconnect', durationMs: 999 }]);
    await discovery.stop();
  });
});

/** What is published under these names of discovery, as long as the test runs. */
function listen(...names: string[]): unknown[] {
  const events: unknown[] = [];
  for (const event of names) {
    const keep = (message: unknown): void => void events.push({ event, ...(message as object) });
    subscribe(`beamish:discovery.${event}`, keep);
    onTestFinished(() => void unsubscribe(`beamish:discovery.${event}`, keep));
  }
  return events;
}

describe('hosts, dns and epmd', () => {
  it('disconnect nodes whose record is gone when they are told to', async () => {
    let addresses = ['10.0.0.1', '10.0.0.2'];
    const resolver = { lookup: async () => [], addresses: async () => addresses, services: async () => [] };
    const { discovery, peers, clock } = start(
      { pods: dns({ query: 'app', basename: 'app', disconnectRemoved: true }) },
      world({ resolver }),
    );
    await discovery.start();
    await clock.advance(100);
    expect(peers.up.size).toBe(2);
    // A look-up that fails says nothing about anybody, and makes nobody forgotten either.
    const known = addresses;
    resolver.addresses = () => Promise.reject(new Error('SERVFAIL'));
    await clock.advance(10_000);
    expect([...peers.up]).toEqual(known.map((address) => `app@${address}`));
    addresses = ['10.0.0.2'];
    resolver.addresses = async () => addresses;
    await clock.advance(10_000);
    expect([...peers.up]).toEqual(['app@10.0.0.2']);
    await discovery.stop();
  });

  it('asks the port mapper for all names of this machine, and goes on when it does not answer', async () => {
    expect(() => epmd({ port: 1 } as never)).toThrow(/no option "port"/);
    expect(() => epmd({ interval: -1 })).toThrow(OptionsError);
    const { discovery, peers, clock, telemetry } = start({ local: epmd({ interval: 1_000 }) });
    let asked = 0;
    peers.names = async () => {
      if (asked++ === 0) throw new ConnectionError('no port mapper');
      return [
        { name: 'self', port: 4_000 },
        { name: 'other', port: 4_001 },
      ];
    };
    await discovery.start();
    await clock.advance(1_500);
    expect(peers.attempts).toEqual([{ name: 'other@here', atMs: 1_000, port: 4_001 }]);
    expect(telemetry.counter('epmd.failed')).toBe(1);
    await discovery.stop();
    expect(clock.pending).toBe(0);
  });

  it('refuse options that cannot work', () => {
    expect(() => hosts(['a'])).toThrow(/"a" is no node name/);
    expect(() => hosts([], { interval: 0 })).toThrow(OptionsError);
    expect(() => hosts([], { intervall: 5 } as never)).toThrow(/no option "intervall"/);
    expect(() => hosts([], { interval: '5' as never })).toThrow(/interval "5"/);
    expect(() => hosts('a@b' as never)).toThrow(/given "a@b"; a list of node names/);
    expect(() => hosts([null as never])).toThrow(/null is no node name/);
    expect(() => hosts([{ name: 'a@b', prt: 3 } as never])).toThrow(/no option "prt"/);
    expect(() => hosts([{ name: 'a@b', port: 0 }])).toThrow(/port of a@b is 0; a whole number/);
    expect(() => hosts([{ name: 'a@b', host: '10.0.0.1' } as never])).toThrow(/port of a@b is undefined/);
    expect(() => hosts([{ name: 'a@b', port: 3, host: 5 as never }])).toThrow(/host of a@b is 5/);
    for (const wrong of [null, undefined, 5, [], 'x', new Map([['interval', 5]])]) {
      expect(() => dns(wrong as never)).toThrow(OptionsError);
      if (wrong !== undefined) expect(() => epmd(wrong as never)).toThrow(/epmd\(\) was given/);
    }
    expect(() => epmd({ port: 1 } as never)).toThrow(/no option "port"; it knows interval/);
    expect(() => dns({ query: '', basename: 'app' })).toThrow(/dns query ""/);
    expect(() => dns({ query: 'x', basename: 'a@b' })).toThrow(/dns basename "a@b"/);
    expect(() => dns({ query: 'x', basename: 'a', records: 'TXT' as never })).toThrow(
      /"addresses" or "services"/,
    );
    expect(() => dns({ query: 'x', basename: 'a', port: 1 } as never)).toThrow(/no option "port"/);
  });

  it('polls addresses and services, survives a look-up that fails, and stops', async () => {
    let answers = 0;
    const inWorld = world({
      resolver: {
        lookup: async () => [],
        addresses: async (name) => {
          if (answers++ === 0) throw new Error(`ENOTFOUND ${name}`);
          return ['10.0.0.1', '10.0.0.2', '10.0.0.1'];
        },
        services: async () => [{ host: 'pod-0.svc.local.', port: 1, priority: 0, weight: 0 }],
      },
    });
    const { discovery, peers, clock, telemetry } = start(
      {
        a: dns({ query: 'app.svc', basename: 'app', interval: 1_000 }),
        b: dns({ query: '_app.svc', basename: 'app', records: 'services' }),
      },
      inWorld,
    );
    await discovery.start();
    await clock.advance(500);
    expect([...peers.up]).toEqual(['app@pod-0.svc.local']);
    await clock.advance(1_000);
    expect([...peers.up].sort()).toEqual(['app@10.0.0.1', 'app@10.0.0.2', 'app@pod-0.svc.local']);
    expect(telemetry.counter('dns.failed')).toBe(1);
    await discovery.stop();
    expect(clock.pending).toBe(0);
  });
});
