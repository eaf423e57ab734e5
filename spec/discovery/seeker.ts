import { onTestFinished } from 'vitest';
import { Discovery } from '../../src/discovery/discovery.ts';
import { gossip } from '../../src/discovery/gossip.ts';
import type { GossipOptions } from '../../src/discovery/gossip-options.ts';
import type { DatagramSocket, Env, LogRecord } from '../../src/env/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { datagrams } from '../../src/platform/udp.ts';
import { Telemetry } from '../../src/telemetry/events.ts';
import { Logger } from '../../src/telemetry/logger.ts';

/** A port for gossip that nobody else has, held for the length of the test by a socket that hears all of it. */
export async function freeGossipPort(): Promise<{ port: number; socket: DatagramSocket }> {
  const socket = await datagrams.open({ family: 'IPv4', port: 0 }, { message() {}, error() {} });
  onTestFinished(() => socket.close());
  return { port: socket.port, socket };
}

/** A node that is nothing but its discovery; `heard` resolves when all of these names have been tried. */
export async function seeker(name: string, options: GossipOptions, env: Env = platformEnv()) {
  const lines: LogRecord[] = [];
  const log = { write: (record: LogRecord) => void lines.push(record) };
  const telemetry = new Telemetry(name);
  const logger = new Logger(log, env.clock, name);
  const up = new Set<string>();
  /** Ports that gossip told, of the nodes that were tried. */
  const ports = new Map<string, number>();
  const waiting: { readonly names: readonly string[]; readonly resolve: () => void }[] = [];
  const discovery = new Discovery({
    self: { name, port: 1, creation: 1 },
    topologies: { lan: gossip(options) },
    env,
    telemetry,
    logger,
    connect: async (peer, whereabouts) => {
      up.add(peer);
      if (whereabouts?.port !== undefined) ports.set(peer, whereabouts.port);
      for (const { names, resolve } of waiting) if (names.every((one) => up.has(one))) resolve();
    },
    connected: (peer) => up.has(peer),
    disconnect: (peer) => void up.delete(peer),
    connectedNodes: () => up.size,
    names: async () => [],
  });
  await discovery.start();
  onTestFinished(() => discovery.stop());
  const heard = (...names: string[]): Promise<void> =>
    new Promise((resolve) => {
      if (names.every((one) => up.has(one))) resolve();
      else waiting.push({ names, resolve });
    });
  return { discovery, telemetry, logger, lines, up, ports, heard };
}
