/**
 * Global names: one table of names, shared by every node of the cluster, with OTP's `global` as a full member. Here is what
 * users see, `node.global`; `server.ts` is the process behind it, `machine.ts` what that process decides.
 *
 * A lookup reads the local replica. A change is a message to the local name server, which makes it everywhere, under
 * a lock that all members give; when its promise resolves, every member has it.
 */
import type { AnyActor } from '../../actor/types.ts';
import { CallTimeoutError, ExitError, NameTakenError, OptionsError } from '../../errors.ts';
import { checkKnown } from '../../option-checks.ts';
import { checkMs } from '../../process/checks.ts';
import { type AnyPid, At, type GlobalName, type GlobalResolver } from '../../process/destination.ts';
import { stoppedError } from '../../process/ends.ts';
import type { GlobalNames } from '../../process/global-names.ts';
import { tellEach } from '../../process/listeners.ts';
import { describePid, NOPROC } from '../../process/reasons.ts';
import type { ProcessSystem } from '../../process/system.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { atom } from '../../term/atom.ts';
import { encodeTerm } from '../../term/etf/codec.ts';
import type { ExternalFun } from '../../term/fun.ts';
import { Pid } from '../../term/identifiers.ts';
import { equalTerms } from '../../term/order.ts';
import { inspectTerm } from '../../term/print.ts';
import { type Tuple, tuple } from '../../term/tuple.ts';
import { absentNameServer, GLOBAL_ABSENCE } from './absent.ts';
import { GLOBAL_NAME_SERVER } from './messages.ts';
import { NameTable } from './names.ts';
import { type Resolve, Resolvers } from './resolvers.ts';
import { type Audience, globalNameServer, type Net, type ServerView } from './server.ts';
import { checkNodes, type LockOptions, UserLocks } from './user-locks.ts';
import type { GlobalConflict } from './wishes.ts';

export type { ResolverFunction } from './resolvers.ts';
export type { Net } from './server.ts';
export type { GlobalConflict, LockOptions, Resolve };
export { GLOBAL_ABSENCE, GLOBAL_NAME_SERVER };

const CHANGE_OPTIONS = ['timeout', 'signal'] as const;
/** How long a change of names waits for joins that are under way. A peer that takes longer does not speak `global`. */
const JOIN_WAIT_MS = 5_000;
/** Longest wait for the lock on names, unless told otherwise: a join may hold it for half a minute. */
export const DEFAULT_CHANGE_TIMEOUT_MS = 60_000;

export interface ChangeOptions {
  /** Milliseconds, then CallTimeoutError. @default 60000 */
  readonly timeout?: number;
  /** Gives up when aborted: rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface RegisterOptions extends ChangeOptions {
  /** Who keeps the name when two parts of a cluster that both have it come together. @default 'random_exit' */
  readonly resolve?: Resolve;
  /** What becomes of a name that is taken: NameTakenError, or the answer false. @default 'throw' */
  readonly ifTaken?: 'throw' | 'false';
}

interface WaitOptions {
  /** Milliseconds, then CallTimeoutError. @default Infinity */
  readonly timeout?: number;
  /** Gives up when aborted: rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What `on` tells of. */
export interface GlobalEvents {
  /** The name belongs to this process from now on, wherever it was registered. */
  registered: (name: unknown, pid: Pid) => void;
  /** It no longer does. */
  unregistered: (name: unknown, pid: Pid) => void;
  /** Two processes had the name, and this is what came of it. */
  conflict: (conflict: GlobalConflict) => void;
}

export interface GlobalRegistryOptions {
  readonly processes: ProcessSystem;
  readonly logger: Logger;
  readonly net: Net;
  readonly preventOverlappingPartitions: boolean;
  /** How long a member may take to answer: then it is given up, and the rest of the cluster goes on. */
  readonly answerLimitMs: number;
  /** Why this node takes no part in global names; undefined when it does. */
  readonly absence: string | undefined;
}

/** `node.global`: names that are unique in the whole cluster, and locks. */
export class GlobalRegistry implements GlobalResolver {
  readonly #o: GlobalRegistryOptions;
  readonly #table = new NameTable();
  readonly #resolvers: Resolvers;
  readonly #locks: UserLocks;
  readonly #listeners: { readonly [E in keyof GlobalEvents]: Set<GlobalEvents[E]> } = {
    registered: new Set(),
    unregistered: new Set(),
    conflict: new Set(),
  };
  /** Visible nodes that did not join in time: C nodes, and others that do not speak `global`. */
  readonly #strangers = new Set<string>();
  /** Who waits for a name that nobody has yet: how to end that. */
  readonly #expecting = new Set<(error: unknown) => void>();
  #view: ServerView | undefined;
  #lastRequest = 0;

