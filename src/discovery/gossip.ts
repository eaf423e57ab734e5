import { createActor } from 'xstate';
import type { DatagramSocket, NetworkInterface, RemoteInfo } from '../env/index.ts';
import { messageOf, OptionsError } from '../errors.ts';
import {
  encryptedFormat,
  GossipWire,
  gossipMachine,
  type IgnoredCause,
  loopSilenceMs,
  plainFormat,
  reopenPauseMs,
  sealedFormat,
  shortestPauseMs,
} from '../gossip/index.ts';
import type { EventPoint } from '../telemetry/events.ts';
import { listInterfaces, zoneOf } from './address.ts';
import {
  checkGossipOptions,
  GOSSIP_DEFAULTS,
  type GossipOptions,
  type GossipPlan,
  interfaceOf,
  planGossip,
  type SocketPlan,
  secretsOf,
  unknownZone,
} from './gossip-options.ts';
import type { Strategy, StrategyContext, StrategyHandle, Whereabouts } from './strategy.ts';

/**
 * Finds nodes by libcluster's UDP gossip, plain or with a `secret`, over multicast or broadcast. BEAM nodes with the
 * same options are found and find us. With `seal`, only nodes that hold the secret can be heard, or can speak.
 *
 * @throws OptionsError naming the option, its value and what would do
 */
export function gossip(options: GossipOptions = {}): Strategy {
  checkGossipOptions(options);
  const secrets = secretsOf(options);
  const { seal, wire: kind = seal === undefined ? 'libcluster' : 'sealed' } = options;
  const open =
    kind === 'sealed' ? undefined : secrets.length === 0 ? plainFormat : encryptedFormat(...secrets);
  // Once for all runs: deriving the keys is slow on purpose.
  const sealed = kind === 'libcluster' ? undefined : sealedFormat(secrets);
  return {
    kind: 'gossip',
    start(context) {
      checkHere(options, context);
      const wire = new GossipWire(context.self, open, sealed, context.datagramBytes);
      return new GossipDriver(options, wire, context).start();
    },
  };
}

/**
 * Checked at the start for its error; the driver plans anew at each opening, for interfaces change. An interface that this
 * machine has, but that is not up yet, is waited for.
 */
function checkHere(options: GossipOptions, { env: { host }, logger }: StrategyContext): void {
  const interfaces = host.interfaces();
  try {
    planGossip(options, interfaces);
  } catch (error) {
    const name = missingInterface(error, options, interfaces);
    if (name === undefined || host.hasInterface?.(name) !== true) throw error;
    logger.warning('discovery', `gossip: interface "${name}" is down or has no address yet; waiting for it`);
  }
}

/** The interface for want of which there is no plan. */
function missingInterface(
  error: unknown,
  options: GossipOptions,
  interfaces: readonly NetworkInterface[],
): string | undefined {
  if (!(error instanceof OptionsError)) return undefined;
  if (error.option === 'gossip.multicastIf') return options.multicastIf;
  return error.option === 'gossip.multicastAddr' ? zoneOf(unknownZone(options, interfaces) ?? '') : undefined;
}

const EXPLANATIONS: Readonly<Record<IgnoredCause, string>> = {
  oversized: 'it is longer than limits.datagramBytes',
  foreign: 'it is no plain heartbeat (another program on this port, or gossip with a secret)',
  undecryptable: 'it cannot be decrypted (another secret, or another program on this port)',
  unencrypted: 'it is a plain heartbeat, and this node has a secret',
  malformed: 'its term cannot be read',
  nameless: 'it names no node',
  name: 'its name is no node name',
  sealed: 'it is sealed, and this node opens no seals',
  unsealed: 'it is not sealed (gossip of libcluster, or another program on this port)',
  version: 'its seal is of another release',
  replayed:
    'it was heard before, or a later one was: the network doubles datagrams, or somebody replays them',
  reflected: 'it is one of our own, sent once more by somebody else, or another node has our name',
  late: 'it is more than 5 minutes old by the clocks of both nodes',
  early: 'it is more than 5 minutes in the future by the clocks of both nodes',
};

