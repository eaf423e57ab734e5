/** The face of a node: what users call. What stands behind it is joined in `rooms.ts`. */
import type { Env, LogArea } from './env/index.ts';
import { LOG_AREAS } from './env/log.ts';
import { BeamishError, ConnectionError, OptionsError } from './errors.ts';
import { withDeadline } from './kernel/deadline.ts';
import type { NodeView } from './kernel/system-processes.ts';
import { type PeerInfo, peerInfo } from './node-events.ts';
import { type NodeOptions, type ResolvedOptions, resolveAddress, resolveOptions } from './options.ts';
import { platformEnv } from './platform/index.ts';
import { checkEndless, checkSpawnOn, checkWaiting } from './process/checks.ts';
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
import { Watch, type WatchOptions } from './process/watch.ts';
import type { GlobalRegistry } from './registry/global/index.ts';
import type { Groups } from './registry/groups/groups.ts';
import { Rooms } from './rooms.ts';
import { atom } from './term/atom.ts';
import type { Pid, Ref } from './term/identifiers.ts';
import { tuple } from './term/tuple.ts';

/** What `connect` takes. */
export interface ConnectOptions {
  /** Port where that node listens: no port mapper is asked, now and whenever it is connected again. */
  readonly port?: number;
  /** Address for that port. @default the part of its name behind the `@` */
  readonly host?: string;
  /** Gives up waiting; others who wait for the same node are not concerned. */
  readonly signal?: AbortSignal;
}

export type NodesKind = 'visible' | 'hidden' | 'connected';

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
    /** What messages there look like: MessagePack when both are Beamish nodes that want it. */
    readonly payload: 'msgpack' | 'etf';
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

/** What stands behind a node: for simulations, which look at its books. @internal */
export let roomsOf: (node: Node) => Rooms;

/** A running node: an actor system that other nodes can reach. Made by `startNode`. */
export class Node {
  readonly #rooms: Rooms;

  static {
    roomsOf = (node) => node.#rooms;
  }

  /** @internal */
  constructor(options: ResolvedOptions, env: Env) {
    this.#rooms = new Rooms(options, env, () => this.#view());
  }

  /** @internal */
  async [START](): Promise<void> {
    await this.#rooms.start();
  }

  /** `name@host`. */
  get name(): string {
    return this.#rooms.name;
  }

  /** Incarnation number: changes with every start of a node of this name; part of its pids. */
  get creation(): number {
    return this.#rooms.creation;
  }

  /** Port where other nodes connect; undefined with `listen: false`. */
  get port(): number | undefined {
    return this.#rooms.port;
  }

  /** Port of the port mapper this node uses. */
  get epmdPort(): number {
    return this.#rooms.options.epmd.port;
  }

  // ---- processes

  /** Runs an actor, or a function with a mailbox, as a process of this node. It ends when the function returns. */
  spawn<A extends AnyActor>(actor: A, ...rest: SpawnRest<ArgsOf<A>, SpawnOptions>): Pid<A>;
  spawn<Args extends readonly unknown[]>(body: Body<Args>, ...rest: SpawnRest<Args, SpawnOptions>): Pid;
  spawn(what: unknown, args?: unknown, options?: unknown): AnyPid {
    return this.#rooms.processes.spawn(
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
    checkSpawnOn(what, args, options, ['signal']);
    options.signal?.throwIfAborted();
    if (node === this.name && !(what instanceof Mfa)) return this.#rooms.processes.spawn(what, args);
    return await this.#rooms.spawner.spawnOn(node, what, args, options);
  }

