import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { gossip } from '../../src/discovery/gossip.ts';
import type { GossipOptions } from '../../src/discovery/gossip-options.ts';
import type { NetworkInterface } from '../../src/env/index.ts';
import { OptionsError } from '../../src/errors.ts';
import { GossipWire, plainFormat, sealedFormat } from '../../src/gossip/index.ts';
import { datagrams } from '../../src/platform/udp.ts';
import { SimCluster } from '../../src/testing/index.ts';
import { freeGossipPort, seeker } from './seeker.ts';
import { LOOPBACK, world } from './virtual.ts';

const loopback = (port: number, more: GossipOptions = {}): GossipOptions => ({
  port,
  multicastIf: '127.0.0.1',
  ...more,
});

describe('gossip on the loopback interface', () => {
  it('lets three nodes find each other', async () => {
    const { port } = await freeGossipPort();
    const [a, b, c] = [
      await seeker('a@127.0.0.1', loopback(port)),
      await seeker('b@127.0.0.1', loopback(port)),
      await seeker('c@127.0.0.1', loopback(port)),
    ];
    await Promise.all([
      a.heard('b@127.0.0.1', 'c@127.0.0.1'),
      b.heard('a@127.0.0.1', 'c@127.0.0.1'),
      c.heard('a@127.0.0.1', 'b@127.0.0.1'),
    ]);
    for (const node of [a, b, c]) expect(node.lines).toEqual([]);
  });

  it('needs only one group in common', async () => {
    const { port } = await freeGossipPort();
    const both = await seeker('both@127.0.0.1', loopback(port));
    const old = await seeker('old@127.0.0.1', loopback(port, { multicastAddr: '230.1.1.251' }));
    const recent = await seeker('new@127.0.0.1', loopback(port, { multicastAddr: ['233.252.1.32'] }));
    await both.heard('old@127.0.0.1', 'new@127.0.0.1');
    await Promise.all([old.heard('both@127.0.0.1'), recent.heard('both@127.0.0.1')]);
  });

  it('keeps nodes with another secret, or none, apart, and says so once', async () => {
    const { port } = await freeGossipPort();
    const secret = await seeker('s1@127.0.0.1', loopback(port, { secret: 'shared' }));
    const same = await seeker('s2@127.0.0.1', loopback(port, { secret: Buffer.from('shared') }));
    const other = await seeker('s3@127.0.0.1', loopback(port, { secret: 'another' }));
    const plain = await seeker('p1@127.0.0.1', loopback(port));
    const plain2 = await seeker('p2@127.0.0.1', loopback(port));
    await Promise.all([
      secret.heard('s2@127.0.0.1'),
      same.heard('s1@127.0.0.1'),
      plain.heard('p2@127.0.0.1'),
      plain2.heard('p1@127.0.0.1'),
    ]);
    expect([...secret.up]).toEqual(['s2@127.0.0.1']);
    expect([...other.up]).toEqual([]);
    expect([...plain.up]).toEqual(['p2@127.0.0.1']);
    for (const { telemetry, lines } of [secret, plain]) {
      const ignored = Object.entries(telemetry.counters()).filter(([name]) =>
        name.startsWith('gossip.ignored.'),
      );
      expect(ignored.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThanOrEqual(ignored.length);
      for (const { message } of lines) expect(message).not.toContain('shared');
    }
  });

  it('sealed, tells the ports, and clusters with different secrets never meet', async () => {
    const { port } = await freeGossipPort();
    const seal = 'secretbox' as const;
    const [a, b] = [
      await seeker('a@127.0.0.1', loopback(port, { seal, secret: 'ours' })),
      await seeker('b@127.0.0.1', loopback(port, { seal, secret: ['new', 'ours'] })),
    ];
    const other = await seeker('c@127.0.0.1', loopback(port, { seal, secret: 'theirs' }));
    const other2 = await seeker('d@127.0.0.1', loopback(port, { seal, secret: 'theirs' }));
    const plain = await seeker('e@127.0.0.1', loopback(port));
    await Promise.all([b.heard('a@127.0.0.1'), other.heard('d@127.0.0.1'), other2.heard('c@127.0.0.1')]);
    expect(b.ports.get('a@127.0.0.1')).toBe(1);
    expect([...a.up, ...plain.up]).toEqual([]);
    expect([...b.up]).toEqual(['a@127.0.0.1']);
    expect([...other.up]).toEqual(['d@127.0.0.1']);
  });

  it('refuses a sealed datagram that is played again, and counts it', async () => {
    const { port, socket, taped } = await tapedGossip();
    const a = await seeker('a@127.0.0.1', loopback(port, { seal: 'secretbox', secret: 's' }));
    const b = await seeker('b@127.0.0.1', loopback(port, { seal: 'secretbox', secret: 's' }));
    await Promise.all([a.heard('b@127.0.0.1'), b.heard('a@127.0.0.1')]);
    socket.setMulticastInterface('127.0.0.1');
    for (const datagram of [...taped]) await socket.send(datagram, { host: '230.1.1.251', port });
    // Behind the recordings, something that each of them counts.
    await socket.send(Buffer.from('end'), { host: '230.1.1.251', port });
    await vi.waitUntil(() =>
      [a, b].every(({ telemetry }) => telemetry.counter('gossip.ignored.unsealed') > 0),
    );
    for (const { telemetry } of [a, b]) {
      expect(telemetry.counter('gossip.ignored.replayed')).toBeGreaterThan(0);
      expect(telemetry.counter('gossip.ignored.reflected')).toBeGreaterThan(0);
    }
  });

  it('moves from libcluster to seals with wire "both" in between', async () => {
    const { port } = await freeGossipPort();
    const options = { secret: 's', seal: 'secretbox' } as const;
    const old = await seeker('old@127.0.0.1', loopback(port, { secret: 's' }));
    const both = await seeker('both@127.0.0.1', loopback(port, { ...options, wire: 'both' }));
    const sealed = await seeker('sealed@127.0.0.1', loopback(port, options));
    await Promise.all([
      old.heard('both@127.0.0.1'),
      both.heard('old@127.0.0.1', 'sealed@127.0.0.1'),
      sealed.heard('both@127.0.0.1'),
    ]);
    expect([...sealed.up, ...old.up]).toEqual(['both@127.0.0.1', 'both@127.0.0.1']);
  });

  it('works by broadcast alone', async () => {
    const { port } = await freeGossipPort();
    const broadcast = { port, broadcastOnly: true, multicastAddr: '127.255.255.255' };
    const a = await seeker('a@127.0.0.1', broadcast);
    const b = await seeker('b@127.0.0.1', broadcast);
    await Promise.all([a.heard('b@127.0.0.1'), b.heard('a@127.0.0.1')]);
  });

  it('ignores, counts and survives what strangers send', async () => {
    const { port, socket } = await freeGossipPort();
    const a = await seeker('a@127.0.0.1', loopback(port));
    await seeker('b@127.0.0.1', loopback(port));
    await a.heard('b@127.0.0.1');
    socket.setMulticastInterface('127.0.0.1');
    const group = { host: '230.1.1.251', port };
    const junk = [Buffer.from('hello'), Buffer.from('heartbeat::'), Buffer.alloc(2_000), Buffer.alloc(0)];
    for (let i = 0; i < 5; i++) for (const datagram of junk) await socket.send(datagram, group);
    await socket.send(plainFormat.encode('last@127.0.0.1', new Uint8Array()), group);
    await a.heard('last@127.0.0.1');
    expect(a.telemetry.counter('gossip.ignored.foreign')).toBe(10);
    expect(a.telemetry.counter('gossip.ignored.malformed')).toBe(5);
    expect(a.telemetry.counter('gossip.ignored.oversized')).toBe(5);
    expect(a.lines).toHaveLength(3);
  });
});

describe('a node that gossips', () => {
  it('looks at no datagram longer than limits.datagramBytes, plain or sealed', async () => {
    for (const [seal, bytes] of [
      [{}, 25],
      [{ secret: 's', seal: 'secretbox' }, 60],
    ] as const) {
      const cluster = new SimCluster({ seed: 1 });
      const ignored = async (name: string, datagramBytes: number): Promise<number> => {
        const node = await cluster.start(name, { discovery: gossip(seal), limits: { datagramBytes } });
        await cluster.advance(10_000);
        return node.inspect().counters['gossip.ignored.oversized'] ?? 0;
      };
      expect(await ignored('a@sim', 1_500)).toBe(0);
      expect(await ignored('b@sim', bytes)).toBeGreaterThan(5);
      expect(await ignored('c@sim', 9_000)).toBe(0);
      cluster.dispose();
    }
  });
});

/** A gossip port, and all that was sent to its first group. */
async function tapedGossip() {
  const { port } = await freeGossipPort();
  const taped: Uint8Array[] = [];
  const socket = await datagrams.open(
    { family: 'IPv4', port },
    { message: (bytes) => void taped.push(Uint8Array.from(bytes)), error() {} },
  );
  onTestFinished(() => socket.close());
  socket.addMembership('230.1.1.251', '127.0.0.1');
  return { port, socket, taped };
}

/** Sockets without a network: what was sent is kept, and comes back when `loops`. */
function fakeNetwork(inWorld = world()) {
  const network = {
    ...inWorld,
    loops: true,
    /** How often a datagram comes back. */
    echoes: 1,
    refuse: undefined as Error | undefined,
    interfaces: [LOOPBACK] as NetworkInterface[],
    open: 0,
    opens: 0,
    sentAtMs: [] as number[],
    groups: [] as string[],
    /** What was set on the newest socket. */
    ttl: undefined as number | undefined,
    outgoing: undefined as string | undefined,
    /** When it is set, a socket is open once this has resolved. */
    opensAfter: undefined as Promise<void> | undefined,
    /** When set, no group can be joined. */
    refuseGroups: undefined as Error | undefined,
    breakSocket: (_error: Error): void => {},
    hear: (_bytes: Uint8Array, _host: string): void => {},
    env: inWorld.env,
  };
  network.env = {
    ...inWorld.env,
    host: { ...inWorld.env.host, interfaces: () => network.interfaces },
    datagrams: {
      open: async (_options, handlers) => {
        if (network.refuse !== undefined) throw network.refuse;
        await network.opensAfter;
        network.open++;
        network.opens++;
        let closed = false;
        const close = (): void => {
          if (!closed) network.open--;
          closed = true;
        };
        network.breakSocket = (error) => {
          close();
          handlers.error(error);
        };
        network.hear = (bytes, host) => handlers.message(bytes, { host, port: 45_892 });
        network.groups = [];
        return {
          host: '0.0.0.0',
          port: 45_892,
          send: async (bytes) => {
            network.sentAtMs.push(inWorld.clock.nowMs());
            for (let i = 0; network.loops && i < network.echoes; i++)
              handlers.message(bytes, { host: '10.0.0.1', port: 45_892 });
          },
          addMembership: (group, on) => {
            if (network.refuseGroups !== undefined) throw network.refuseGroups;
            network.groups.push(`${group} ${on ?? ''}`.trim());
          },
          dropMembership() {},
          setMulticastTtl: (ttl) => {
            network.ttl = ttl;
          },
          setMulticastLoopback() {},
          setMulticastInterface: (address) => {
            network.outgoing = address;
          },
          close,
        };
      },
    },
  };
  return network;
}

describe('the gossip driver', () => {
  it("joins both of libcluster's groups and sends to each, at 0, 100, 300, 700, 1500 ms and then at random", async () => {
    const network = fakeNetwork();
    const { discovery } = await seeker('a@x', {}, network.env);
    await network.clock.advance(100_000);
    expect(network.groups).toEqual(['230.1.1.251', '233.252.1.32']);
    const beats = network.sentAtMs.filter((_, index) => index % 2 === 0);
    expect(beats).toEqual(network.sentAtMs.filter((_, index) => index % 2 === 1));
    expect(beats.slice(0, 5)).toEqual([0, 100, 300, 700, 1_500]);
    const gaps = beats.slice(5).map((atMs, index) => atMs - beats[index + 4]!);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
    expect(gaps.length).toBeGreaterThan(25);
    expect(new Set(gaps).size).toBeGreaterThan(20);
    await discovery.stop();
    expect(network.open).toBe(0);
    expect(network.clock.pending).toBe(0);
  });

  it('speaks less often the more nodes are connected, and never less than every 5 seconds', async () => {
    const meansMs: number[] = [];
    for (const connected of [0, 50, 100, 1_000]) {
      const network = fakeNetwork();
      const { discovery, up } = await seeker('a@x', { multicastAddr: '230.1.1.251' }, network.env);
      for (let i = 0; i < connected; i++) up.add(`n${i}@x`);
      await network.clock.advance(600_000);
      const gaps = network.sentAtMs.slice(5).map((atMs, index) => atMs - network.sentAtMs[index + 4]!);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(Math.min(connected, 100) * 40);
      expect(new Set(gaps).size).toBeGreaterThan(20);
      meansMs.push(600_000 / gaps.length);
      await discovery.stop();
    }
    expect(meansMs[0]).toBeLessThan(2_900);
    expect(meansMs[1]).toBeGreaterThan(3_100);
    expect(meansMs[2]).toBeGreaterThan(4_200);
    expect(meansMs[3]).toBeGreaterThan(4_200);
  });

  it('opens the socket again, with pauses, when it cannot be opened or breaks', async () => {
    const network = fakeNetwork();
    network.refuse = new Error('EADDRINUSE');
    const { telemetry, lines, discovery } = await seeker('a@x', {}, network.env);
    await network.clock.advance(60_000);
    expect(network.opens).toBe(0);
    expect(telemetry.counter('gossip.socket_failed')).toBeGreaterThan(6);
    expect(telemetry.counter('gossip.socket_failed')).toBeLessThan(25);
    expect(lines.length).toBeLessThanOrEqual(2);
    network.refuse = undefined;
    await network.clock.advance(10_000);
    expect(network.open).toBe(1);
    network.breakSocket(new Error('ENETDOWN'));
    expect(network.open).toBe(0);
    await network.clock.advance(10_000);
    expect([network.opens, network.open]).toEqual([2, 1]);
    await discovery.stop();
    expect(network.open).toBe(0);
  });

  it('closes a socket that opens after it was given up, and takes no word of one that is', async () => {
    const network = fakeNetwork();
    let open = (): void => {};
    network.opensAfter = new Promise((resolve) => {
      open = resolve;
    });
    const { discovery, telemetry } = await seeker('a@x', {}, network.env);
    await network.clock.advance(1_000);
    await discovery.stop();
    open();
    await network.clock.advance(1_000);
    expect([network.opens, network.open, network.sentAtMs.length]).toEqual([1, 0, 0]);

    network.opensAfter = undefined;
    const second = await seeker('a@x', {}, network.env);
    await network.clock.advance(5_000);
    const breakFirst = network.breakSocket;
    network.interfaces = [LOOPBACK, { ...LOOPBACK, name: 'eth0', address: '10.0.0.5', internal: false }];
    await network.clock.advance(5_000);
    const { opens } = network;
    breakFirst(new Error('ENETDOWN'));
    await network.clock.advance(10_000);
    expect([network.opens, network.open]).toEqual([opens, 1]);
    expect(second.telemetry.counter('gossip.socket_failed')).toBe(0);
    expect(telemetry.counter('gossip.socket_failed')).toBe(0);
    await second.discovery.stop();
  });

  it('gives up the opening of one family when the socket of the other breaks meanwhile', async () => {
    const network = fakeNetwork();
    let open = (): void => {};
    const second = new Promise<void>((resolve) => {
      open = resolve;
    });
    Object.defineProperty(network, 'opensAfter', { get: () => (network.opens === 0 ? undefined : second) });
    const { discovery } = await seeker('a@x', { multicastAddr: ['230.1.1.251', 'ff02::4321'] }, network.env);
    await network.clock.advance(100);
    expect(network.open).toBe(1);
    network.breakSocket(new Error('ENETDOWN'));
    open();
    await network.clock.advance(0);
    expect([network.opens, network.open]).toEqual([2, 0]);
    await network.clock.advance(10_000);
    expect([network.opens, network.open]).toEqual([4, 2]);
    await discovery.stop();
    expect([network.open, network.clock.pending]).toEqual([0, 0]);
  });

  it('is not disturbed by what an opening that was given up comes to, later', async () => {
    const network = fakeNetwork();
    let refuse = (_error: Error): void => {};
    const second = new Promise<void>((_, reject) => {
      refuse = reject;
    });
    let asked = 0;
    Object.defineProperty(network, 'opensAfter', { get: () => (++asked === 2 ? second : undefined) });
    const { discovery, telemetry } = await seeker(
      'a@x',
      { multicastAddr: ['230.1.1.251', 'ff02::4321'] },
      network.env,
    );
    await network.clock.advance(100);
    network.breakSocket(new Error('ENETDOWN'));
    // The next opening is over when the rest of the first one fails.
    await network.clock.advance(1_000);
    refuse(new Error('EADDRINUSE'));
    await network.clock.advance(1_000);
    expect([network.opens, network.open]).toEqual([3, 2]);
    expect(telemetry.counter('gossip.socket_failed')).toBe(1);
    await discovery.stop();
    expect(network.open).toBe(0);
  });

  it('tells from which address it heard a name, and at which port the node is and in which life when a seal says so', async () => {
    const found: unknown[] = [];
    const peer = { name: 'b@y', port: 4_001, creation: 2 };
    const sealed = sealedFormat(['s']);
    for (const [options, wire] of [
      [{}, new GossipWire(peer, plainFormat, undefined)],
      [{ secret: 's', seal: 'secretbox' }, new GossipWire(peer, undefined, sealed)],
    ] as const) {
      const network = fakeNetwork();
      const { env, telemetry, logger, clock } = network;
      const handle = await gossip(options).start({
        ...{ self: { name: 'a@x', port: 1, creation: 1 }, topology: 'lan', env, telemetry, logger },
        ...{ found: (...args) => void found.push(args), gone() {}, failed() {} },
        ...{ connectedNodes: () => 0, names: async () => [], datagramBytes: 1_500 },
      });
      await clock.advance(0);
      for (const datagram of wire.datagrams(clock.wallMs(), (count) => new Uint8Array(count)))
        network.hear(datagram, '10.0.0.9');
      await handle.stop();
    }
    expect(found).toEqual([
      ['b@y', { from: '10.0.0.9' }],
      ['b@y', { from: '10.0.0.9', port: 4_001, creation: 2 }],
    ]);
  });

  it('is told once for each heartbeat that it hears itself, however often it comes back', async () => {
    const timers: number[] = [];
    for (const echoes of [1, 1_000]) {
      const network = fakeNetwork();
      network.echoes = echoes;
      const armed = vi.spyOn(network.clock, 'setTimeout');
      const { discovery } = await seeker('a@x', { heartbeatPause: 1_000 }, network.env);
      await network.clock.advance(20_000);
      timers.push(armed.mock.calls.length / network.sentAtMs.length);
      await discovery.stop();
    }
    expect(timers[1]).toBeLessThan(timers[0]! * 2);
  });

  it('leaves no socket open whose groups cannot be joined, and names group and interface', async () => {
    const network = fakeNetwork();
    network.refuseGroups = new Error('ENODEV');
    const { discovery, lines } = await seeker('a@x', { multicastIf: 'lo' }, network.env);
    await network.clock.advance(60_000);
    expect(network.opens).toBeGreaterThan(5);
    expect(network.open).toBe(0);
    expect(lines[0]?.message).toMatch(/cannot join group 2.* on 127\.0\.0\.1: ENODEV; interfaces here: lo/);
    network.refuseGroups = undefined;
    await network.clock.advance(10_000);
    expect(network.open).toBe(1);
    await discovery.stop();
  });

  it('sets the hops and the interface that it was told, and one hop untold', async () => {
    const network = fakeNetwork();
    const untold = await seeker('a@x', {}, network.env);
    await network.clock.advance(0);
    expect([network.ttl, network.outgoing]).toEqual([1, undefined]);
    await untold.discovery.stop();
    const told = await seeker('a@x', { multicastTtl: 7, multicastIf: 'lo' }, network.env);
    await network.clock.advance(0);
    expect([network.ttl, network.outgoing]).toEqual([7, '127.0.0.1']);
    await told.discovery.stop();
  });

  it('joins again when an interface comes or changes its address', async () => {
    const network = fakeNetwork();
    const { discovery } = await seeker('a@x', {}, network.env);
    await network.clock.advance(20_000);
    expect(network.opens).toBe(1);
    network.interfaces = [LOOPBACK, { ...LOOPBACK, name: 'eth0', address: '10.0.0.5', internal: false }];
    await network.clock.advance(5_000);
    expect([network.opens, network.open]).toEqual([2, 1]);
    await discovery.stop();
  });

  it('does so within seconds, however long it is silent between two heartbeats or attempts', async () => {
    const network = fakeNetwork();
    const eth0 = { ...LOOPBACK, name: 'eth0', address: '10.0.0.5', internal: false };
    const { discovery } = await seeker('a@x', { heartbeatPause: 600_000 }, network.env);
    await network.clock.advance(20_000);
    network.interfaces = [LOOPBACK, eth0];
    await network.clock.advance(2_000);
    expect([network.opens, network.open]).toEqual([2, 1]);
    await discovery.stop();

    network.refuse = new Error('ENODEV');
    const late = await seeker('b@x', {}, network.env);
    await network.clock.advance(120_000);
    const failures = late.telemetry.counter('gossip.socket_failed');
    network.refuse = undefined;
    network.interfaces = [LOOPBACK];
    await network.clock.advance(2_000);
    expect([network.opens, network.open]).toEqual([3, 1]);
    expect(late.telemetry.counter('gossip.socket_failed')).toBeLessThanOrEqual(failures + 1);
    await late.discovery.stop();
    expect([network.open, network.clock.pending]).toEqual([0, 0]);
  });

  it('says once that a group is deaf and what to try, and when it hears again', async () => {
    const network = fakeNetwork();
    network.loops = false;
    const { lines, discovery, telemetry } = await seeker('a@x', { ifAddr: '127.0.0.1' }, network.env);
    await network.clock.advance(1_999);
    expect(lines).toEqual([]);
    await network.clock.advance(60_000);
    expect(telemetry.counter('gossip.deaf')).toBe(1);
    expect(lines).toHaveLength(1);
    for (const word of ['230.1.1.251', 'lo 127.0.0.1', 'multicastIf', 'broadcastOnly', 'ifAddr'])
      expect(lines[0]?.message).toContain(word);
    network.loops = true;
    await network.clock.advance(5_000);
    expect(lines[1]?.message).toContain('come back now');
    await discovery.stop();
  });

  it('joins again when its own datagrams stop coming back, though the interfaces look as they did', async () => {
    const network = fakeNetwork();
    const { lines, discovery, telemetry } = await seeker('a@x', {}, network.env);
    await network.clock.advance(300_000);
    expect(network.opens).toBe(1);
    network.loops = false;
    await network.clock.advance(22_000);
    expect([network.opens, network.open]).toEqual([2, 1]);
    expect(telemetry.counter('gossip.silence')).toBe(1);
    expect(lines[0]?.message).toContain('do not come back any more');
    // As long as nothing helps it is tried once a minute, and told once.
    await network.clock.advance(600_000);
    expect(network.opens).toBeGreaterThanOrEqual(10);
    expect(network.opens).toBeLessThanOrEqual(12);
    expect(lines).toHaveLength(2);
    network.loops = true;
    await network.clock.advance(300_000);
    const opens = network.opens;
    expect(lines).toHaveLength(3);
    expect(lines[2]?.message).toContain('come back now');
    await network.clock.advance(300_000);
    expect(network.opens).toBe(opens);
    await discovery.stop();
    expect([network.open, network.clock.pending]).toEqual([0, 0]);
  });

  it('is patient with own datagrams in proportion to the pause between heartbeats', async () => {
    const network = fakeNetwork();
    const { discovery } = await seeker('a@x', { heartbeatPause: 60_000 }, network.env);
    await network.clock.advance(3_600_000);
    expect(network.opens).toBe(1);
    await discovery.stop();
  });

  it('waits for the interface that multicastIf names when it is there and not up yet', async () => {
    const network = fakeNetwork();
    const host = { ...network.env.host, hasInterface: (name: string) => name === 'eth0' };
    const { lines, discovery } = await seeker('a@x', { multicastIf: 'eth0' }, { ...network.env, host });
    await network.clock.advance(30_000);
    expect(network.opens).toBe(0);
    expect(lines[0]?.message).toContain('interface "eth0" is down or has no address yet');
    network.interfaces = [LOOPBACK, { ...LOOPBACK, name: 'eth0', address: '10.0.0.5', internal: false }];
    await network.clock.advance(10_000);
    expect([network.opens, network.open]).toEqual([1, 1]);
    expect(network.groups).toContain('230.1.1.251 10.0.0.5');
    await discovery.stop();
    await expect(seeker('b@x', { multicastIf: 'eth7' }, { ...network.env, host })).rejects.toThrow(/eth7/);
    // What is waited for is the interface that is missing, not another one that is named as well.
    const elsewhere = { multicastIf: 'eth0', ifAddr: '10.9.9.9' };
    await expect(seeker('c@x', elsewhere, { ...network.env, host })).rejects.toThrow(/ifAddr "10\.9\.9\.9"/);
    network.interfaces = [LOOPBACK];
    const zoned = await seeker('d@x', { multicastAddr: 'ff02::fb%eth0' }, { ...network.env, host });
    expect(zoned.lines[0]?.message).toContain('interface "eth0" is down');
    await zoned.discovery.stop();
  });

  it('tells, with debug lines on, what it sends and that it hears itself', async () => {
    const network = fakeNetwork();
    const { lines, discovery, logger } = await seeker('a@x', {}, network.env);
    await network.clock.advance(20_000);
    expect(lines).toEqual([]);
    logger.setDebug('discovery', true);
    await network.clock.advance(5_001);
    const said = lines.map(({ message }) => message).join('\n');
    expect(said).toContain('heartbeat to group 230.1.1.251 and 233.252.1.32');
    expect(said).toContain('heard ourselves');
    await discovery.stop();
  });
});

describe('gossip options', () => {
  const refused: readonly [GossipOptions, string, RegExp][] = [
    [{ port: 0 }, 'gossip.port', /port 0: a whole number from 1 to 65535/],
    [{ port: 70_000 }, 'gossip.port', /70000/],
    [{ port: '1' as never }, 'gossip.port', /"1"/],
    [{ multicastTtl: 256 }, 'gossip.multicastTtl', /256.*0 to 255/],
    [{ multicastTtl: 1.5 }, 'gossip.multicastTtl', /1.5/],
    [
      { multicastAddr: '10.0.0.1' },
      'gossip.multicastAddr',
      /10\.0\.0\.1.*multicast group would do.*broadcastOnly/,
    ],
    [{ multicastAddr: '300.1.1.1' }, 'gossip.multicastAddr', /"300\.1\.1\.1": an IP address/],
    [{ multicastAddr: [] }, 'gossip.multicastAddr', /empty/],
    [{ multicastAddr: {} as never }, 'gossip.multicastAddr', /an object: an IP address/],
    [{ multicastAddr: null as never }, 'gossip.multicastAddr', /null: an IP address/],
    [{ multicastAddr: '240.0.0.1' }, 'gossip.multicastAddr', /240\.0\.0\.1.*multicast group would do/],
    [{ multicastAddr: '223.255.255.255' }, 'gossip.multicastAddr', /multicast group would do/],
    [{ multicastAddr: '230.1.1.251', broadcastOnly: true }, 'gossip.multicastAddr', /255\.255\.255\.255/],
    [{ ifAddr: 'eth0' }, 'gossip.ifAddr', /"eth0"/],
    [{ multicastIf: '' }, 'gossip.multicastIf', /local interface/],
    [{ broadcastOnly: 'yes' as never }, 'gossip.broadcastOnly', /"yes"/],
    [
      { secret: 7 as never },
      'gossip.secret',
      /^gossip secret: a string or bytes would do, or a list of them$/,
    ],
    [{ secret: ['s', 7 as never] }, 'gossip.secret', /a list of them$/],
    [{ secret: [] }, 'gossip.secret', /a list of them$/],
    [{ secret: 's', seal: 'box' as never }, 'gossip.seal', /"box": "secretbox" would do/],
    [{ seal: 'secretbox' }, 'gossip.seal', /needs a secret/],
    [{ secret: 's', wire: 'both' }, 'gossip.wire', /"both" needs seal "secretbox"/],
    [{ secret: 's', seal: 'secretbox', wire: 'libcluster' }, 'gossip.wire', /exclude each other/],
    [{ wire: 'udp' as never }, 'gossip.wire', /"udp": "libcluster", "sealed" or "both"/],
    [null as never, 'gossip', /given null; an object of options/],
    [5 as never, 'gossip', /given 5/],
    [new Map([['port', 5]]) as never, 'gossip', /given a Map; an object of options/],
    [{ ifAddr: '10.0.0.1', multicastAddr: 'ff02::1' }, 'gossip.ifAddr', /another family/],
    [{ heartbeatPause: 999 }, 'gossip.heartbeatPause', /999.*from 1000/],
    [{ multicastAddress: 'x' } as never, 'gossip.multicastAddress', /no option.*multicastAddr/],
  ];

  for (const [options, option, message] of refused)
    it(`refuse ${JSON.stringify(options)}, naming the option and what would do`, () => {
      let error: unknown;
      try {
        gossip(options);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(OptionsError);
      expect(error).toMatchObject({ option, message: expect.stringMatching(message) });
    });

  it('that name no interface of this machine keep the node from starting, and list those that are here', async () => {
    for (const options of [
      { multicastIf: '192.0.2.1' },
      { multicastIf: 'nope0' },
      { ifAddr: '192.0.2.1' },
      { multicastAddr: ['ff02::fb', 'ff02::fb%nope0'] },
    ])
      await expect(seeker('a@x', options, fakeNetwork().env)).rejects.toThrow(/lo 127\.0\.0\.1/);
  });

  it('take an interface by its name, and IPv6 groups with a zone', async () => {
    const network = fakeNetwork();
    const { discovery } = await seeker('a@x', { multicastIf: 'lo' }, network.env);
    await network.clock.advance(0);
    expect(network.groups).toEqual(['230.1.1.251 127.0.0.1', '233.252.1.32 127.0.0.1']);
    await discovery.stop();
    const six = await seeker('a@x', { multicastIf: 'lo', multicastAddr: 'ff02::4321' }, network.env);
    await network.clock.advance(0);
    expect(network.groups).toEqual(['ff02::4321 ::%lo']);
    await six.discovery.stop();
    const eth0 = { ...LOOPBACK, name: 'eth0', address: 'fe80::1', family: 'IPv6' as const, internal: false };
    network.interfaces = [LOOPBACK, eth0];
    const zoned = await seeker(
      'a@x',
      { multicastIf: 'eth0', multicastAddr: ['ff02::4321', 'ff02::4321%lo'] },
      network.env,
    );
    await network.clock.advance(0);
    expect(network.groups).toEqual(['ff02::4321 ::%eth0', 'ff02::4321%lo ::%lo']);
    await zoned.discovery.stop();
  });
});
