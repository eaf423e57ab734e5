/**
 * Joins the rooms: options, port mapper, connections, processes, discovery. Nothing else knows them all.
 *
 * Order of start: listen (so that the port is known), register with the port mapper (which gives the creation, part
 * of every pid), processes, discovery. Order of stop: the reverse.
 */
import type { Connection, ConnectionSetup } from './connection/connection.ts';
import { EpmdKeeper } from './connection/epmd-keeper.ts';
import { Discovery } from './discovery/index.ts';
import type { Env, LogArea } from './env/index.ts';
import { ConnectionError, OptionsError } from './errors.ts';
import { offeredFlags } from './handshake/flags.ts';
import { Connections, type PeerAddress } from './kernel/connections.ts';
import type { Inbound } from './kernel/inbound.ts';
import { Outbound } from './kernel/outbound.ts';
import { type Mfa, Spawner } from './kernel/spawner.ts';
import { beamishProcess, netKernel } from './kernel/system-processes.ts';
import {
  aliveOf,
  hostOf,
  isLongName,
  type NodeOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import { platformEnv } from './platform/index.ts';
import type { Destination } from './process/destination.ts';
import type {
  AnyActor,
  ArgsOf,
  Body,
  CallOptions,
  Client,
  MethodArgs,
  MethodName,
  MethodResult,
  SpawnOptions,
  SpawnRest,
} from './process/protocol.ts';
import { ProcessSystem } from './process/system.ts';
import { Telemetry } from './telemetry/events.ts';
import { Logger } from './telemetry/logger.ts';
import type { Pid } from './term/identifiers.ts';

export type NodesKind = 'visible' | 'hidden' | 'connected';

/** What `nodeup` tells of a peer. */
export interface PeerInfo {
  readonly name: string;
  readonly creation: number;
  readonly hidden: boolean;
}

/** Plain data about a node; no secrets in it. */
export interface NodeSnapshot {
  readonly name: string;
  readonly creation: number;
  readonly hidden: boolean;
  readonly port: number | undefined;
  readonly epmd: { readonly mode: string; readonly port: number; readonly role: string };
  readonly connections: readonly (PeerInfo & {
    readonly outgoing: boolean;
    readonly address: string;
    readonly unsentBytes: number;
    readonly writtenBytes: number;
    readonly writes: number;
    readonly received: number;
  })[];
  readonly discovery: { readonly held: number; readonly trying: number } | undefined;
  readonly processes: number;
  readonly registered: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * Starts a node.
 * @throws OptionsError for options that are unknown, of the wrong shape, or impossible here
 * @throws NameTakenError when a node of this name runs on this machine
 * @throws ConnectionError when it cannot listen, or its port mapper cannot be reached
 */
export async function startNode(options: NodeOptions = {}): Promise<Node> {
  const env = options?.env ?? platformEnv();
  const node = new Node(resolveOptions(options, env), env);
  await node[START]();
  return node;
}

const START = Symbol('start');

/** A running node: an actor system that other nodes can reach. Made by `startNode`. */
export class Node {
  readonly name: string;
  readonly #options: ResolvedOptions;
  readonly #env: Env;
  readonly #telemetry: Telemetry;
  readonly #logger: Logger;
  readonly #epmd: EpmdKeeper;
  #port: number | undefined;
  #creation = 0;
  #connections!: Connections;
  #processes!: ProcessSystem;
  #spawner!: Spawner;
  #discovery: Discovery | undefined;
  readonly #inbound = new Map<Connection, Inbound>();
  readonly #listeners = {
    nodeup: new Set<(name: string, info: PeerInfo) => void>(),
    nodedown: new Set<(name: string, reason: string) => void>(),
  };
  readonly #drainWaiters = new Map<string, (() => void)[]>();
  #stopped: Promise<void> | undefined;

  /** @internal */
  constructor(options: ResolvedOptions, env: Env) {
    this.name = options.name;
    this.#options = options;
    this.#env = env;
    this.#telemetry = new Telemetry(options.name);
    this.#logger = new Logger(env.log, env.clock, options.name);
    this.#epmd = new EpmdKeeper({
      streams: env.streams,
      clock: env.clock,
      random: env.random,
      host: env.host,
      telemetry: this.#telemetry,
      logger: this.#logger,
      mode: options.epmd.mode,
      port: options.epmd.port,
      ...(options.epmd.host === undefined ? {} : { listenHost: options.epmd.host }),
      maxSockets: options.limits.unauthenticatedSockets,
    });
  }

  /** Incarnation number: changes with every start of a node of this name; part of its pids. */
  get creation(): number {
    return this.#creation;
  }

  /** Port where other nodes connect; undefined with `listen: false`. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Port of the port mapper this node uses. */
  get epmdPort(): number {
    return this.#options.epmd.port;
  }

  /** @internal */
  async [START](): Promise<void> {
    const {
      listen,
      topologies,
      limits,
      hidden,
      longNames,
      cookie,
      cookies,
      netTickTimeMs,
      binaries,
      actors,
    } = this.#options;
    const env = this.#env;
    const setup: ConnectionSetup & { creation: number } = {
      name: this.name,
      creation: 0,
      flags: offeredFlags(hidden),
      cookieFor: (peer) => cookies.get(peer) ?? cookie,
      netTickTimeMs,
      binaries,
      limits,
      clock: env.clock,
      random: env.random,
      telemetry: this.#telemetry,
    };
    this.#connections = new Connections({
      setup,
      longNames,
      env,
      limits,
      telemetry: this.#telemetry,
      logger: this.#logger,
      owner: {
        locate: (nodeName, signal) => this.#locate(nodeName, signal),
        nodeUp: (connection) => this.#nodeUp(connection),
        nodeDown: (connection, reason) => this.#nodeDown(connection, reason),
        unreachable: (nodeName) => this.#processes.unreachable(nodeName),
        drained: (nodeName) => this.#wakeDrained(nodeName),
      },
    });
    try {
      if (listen !== false) this.#port = (await this.#connections.listen(listen.host, listen.port)).port;
      const { creation } = await this.#epmd.start(
        this.#port === undefined
          ? undefined
          : { name: aliveOf(this.name), port: this.#port, hidden, highest: 6, lowest: 5 },
      );
      setup.creation = creation;
      this.#creation = creation;
      this.#processes = new ProcessSystem({
        node: this.name,
        creation,
        clock: env.clock,
        random: env.random,
        sink: new Outbound(this.#connections),
        telemetry: this.#telemetry,
        logger: this.#logger,
      });
      this.#spawner = new Spawner(this.#processes, this.#connections, actors);
      this.#processes.spawn(netKernel, [], { name: 'net_kernel' });
      this.#processes.spawn(beamishProcess, [this.#view()], { name: 'beamish' });
      if (Object.keys(topologies).length > 0) {
        this.#discovery = new Discovery({
          self: { name: this.name, port: this.#port ?? 0, creation },
          topologies,
          env,
          telemetry: this.#telemetry,
          logger: this.#logger,
          limits: { connectQueue: limits.connectQueueNames, newNamesPerSecond: limits.newNamesPerSecond },
          connect: (nodeName) => this.#connections.connect(nodeName),
          connected: (nodeName) => this.#connections.up(nodeName) !== undefined,
        });
        await this.#discovery.start();
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  // ---- processes

  /** Runs an actor, or a function with a mailbox, as a process of this node. */
  spawn<A extends AnyActor>(actor: A, ...rest: SpawnRest<ArgsOf<A>, SpawnOptions>): Pid<A>;
  spawn<Args extends readonly unknown[]>(body: Body<Args>, ...rest: SpawnRest<Args, SpawnOptions>): Pid;
  spawn(
    what: AnyActor | Body<readonly unknown[]>,
    args: readonly unknown[] = [],
    options: SpawnOptions = {},
  ): Pid {
    return this.#processes.spawn(what as AnyActor, args, options);
  }

  /** Runs an actor on a node that lists it in its `actors`, or a function (`mfa(...)`) on a BEAM node. */
  spawnOn<A extends AnyActor>(
    node: string,
    actor: A,
    ...rest: SpawnRest<ArgsOf<A>, { readonly signal?: AbortSignal }>
  ): Promise<Pid<A>>;
  spawnOn(
    node: string,
    what: Mfa,
    args?: readonly [],
    options?: { readonly signal?: AbortSignal },
  ): Promise<Pid>;
  async spawnOn(
    node: string,
    what: AnyActor | Mfa,
    args: readonly unknown[] = [],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Pid> {
    return this.#spawner.spawnOn(node, what, args, options.signal);
  }
}
