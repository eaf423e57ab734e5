import type { Env } from '../env/index.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * A way to find nodes. `gossip()`, `hosts()`, `dns()` and `epmd()` are strategies; so is any object of this shape:
 *
 * ```ts
 * const fromFile = (path: string): Strategy => ({
 *   kind: 'file',
 *   start({ env, found, failed }) {
 *     let timer: TimerHandle;
 *     const look = async () => {
 *       try {
 *         for (const name of (await readFile(path, 'utf8')).split('\n')) if (name !== '') found(name);
 *         timer = env.clock.setTimeout(look, 5_000);
 *       } catch (error) {
 *         failed(error);
 *       }
 *     };
 *     void look();
 *     return { stop: () => env.clock.clearTimeout(timer) };
 *   },
 * });
 * ```
 *
 * A strategy names nodes and does nothing else: connecting, pauses after failures and limits are the Discovery's.
 * A name should be repeated as long as the node is wanted; that is what makes a failed connection be tried again.
 */
export interface Strategy {
  /** Short name for log lines and counters. */
  readonly kind: string;
  /**
   * Begins to look for nodes. Called again, with a new context, after the strategy failed.
   * @throws OptionsError when an option is impossible on this machine: the node does not start. Anything else that
   *   is thrown is a failure, and the strategy is started again after a pause.
   */
  start(context: StrategyContext): StrategyHandle | Promise<StrategyHandle>;
}

export interface StrategyHandle {
  /** Ends it. Timers and sockets of the context are released by the Discovery as well, so a late one does no harm. */
  stop(): void | Promise<void>;
}

/** What a strategy is given. After it was stopped or has failed, every call here does nothing. */
export interface StrategyContext {
  readonly self: SelfNode;
  /** The name this strategy has in the node's options. */
  readonly topology: string;
  /**
   * The outside world. What throws inside a callback given to `env.clock` or `env.datagrams` counts as `failed`.
   */
  readonly env: Env;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /** This node exists. Cheap when it is known or connected; one's own name is ignored. */
  found(nodeName: string, whereabouts?: Whereabouts): void;
  /** This node is wanted no more: it is disconnected, and tried again only when it is found again. */
  gone(nodeName: string): void;
  /** Longest datagram that is to be looked at: `limits.datagramBytes`. */
  readonly datagramBytes: number;
  /** How many nodes are connected; the more there are, the less often a strategy need speak. */
  connectedNodes(): number;
  /** What the node's own port mapper knows: the part of the names before the `@`, and ports. Rejects when it does not answer. */
  names(): Promise<readonly { readonly name: string; readonly port: number }[]>;
  /** The strategy cannot go on: it is stopped, and started anew after a pause. */
  failed(error: unknown): void;
}

/** The node that looks for others. */
export interface SelfNode {
  readonly name: string;
  /** TCP port where the node accepts connections; 0 when it does not. */
  readonly port: number;
  readonly creation: number;
}

/** What a strategy may know of a node beside its name. */
export interface Whereabouts {
  /** TCP port where it accepts connections: the port mapper of its machine is not asked then. */
  readonly port?: number;
  /** Address for that port. @default the part of its name behind the `@` */
  readonly host?: string;
  /** Configured rather than heard of: the port mapper is never asked. @default false */
  readonly certain?: boolean;
  /** Its life, as `SelfNode.creation`: a node that has started again is tried at once, whatever came of its earlier lives. */
  readonly creation?: number;
  /** Address of whoever told us. Under a flood of names, none is let in at the expense of the others. */
  readonly from?: string;
}

/**
 * A strategy whose nodes are connected in another way than the node's own, as libcluster's `connect`, `disconnect` and
 * `list_nodes` allow: over a tunnel, after a check, or only in part.
 */
export interface Topology {
  readonly strategy: Strategy;
  /** Connects; a rejection, or `false`, is a failure and is tried again after a pause. @default the node's own */
  connect?(nodeName: string): unknown;
  /** Ends a connection to a node that is wanted no more. @default the node's own */
  disconnect?(nodeName: string): unknown;
  /** Names that count as connected: they are not tried. Called for every name that is found; when it throws, the node is asked. @default the node's own */
  listNodes?(): readonly string[];
}
