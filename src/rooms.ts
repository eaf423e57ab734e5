/**
 * Joins the rooms: options, port mapper, connections, processes, discovery. Nothing else knows them all; `node.ts` is
 * the face that users see of it.
 *
 * Order of start: listen (so that the port is known), register with the port mapper (which gives the creation, part
 * of every pid), processes, discovery. Order of stop: the reverse.
 */
import { BufferPool } from './codec/buffer-pool.ts';
import type { Connection } from './connection/connection.ts';
import type { NodeToRegister } from './connection/epmd-client.ts';
import { EpmdKeeper } from './connection/epmd-keeper.ts';
import type { ConnectionSetup } from './connection/setup.ts';
import { Tls } from './connection/tls.ts';
import { Discovery, type Whereabouts } from './discovery/index.ts';
import type { Env } from './env/index.ts';
import { offeredFlags } from './handshake/flags.ts';
import { aliveOf, hostOf } from './handshake/name.ts';
import { Admission } from './kernel/admission.ts';
import { Connections } from './kernel/connections.ts';
import { Drains } from './kernel/drains.ts';
import { erlangModule } from './kernel/erlang.ts';
import { type ExportedModules, Exports } from './kernel/exports.ts';
import { Inbound } from './kernel/inbound.ts';
import { Locator } from './kernel/locator.ts';
import { loggerProxy } from './kernel/logger-proxy.ts';
import { Outbound } from './kernel/outbound.ts';
import { rex } from './kernel/rex.ts';
import { Rpc } from './kernel/rpc.ts';
import { Snapshots } from './kernel/snapshot.ts';
import { Spawner } from './kernel/spawner.ts';
import { type NodeView, remoteView } from './kernel/system-processes.ts';
import { type Driver, SystemTree } from './kernel/system-tree.ts';
import { UserOutput } from './kernel/user.ts';
import { NodeEvents, peerInfo } from './node-events.ts';
import type { ResolvedOptions } from './options.ts';
import { copier } from './payload/copier.ts';
import { EtfPayload } from './payload/etf.ts';
import { MsgpackPayload } from './payload/msgpack.ts';
import { ProcessSystem } from './process/system.ts';
import { GLOBAL_ABSENCE, GLOBAL_NAME_SERVER, GlobalRegistry } from './registry/global/index.ts';
import { Groups, SCOPES_SUPERVISOR } from './registry/groups/groups.ts';
import { Telemetry } from './telemetry/events.ts';
import { Logger } from './telemetry/logger.ts';
import { atom } from './term/atom.ts';

export class Rooms {
  /** Changes once, when a node that asks for a name is given one; before its processes are there. */
  name: string;
  readonly options: ResolvedOptions;
  readonly env: Env;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly events: NodeEvents;
  readonly locator: Locator;
  readonly inbound = new Map<Connection, Inbound>();
  connections!: Connections;
  processes!: ProcessSystem;
  spawner!: Spawner;
  rpc!: Rpc;
  global!: GlobalRegistry;
  discovery: Discovery | undefined;
  /** Absent with `registry: false`. */
  groups: Groups | undefined;
  port: number | undefined;
  creation = 0;
  readonly #viewOf: () => NodeView;
  #epmd: EpmdKeeper;
  /** Whether a process looks after the port mapper's client. */
  #epmdOwned = false;
  #tree: SystemTree | undefined;
  readonly #drains: Drains;
  #stopped: Promise<void> | undefined;

  /** @param viewOf what other nodes may ask of this one; not called before the processes are there */
  constructor(options: ResolvedOptions, env: Env, viewOf: () => NodeView) {
    this.name = options.name;
    this.options = options;
    this.env = env;
    this.telemetry = new Telemetry(options.name);
    this.#drains = new Drains((node) => this.connections.isAboveHighWater(node), env.clock);
    this.logger = new Logger(env.log, env.clock, options.name, this.telemetry);
    this.events = new NodeEvents(this.logger);
    this.#viewOf = viewOf;
    this.#epmd = this.#makeKeeper();
    this.locator = new Locator({
      nodePort: options.epmd.nodePort,
      usesMapper: options.epmd.mode !== 'off',
      maxHeard: options.limits.connectQueueNames,
      lookup: (alive, host, wait) => this.#epmd.lookup(alive, host, wait),
    });
  }

