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
import { BeamishError, HandshakeError } from '../errors.ts';
import { isNodeName } from '../gossip/index.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { CONNECT_LIMITS, type ConnectLimits, ConnectQueue } from './connect-queue.ts';
import type { SelfNode, Strategy } from './strategy.ts';
import { SupervisedStrategy } from './supervised.ts';

export interface DiscoveryOptions {
  readonly self: SelfNode;
  /** Strategies by the name of their topology. */
  readonly topologies: Readonly<Record<string, Strategy>>;
  readonly env: Env;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly limits?: Partial<ConnectLimits>;
  /** Connects; resolves when the node is up, rejects with the reason why it is not. */
  readonly connect: (nodeName: string) => Promise<void>;
  readonly connected: (nodeName: string) => boolean;
}

/** Lines per minute about nodes that cannot be reached; what is past it is only counted. */
const MAX_FAILURE_LINES_PER_MINUTE = 20;

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #queue: ConnectQueue;
  readonly #strategies: SupervisedStrategy[];
  /** Topology and reason of the nodes that were tried and are not up: what the log has said of them. */
  readonly #troubles = new Map<string, string>();
  readonly #maxTroubles: number;
  #wake: { readonly timer: TimerHandle; readonly atMs: number } | undefined;
  #pumping = false;
  #running = false;
  #linesSinceMs = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { self, topologies, env, telemetry, logger } = options;
    const limits = { ...CONNECT_LIMITS, ...options.limits };
    this.#maxTroubles = limits.connectQueue;
    this.#queue = new ConnectQueue(limits, (min, max) => env.random.between(min, max));
    this.#strategies = Object.entries(topologies).map(
      ([topology, strategy]) =>
        new SupervisedStrategy({
          topology,
          strategy,
          self,
          env,
          telemetry,
          logger,
          found: (nodeName) => this.#found(nodeName, topology),
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
  nodeDown(nodeName: string): void {
    this.#queue.down(nodeName, this.#options.env.clock.nowMs());
    // It was connected, perhaps by the other side: a failure from now on is news.
    this.#troubles.delete(nodeName);
  }

  /** Names held in the connect queue and attempts under way: for `inspect()`. */
  get state(): { readonly held: number; readonly trying: number } {
    return { held: this.#queue.size, trying: this.#queue.trying };
  }

  #found(nodeName: string, topology: string): void {
    const { self, connected, env, telemetry, logger } = this.#options;
    if (!this.#running || nodeName === self.name || connected(nodeName)) return;
    if (!isNodeName(nodeName)) {
      telemetry.count('discovery.ignored.name');
      logger.oncePerMinute('discovery', `name.${topology}`, `discovery: topology ${topology} named no node`);
      return;
    }
    const offer = this.#queue.offer(nodeName, env.clock.nowMs(), topology);
    switch (offer) {
      case 'ready':
        this.#pumpSoon();
        return;
      case 'wait':
        this.#armAt(this.#queue.restUntilMs(nodeName));
        return;
      case 'full':
      case 'too_many':
        telemetry.count(`discovery.ignored.${offer}`);
        logger.oncePerMinute(
          'discovery',
          `offer.${offer}`,
          offer === 'full'
            ? 'discovery: more unknown nodes are named than limits.connectQueue; some are left out'
            : 'discovery: more unknown nodes are named in a second than limits.newNamesPerSecond; some are left out',
        );
        return;
      default:
        offer satisfies never;
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
    const { connect, connected, env, telemetry } = this.#options;
    // It may have connected to us while its name waited here.
    if (connected(nodeName)) {
      this.#queue.dropped(nodeName);
      this.#tellUp(nodeName);
      return;
    }
    const startedAtMs = env.clock.nowMs();
    const topology = this.#queue.source(nodeName);
    let problem: unknown;
    let ok = false;
    try {
      await connect(nodeName);
      ok = true;
    } catch (error) {
      problem = error;
    }
    const nowMs = env.clock.nowMs();
    const durationMs = nowMs - startedAtMs;
    if (ok || connected(nodeName)) {
      this.#queue.succeeded(nodeName, nowMs);
      telemetry.emit('discovery.connected', () => ({ topology, peer: nodeName, durationMs }));
      this.#tellUp(nodeName);
    } else {
      const restMs = this.#queue.failed(nodeName, nowMs);
      telemetry.emit('discovery.connect_failed', () => ({
        topology,
        peer: nodeName,
        durationMs,
        restMs,
        reason: textOf(problem),
      }));
      if (this.#running) this.#tellTrouble(nodeName, problem);
    }
    if (this.#running) this.#pumpSoon();
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
        `discovery: cannot connect to ${nodeName}, will try again with growing pauses: ${textOf(problem)}`,
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

function textOf(problem: unknown): string {
  return problem instanceof Error ? problem.message : String(problem);
}