/** Grants the wishes of the gossip machine: sockets, datagrams, random pauses, log lines. */
class GossipDriver {
  readonly #options: GossipOptions;
  readonly #wire: GossipWire;
  readonly #context: StrategyContext;
  readonly #actor;
  #plan: GossipPlan | undefined;
  #sockets: { readonly socket: DatagramSocket; readonly targets: readonly string[] }[] = [];
  /** Counts openings, so that a socket that arrives after its opening was given up is closed. */
  #opening = 0;
  #network = '';
  /** Whether one of our own came back since the last heartbeat: the machine is told once for each, whatever is forged. */
  #heardOwn = false;
  #deafReported = false;
  readonly #heard: EventPoint;
  readonly #moment = () => ({
    nowMs: this.#context.env.clock.nowMs(),
    wallMs: this.#context.env.clock.wallMs(),
  });

  constructor(options: GossipOptions, wire: GossipWire, context: StrategyContext) {
    this.#options = options;
    this.#wire = wire;
    this.#context = context;
    this.#heard = context.telemetry.event('gossip.heard');
    const { clock, random } = context.env;
    this.#actor = createActor(
      gossipMachine.provide({
        actions: {
          openSocket: () => void this.#open(),
          closeSocket: () => this.#close(),
          sendHeartbeat: () => this.#sendHeartbeat(),
          reportDeaf: () => this.#reportDeaf(),
          reportHearing: () => this.#reportHearing(),
          reportSilence: () => this.#reportSilence(),
          lookAtNetwork: () => this.#lookAtNetwork(),
        },
        delays: {
          heartbeatPause: () =>
            random.between(shortestPauseMs(context.connectedNodes(), this.#longestMs), this.#longestMs),
          loopSilence: () => loopSilenceMs(this.#longestMs),
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

  get #longestMs(): number {
    return this.#options.heartbeatPause ?? GOSSIP_DEFAULTS.heartbeatPause;
  }

  async #open(): Promise<void> {
    const opening = ++this.#opening;
    const { env, logger, telemetry } = this.#context;
    let problem: unknown;
    try {
      const interfaces = env.host.interfaces();
      this.#network = fingerprint(interfaces);
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

  async #openOne(plan: GossipPlan, socketPlan: SocketPlan, opening: number): Promise<void> {
    const { family, host, interfaceAddress, targets } = socketPlan;
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
          socket.addMembership(group, interfaceOf(group, socketPlan));
          joined.push(group);
        } catch (error) {
          problem = new Error(
            `cannot join group ${group} on ${interfaceOf(group, socketPlan) ?? "the system's interface for multicast"}: ${messageOf(error)}; ${listInterfaces(env.host.interfaces())}`,
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
    const { env, logger } = this.#context;
    this.#heardOwn = false;
    logger.debug('discovery', () => `gossip: heartbeat to ${this.#describe()}`);
    const random = (count: number) => env.random.bytes(count);
    for (const { socket, targets } of this.#sockets)
      for (const host of targets)
        for (const datagram of this.#wire.datagrams(env.clock.wallMs(), random))
          this.#send(socket, datagram, host);
  }

  #send(socket: DatagramSocket, datagram: Uint8Array, host: string): void {
    const { telemetry, logger } = this.#context;
    telemetry.count('gossip.sent');
    socket.send(datagram, { host, port: this.#plan!.port }).catch((error: unknown) => {
      telemetry.count('gossip.send_failed');
      logger.oncePerMinute(
        'discovery',
        `gossip.send.${host}`,
        `gossip: cannot send to ${host}: ${messageOf(error)}`,
      );
    });
  }

  #hear(datagram: Uint8Array, from: RemoteInfo): void {
    const { telemetry, logger, found } = this.#context;
    this.#heard.count += 1;
    const word = this.#wire.hear(datagram, this.#moment);
    switch (word.type) {
      case 'ignored':
        telemetry.count(`gossip.ignored.${word.cause}`);
        logger.oncePerMinute(
          'discovery',
          `gossip.ignored.${word.cause}`,
          `gossip: ignored a datagram from ${from.host}: ${EXPLANATIONS[word.cause]}`,
        );
        return;
      case 'own':
        if (logger.debugs('discovery'))
          logger.debug('discovery', `gossip: heard ourselves from ${from.host}`);
        if (this.#heardOwn) return;
        this.#heardOwn = true;
        this.#actor.send({ type: 'heard_own' });
        return;
      case 'node':
        if (logger.debugs('discovery'))
          logger.debug('discovery', `gossip: heard ${word.name} from ${from.host}`);
        found(word.name, whereaboutsOf(word, from.host));
        return;
      default:
        word satisfies never;
    }
  }

  #lookAtNetwork(): void {
    const { env, logger } = this.#context;
    if (fingerprint(env.host.interfaces()) === this.#network) return;
    logger.info('discovery', 'gossip: the network interfaces have changed; joining again');
    this.#actor.send({ type: 'network_changed' });
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

  #reportSilence(): void {
    this.#context.telemetry.count('gossip.silence');
    this.#context.logger.info(
      'discovery',
      `gossip: our own datagrams do not come back any more from ${this.#describe()}; joining again`,
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

function whereaboutsOf(
  { port, creation }: { readonly port: number; readonly creation: number | undefined },
  from: string,
): Whereabouts {
  if (creation === undefined) return { from };
  return port === 0 ? { from, creation } : { from, creation, port };
}

/** Equal as long as no interface has come, gone or changed its address. */
function fingerprint(interfaces: readonly { readonly name: string; readonly address: string }[]): string {
  return interfaces
    .map((one) => `${one.name} ${one.address}`)
    .sort()
    .join('\n');
}
