/**
 * Membership at scale: nodes whose discovery is the production one (gossip strategy and machine, datagrams, connect queue)
 * on a virtual clock, joined by a switch and by links that are reduced to the round trips of their handshake. A whole
 * cluster of a thousand nodes would hold half a million of links, which decide nothing about who finds whom.
 */
import { Discovery } from '../../src/discovery/discovery.ts';
import { gossip, type Strategy } from '../../src/discovery/index.ts';
import type { DatagramHandlers, DatagramSocket, Env } from '../../src/env/index.ts';
import { ConnectionError } from '../../src/errors.ts';
import { GossipWire, plainFormat } from '../../src/gossip/index.ts';
import { Telemetry } from '../../src/telemetry/events.ts';
import { Logger } from '../../src/telemetry/logger.ts';
import { SeededRandom, SimNetwork, simEnv, VirtualClock } from '../../src/testing/index.ts';

/** When a node speaks: as ours do (a burst, then 1 to 5 s, slower the more nodes are connected), or as libcluster's. */
export type Rule = 'beamish' | 'libcluster';

export interface ScaleOptions {
  readonly nodes: number;
  /** Share of datagrams that get lost, for each receiver, and of segments of a handshake. */
  readonly loss: number;
  readonly rule: Rule;
  readonly seed: number;
}

export interface ScaleResult {
  /** From the last start until every two nodes are connected, virtual milliseconds. */
  readonly convergedMs: number;
  /** Datagrams sent until then. */
  readonly sent: number;
  /** Datagrams that somebody else heard. */
  readonly heard: number;
  /** Attempts to connect, and how many of them were to nodes that were connected when they got through. */
  readonly attempts: number;
  readonly crossed: number;
}

/** Nodes start within a second. */
const STARTS_MS = 1_000;
/** One way, datagrams and segments alike. */
const LATENCY_MS = [0.2, 1] as const;
/** First retransmission of a connection's first segment, and of the others, as on Linux; doubled each time. */
const SYN_RETRY_MS = 1_000;
const DATA_RETRY_MS = 200;
/** Round trips until a link stands: to the port mapper (a connection, a question), to the node (a connection, two of the handshake). */
const ROUND_TRIPS = [SYN_RETRY_MS, DATA_RETRY_MS, SYN_RETRY_MS, DATA_RETRY_MS, DATA_RETRY_MS] as const;
const LIBCLUSTER_PAUSE_MS = [1, 5_000] as const;
/** As libcluster's strategy, each speaks to one group; ours would speak to two by default. */
const GROUP = '233.252.1.32';
const PORT = 45_892;
/** Virtual time after which something is wrong. */
const PATIENCE_MS = 600_000;

