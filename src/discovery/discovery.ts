/**
 * Discovery: strategies name nodes, the connect queue says which name is tried when, and the node connects.
 *
 * It knows names and time; of connections it knows two functions that the node gave it. Hearing a name never
 * connects on the path of the datagram: the name goes to the queue. A node that is heard and connected costs one
 * look-up. Strategies run side by side and may name the same node; it is tried once. Two nodes that hear each
 * other at the same moment both connect: the handshake decides which of the two connections lives, and the other
 * attempt, which then fails, is not counted when the node is connected by that time.
 */
import type { Env, TimerHandle } from '../env/index.ts';
import { DEFAULT_LIMITS, type Limits } from '../env/limits.ts';
import { BeamishError, ConnectionError, HandshakeError, messageOf } from '../errors.ts';
import { isNodeName } from '../gossip/index.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ConnectQueue } from './connect-queue.ts';
import type { SelfNode, Strategy, Topology, Whereabouts } from './strategy.ts';
import { SupervisedStrategy } from './supervised.ts';

export interface DiscoveryOptions {
  readonly self: SelfNode;
  /** By their names. A bare strategy connects in the node's own way. */
  readonly topologies: Readonly<Record<string, Strategy | Topology>>;
  readonly env: Env;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly limits?: Partial<Limits>;
  /**
   * Connects; resolves when the node is up, rejects with the reason why it is not. The whereabouts are what the
   * strategy told; when they led nowhere, the next attempt comes without.
   */
  readonly connect: (nodeName: string, whereabouts?: Whereabouts) => Promise<void>;
  readonly connected: (nodeName: string) => boolean;
  /** Closes the connection to a node, if there is one. */
  readonly disconnect: (nodeName: string) => void;
  readonly connectedNodes: () => number;
  /** What the node's own port mapper knows. */
  readonly names: () => Promise<readonly { readonly name: string; readonly port: number }[]>;
}

