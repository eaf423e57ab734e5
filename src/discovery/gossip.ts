import { createActor } from 'xstate';
import type { DatagramSocket, RemoteInfo } from '../env/index.ts';
import {
  encryptedFormat,
  type GossipFormat,
  gossipMachine,
  type IgnoredCause,
  MAX_HEARTBEAT_PAUSE_MS,
  MIN_HEARTBEAT_PAUSE_MS,
  plainFormat,
  reopenPauseMs,
} from '../gossip/index.ts';
import { listInterfaces } from './address.ts';
import {
  checkGossipOptions,
  type GossipOptions,
  type GossipPlan,
  planGossip,
  type SocketPlan,
} from './gossip-options.ts';
import type { Strategy, StrategyContext, StrategyHandle } from './strategy.ts';

/**
 * Finds nodes by libcluster's UDP gossip, plain or with a `secret`, over multicast or broadcast. BEAM nodes with the
 * same options are found and find us.
 *
 * @throws OptionsError naming the option, its value and what would do
 */
export function gossip(options: GossipOptions = {}): Strategy {
  checkGossipOptions(options);
  const format = options.secret === undefined ? plainFormat : encryptedFormat(options.secret);
  return {
    kind: 'gossip',
    start(context) {
      // Checked here for its error; the driver plans anew at each opening, for interfaces change.
      planGossip(options, context.env.host.interfaces());
      return new GossipDriver(options, format, context).start();
    },
  };
}

const EXPLANATIONS: Readonly<Record<IgnoredCause, string>> = {
  oversized: 'it is longer than 1,500 bytes',
  foreign: 'it is no plain heartbeat (another program on this port, or gossip with a secret)',
  undecryptable: 'it cannot be decrypted (another secret, or another program on this port)',
  unencrypted: 'it is a plain heartbeat, and this node has a secret',
  malformed: 'its term cannot be read',
  nameless: 'it names no node',
  name: 'its name is no node name',
};

/** Grants the wishes of the gossip machine: sockets, datagrams, random pauses, log lines. */
class GossipDriver {
  readonly #options: GossipOptions;
  readonly #format: GossipFormat;
  readonly #context: StrategyContext;
  readonly #actor;
  #plan: GossipPlan | undefined;
  #sockets: { readonly socket: DatagramSocket; readonly targets: readonly string[] }[] = [];
  /** Counts openings, so that a socket that arrives after its opening was given up is closed. */
  #opening = 0;
  #network = '';
  #heardOwn = false;
  #deafReported = false;