/** Runs a cluster until every two nodes are connected. @throws Error when they never are */
export async function meet({ nodes, loss, rule, seed }: ScaleOptions): Promise<ScaleResult> {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed);
  // For what a node asks of its machine; nothing is sent over it.
  const machines = new SimNetwork({ seed });
  const names = Array.from({ length: nodes }, (_, at) => `n${at}@10.1.${at >> 8}.${at & 255}`);
  const indexes = new Map(names.map((name, at) => [name, at]));
  const links = names.map(() => new Uint8Array(nodes));
  const degrees = new Uint32Array(nodes);
  const wanted = (nodes * (nodes - 1)) / 2;
  const tally = { made: 0, sent: 0, heard: 0, attempts: 0, crossed: 0 };
  const ears: { readonly at: number; readonly handlers: DatagramHandlers }[] = [];
  const isUp = new Uint8Array(nodes);
  const delay = () => LATENCY_MS[0] + random.fraction() * (LATENCY_MS[1] - LATENCY_MS[0]);

  /** One switch: who hears a datagram at all hears it at the same moment. */
  const send = (from: number, bytes: Uint8Array): void => {
    tally.sent += 1;
    const remote = { host: hostOf(names[from]!), port: PORT };
    clock.at(clock.nowMs() + delay(), () => {
      for (const { at, handlers } of ears) {
        if (at !== from) {
          if (loss > 0 && random.chance(loss)) continue;
          tally.heard += 1;
        }
        handlers.message(bytes, remote);
      }
    });
  };

  const open = async (at: number, handlers: DatagramHandlers): Promise<DatagramSocket> => ({
    host: '0.0.0.0',
    port: PORT,
    send: async (bytes) => send(at, Uint8Array.from(bytes)),
    addMembership: () => void ears.push({ at, handlers }),
    dropMembership: () => {},
    setMulticastTtl: () => {},
    setMulticastLoopback: () => {},
    setMulticastInterface: () => {},
    close: () => {},
  });

  const connect = (from: number, peerName: string): Promise<void> =>
    new Promise((resolve, reject) => {
      tally.attempts += 1;
      const to = indexes.get(peerName)!;
      let tookMs = 0;
      for (const firstRetryMs of ROUND_TRIPS) {
        tookMs += 2 * delay();
        // Either way may lose it.
        for (let retryMs: number = firstRetryMs; random.chance(1 - (1 - loss) ** 2); retryMs *= 2)
          tookMs += retryMs;
      }
      clock.setTimeout(() => {
        if (isUp[to] === 0) reject(new ConnectionError(`${peerName} is not up`));
        else {
          if (links[from]![to] === 1) tally.crossed += 1;
          else {
            links[from]![to] = 1;
            links[to]![from] = 1;
            degrees[from]! += 1;
            degrees[to]! += 1;
            tally.made += 1;
          }
          resolve();
        }
      }, tookMs);
    });

  const begin = (at: number): void => {
    const name = names[at]!;
    const { host, log, resolver, streams } = simEnv(machines, name);
    const env: Env = {
      ...{ clock, host, log, resolver, streams },
      random: random.fork(name),
      datagrams: { open: (_options, handlers) => open(at, handlers) },
    };
    const telemetry = new Telemetry(name);
    const discovery = new Discovery({
      self: { name, port: PORT, creation: at + 4 },
      topologies: { lan: rule === 'beamish' ? gossip({ multicastAddr: GROUP }) : asLibcluster() },
      env,
      telemetry,
      logger: new Logger(log, clock, name),
      connect: (peerName) => connect(at, peerName),
      connected: (peerName) => links[at]![indexes.get(peerName)!] === 1,
      disconnect: () => {},
      connectedNodes: () => degrees[at]!,
      names: async () => [],
    });
    isUp[at] = 1;
    void discovery.start();
  };

  let lastStartMs = 0;
  for (const at of names.keys()) {
    const startMs = random.fraction() * STARTS_MS;
    lastStartMs = Math.max(lastStartMs, startMs);
    clock.at(startMs, () => begin(at));
  }
  if (!(await clock.runUntil(() => tally.made === wanted, { withinMs: PATIENCE_MS })))
    throw new Error(`${tally.made} of ${wanted} links are made after ${PATIENCE_MS} ms`);
  const { sent, heard, attempts, crossed } = tally;
  return { convergedMs: clock.nowMs() - lastStartMs, sent, heard, attempts, crossed };
}

const hostOf = (name: string): string => name.slice(name.indexOf('@') + 1);

/** Speaks when libcluster's strategy does: at once, and then every 1 to 5,000 ms. */
function asLibcluster(): Strategy {
  return {
    kind: 'libcluster',
    async start({ self, env, found }) {
      const wire = new GossipWire(self, plainFormat, undefined);
      const moment = () => ({ nowMs: env.clock.nowMs(), wallMs: env.clock.wallMs() });
      const socket = await env.datagrams.open(
        { family: 'IPv4', port: PORT },
        {
          message: (bytes, remote) => {
            const word = wire.hear(bytes, moment);
            if (word.type === 'node') found(word.name, { from: remote.host });
          },
          error: () => {},
        },
      );
      socket.addMembership(GROUP);
      const speak = (): void => {
        for (const bytes of wire.datagrams(env.clock.wallMs(), (count) => env.random.bytes(count)))
          void socket.send(bytes, { host: GROUP, port: PORT });
        env.clock.setTimeout(speak, env.random.between(...LIBCLUSTER_PAUSE_MS));
      };
      speak();
      return { stop: () => socket.close() };
    },
  };
}
