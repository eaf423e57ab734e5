/**
 * All processes of a node, as one tree: a supervisor with the port mapper's client, `net_kernel`, `beamish`, further services
 * (`rex`, `global_name_server`), the processes of the links, discovery and the program's own processes below it, in this
 * order. What ours do is done elsewhere, by drivers that know no processes; here they get the life of a process: whoever
 * ends takes its driver along, however it ends, and is started again with a fresh one. A link is not made again from here: the next message to that node, or discovery, does.
 */
import { actor } from '../actor/actor.ts';
import { child } from '../actor/child.ts';
import { supervisor } from '../actor/supervisor.ts';
import { delay } from '../connection/delay.ts';
import type { Clock } from '../env/clock.ts';
import type { LogArea } from '../env/log.ts';
import { ExitError, messageOf } from '../errors.ts';
import type { Process } from '../process/process.ts';
import type { AnyActor } from '../process/protocol.ts';
import { describeReason, SHUTDOWN } from '../process/reasons.ts';
import type { ProcessSystem } from '../process/system.ts';
import type { Logger } from '../telemetry/logger.ts';
import { beamishProcess, type NodeView, netKernel } from './system-processes.ts';
import { USER_SUPERVISOR, userSupervisor } from './user-tree.ts';

/** Something of the outside world that one process owns. */
export interface Driver {
  start(): Promise<unknown>;
  /** Idempotent; also called when `start` has failed or is still under way. */
  stop(): Promise<void>;
}

/** The live link that a process stands for. */
export interface Link {
  readonly peerName: string;
  close(error: undefined, reason: string): void;
}

/** A process of the kernel that other nodes know by its name. */
export interface Service {
  readonly name: string;
  readonly actor: AnyActor;
  readonly args: readonly unknown[];
}

export interface SystemTreeOptions {
  readonly processes: ProcessSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: NodeView;
  /** Started behind `net_kernel` and `beamish`, in this order. */
  readonly services: readonly Service[];
  /** A fresh client of the port mapper; the first time the one that has registered the node already. */
  readonly makeEpmd: () => Driver;
  /** Absent where no strategy is given. */
  readonly makeDiscovery: (() => Driver) | undefined;
  /** Names the live link to a node. */
  readonly linkTo: (nodeName: string) => Link | undefined;
  /** The tree ended over and over again. */
  readonly gaveUp: () => void;
}

export const SYSTEM_SUPERVISOR = 'beamish_sup';
export const LINK_SUPERVISOR = 'net_connections';

/** Restarts of system processes that pass for accidents. */
const INTENSITY = 20;
const PERIOD_MS = 10_000;
/** Ends of the whole tree within a minute that do. */
const MAX_TREE_ENDS = 3;
const TREE_ENDS_PERIOD_MS = 60_000;
/** Pause before a driver that could not be started again is tried once more. */
const RETRY_MS = 1_000;

export class SystemTree {
  readonly #o: SystemTreeOptions;
  readonly #root: AnyActor;
  readonly #names: readonly string[];
  readonly #linkProcesses = new Map<Link, Process>();
  readonly #endsMs: number[] = [];
  /** What kept the tree from being started. */
  #failure: { readonly error: unknown } | undefined;
  #started = false;
  #stopping = false;