  constructor(options: GossipOptions, format: GossipFormat, context: StrategyContext) {
    this.#options = options;
    this.#format = format;
    this.#context = context;
    const { clock, random } = context.env;
    this.#actor = createActor(
      gossipMachine.provide({
        actions: {
          openSocket: () => void this.#open(),
          closeSocket: () => this.#close(),
          sendHeartbeat: () => this.#sendHeartbeat(),
          reportDeaf: () => this.#reportDeaf(),
          reportHearing: () => this.#reportHearing(),
        },
        delays: {
          heartbeatPause: () => random.between(MIN_HEARTBEAT_PAUSE_MS, MAX_HEARTBEAT_PAUSE_MS),
          reopenPause: ({ context: { failures } }) => {
            const pauseMs = reopenPauseMs(failures);
            return random.between(pauseMs / 2, pauseMs);
          },
        },
      }),
      { clock },
    );
  }

  start(): StrategyHandle {
    // With an observer for errors, XState hands them over instead of throwing them at the event loop.
    this.#actor.subscribe({ error: (error) => this.#context.failed(error) });
    this.#actor.start();
    return {
      stop: () => {
        this.#actor.send({ type: 'stop' });
        this.#close();
      },
    };
  }

  async #open(): Promise<void> {
    const opening = ++this.#opening;
    const { env, logger, telemetry } = this.#context;
    let problem: unknown;
    try {
      const interfaces = env.host.interfaces();
      this.#network = fingerprint(interfaces);
      this.#heardOwn = false;
      const plan = planGossip(this.#options, interfaces);
      this.#plan = plan;
      for (const socketPlan of plan.sockets)
        try {
          await this.#openOne(plan, socketPlan, opening);
        } catch (error) {
          problem = error;
        }
    } catch (error) {
      problem = error;
    }
    if (opening !== this.#opening) return;
    if (problem !== undefined) {
      telemetry.count('gossip.socket_failed');
      logger.oncePerMinute(
        'discovery',
        `gossip.open.${this.#context.topology}`,
        `gossip: ${messageOf(problem)}`,
      );
    }
    // One family of two is enough to go on with.
    if (this.#sockets.length === 0) {
      this.#actor.send({ type: 'failed' });
      return;
    }
    logger.debug('discovery', () => `gossip: open on port ${this.#plan?.port}, ${this.#describe()}`);
    this.#actor.send({ type: 'opened' });
  }

  async #openOne(plan: GossipPlan, { family, host, interfaceAddress, targets }: SocketPlan, opening: number) {
    const { env, telemetry, logger } = this.#context;
    const socket = await env.datagrams.open(
      { family, host, port: plan.port },
      {
        message: (bytes, from) => this.#hear(bytes, from),
        error: (error) => {
          if (opening !== this.#opening) return;
          telemetry.count('gossip.socket_failed');
          logger.oncePerMinute('discovery', 'gossip.socket', `gossip: the socket broke: ${error.message}`);
          this.#actor.send({ type: 'failed' });
        },
      },
    );
    if (opening !== this.#opening) {
      socket.close();
      return;
    }
    if (plan.broadcast) {
      this.#sockets.push({ socket, targets });
      return;
    }
    let problem: unknown;
    const joined: string[] = [];
    try {
      if (interfaceAddress !== undefined) socket.setMulticastInterface(interfaceAddress);
      socket.setMulticastTtl(plan.ttl);
      socket.setMulticastLoopback(true);
      for (const group of targets)
        try {
          socket.addMembership(group, interfaceAddress);
          joined.push(group);
        } catch (error) {
          problem = new Error(
            `cannot join group ${group} on ${interfaceAddress ?? "the system's interface for multicast"}: ${messageOf(error)}; ${listInterfaces(env.host.interfaces())}`,
            { cause: error },
          );
        }
    } catch (error) {
      problem = error;
    }
    if (joined.length > 0) this.#sockets.push({ socket, targets: joined });
    else socket.close();
    if (problem !== undefined) throw problem;
  }

  #close(): void {
    this.#opening++;
    for (const { socket } of this.#sockets) socket.close();
    this.#sockets = [];
  }

  #sendHeartbeat(): void {
    const { env, self, telemetry, logger } = this.#context;
    if (fingerprint(env.host.interfaces()) !== this.#network) {
      logger.info('discovery', 'gossip: the network interfaces have changed; joining again');
      this.#actor.send({ type: 'network_changed' });
      return;
    }
    const datagram = this.#format.encode(self.name, env.random.bytes(this.#format.entropyBytes));
    const { port } = this.#plan!;
    for (const { socket, targets } of this.#sockets)
      for (const host of targets) {
        telemetry.count('gossip.sent');
        socket.send(datagram, { host, port }).catch((error: unknown) => {
          telemetry.count('gossip.send_failed');
          logger.oncePerMinute(
            'discovery',
            `gossip.send.${host}`,
            `gossip: cannot send to ${host}: ${messageOf(error)}`,
          );
        });
      }
  }

  #hear(datagram: Uint8Array, from: RemoteInfo): void {
    const { self, telemetry, logger, found } = this.#context;
    telemetry.count('gossip.heard');
    const heard = this.#format.decode(datagram);
    if ('ignored' in heard) {
      telemetry.count(`gossip.ignored.${heard.ignored}`);
      logger.oncePerMinute(
        'discovery',
        `gossip.ignored.${heard.ignored}`,
        `gossip: ignored a datagram from ${from.host}: ${EXPLANATIONS[heard.ignored]}`,
      );
      return;
    }
    if (heard.node === self.name) {
      if (this.#heardOwn) return;
      this.#heardOwn = true;
      this.#actor.send({ type: 'heard_own' });
      return;
    }
    logger.debug('discovery', () => `gossip: heard ${heard.node} from ${from.host}`);
    found(heard.node);
  }

  #reportDeaf(): void {
    const { env, telemetry, logger } = this.#context;
    telemetry.count('gossip.deaf');
    if (this.#deafReported) return;
    this.#deafReported = true;
    const { ifAddr } = this.#options;
    const bound =
      ifAddr === undefined || ifAddr === '0.0.0.0'
        ? ''
        : ` ifAddr is ${ifAddr}: on Linux such a socket hears no multicast, so leave it out and set multicastIf.`;
    logger.warning(
      'discovery',
      `gossip: none of our own datagrams came back from ${this.#describe()}.${bound} Multicast may be off or filtered there. ` +
        `Try another multicastIf (${listInterfaces(env.host.interfaces())}), broadcastOnly, or the strategies hosts and dns.`,
    );
  }

  #reportHearing(): void {
    if (!this.#deafReported) return;
    this.#deafReported = false;
    this.#context.logger.info(
      'discovery',
      `gossip: our own datagrams come back now from ${this.#describe()}`,
    );
  }

  #describe(): string {
    const { broadcast = false, sockets = [] } = this.#plan ?? {};
    return sockets
      .map(
        ({ targets, interfaceAddress }) =>
          `${broadcast ? 'broadcast' : 'group'} ${targets.join(' and ')}${interfaceAddress === undefined ? '' : ` on ${interfaceAddress}`}`,
      )
      .join(', ');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Equal as long as no interface has come, gone or changed its address. */
function fingerprint(interfaces: readonly { readonly name: string; readonly address: string }[]): string {
  return interfaces
    .map((one) => `${one.name} ${one.address}`)
    .sort()
    .join('\n');
}