/** Lines per minute about nodes that cannot be reached; what is past it is only counted. */
const MAX_FAILURE_LINES_PER_MINUTE = 20;
const LEFT_OUT = {
  full: {
    counter: 'discovery.ignored.full',
    line: 'discovery: more unknown nodes are named than limits.connectQueueNames; some are left out',
  },
  too_many: {
    counter: 'discovery.ignored.too_many',
    line: 'discovery: more unknown nodes are named in a second than limits.newNamesPerSecond; some are left out',
  },
} as const;

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #queue: ConnectQueue;
  readonly #strategies: SupervisedStrategy[];
  /** Topology and reason of the nodes that were tried and are not up: what the log has said of them. */
  readonly #troubles = new Map<string, string>();
  readonly #maxTroubles: number;
  readonly #topologies: ReadonlyMap<string, Topology>;
  /** Since when nodes are connected, and by which topology, of those that this Discovery has connected. */
  readonly #made = new Map<string, { readonly topology: string; readonly atMs: number }>();
  #wake: { readonly timer: TimerHandle; readonly atMs: number } | undefined;
  #pumping = false;
  #running = false;
  #linesSinceMs = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { self, topologies, env, telemetry, logger } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#maxTroubles = limits.connectQueueNames;
    this.#queue = new ConnectQueue(limits, (min, max) => env.random.between(min, max));
    this.#topologies = new Map(
      Object.entries(topologies).map(([name, given]) => [
        name,
        'strategy' in given ? given : { strategy: given },
      ]),
    );
    this.#strategies = [...this.#topologies].map(
      ([topology, own]) =>
        new SupervisedStrategy({
          topology,
          strategy: own.strategy,
          self,
          env,
          telemetry,
          logger,
          found: (nodeName, whereabouts) => {
            // Almost all that is heard is connected: this is as far as it goes.
            if (!this.#connected(nodeName, topology, own)) this.#found(nodeName, topology, whereabouts);
          },
          gone: (nodeName) => void this.#gone(nodeName, topology),
          datagramBytes: limits.datagramBytes,
          connectedNodes: options.connectedNodes,
          names: options.names,
        }),
    );
  }

  /** Starts every strategy. @throws OptionsError of one of them; then none runs */
  async start(): Promise<void> {
    this.#running = true;
    try {
      for (const strategy of this.#strategies) await strategy.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends the strategies and tries nothing more. Attempts under way are the node's to end. Idempotent. */
  async stop(): Promise<void> {
    this.#running = false;
    if (this.#wake !== undefined) this.#options.env.clock.clearTimeout(this.#wake.timer);
    this.#wake = undefined;
    await Promise.all(this.#strategies.map((strategy) => strategy.stop()));
  }

  /** A connection was lost. The node is tried again when a strategy names it again. */
  nodeDown(nodeName: string, reason: string): void {
    const { env, telemetry } = this.#options;
    const nowMs = env.clock.nowMs();
    this.#queue.down(nodeName, nowMs);
    const made = this.#made.get(nodeName);
    if (made !== undefined) {
      this.#made.delete(nodeName);
      const { topology, atMs } = made;
      telemetry.emit('discovery.disconnected', () => ({
        topology,
        peer: nodeName,
        reason,
        durationMs: nowMs - atMs,
      }));
    }
    // It was connected, perhaps by the other side: a failure from now on is news.
    this.#troubles.delete(nodeName);
  }

  /** Names held in the connect queue and attempts under way: for `inspect()`. */
  get state(): { readonly held: number; readonly trying: number } {
    return { held: this.#queue.size, trying: this.#queue.trying };
  }

  #connected(nodeName: string, topology: string, own = this.#topologies.get(topology)): boolean {
    const listNodes = own?.listNodes;
    if (listNodes === undefined) return this.#options.connected(nodeName);
    try {
      const names: unknown = listNodes();
      if (!Array.isArray(names)) {
        // What promises an answer may fail later, and nobody waits for it.
        Promise.resolve(names).catch(() => {});
        throw new Error(`it gave ${String(names)}, not a list of names`);
      }
      return names.includes(nodeName);
    } catch (error) {
      // It is the user's, and asked from timers and in the middle of an attempt: nothing of it may reach the node.
      this.#options.telemetry.count('discovery.list_failed');
      this.#options.logger.oncePerMinute(
        'discovery',
        `list.${topology}`,
        `discovery: listNodes of topology ${topology} failed: ${messageOf(error)}; asking the node itself`,
      );
      return this.#options.connected(nodeName);
    }
  }

  #found(nodeName: string, topology: string, whereabouts: Whereabouts | undefined): void {
    const { self, env, telemetry, logger } = this.#options;
    if (!this.#running || nodeName === self.name) return;
    if (!isNodeName(nodeName)) {
      telemetry.count('discovery.ignored.name');
      logger.oncePerMinute('discovery', `name.${topology}`, `discovery: topology ${topology} named no node`);
      return;
    }
    const offer = this.#queue.offer(nodeName, env.clock.nowMs(), { topology, whereabouts });
    switch (offer) {
      case 'ready':
        this.#pumpSoon();
        return;
      case 'wait':
        this.#armAt(this.#queue.restUntilMs(nodeName));
        return;
      case 'full':
      case 'too_many':
        // For every datagram of a flood: nothing is put together here.
        telemetry.count(LEFT_OUT[offer].counter);
        logger.oncePerMinute('discovery', LEFT_OUT[offer].counter, LEFT_OUT[offer].line);
        return;
      default:
        offer satisfies never;
    }
  }

  /** A strategy wants a node no more. A connection that another topology has made is left to that one. */
  async #gone(nodeName: string, topology: string): Promise<void> {
    const { disconnect, connected, telemetry, logger, env } = this.#options;
    if (!this.#running) return;
    this.#queue.forget(nodeName);
    const made = this.#made.get(nodeName);
    if (made !== undefined && made.topology !== topology) return;
    const own = this.#topologies.get(topology);
    if (own?.disconnect === undefined) {
      if (connected(nodeName)) disconnect(nodeName);
      return;
    }
    const startedAtMs = env.clock.nowMs();
    const told = { topology, peer: nodeName };
    try {
      await own.disconnect(nodeName);
      telemetry.emit('discovery.disconnected', () => ({
        ...told,
        reason: 'gone',
        durationMs: env.clock.nowMs() - startedAtMs,
      }));
    } catch (error) {
      const reason = messageOf(error);
      telemetry.emit('discovery.disconnect_failed', () => ({
        ...told,
        reason,
        durationMs: env.clock.nowMs() - startedAtMs,
      }));
      logger.oncePerMinute(
        'discovery',
        `disconnect.${topology}`,
        `discovery: topology ${topology} could not disconnect ${nodeName}: ${reason}`,
      );
    }
  }

  /** Connecting begins in a later turn: the path that heard the name returns first. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#options.env.clock.setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#running) return;
    const { clock } = this.#options.env;
    for (const nodeName of this.#queue.take(clock.nowMs())) void this.#attempt(nodeName);
    this.#arm();
  }

  #arm(): void {
    if (this.#wake !== undefined) this.#options.env.clock.clearTimeout(this.#wake.timer);
    this.#wake = undefined;
    this.#armAt(this.#queue.wakeAtMs());
  }

  /** One timer for the end of the next rest: the earlier of the armed one and this. */
  #armAt(wakeAtMs: number | undefined): void {
    const { clock } = this.#options.env;
    if (wakeAtMs === undefined || (this.#wake !== undefined && this.#wake.atMs <= wakeAtMs)) return;
    if (this.#wake !== undefined) clock.clearTimeout(this.#wake.timer);
    const timer = clock.setTimeout(
      () => {
        this.#wake = undefined;
        this.#pump();
      },
      Math.max(1, wakeAtMs - clock.nowMs()),
    );
    this.#wake = { timer, atMs: wakeAtMs };
  }

  async #attempt(nodeName: string): Promise<void> {
    const { connected, env, telemetry } = this.#options;
    const topology = this.#queue.named(nodeName)?.topology ?? '';
    // It may have connected to us while its name waited here.
    if (this.#connected(nodeName, topology)) {
      this.#queue.dropped(nodeName);
      this.#tellUp(nodeName);
      return;
    }
    const startedAtMs = env.clock.nowMs();
    let problem: unknown;
    let ok = false;
    try {
      await this.#connect(nodeName, topology);
      ok = true;
    } catch (error) {
      problem = error;
    }
    const nowMs = env.clock.nowMs();
    const durationMs = nowMs - startedAtMs;
    if (ok || this.#connected(nodeName, topology)) {
      this.#queue.succeeded(nodeName, nowMs);
      if (connected(nodeName)) this.#made.set(nodeName, { topology, atMs: nowMs });
      telemetry.emit('discovery.connected', () => ({ topology, peer: nodeName, durationMs }));
      this.#tellUp(nodeName);
    } else {
      const restMs = this.#queue.failed(nodeName, nowMs);
      telemetry.emit('discovery.connect_failed', () => ({
        topology,
        peer: nodeName,
        durationMs,
        restMs,
        reason: messageOf(problem),
      }));
      if (this.#running) this.#tellTrouble(nodeName, problem);
    }
    if (this.#running) this.#pumpSoon();
  }

  async #connect(nodeName: string, topology: string): Promise<void> {
    const own = this.#topologies.get(topology);
    if (own?.connect !== undefined) {
      if ((await own.connect(nodeName)) === false)
        throw new ConnectionError(`the connect function of topology ${topology} refused ${nodeName}`);
      return;
    }
    // What was heard may be out of date: every other attempt asks the port mapper.
    const whereabouts = this.#queue.named(nodeName)?.whereabouts;
    const isTold = whereabouts?.certain === true || this.#queue.failures(nodeName) % 2 === 0;
    await this.#options.connect(nodeName, isTold ? whereabouts : undefined);
  }

  #tellUp(nodeName: string): void {
    if (this.#troubles.delete(nodeName))
      this.#options.logger.info('discovery', `discovery: ${nodeName} is connected now`);
  }

  /** One line per change of state: a first failure, or another kind of failure. */
  #tellTrouble(nodeName: string, problem: unknown): void {
    const { logger, env } = this.#options;
    const kind = kindOf(problem);
    if (this.#troubles.get(nodeName) === kind) return;
    const nowMs = env.clock.nowMs();
    if (nowMs - this.#linesSinceMs >= 60_000) {
      this.#linesSinceMs = nowMs;
      this.#lines = 0;
    }
    this.#troubles.delete(nodeName);
    this.#troubles.set(nodeName, kind);
    // The oldest is forgotten first; were it still in trouble, it would be told once more.
    if (this.#troubles.size > this.#maxTroubles) this.#troubles.delete(this.#troubles.keys().next().value!);
    if (this.#lines++ < MAX_FAILURE_LINES_PER_MINUTE)
      logger.warning(
        'discovery',
        `discovery: cannot connect to ${nodeName}, will try again with growing pauses: ${messageOf(problem)}`,
      );
    else
      logger.oncePerMinute(
        'discovery',
        'troubles',
        'discovery: many nodes cannot be reached; their failures are counted in discovery.connect_failed',
      );
  }
}

function kindOf(problem: unknown): string {
  if (problem instanceof HandshakeError) return `${problem.code} ${problem.stage}`;
  if (problem instanceof BeamishError) return problem.code;
  return problem instanceof Error ? problem.name : typeof problem;
}