  constructor(options: SystemTreeOptions) {
    this.#o = options;
    const { view, services, makeEpmd, makeDiscovery } = options;
    const link = this.#linkActor();
    const links = supervisor(LINK_SUPERVISOR, { strategy: 'simple_one_for_one' }, () => [
      child(link, [], { restart: 'temporary', shutdown: 'brutal_kill' }),
    ]);
    const epmd = this.#driverActor('epmd', 'epmd', makeEpmd);
    const discovery = makeDiscovery && this.#driverActor('discovery', 'discovery', makeDiscovery);
    const users = userSupervisor(options.processes);
    const serviceNames = services.map(({ name }) => name);
    this.#names = [
      ...['epmd', 'net_kernel', 'beamish', ...serviceNames, LINK_SUPERVISOR],
      ...(discovery ? ['discovery'] : []),
      USER_SUPERVISOR,
    ];
    this.#root = supervisor(SYSTEM_SUPERVISOR, { intensity: INTENSITY, period: PERIOD_MS }, () => [
      child(epmd, [], { name: 'epmd' }),
      child(netKernel, [], { name: 'net_kernel' }),
      child(beamishProcess, [view], { name: 'beamish' }),
      ...services.map(({ name, actor, args }) => child(actor, args, { id: name, name })),
      child(links, [], { name: LINK_SUPERVISOR }),
      ...(discovery === undefined ? [] : [child(discovery, [], { name: 'discovery' })]),
      child(users, [], { name: USER_SUPERVISOR, shutdown: Number.POSITIVE_INFINITY }),
    ]);
  }

  /** Resolves when all of it runs. Rejects with what a driver failed with; the tree is gone then. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const process = this.#startRoot();
      process.extra.onReady = () => {
        this.#started = true;
        resolve();
      };
      this.#o.processes.whenEnded(process, (reason) => {
        if (this.#started) return;
        const text = `the system processes ended with ${describeReason(reason)} before they all ran`;
        reject(
          this.#failure === undefined ? new ExitError(reason, SYSTEM_SUPERVISOR, text) : this.#failure.error,
        );
      });
    });
  }

  /**
   * Takes the whole tree down, the last started first: the program's own processes, then ours. From now on what ends is not
   * started again, nothing new is spawned, and links are left to the table of connections.
   */
  async stop(): Promise<void> {
    const { processes } = this.#o;
    this.#stopping = true;
    processes.stopping = true;
    const root = processes.whereis(SYSTEM_SUPERVISOR);
    if (root === undefined) return;
    const ended = processes.ended(root);
    processes.exit(root, SHUTDOWN);
    await ended;
  }

  linkUp(link: Link): void {
    this.#o.processes.castMethod(this.#o.processes.outside, LINK_SUPERVISOR, 'startChild', [[link.peerName]]);
  }

  linkDown(link: Link): void {
    const process = this.#linkProcesses.get(link);
    this.#linkProcesses.delete(link);
    if (process !== undefined) this.#o.processes.exit(process.pid, 'shutdown');
  }

  #startRoot(): Process {
    const { processes, clock } = this.#o;
    const process = processes.start(this.#root, [], { name: SYSTEM_SUPERVISOR });
    // We take it down ourselves.
    process.supervised = true;
    processes.whenEnded(process, () => {
      if (this.#started && !this.#stopping) clock.setImmediate(() => void this.#restart());
    });
    return process;
  }

  async #restart(): Promise<void> {
    const { processes, clock, logger, gaveUp } = this.#o;
    // What was below it may still be letting go of sockets, and of its name.
    const left = this.#names.map((name) => processes.whereis(name));
    await Promise.all(left.map((pid) => pid && processes.ended(pid)));
    if (this.#stopping) return;
    const nowMs = clock.nowMs();
    const ends = this.#endsMs;
    ends.push(nowMs);
    while (ends[0]! < nowMs - TREE_ENDS_PERIOD_MS) ends.shift();
    if (ends.length > MAX_TREE_ENDS) {
      logger.error('kernel', 'the system processes end over and over again; the node stops');
      gaveUp();
      return;
    }
    logger.warning('kernel', 'the system processes have ended and are started again');
    this.#startRoot();
    // Links that came up meanwhile found nobody to look after them.
    for (const name of this.#o.view.nodes()) {
      const link = this.#o.linkTo(name);
      if (link !== undefined && !this.#linkProcesses.has(link)) this.linkUp(link);
    }
  }

  /** The process of one link: when it ends, so does the link. */
  #linkActor() {
    const { processes, linkTo } = this.#o;
    return actor('connection', (self, nodeName: string = '') => {
      const link = linkTo(nodeName);
      // Lost again, or replaced and looked after, before this process had its turn.
      if (link === undefined || this.#linkProcesses.has(link)) return self.exit('normal');
      this.#linkProcesses.set(link, processes.lookup(self.pid)!);
      self.signal.addEventListener('abort', () => {
        if (this.#linkProcesses.delete(link) && !this.#stopping) link.close(undefined, 'killed');
      });
      return {
        /** Name of the node at the other end. */
        peer: () => nodeName,
      };
    });
  }

  /** A process that owns a driver. At the first start of the node a failure is the node's; later it is tried again. */
  #driverActor(name: string, area: LogArea, make: () => Driver) {
    return actor(name, (self) => {
      let driver = make();
      const { clock, logger } = this.#o;
      const { signal } = self;
      // Also when it is killed; and `stop()` of the node waits for the end.
      signal.addEventListener('abort', () => void driver.stop());
      self.onStop(() => driver.stop());
      if (!this.#started) {
        const failed = (error: unknown): never => {
          this.#failure ??= { error };
          return self.exit('shutdown');
        };
        return driver.start().then(() => ({}), failed);
      }
      const startAgain = async (): Promise<void> => {
        for (;;) {
          try {
            await driver.start();
            return;
          } catch (error) {
            if (signal.aborted) return;
            const text = messageOf(error);
            logger.oncePerMinute(area, `${name} restart`, `${name} cannot be started again yet: ${text}`);
          }
          await driver.stop();
          await delay(clock, RETRY_MS, signal);
          if (signal.aborted) return;
          driver = make();
        }
      };
      void startAgain();
      return {};
    });
  }
}