  get epmd(): EpmdKeeper {
    return this.#epmd;
  }

  async start(): Promise<void> {
    const {
      listen,
      limits,
      hidden,
      longNames,
      namedBy,
      allow,
      tls,
      cookie,
      cookies,
      netTickTimeMs,
      netTickIntensity,
      busyWaitMs,
      binaries,
      payload,
    } = this.options;
    const env = this.env;
    const setup: ConnectionSetup & { name: string; creation: number } = {
      name: this.name,
      creation: 0,
      flags: offeredFlags(hidden),
      tls:
        tls === undefined
          ? undefined
          : new Tls(tls, env.streams, ({ message }) =>
              this.logger.error(
                'connection',
                `files that changed cannot be used, what was read before stays: ${message}`,
              ),
            ),
      cookieFor: (peer) => cookies.get(peer) ?? cookie,
      netTickTimeMs,
      netTickIntensity,
      busyWaitMs,
      binaries,
      payload,
      limits,
      clock: env.clock,
      random: env.random,
      telemetry: this.telemetry,
      buffers: new BufferPool(),
      isBehind: () => this.processes.scheduler.isBehind,
    };
    this.connections = new Connections({
      setup,
      admission: new Admission({ self: setup, longNames, allow }),
      env,
      limits,
      telemetry: this.telemetry,
      logger: this.logger,
      owner: {
        locate: (nodeName, signal) => this.locator.locate(nodeName, signal),
        nodeUp: (connection) => this.#nodeUp(connection),
        nodeDown: (connection, reason) => this.#nodeDown(connection, reason),
        // A node that asks for its name calls before it has processes.
        unreachable: (nodeName) => this.processes?.unreachable(nodeName),
        drained: (nodeName) => this.#drains.wake(nodeName),
      },
    });
    try {
      if (listen !== false) this.port = await this.#listen(listen.host, listen.port);
      let furnished: Promise<void> | undefined;
      const begin = (name: string, creation: number): void => {
        this.name = this.telemetry.node = this.logger.node = setup.name = name;
        this.creation = setup.creation = creation;
        furnished = this.#furnish();
      };
      if (namedBy !== undefined)
        await this.connections.connectNameless(namedBy, ({ name, creation }) => begin(name, creation));
      else begin(this.name, (await this.#epmd.start(this.#registration())).creation);
      await furnished;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The system may choose the very port that is to be the port mapper's, and nobody could become it then. */
  async #listen(host: string | undefined, port: number): Promise<number> {
    const listener = await this.connections.listen(host, port);
    if (port !== 0 || listener.port !== this.options.epmd.port) return listener.port;
    const another = await this.connections.listen(host, port);
    await listener.close();
    return another.port;
  }

  #erlang(): ExportedModules[string] {
    const peers = () => [...this.connections.all()].map(({ peer }) => peer);
    const { highWaterBytes } = this.options.limits;
    return erlangModule({ processes: this.processes, host: this.env.host, highWaterBytes, peers });
  }

  /** Sets up the processes, once the node has its name and creation. By the end of this turn they are there. */
  #furnish(): Promise<void> {
    const { limits, binaries, payload, actors, topologies } = this.options;
    const { env, creation } = this;
    const sink = new Outbound({
      drains: this.#drains,
      connections: this.connections,
      snapshots: new Snapshots(payload, limits.frameBytes),
      notSent: (message, error) => void this.processes.requests.failOf(message, error),
    });
    this.processes = new ProcessSystem({
      node: this.name,
      creation,
      clock: env.clock,
      random: env.random,
      sink,
      telemetry: this.telemetry,
      logger: this.logger,
      rejections: env.rejections,
      encodeLocal: env.encodesLocal
        ? copier(payload === 'etf' ? new EtfPayload({ binaries }) : new MsgpackPayload())
        : undefined,
    });
    sink.unlinked = (id, from, to) => this.processes.signals.unlinkAckFrom(id, from, to);
    this.global = this.#makeGlobal();
    if (this.options.registry) this.groups = this.#makeGroups();
    // Our own modules come last: nobody's exports can take their place.
    const exports = new Exports(
      this.options.exports,
      this.options.exports.erlang === true ? { erlang: this.#erlang() } : {},
      { beamish: remoteView(this.#viewOf()) },
      this.global.isPresent ? this.global.exports() : {},
    );
    this.spawner = new Spawner(this.processes, this.connections, actors, exports);
    this.processes.remoteSpawner = this.spawner;
    const output = new UserOutput(env.host);
    this.processes.output = output;
    this.rpc = new Rpc(this.processes, this.spawner, exports);
    this.processes.remoteCaller = (...call) => this.rpc.call(...call, {});
    this.#tree = new SystemTree({
      processes: this.processes,
      clock: env.clock,
      logger: this.logger,
      view: this.#viewOf(),
      services: [
        { name: 'user', actor: output.actor, args: [] },
        ...['logger', 'logger_proxy'].map((name) => ({ name, actor: loggerProxy, args: [this.logger] })),
        { name: 'rex', actor: rex, args: [exports, this.processes] },
        ...(this.global.isPresent
          ? [{ name: GLOBAL_NAME_SERVER, actor: this.global.server(), args: [] }]
          : this.options.hidden
            ? []
            : [{ name: GLOBAL_ABSENCE, actor: this.global.absence(), args: [] }]),
        ...(this.groups ? [{ name: SCOPES_SUPERVISOR, actor: this.groups.supervisor, args: [] }] : []),
      ],
      makeEpmd: () => this.#epmdDriver(),
      makeDiscovery: Object.keys(topologies).length > 0 ? () => this.#makeDiscovery() : undefined,
      linkTo: (nodeName) => this.connections.up(nodeName),
      gaveUp: () => void this.stop(),
    });
    const treeStarted = this.#tree.start();
    // A handshake takes turns of the event loop; by the end of this one the system processes are there.
    this.connections.ready();
    return treeStarted;
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
    const { hidden } = this.options;
    return this.port === undefined ? undefined : { name: aliveOf(this.name), port: this.port, hidden };
  }

  #makeKeeper(): EpmdKeeper {
    const options = this.options;
    const env = this.env;
    return new EpmdKeeper({
      streams: env.streams,
      clock: env.clock,
      random: env.random,
      host: env.host,
      telemetry: this.telemetry,
      logger: this.logger,
      mode: options.epmd.mode,
      port: options.epmd.port,
      ...(options.epmd.host === undefined ? {} : { listenHost: options.epmd.host }),
      maxSockets: options.limits.unauthenticatedSockets,
    });
  }

  #makeGlobal(): GlobalRegistry {
    const { hidden, registry, preventOverlappingPartitions, netTickTimeMs } = this.options;
    const connections = this.connections;
    const global = new GlobalRegistry({
      processes: this.processes,
      logger: this.logger,
      net: {
        connect: (nodeName) => connections.connect(nodeName),
        disconnect: (nodeName) => void connections.disconnect(nodeName),
        isConnected: (nodeName) => connections.up(nodeName) !== undefined,
        visible: () => [...connections.all()].flatMap(({ peer }) => (peer.hidden ? [] : [peer.name])),
      },
      preventOverlappingPartitions,
      // Who says nothing at all is missed by its ticks, within netTickTime and a quarter.
      answerLimitMs: 1.5 * netTickTimeMs,
      absence: !registry
        ? 'it was started with registry: false'
        : hidden
          ? 'it is hidden; start it with hidden: false'
          : undefined,
    });
    if (global.isPresent) this.processes.globals = global;
    return global;
  }