  /**
   * Sends a message; nothing tells whether it arrives. A node that is not connected is connected first.
   * @returns false when the link there is above its high-water mark (then await `drained`), or the message was dropped
   * @param to - also an alias: a reference that a process of a BEAM takes messages at
   * @throws EncodeError when the message has no term
   */
  send(to: AnyDestination | Ref, message: unknown): boolean {
    return this.#rooms.processes.send(to, message);
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
    return this.#rooms.processes.callMethod(
      this.#rooms.processes.outside,
      to,
      method,
      args,
    ) as Promise<never>;
  }

  /** Calls a method without waiting, and without an answer. Returns as `send`. */
  cast<T, M extends MethodName<NoInfer<T>>>(
    to: Destination<T>,
    method: M,
    ...args: MethodArgs<NoInfer<T>, M>
  ): boolean;
  cast(to: AnyDestination, method: string, ...args: unknown[]): boolean {
    return this.#rooms.processes.castMethod(this.#rooms.processes.outside, to, method, args);
  }

  /** Sends any term as a request, as gen_server:call does, and waits for the answer. */
  request(to: AnyDestination, term: unknown, options?: CallOptions): Promise<unknown> {
    return this.#rooms.processes.request(to, term, options);
  }

  /**
   * Calls a function of another node: any of a BEAM's (as `erpc:call/5`), of a Beamish node what it lists in `exports`.
   * Waits 5,000 ms at most unless `timeout` says otherwise; the function there runs on when nobody waits any more.
   * @throws ExitError with the exit reason that stands for the failure there: `{Reason, Stack}` of an error (such as
   * `{undef, [...]}`), the reason of an exit, `{nocatch, Value}` of a throw; `noconnection` when the node cannot be
   * reached or is lost
   * @throws CallTimeoutError; EncodeError for arguments that have no term; NotSpawnableError when that node does not
   * understand requests to spawn (`notsup`)
   */
  rpc<T = unknown>(
    node: string,
    module: string,
    fn: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<T> {
    return this.#rooms.rpc.call(node, module, fn, args, options) as Promise<T>;
  }

  /**
   * Calls the same function on several nodes at a time. Resolves once all have answered or failed, with one outcome for
   * each node, in their order; of what a node does, it does not reject.
   */
  multicall<T = unknown>(
    nodes: readonly string[],
    module: string,
    fn: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<PromiseSettledResult<T>[]> {
    return this.#rooms.rpc.multicall(nodes, module, fn, args, options) as Promise<PromiseSettledResult<T>[]>;
  }

  /** The methods of whoever answers there, as functions. `actor` only gives the type. */
  client<A extends AnyActor>(actor: A, to: Destination<A> | string, options?: CallOptions): Client<A>;
  client<T>(to: Destination<T>, options?: CallOptions): Client<T>;
  client(...args: unknown[]): unknown {
    return makeClient(args, (to, method, callArgs, options) =>
      this.#rooms.processes.callMethod(this.#rooms.processes.outside, to, method, callArgs, options),
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
    return new Watch(this.#rooms.processes, to, options) as AsyncIterableIterator<never>;
  }

  /** Sends an exit signal, as exit/2 does: `kill` cannot be refused. */
  exit(pid: AnyPid, reason: unknown): void {
    this.#rooms.processes.exit(pid as Pid, toReason(reason));
  }

  /** Whether a process of this node is alive. */
  isAlive(pid: AnyPid): boolean {
    return this.#rooms.processes.isAlive(pid as Pid);
  }

  // ---- local names

  whereis(name: string): Pid | undefined {
    return this.#rooms.processes.whereis(name);
  }

  /** @throws NameTakenError; OptionsError for a pid of another node; ExitError for one that has ended */
  register(name: string, pid: AnyPid): void {
    this.#rooms.processes.register(name, pid as Pid);
  }

  /** Frees a name; false when it was free. */
  unregister(name: string): boolean {
    return this.#rooms.processes.unregister(name);
  }

  registered(): string[] {
    return this.#rooms.processes.registered();
  }

  /** Names that are unique in the whole cluster, and locks: what OTP's `global` keeps. */
  get global(): GlobalRegistry {
    return this.#rooms.global;
  }

  /**
   * Groups of processes that all connected visible nodes know: the scope `pg`, and others by `groups.scope(name)`.
   * @throws OptionsError with `registry: false`
   */
  get groups(): Groups {
    const { groups } = this.#rooms;
    if (groups === undefined)
      throw new OptionsError(
        'registry',
        `${this.name} was started with registry: false, so it has no groups`,
      );
    return groups;
  }

  // ---- other nodes

  /** Connects to a node. Resolves at once when it is connected. Rejects with ConnectionError or HandshakeError. */
  connect(node: string, options: ConnectOptions = {}): Promise<void> {
    const { connections, locator } = this.#rooms;
    try {
      const address = resolveAddress(options);
      if (address !== undefined) locator.tell(node, address);
      return connections.connect(node, options.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Closes the connection to a node; false when there was none. */
  disconnect(node: string): boolean {
    return this.#rooms.connections.disconnect(node);
  }

  /**
   * Whether a node answers, as `net_adm:ping/1`: connects when need be and asks its net_kernel.
   * A node that cannot be reached, refuses our cookie or does not answer is `"pang"`. `timeout` is for either step.
   */
  async ping(node: string, options: CallOptions = {}): Promise<'pong' | 'pang'> {
    checkWaiting(options);
    if (node === this.name) return 'pong';
    try {
      await this.#connectWithin(node, options);
      const request = tuple(atom('is_auth'), atom(this.name));
      return (await this.#rooms.processes.call(at(node, 'net_kernel'), request, options)) === atom('yes')
        ? 'pong'
        : 'pang';
    } catch (error) {
      if (error instanceof BeamishError) return 'pang';
      throw error;
    }
  }

  async #connectWithin(node: string, options: CallOptions): Promise<void> {
    const { timeout, signal } = options;
    if (timeout === undefined) return await this.connect(node, signal === undefined ? {} : { signal });
    const late = () => new ConnectionError(`no connection to ${node} within ${timeout} ms`);
    await withDeadline(this.#rooms.env.clock, { ...options, timeout }, late, (given) =>
      this.connect(node, { signal: given }),
    );
  }

  /**
   * Names of connected nodes: `visible` ones, `hidden` ones, or both. A connection is hidden when either side is.
   * @param kind default: `visible`; on a hidden node, which has no visible connection at all, `connected`
   */
  nodes(kind: NodesKind = this.#rooms.options.hidden ? 'connected' : 'visible'): string[] {
    const names: string[] = [];
    for (const { peer } of this.#rooms.connections.all())
      if (kind === 'connected' || peer.hidden === (kind === 'hidden')) names.push(peer.name);
    return names;
  }

  /** Tells of nodes that come and go. Returns a function that ends it. */
  on(event: 'nodeup', listener: (node: string, info: PeerInfo) => void): () => void;
  on(event: 'nodedown', listener: (node: string, reason: string) => void): () => void;
  on(event: 'nodeup' | 'nodedown', listener: (node: string, detail: never) => void): () => void {
    return this.#rooms.events.on(event, listener);
  }

  /**
   * Resolves when less than the high-water mark waits for a node, on the link or for it, or when the node cannot
   * be reached any more; in the next turn of the event loop at the earliest.
   * @throws the reason of the signal when it is aborted
   */
  async drained(node: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkEndless(options);
    await this.#rooms.drained(node, options.signal);
  }

  /** Names that the port mapper of a host knows, with their ports; this machine's when `host` is absent. */
  names(host?: string): Promise<readonly { readonly name: string; readonly port: number }[]> {
    return this.#rooms.epmd.names(host);
  }

  // ---- seeing it

  /** Switches the debug lines of one area on or off, at run time. @throws OptionsError for an area that there is none */
  debug(area: LogArea, on: boolean): void {
    if (!LOG_AREAS.includes(area))
      throw new OptionsError('debug', `debug: expected one of ${LOG_AREAS.join(', ')}, got ${String(area)}`);
    if (typeof on !== 'boolean')
      throw new OptionsError('debug', `debug: expected true or false, got ${String(on)}`);
    this.#rooms.logger.setDebug(area, on);
  }

  /** What this node is and does, as plain data. */
  inspect(): NodeSnapshot {
    const { hidden, epmd } = this.#rooms.options;
    return {
      name: this.name,
      creation: this.#rooms.creation,
      hidden,
      port: this.#rooms.port,
      epmd: { mode: epmd.mode, port: epmd.port, role: this.#rooms.epmd.role },
      connections: [...this.#rooms.connections.all()].map((connection) => ({
        ...peerInfo(connection),
        outgoing: connection.outgoing,
        address: connection.remoteAddress,
        payload: connection.payload,
        ...connection.stats,
        received: this.#rooms.inbound.get(connection)?.received ?? 0,
      })),
      discovery: this.#rooms.discovery?.state,
      processes: this.#rooms.processes.count,
      registered: this.#rooms.processes.registered(),
      counters: this.#rooms.telemetry.counters(),
    };
  }

  // ---- the end

  /**
   * Takes everything down in reverse order: discovery, processes (within 5 s), connections, port mapper. Resolves
   * when the last timer and socket are gone. Idempotent.
   */
  stop(): Promise<void> {
    return this.#rooms.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
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
