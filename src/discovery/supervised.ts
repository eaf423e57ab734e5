import type { Env, TimerHandle } from '../env/index.ts';
import { messageOf, OptionsError } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { StrategyScope } from './scope.ts';
import type { SelfNode, Strategy, StrategyHandle, Whereabouts } from './strategy.ts';

/** Pauses before a strategy that failed is started again: doubling, and back to the first after a quiet run. */
const FIRST_RESTART_PAUSE_MS = 500;
const LONGEST_RESTART_PAUSE_MS = 60_000;
const QUIET_RUN_MS = 60_000;
/** The log says again that a strategy still fails for the reason that it told of. */
const TELL_AGAIN_MS = 60_000;

export interface SupervisedParts {
  readonly topology: string;
  readonly strategy: Strategy;
  readonly self: SelfNode;
  readonly env: Env;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly found: (nodeName: string, whereabouts?: Whereabouts) => void;
  readonly gone: (nodeName: string) => void;
  readonly datagramBytes: number;
  readonly connectedNodes: () => number;
  readonly names: () => Promise<readonly { readonly name: string; readonly port: number }[]>;
}

/** One topology: its strategy, started, watched, and started again when it fails. Nothing it does reaches the node. */
export class SupervisedStrategy {
  readonly #parts: SupervisedParts;
  #scope: StrategyScope | undefined;
  #handle: StrategyHandle | undefined;
  #startedAtMs = 0;
  #failures = 0;
  #told: { readonly reason: string; readonly atMs: number } | undefined;
  #timer: TimerHandle | undefined;
  #stopped = false;

  constructor(parts: SupervisedParts) {
    this.#parts = parts;
  }

  /** @throws OptionsError of the strategy; any other failure is retried */
  async start(): Promise<void> {
    const { strategy, self, topology, telemetry, logger, env, ...node } = this.#parts;
    const scope: StrategyScope = new StrategyScope(env, (error) => this.#crashed(scope, error));
    this.#scope = scope;
    this.#startedAtMs = env.clock.nowMs();
    try {
      const handle = await strategy.start({
        self,
        topology,
        telemetry,
        logger,
        env: scope.env,
        found: (nodeName, whereabouts) => {
          if (!scope.ended) node.found(nodeName, whereabouts);
        },
        gone: (nodeName) => {
          if (!scope.ended) node.gone(nodeName);
        },
        datagramBytes: node.datagramBytes,
        connectedNodes: node.connectedNodes,
        names: node.names,
        failed: (error) => this.#crashed(scope, error),
      });
      // It may have failed, or have been stopped, before its start was over.
      if (scope.ended) await release(handle);
      else this.#handle = handle;
    } catch (error) {
      if (error instanceof OptionsError && this.#failures === 0) {
        scope.end();
        throw error;
      }
      this.#crashed(scope, error);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== undefined) this.#parts.env.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#end();
  }

  #crashed(scope: StrategyScope, error: unknown): void {
    if (scope.ended || this.#stopped) return;
    const { env, telemetry, topology, strategy } = this.#parts;
    void this.#end();
    if (env.clock.nowMs() - this.#startedAtMs >= QUIET_RUN_MS) this.#failures = 0;
    const pauseMs = Math.min(FIRST_RESTART_PAUSE_MS * 2 ** this.#failures++, LONGEST_RESTART_PAUSE_MS);
    const reason = messageOf(error);
    telemetry.emit('discovery.strategy_failed', () => ({ topology, kind: strategy.kind, reason }));
    this.#tell(reason);
    this.#timer = env.clock.setTimeout(() => {
      this.#timer = undefined;
      // After the first start nothing is thrown but by an option that became impossible: that is retried too.
      void this.start();
    }, pauseMs);
  }

  /** Another reason is told at once (pauses bound how often that is), the same one again after a minute. */
  #tell(reason: string): void {
    const { env, logger, topology, strategy } = this.#parts;
    const nowMs = env.clock.nowMs();
    if (this.#told?.reason === reason && nowMs - this.#told.atMs < TELL_AGAIN_MS) return;
    this.#told = { reason, atMs: nowMs };
    const times = this.#failures === 1 ? '' : `, ${this.#failures} times in a row,`;
    logger.warning(
      'discovery',
      `discovery: topology ${topology} (${strategy.kind}) failed${times} and is started again, with growing pauses: ${reason}`,
    );
  }

  async #end(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#scope?.end();
    if (handle !== undefined) await release(handle);
  }
}

/** A strategy that fails to stop has lost its timers and sockets already. */
async function release(handle: StrategyHandle): Promise<void> {
  try {
    await handle.stop();
  } catch {}
}
