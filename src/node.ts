/**
 * Joins the rooms: options, port mapper, connections, processes, discovery. Nothing else knows them all.
 *
 * Order of start: listen (so that the port is known), register with the port mapper (which gives the creation, part
 * of every pid), processes, discovery. Order of stop: the reverse.
 */
import type { Connection, ConnectionSetup } from './connection/connection.ts';
import type { NodeToRegister } from './connection/epmd-client.ts';
import { EpmdKeeper } from './connection/epmd-keeper.ts';
import { Discovery, type Whereabouts } from './discovery/index.ts';
import type { Env, LogArea } from './env/index.ts';
import { BeamishError, ConnectionError, OptionsError } from './errors.ts';
import { offeredFlags } from './handshake/flags.ts';
import { Connections, type PeerAddress } from './kernel/connections.ts';
import { Exports } from './kernel/exports.ts';
import { Inbound } from './kernel/inbound.ts';
import { Outbound } from './kernel/outbound.ts';
import { Spawner } from './kernel/spawner.ts';
import { type NodeView, remoteView } from './kernel/system-processes.ts';
import { type Driver, SystemTree } from './kernel/system-tree.ts';
import { aliveOf, hostOf, type NodeOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { platformEnv } from './platform/index.ts';
import { makeClient } from './process/client.ts';
import { type AnyDestination, type AnyPid, at, type Destination } from './process/destination.ts';
import { Mfa } from './process/mfa.ts';
import type {
  AnyActor,
  ArgsOf,
  Body,
  CallOptions,
  Client,
  MethodArgs,
  MethodName,
  MethodResult,
  SpawnOnOptions,
  SpawnOptions,
  SpawnRest,
} from './process/protocol.ts';
import { toReason } from './process/reasons.ts';
import { ProcessSystem } from './process/system.ts';
import { Watch, type WatchOptions } from './process/watch.ts';
import { Telemetry } from './telemetry/events.ts';
import { Logger } from './telemetry/logger.ts';
import { atom } from './term/atom.ts';
import type { Pid } from './term/identifiers.ts';
import { tuple } from './term/tuple.ts';

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
  #epmd: EpmdKeeper;
  #tree: SystemTree | undefined;
  #port: number | undefined;
  #creation = 0;
  #connections!: Connections;
  #processes!: ProcessSystem;
  #spawner!: Spawner;
  /** Whether a process looks after the port mapper's client. */
  #epmdOwned = false;
  #discovery: Discovery | undefined;
  /** Where nodes listen that discovery is connecting, as far as it was told. */
  readonly #told = new Map<string, PeerAddress>();
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
    this.#epmd = this.#makeKeeper();
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
      isBehind: () => this.#processes.scheduler.isBehind,
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
      const { creation } = await this.#epmd.start(this.#registration());
      setup.creation = creation;
      this.#creation = creation;
      this.#processes = new ProcessSystem({
        node: this.name,
        creation,
        clock: env.clock,
        random: env.random,
        sink: new Outbound(this.#connections, limits.frameBytes),
        telemetry: this.#telemetry,
        logger: this.#logger,
        rejections: env.rejections,
      });
      // Our own module comes last: nobody's exports can take its place.
      const ownModule = new Exports(this.#options.exports, { beamish: remoteView(this.#view()) });
      this.#spawner = new Spawner(this.#processes, this.#connections, actors, ownModule);
      this.#processes.remoteSpawner = this.#spawner;
      this.#tree = new SystemTree({
        processes: this.#processes,
        clock: env.clock,
        logger: this.#logger,
        view: this.#view(),
        makeEpmd: () => this.#epmdDriver(),
        makeDiscovery: Object.keys(topologies).length > 0 ? () => this.#makeDiscovery() : undefined,
        linkTo: (nodeName) => this.#connections.up(nodeName),
        gaveUp: () => void this.stop(),
      });
      const treeStarted = this.#tree.start();
      // A handshake takes turns of the event loop; by the end of this one the system processes are there.
      this.#connections.ready();
      await treeStarted;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The first port mapper's client has registered the node when its process begins; later ones do it anew. */
  #epmdDriver(): Driver {
    const first = this.#epmd;
    if (!this.#epmdOwned) {
      this.#epmdOwned = true;
      return { start: () => Promise.resolve(), stop: () => first.stop() };
    }
    const keeper = this.#makeKeeper();
    this.#epmd = keeper;
    return {
      start: async () => {
        await first.stop();
        // The creation of this node stays what it is: its pids carry it.
        await keeper.start(this.#registration());
      },
      stop: () => keeper.stop(),
    };
  }

  #registration(): NodeToRegister | undefined {
    const { hidden } = this.#options;
    return this.#port === undefined ? undefined : { name: aliveOf(this.name), port: this.#port, hidden };
  }

  #makeKeeper(): EpmdKeeper {
    const options = this.#options;
    const env = this.#env;
    return new EpmdKeeper({
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

  #makeDiscovery(): Discovery {
    const { topologies, limits } = this.#options;
    const env = this.#env;
    const creation = this.#creation;
    this.#discovery = new Discovery({
      self: { name: this.name, port: this.#port ?? 0, creation },
      topologies,
      env,
      telemetry: this.#telemetry,
      logger: this.#logger,
      limits: {
        connectQueue: limits.connectQueueNames,
        connectAttempts: limits.connectAttempts,
        newNamesPerSecond: limits.newNamesPerSecond,
      },
      connect: (nodeName, whereabouts) => this.#connectAt(nodeName, whereabouts),
      connected: (nodeName) => this.#connections.up(nodeName) !== undefined,
      disconnect: (nodeName) => void this.#connections.disconnect(nodeName),
      connectedNodes: () => this.#inbound.size,
      names: () => this.#epmd.names(),
    });
    return this.#discovery;
  }

  // ---- processes

  /** Runs an actor, or a function with a mailbox, as a process of this node. It ends when the function returns. */
  spawn<A extends AnyActor>(actor: A, ...rest: SpawnRest<ArgsOf<A>, SpawnOptions>): Pid<A>;
  spawn<Args extends readonly unknown[]>(body: Body<Args>, ...rest: SpawnRest<Args, SpawnOptions>): Pid;
  spawn(what: unknown, args?: unknown, options?: unknown): AnyPid {
    return this.#processes.spawn(
      what as AnyActor,
      (args ?? []) as readonly unknown[],
      options as SpawnOptions | undefined,
    );
  }

  /**
   * Runs an actor on a node that lists it in its `actors`, or a function (`mfa(...)`) on a BEAM node.
   * @throws NotSpawnableError when that node refuses; ConnectionError when it cannot be reached or is lost meanwhile
   */
  spawnOn<A extends AnyActor>(
    node: string,
    actor: A,
    ...rest: SpawnRest<ArgsOf<A>, SpawnOnOptions>
  ): Promise<Pid<A>>;
  spawnOn(node: string, what: Mfa, args?: readonly [], options?: SpawnOnOptions): Promise<Pid>;
  async spawnOn(
    node: string,
    what: AnyActor | Mfa,
    args: readonly unknown[] = [],
    options: SpawnOnOptions = {},
  ): Promise<AnyPid> {
    if (node === this.name && !(what instanceof Mfa)) return this.#processes.spawn(what, args);
    return await this.#spawner.spawnOn(node, what, args, options);
  }

  /**
   * Sends a message; nothing tells whether it arrives. A node that is not connected is connected first.
   * @returns false when the link there is above its high-water mark (then await `drained`), or the message was dropped
   * @throws EncodeError when the message has no term
   */
  send(to: AnyDestination, message: unknown): boolean {
    return this.#processes.send(to, message);
  }

  /**
   * Calls a method and waits for its answer, 5,000 ms at most (`client` takes other time-outs and an AbortSignal).
   * @throws ExitError when the process ends first, is not there (`noproc`) or not reachable (`noconnection`)
   * @throws CallTimeoutError when no answer came in time
   */
  call<T, M extends MethodName<NoInfer<T>>>(
    to: Destination<T>,
    method: M,
    ...args: MethodArgs<NoInfer<T>, M>
  ): Promise<MethodResult<T, M>>;
  call(to: AnyDestination, method: string, ...args: unknown[]): Promise<never> {
    return this.#processes.callMethod(this.#processes.outside, to, method, args) as Promise<never>;
  }

  /** Calls a method without waiting, and without an answer. Returns as `send`. */
  cast<T, M extends MethodName<NoInfer<T>>>(
    to: Destination<T>,
    method: M,
    ...args: MethodArgs<NoInfer<T>, M>
  ): boolean;
  cast(to: AnyDestination, method: string, ...args: unknown[]): boolean {
    return this.#processes.castMethod(this.#processes.outside, to, method, args);
  }

  /** Sends any term as a request, as gen_server:call does, and waits for the answer. */
  request(to: AnyDestination, term: unknown, options?: CallOptions): Promise<unknown> {
    return this.#processes.call(to, term, options);
  }

  /** The methods of whoever answers there, as functions. `actor` only gives the type. */
  client<A extends AnyActor>(actor: A, to: Destination<A> | string, options?: CallOptions): Client<A>;
  client<T>(to: Destination<T>, options?: CallOptions): Client<T>;
  client(...args: unknown[]): unknown {
    return makeClient(args, (to, method, callArgs, options) =>
      this.#processes.callMethod(this.#processes.outside, to, method, callArgs, options),
    );
  }

  /**
   * Snapshots of a statechart anywhere in the cluster: the one of now, then the latest after each change. A reader that
   * is slower than the changes skips those in between; at most one snapshot waits. The iteration ends when the statechart
   * ends as it should (`normal`, `shutdown`), after the last snapshot of a machine that is done.
   * @throws ExitError from the iteration: any other exit reason, `noproc` and `noconnection` among them; a snapshot that
   * cannot travel
   */
  watch<T>(to: Destination<T>, options?: WatchOptions): AsyncIterableIterator<MethodResult<T, 'snapshot'>> {
    return new Watch(this.#processes, to, [options?.signal]) as AsyncIterableIterator<never>;
  }

  /** Sends an exit signal, as exit/2 does: `kill` cannot be refused. */
  exit(pid: AnyPid, reason: unknown): void {
    this.#processes.exit(pid as Pid, toReason(reason));
  }

  /** Whether a process of this node is alive. */
  isAlive(pid: AnyPid): boolean {
    return this.#processes.isAlive(pid as Pid);
  }

  // ---- local names

  whereis(name: string): Pid | undefined {
    return this.#processes.whereis(name);
  }

  /** @throws NameTakenError; OptionsError for a pid of another node; ExitError for one that has ended */
  register(name: string, pid: AnyPid): void {
    this.#processes.register(name, pid as Pid);
  }

  /** Frees a name; false when it was free. */
  unregister(name: string): boolean {
    return this.#processes.unregister(name);
  }

  registered(): string[] {
    return this.#processes.registered();
  }

  // ---- other nodes

  /** Connects to a node. Resolves at once when it is connected. Rejects with ConnectionError or HandshakeError. */
  connect(node: string, options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#connections.connect(node, options?.signal);
  }

  /** Closes the connection to a node; false when there was none. */
  disconnect(node: string): boolean {
    return this.#connections.disconnect(node);
  }

  /**
   * Whether a node answers, as `net_adm:ping/1`: connects when need be and asks its net_kernel.
   * A node that cannot be reached, refuses our cookie or does not answer is `"pang"`. `timeout` is for either step.
   */
  async ping(node: string, options: CallOptions = {}): Promise<'pong' | 'pang'> {
    if (node === this.name) return 'pong';
    try {
      await this.#connectWithin(node, options);
      const request = tuple(atom('is_auth'), atom(this.name));
      return (await this.#processes.call(at(node, 'net_kernel'), request, options)) === atom('yes')
        ? 'pong'
        : 'pang';
    } catch (error) {
      if (error instanceof BeamishError) return 'pang';
      throw error;
    }
  }

  async #connectWithin(node: string, { timeout, signal }: CallOptions): Promise<void> {
    if (timeout === undefined) return await this.connect(node, signal === undefined ? {} : { signal });
    const { clock } = this.#env;
    const late = new AbortController();
    const timer = clock.setTimeout(
      () => late.abort(new ConnectionError(`no connection to ${node} within ${timeout} ms`)),
      timeout,
    );
    try {
      await this.connect(node, { signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal });
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /**
   * Names of connected nodes: `visible` ones, `hidden` ones, or both. A connection is hidden when either side is.
   * @param kind default: `visible`; on a hidden node, which has no visible connection at all, `connected`
   */
  nodes(kind: NodesKind = this.#options.hidden ? 'connected' : 'visible'): string[] {
    const names: string[] = [];
    for (const { peer } of this.#connections.all())
      if (kind === 'connected' || peer.hidden === (kind === 'hidden')) names.push(peer.name);
    return names;
  }

  /** Tells of nodes that come and go. Returns a function that ends it. */
  on(event: 'nodeup', listener: (node: string, info: PeerInfo) => void): () => void;
  on(event: 'nodedown', listener: (node: string, reason: string) => void): () => void;
  on(event: 'nodeup' | 'nodedown', listener: (node: string, detail: never) => void): () => void {
    if (event !== 'nodeup' && event !== 'nodedown')
      throw new OptionsError(
        'event',
        `expected the event "nodeup" or "nodedown", got ${JSON.stringify(event)}`,
      );
    const listeners = this.#listeners[event] as Set<typeof listener>;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * Resolves when less than the high-water mark waits for a node, on the link or for it; at once when that is so, or
   * when the node cannot be reached any more.
   */
  drained(node: string): Promise<void> {
    if (!this.#connections.isAboveHighWater(node)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.#drainWaiters.get(node);
      if (waiters === undefined) this.#drainWaiters.set(node, [resolve]);
      else waiters.push(resolve);
    });
  }

  /** Names that the port mapper of a host knows, with their ports; this machine's when `host` is absent. */
  names(host?: string): Promise<readonly { readonly name: string; readonly port: number }[]> {
    return this.#epmd.names(host);
  }

  // ---- seeing it

  /** Switches the debug lines of one area on or off, at run time. */
  debug(area: LogArea, on: boolean): void {
    this.#logger.setDebug(area, on);
  }

  /** What this node is and does, as plain data. */
  inspect(): NodeSnapshot {
    const { hidden, epmd } = this.#options;
    return {
      name: this.name,
      creation: this.#creation,
      hidden,
      port: this.#port,
      epmd: { mode: epmd.mode, port: epmd.port, role: this.#epmd.role },
      connections: [...this.#connections.all()].map((connection) => ({
        ...peerInfo(connection),
        outgoing: connection.outgoing,
        address: connection.remoteAddress,
        ...connection.stats,
        received: this.#inbound.get(connection)?.received ?? 0,
      })),
      discovery: this.#discovery?.state,
      processes: this.#processes.count,
      registered: this.#processes.registered(),
      counters: this.#telemetry.counters(),
    };
  }

  // ---- the end

  /**
   * Takes everything down in reverse order: discovery, processes (within 5 s), connections, port mapper. Resolves
   * when the last timer and socket are gone. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    this.#tree?.stopping();
    await this.#processes?.stop();
    await this.#connections.stop();
    await this.#epmd.stop();
    this.#listeners.nodeup.clear();
    this.#listeners.nodedown.clear();
  }

  // ---- what the table of connections asks and tells

  /** Connects without asking a port mapper, when discovery was told the port. */
  async #connectAt(nodeName: string, whereabouts: Whereabouts | undefined): Promise<void> {
    if (whereabouts?.port === undefined) return await this.#connections.connect(nodeName);
    const { host = hostOf(nodeName), port } = whereabouts;
    this.#told.set(nodeName, { host, port });
    try {
      await this.#connections.connect(nodeName);
    } finally {
      this.#told.delete(nodeName);
    }
  }

  async #locate(nodeName: string, signal: AbortSignal): Promise<PeerAddress> {
    const told = this.#told.get(nodeName);
    if (told !== undefined) return told;
    const host = hostOf(nodeName);
    const found = await this.#epmd.lookup(aliveOf(nodeName), host, { signal });
    if (found === undefined)
      throw new ConnectionError(`no node named ${aliveOf(nodeName)} is known to the port mapper of ${host}`);
    return { host, port: found.port };
  }

  #nodeUp(connection: Connection): void {
    const info = peerInfo(connection);
    const inbound = new Inbound(connection, this.#processes, this.#spawner, this.#telemetry);
    this.#inbound.set(connection, inbound);
    connection.attach(inbound);
    this.#tree?.linkUp(connection);
    this.#telemetry.emit('nodeup', () => ({ ...info }));
    this.#logger.debug('connection', () => `nodeup ${info.name}`);
    this.#processes.nodeUp(info.name, info);
    for (const listener of [...this.#listeners.nodeup]) this.#tell(() => listener(info.name, info));
  }

  #nodeDown(connection: Connection, reason: string): void {
    const { name } = peerInfo(connection);
    this.#inbound.delete(connection);
    this.#telemetry.emit('nodedown', () => ({ name, reason }));
    this.#logger.debug('connection', () => `nodedown ${name}: ${reason}`);
    this.#tree?.linkDown(connection);
    this.#spawner.nodeDown(name);
    this.#processes.nodeDown(name, atom(reason));
    this.#wakeDrained(name);
    this.#discovery?.nodeDown(name, reason);
    for (const listener of [...this.#listeners.nodedown]) this.#tell(() => listener(name, reason));
  }

  /** A listener that throws harms neither the node nor the other listeners. */
  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#logger.error(
        'node',
        `a nodeup or nodedown listener failed: ${error instanceof Error ? error.stack : error}`,
      );
    }
  }

  #wakeDrained(nodeName: string): void {
    const waiters = this.#drainWaiters.get(nodeName);
    this.#drainWaiters.delete(nodeName);
    for (const resolve of waiters ?? []) resolve();
  }

  #view(): NodeView {
    return {
      nodes: () => this.nodes('connected'),
      registered: () => this.registered(),
      debug: (area, on) => this.debug(area, on),
      info: () => {
        const { name, creation, hidden, processes, connections } = this.inspect();
        return { name, creation, hidden, processes, connections: connections.length, platform: 'Node.js' };
      },
    };
  }
}

function peerInfo(connection: Connection): PeerInfo {
  const { name, creation, hidden } = connection.peer;
  return { name, creation, hidden };
}