  /** @internal */
  constructor(options: GlobalRegistryOptions) {
    this.#o = options;
    this.#resolvers = new Resolvers(options.processes, options.logger);
    this.#locks = new UserLocks(options.processes, options.net.visible, options.answerLimitMs);
  }

  /** Whether this node takes part. @internal */
  get isPresent(): boolean {
    return this.#o.absence === undefined;
  }

  // ---- names

  /**
   * Gives a process a name that is unique in the cluster. Resolves when every connected node has it; from then on
   * `whereis` finds it on each. The name is free again when the process ends, its node goes down, or `unregister` says so.
   *
   * @param name - any term: a string is a binary to a BEAM, `atom('x')` an atom
   * @param pid - a process of this node or of another
   * @returns true; false when the name is taken and `ifTaken` is `"false"`
   * @throws NameTakenError when the name is taken; ExitError for a process of this node that has ended; OptionsError on a
   * node that takes no part; CallTimeoutError when the lock on names could not be had in time
   */
  async register(name: GlobalName | unknown, pid: AnyPid, options: RegisterOptions = {}): Promise<boolean> {
    checkKnown(options, '', ['resolve', 'ifTaken', ...CHANGE_OPTIONS]);
    const { resolve = 'random_exit', ifTaken = 'throw' } = options;
    if (ifTaken !== 'throw' && ifTaken !== 'false')
      throw new OptionsError('ifTaken', `ifTaken: expected "throw" or "false", got ${inspectTerm(ifTaken)}`);
    const { done, holder } = await this.#change('register', name, pid, resolve, options);
    if (done) return true;
    if (ifTaken === 'false') return false;
    const taken = inspectTerm(name);
    throw new NameTakenError(
      name,
      `the global name ${taken} is taken${holder === undefined ? '' : ` by ${describePid(holder)}`}`,
    );
  }

  /** The same, whoever has the name now: it goes over to `pid` on all nodes. */
  async reRegister(
    name: GlobalName | unknown,
    pid: AnyPid,
    options: Omit<RegisterOptions, 'ifTaken'> = {},
  ): Promise<true> {
    checkKnown(options, '', ['resolve', ...CHANGE_OPTIONS]);
    await this.#change('re_register', name, pid, options.resolve ?? 'random_exit', options);
    return true;
  }

  /** Frees a name, whoever has it. Resolves when no connected node has it any more; false when it was free. */
  async unregister(name: GlobalName | unknown, options: ChangeOptions = {}): Promise<boolean> {
    this.#participate();
    checkKnown(options, '', CHANGE_OPTIONS);
    checkName(name);
    if (this.#table.get(name) === undefined) return false;
    await this.#joined(options.signal);
    const { done } = await this.#ask(
      'beamish_change',
      [atom('unregister'), name, undefined, undefined],
      options,
    );
    return done;
  }

  /**
   * The process of this name, as far as this node knows. Reads the local replica. Names in `GlobalNames` have the type that
   * is declared there; for others it is the caller's to say.
   */
  whereis<N extends keyof GlobalNames>(name: N): Pid<GlobalNames[N]> | undefined;
  whereis<T = unknown>(name: GlobalName | unknown): Pid<T> | undefined;
  whereis(name: unknown): Pid | undefined {
    const pid = this.#table.get(name)?.pid;
    if (pid === undefined) return undefined;
    const { processes } = this.#o;
    return pid.node !== processes.node || processes.isAlive(pid) ? pid : undefined;
  }

  /**
   * Sends a message to the process of this name, and gives its pid.
   * @throws ExitError (`noproc`) when nobody has the name, where OTP's `global:send/2` exits with `badarg`
   */
  send(name: GlobalName | unknown, message: unknown): Pid {
    const pid = this.whereis(name);
    if (pid === undefined) {
      const text = inspectTerm(name);
      throw new ExitError(NOPROC, `global ${text}`, `no process has the global name ${text}`);
    }
    this.#o.processes.send(pid, message);
    return pid;
  }