  #makeDiscovery(): Discovery {
    const { topologies, limits } = this.options;
    const env = this.env;
    const creation = this.creation;
    this.discovery = new Discovery({
      self: { name: this.name, port: this.port ?? 0, creation },
      topologies,
      env,
      telemetry: this.telemetry,
      logger: this.logger,
      limits,
      connect: (nodeName, whereabouts) => this.#connectAt(nodeName, whereabouts),
      connected: (nodeName) => this.connections.up(nodeName) !== undefined,
      disconnect: (nodeName) => void this.connections.disconnect(nodeName),
      connectedNodes: () => this.inbound.size,
      names: () => this.#epmd.names(),
    });
    return this.discovery;
  }

  #makeGroups(): Groups {
    return new Groups({
      processes: this.processes,
      clock: this.env.clock,
      telemetry: this.telemetry,
      logger: this.logger,
      visibleNodes: () => {
        const peers = [...this.connections.all()].map(({ peer }) => peer);
        return peers.filter(({ hidden }) => !hidden).map(({ name }) => name);
      },
      isConnected: (nodeName) => this.connections.up(nodeName) !== undefined,
    });
  }

  /** Idempotent. Resolves when the last timer and socket are gone. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.groups?.stop();
    this.global?.stop();
    await this.#tree?.stop();
    await this.processes?.stop();
    await this.connections.stop();
    await this.#epmd.stop();
    this.events.clear();
  }

  drained(node: string, signal?: AbortSignal): Promise<void> {
    return this.#drains.wait(node, signal);
  }

  // ---- what the table of connections asks and tells

  /** Connects without asking a port mapper, when discovery was told the port. */
  async #connectAt(nodeName: string, whereabouts: Whereabouts | undefined): Promise<void> {
    const connect = () => this.connections.connect(nodeName);
    if (whereabouts?.port === undefined) return await connect();
    const { host = hostOf(nodeName), port } = whereabouts;
    await this.locator.during(nodeName, { host, port }, connect);
  }

  #nodeUp(connection: Connection): void {
    const info = peerInfo(connection);
    const inbound = new Inbound({
      connection,
      processes: this.processes,
      spawner: this.spawner,
      telemetry: this.telemetry,
      logger: this.logger,
    });
    this.inbound.set(connection, inbound);
    connection.attach(inbound);
    this.#tree?.linkUp(connection);
    this.telemetry.emit('nodeup', () => ({ ...info }));
    this.logger.debug('connection', () => `nodeup ${info.name}`);
    this.processes.nodeUp(info.name, info, info.hidden);
    this.events.nodeUp(info);
  }

  #nodeDown(connection: Connection, reason: string): void {
    const { name, hidden } = peerInfo(connection);
    this.inbound.delete(connection);
    this.telemetry.emit('nodedown', () => ({ name, reason }));
    this.logger.debug('connection', () => `nodedown ${name}: ${reason}`);
    this.#tree?.linkDown(connection);
    this.spawner.nodeDown(name);
    this.processes.nodeDown(name, atom(reason), hidden);
    this.#drains.wake(name);
    this.discovery?.nodeDown(name, reason);
    this.events.nodeDown(name, reason);
    if (name === this.options.namedBy) this.#nameLost(name);
  }

  /** Who gave us our name may give it to another now: under it nobody must be called any more. */
  #nameLost(giver: string): void {
    this.logger.warning('node', `${giver}, which gave this node its name, is gone, and the name with it`);
    this.connections.retire(
      `${this.name} has lost its name with the connection to ${giver}, which gave it; start another node`,
    );
  }
}