  /** All names this node knows. */
  registered(): unknown[] {
    return [...this.#table.all()].map(({ name }) => name);
  }

  /** Nodes that share these names with us: the members of our part of the cluster, without ourselves. */
  members(): string[] {
    return this.#view?.members() ?? [];
  }

  /**
   * Resolves when all these nodes have the same names as this one, or are gone.
   * @param options.nodes default: all visible nodes that are connected
   */
  async sync(options: ChangeOptions & { readonly nodes?: readonly string[] } = {}): Promise<void> {
    this.#participate();
    checkKnown(options, '', ['nodes', ...CHANGE_OPTIONS]);
    const nodes = options.nodes === undefined ? this.#o.net.visible() : checkNodes(options.nodes, 0);
    await this.#ask('beamish_sync', [nodes.map(atom)], options);
  }

  // ---- being told

  /** Tells of names that come and go, and of conflicts. Returns a function that ends it. */
  on<E extends keyof GlobalEvents>(event: E, listener: GlobalEvents[E]): () => void {
    if (!Object.hasOwn(this.#listeners, event))
      throw new OptionsError(
        'event',
        `expected the event ${Object.keys(this.#listeners).join(', ')}, got ${inspectTerm(event)}`,
      );
    const listeners = this.#listeners[event];
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /**
   * Resolves to the process of this name as soon as there is one; at once when there is.
   * @throws CallTimeoutError after `timeout` ms, the signal's reason when aborted, ExitError when this node stops
   */
  whenRegistered<N extends keyof GlobalNames>(name: N, options?: WaitOptions): Promise<Pid<GlobalNames[N]>>;
  whenRegistered<T = unknown>(name: GlobalName | unknown, options?: WaitOptions): Promise<Pid<T>>;
  async whenRegistered(name: unknown, options: WaitOptions = {}): Promise<Pid> {
    checkKnown(options, '', CHANGE_OPTIONS);
    const { timeout = Number.POSITIVE_INFINITY, signal } = options;
    checkMs('timeout', timeout, true);
    signal?.throwIfAborted();
    const there = this.whereis(name);
    if (there !== undefined) return there;
    const { clock, stopping, node } = this.#o.processes;
    if (stopping) throw stoppedError(node);
    return await new Promise((resolve, reject) => {
      let timer: unknown;
      const finish = (then: () => void): void => {
        unlisten();
        this.#expecting.delete(fail);
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        then();
      };
      const fail = (error: unknown): void => finish(() => reject(error));
      const onAbort = (): void => fail(signal?.reason);
      this.#expecting.add(fail);
      const unlisten = this.on('registered', (other, pid) => {
        if (equalTerms(other, name)) finish(() => resolve(pid));
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      if (timeout === Number.POSITIVE_INFINITY) return;
      timer = clock.setTimeout(() => {
        const text = `nobody has the global name ${inspectTerm(name)} after ${timeout} ms`;
        fail(new CallTimeoutError(text, timeout));
      }, timeout);
    });
  }

  // ---- locks

  /**
   * Sets a lock on nodes, as `global:set_lock/3`. `id` is `tuple(resource, requester)` as there; any other term is a
   * resource, which the holder asks for itself.
   * @returns false when the last retry was refused
   * @throws EncodeError for an id that has no term
   */
  async setLock(id: unknown, options: LockOptions = {}): Promise<boolean> {
    this.#participate();
    return await this.#locks.set(id, options);
  }

  /** Frees a lock that was set with the same id and holder. */
  async delLock(id: unknown, options: LockOptions = {}): Promise<void> {
    this.#participate();
    await this.#locks.delete(id, options);
  }

  /**
   * Runs `fn` while no other has the lock, as `global:trans/4`, and resolves to what it returns. The lock is let go when
   * it returns or throws, when its holder ends (then the signal that `fn` gets is aborted), and when this node goes down.
   * @throws NameTakenError when the last retry was refused; EncodeError for an id that has no term
   */
  async trans<T>(
    id: unknown,
    fn: (signal: AbortSignal) => T | Promise<T>,
    options: LockOptions = {},
  ): Promise<T> {
    this.#participate();
    return await this.#locks.trans(id, fn, options);
  }

  // ---- for the node

  /** The process behind all this. @internal */
  server(): AnyActor {
    const { processes, logger, net, preventOverlappingPartitions, answerLimitMs } = this.#o;
    const audience: Audience = {
      registered: (name, pid) => this.#tell('registered', name, pid),
      unregistered: (name, pid) => {
        if (pid.node === processes.node) this.#resolvers.forget(name);
        this.#tell('unregistered', name, pid);
      },
      conflict: (conflict) => {
        processes.telemetry.emit('global.conflict', () => ({ ...conflict }));
        this.#tell('conflict', conflict);
      },
      serving: (view) => {
        this.#view = view;
      },
    };
    const resolvers = this.#resolvers;
    return globalNameServer({
      processes,
      logger,
      net,
      table: this.#table,
      resolvers,
      audience,
      preventOverlappingPartitions,
      answerLimitMs,
    });
  }

  /** The node stops: nobody waits for a name any more. @internal */
  stop(): void {
    for (const fail of [...this.#expecting]) fail(stoppedError(this.#o.processes.node));
  }

  /** What runs in its place on a visible node that takes no part. @internal */
  absence(): AnyActor {
    return absentNameServer(this.#o.net.visible);
  }

  /** Functions that a BEAM calls here by rpc, as modules. @internal */
  exports() {
    return {
      global: {
        resolve_it: (resolver: unknown, name: unknown, pid1: unknown, pid2: unknown) =>
          this.#resolvers.run(resolver, name, pid1, pid2),
      },
    };
  }

  /** Whether no name changes hands and nobody joins right now. @internal */
  get isQuiet(): boolean {
    return this.#view?.isQuiet() ?? true;
  }

  // ---- how it is done

  async #change(
    kind: 'register' | 're_register',
    name: unknown,
    given: AnyPid,
    resolve: Resolve,
    options: ChangeOptions,
  ): Promise<Outcome> {
    this.#participate();
    checkName(name);
    const { processes } = this.#o;
    const pid = processes.genuine(given);
    if (pid.node === processes.node && !processes.isAlive(pid))
      throw new ExitError(
        NOPROC,
        describePid(pid),
        `${describePid(pid)} is not alive, so it cannot be named`,
      );
    const resolver: ExternalFun = this.#resolvers.toTerm(resolve, pid);
    await this.#joined(options.signal);
    const outcome = await this.#ask('beamish_change', [atom(kind), name, pid, resolver], options);
    if (outcome.done && pid.node === processes.node) this.#resolvers.keep(name, resolve);
    return outcome;
  }

  /** @throws OptionsError on a node that takes no part */
  #participate(): void {
    const { absence, processes } = this.#o;
    if (absence !== undefined)
      throw new OptionsError('global', `${processes.node} takes no part in global names: ${absence}`);
  }

  /** A node that has just connected is part of the cluster: what is registered now is to be found there too. */
  async #joined(signal: AbortSignal | undefined): Promise<void> {
    const unsynced = this.#view?.unsynced() ?? [];
    for (const node of this.#strangers) if (!unsynced.includes(node)) this.#strangers.delete(node);
    const joining = unsynced.filter((node) => !this.#strangers.has(node));
    if (joining.length === 0) return;
    try {
      await this.sync({ nodes: joining, timeout: JOIN_WAIT_MS, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (!(error instanceof CallTimeoutError)) throw error;
      for (const node of this.#view?.unsynced() ?? []) if (joining.includes(node)) this.#strangers.add(node);
    }
  }

  async #ask(method: string, args: readonly unknown[], options: ChangeOptions): Promise<Outcome> {
    const { processes } = this.#o;
    const { timeout = DEFAULT_CHANGE_TIMEOUT_MS, signal } = options;
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    const to = new At(processes.node, atom(GLOBAL_NAME_SERVER));
    const message: Tuple = tuple(atom(method), request, ...args);
    try {
      const answer = await processes.call(to, message, {
        timeout,
        ...(signal === undefined ? {} : { signal }),
      });
      const [done, holder] = (answer as Tuple).elements;
      return { done: done === true, holder: holder instanceof Pid ? holder : undefined };
    } catch (error) {
      // Nobody waits for it any more; what is under way by now is carried out.
      processes.cast(to, tuple(atom('beamish_withdraw'), request));
      throw error;
    }
  }

  #tell<E extends keyof GlobalEvents>(event: E, ...args: Parameters<GlobalEvents[E]>): void {
    const listeners = this.#listeners[event] as ReadonlySet<(...args: unknown[]) => unknown>;
    tellEach(this.#o.logger, 'registry', `a listener for ${event} global names`, listeners, ...args);
  }
}

interface Outcome {
  readonly done: boolean;
  readonly holder: Pid | undefined;
}

/** @throws EncodeError for what has no term */
function checkName(name: unknown): void {
  if (typeof name !== 'string' || !name.isWellFormed()) encodeTerm(name);
}
