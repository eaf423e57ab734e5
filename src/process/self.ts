import { ExitError, NotSpawnableError } from '../errors.ts';
import { checkKnown, oneOf } from '../option-checks.ts';
import { atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import { checkEndless, checkMs, checkSpawnOn } from './checks.ts';
import { makeClient } from './client.ts';
import { type AnyDestination, type AnyPid, At, type Destination, Global } from './destination.ts';
import { deadError } from './ends.ts';
import { guardedController } from './guarded-abort.ts';
import { Io } from './io.ts';
import { Mfa } from './mfa.ts';
import type { NodeType } from './node-watchers.ts';
import { DEAD, type Extras, type Process } from './process.ts';
import type {
  AnyActor,
  ArgsOf,
  Body,
  CallOptions,
  Client,
  MethodArgs,
  MethodName,
  MethodResult,
  ReceiveOptions,
  SpawnFromSelfOptions,
  SpawnMonitorOnOptions,
  SpawnMonitorOptions,
  SpawnOnFromSelfOptions,
  SpawnRest,
} from './protocol.ts';
import { describePid, describeReason, NOPROC, toReason } from './reasons.ts';
import type { SpawnTies } from './remote-spawner.ts';
import { Down } from './system-messages.ts';
import { Watch, type WatchOptions } from './watch.ts';

const NO_ARGS: readonly unknown[] = Object.freeze([]);

/**
 * A process as its own code sees it. Once the process has ended, every operation throws `ExitError` (or, where it
 * returns a promise, rejects with it), so that code which outlives its process does nothing in its name.
 */
export class Self {
  readonly #process: Process;

  /** @internal */
  constructor(process: Process) {
    this.#process = process;
  }

  get pid(): Pid {
    return this.#process.pid;
  }

  /**
   * Output to the group leader: for a process that a BEAM spawned here the console of whoever called for it, else this
   * program's standard output.
   */
  get io(): Io {
    return new Io(this.#process);
  }

  /** Where the output of this process goes, and of those it spawns from now on. Also set by group_leader/2 of a BEAM. */
  get groupLeader(): Pid {
    return this.#process.system.groupLeaderOf(this.#process);
  }

  set groupLeader(leader: AnyPid) {
    this.#live().system.setGroupLeader(leader, this.#process.pid);
  }

  /** Sets the group leader of another process, on any node. */
  setGroupLeader(leader: AnyPid, pid: AnyPid): void {
    this.#live().system.setGroupLeader(leader as Pid, pid as Pid);
  }

  /** Name of the node. */
  get node(): string {
    return this.#process.system.node;
  }

  /**
   * Aborted when the process ends, for whatever reason; its `reason` is the `ExitError`. What a listener throws then is
   * logged as an error of this process.
   */
  get signal(): AbortSignal {
    const process = this.#process;
    const extra = process.extra;
    if (extra.controller === undefined) {
      extra.controller = guardedController((error) => process.system.failAborted(process, error));
      if (process.state === DEAD) extra.controller.abort(deadError(process));
    }
    return extra.controller.signal;
  }

  /** Whether exit signals arrive as `Exit` messages; only `kill` cannot be trapped. @default false */
  get trapExit(): boolean {
    return this.#process.trapExit;
  }

  set trapExit(on: boolean) {
    this.#live().trapExit = on;
  }

  /**
   * The oldest message; with a guard the oldest that it accepts, while others stay where they are.
   * @throws CallTimeoutError after `timeout` ms
   */
  receive<M = unknown>(options?: ReceiveOptions): Promise<M>;
  receive<M>(guard: (message: unknown) => message is M, options?: ReceiveOptions): Promise<M>;
  receive<M = unknown>(
    guard: ((message: unknown) => boolean) | undefined,
    options?: ReceiveOptions,
  ): Promise<M>;
  receive(
    guardOrOptions?: ((message: unknown) => boolean) | ReceiveOptions,
    options?: ReceiveOptions,
  ): Promise<unknown> {
    if (this.#process.state === DEAD) return Promise.reject(deadError(this.#process));
    return typeof guardOrOptions === 'function'
      ? this.#process.receive(guardOrOptions, options)
      : this.#process.receive(undefined, guardOrOptions ?? options);
  }

  /** Messages as they come, until the process ends. */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, never, void> {
    for (;;) yield await this.receive();
  }

  /**
   * Sends a message. False when the link there is above its high-water mark (see `drained`), or it was dropped. A
   * reference that a BEAM process has made an alias of itself is a destination too.
   */
  send(to: AnyDestination | Ref, message: unknown): boolean {
    return this.#live().system.send(to, message, this.#process);
  }

  /**
   * Resolves when less than the high-water mark waits for a node, so that `send` answers true again, and when the
   * node cannot be reached any more; in the next turn of the event loop at the earliest.
   * @throws ExitError when this process ends first; the reason of the signal when it is aborted
   */
  async drained(node: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkEndless(options);
    const process = this.#process;
    if (process.state === DEAD) throw deadError(process);
    await process.system.sink.drained?.(node, this.signal, options.signal);
  }

  /** Calls a method and waits for its answer, 5,000 ms at most. */
  call<T, M extends MethodName<NoInfer<T>>>(
    to: Destination<T>,
    method: M,
    ...args: MethodArgs<NoInfer<T>, M>
  ): Promise<MethodResult<T, M>>;
  call(to: AnyDestination, method: string, ...args: unknown[]): Promise<never> {
    if (this.#process.state === DEAD) return Promise.reject(deadError(this.#process));
    return this.#process.system.callMethod(this.#process, to, method, args) as Promise<never>;
  }

  /** Calls a method without waiting, and without an answer. */
  cast<T, M extends MethodName<NoInfer<T>>>(
    to: Destination<T>,
    method: M,
    ...args: MethodArgs<NoInfer<T>, M>
  ): boolean;
  cast(to: AnyDestination, method: string, ...args: unknown[]): boolean {
    return this.#live().system.castMethod(this.#process, to, method, args);
  }

  /** Sends any term as a request, as gen_server:call does. */
  request(to: AnyDestination, term: unknown, options?: CallOptions): Promise<unknown> {
    if (this.#process.state === DEAD) return Promise.reject(deadError(this.#process));
    return this.#process.system.request(to, term, options, this.#process);
  }

  /** The methods of whoever answers there, as functions. `actor` only gives the type. */
  client<A extends AnyActor>(actor: A, to: Destination<A> | string, options?: CallOptions): Client<A>;
  client<T>(to: Destination<T>, options?: CallOptions): Client<T>;
  client(...args: unknown[]): unknown {
    const process = this.#process;
    return makeClient(args, (to, method, callArgs, options) => {
      if (process.state === DEAD) return Promise.reject(deadError(process));
      return process.system.callMethod(process, to, method, callArgs, options);
    });
  }

  /** Snapshots of a statechart, the first at once, then the latest after each change; see `node.watch`. */
  watch<T>(to: Destination<T>, options?: WatchOptions): AsyncIterableIterator<MethodResult<T, 'snapshot'>> {
    const watch = new Watch(this.#live().system, to, options, this.signal);
    return watch as AsyncIterableIterator<never>;
  }

  /** Starts a process on this node. */
  spawn<A extends AnyActor>(actor: A, ...rest: SpawnRest<ArgsOf<A>, SpawnFromSelfOptions>): Pid<A>;
  spawn<Args extends readonly unknown[]>(
    body: Body<Args>,
    ...rest: SpawnRest<Args, SpawnFromSelfOptions>
  ): Pid<unknown>;
  spawn(what: unknown, args?: readonly unknown[], options?: SpawnFromSelfOptions): AnyPid {
    const process = this.#live();
    const started = this.#start(process, what, args, options);
    if (options?.monitor === true) process.system.signals.monitorStarted(process, started);
    return started.pid;
  }

  /** Starts a process on this node and monitors it before anything runs, as spawn_monitor does: `[pid, ref]`. */
  spawnMonitor<A extends AnyActor>(
    actor: A,
    ...rest: SpawnRest<ArgsOf<A>, SpawnMonitorOptions>
  ): [pid: Pid<A>, ref: Ref];
  spawnMonitor<Args extends readonly unknown[]>(
    body: Body<Args>,
    ...rest: SpawnRest<Args, SpawnMonitorOptions>
  ): [pid: Pid<unknown>, ref: Ref];
  spawnMonitor(what: unknown, args?: readonly unknown[], options?: SpawnMonitorOptions): [AnyPid, Ref] {
    const process = this.#live();
    if (options !== undefined) checkKnown(options, '', ['name', 'mailbox', 'link']);
    const started = this.#start(process, what, args, options);
    return [started.pid, process.system.signals.monitorStarted(process, started)];
  }

  #start(
    process: Process,
    what: unknown,
    args: readonly unknown[] = NO_ARGS,
    options: SpawnMonitorOptions | undefined,
  ): Process {
    const started = process.system.start(what as AnyActor, args, options, true);
    process.system.inheritGroupLeader(started, process);
    if (options?.link === true) {
      started.extra.parent = process.pid;
      process.system.signals.link(process, started.pid);
    }
    return started;
  }

  /**
   * Runs an actor on a node that lists it in its `actors`, or a function (`mfa(...)`) on a BEAM node.
   * @throws NotSpawnableError when that node refuses; ConnectionError when it cannot be reached or is lost meanwhile
   */
  spawnOn<A extends AnyActor>(
    node: string,
    actor: A,
    ...rest: SpawnRest<ArgsOf<A>, SpawnOnFromSelfOptions>
  ): Promise<Pid<A>>;
  spawnOn(node: string, what: Mfa, args?: readonly [], options?: SpawnOnFromSelfOptions): Promise<Pid>;
  async spawnOn(
    node: string,
    what: AnyActor | Mfa,
    args: readonly unknown[] = [],
    options: SpawnOnFromSelfOptions = {},
  ): Promise<AnyPid> {
    const { system } = this.#live();
    checkSpawnOn(what, args, options, ['signal', 'link', 'monitor']);
    const { signal, link = false, monitor = false } = options;
    signal?.throwIfAborted();
    if (node === system.node && !(what instanceof Mfa)) return this.spawn(what, args, { link, monitor });
    return await this.#spawnOn(node, what, args, signal, { link, monitor });
  }

  /** As `spawnOn`, with a monitor that stands before anything runs there: `[pid, ref]`. */
  spawnMonitorOn<A extends AnyActor>(
    node: string,
    actor: A,
    ...rest: SpawnRest<ArgsOf<A>, SpawnMonitorOnOptions>
  ): Promise<[pid: Pid<A>, ref: Ref]>;
  spawnMonitorOn(
    node: string,
    what: Mfa,
    args?: readonly [],
    options?: SpawnMonitorOnOptions,
  ): Promise<[pid: Pid, ref: Ref]>;
  async spawnMonitorOn(
    node: string,
    what: AnyActor | Mfa,
    args: readonly unknown[] = NO_ARGS,
    options: SpawnMonitorOnOptions = {},
  ): Promise<[AnyPid, Ref]> {
    const { system } = this.#live();
    checkSpawnOn(what, args, options, ['signal', 'link']);
    const { signal, link = false } = options;
    signal?.throwIfAborted();
    if (node === system.node && !(what instanceof Mfa)) return this.spawnMonitor(what, args, { link });
    let ref: Ref | undefined;
    const monitored = (made: Ref): void => {
      ref = made;
    };
    const pid = await this.#spawnOn(node, what, args, signal, { link, monitor: true, monitored });
    // A node that spawns without the monitor it was asked for is watched from now on.
    return [pid, ref ?? this.monitor(pid)];
  }

  async #spawnOn(
    node: string,
    what: AnyActor | Mfa,
    args: readonly unknown[],
    signal: AbortSignal | undefined,
    ties: Omit<SpawnTies, 'parent'>,
  ): Promise<Pid> {
    const parent = this.#live();
    const { remoteSpawner, node: ours } = parent.system;
    if (remoteSpawner === undefined) throw new NotSpawnableError(`${ours} has no way to other nodes`);
    return await remoteSpawner.spawnOn(node, what, args, { signal, ties: { parent, ...ties } });
  }

  /** Ties the two: when one ends, the other gets an exit signal. A process that is gone answers `noproc`. */
  link(pid: AnyPid): void {
    this.#live().system.signals.link(this.#process, pid);
  }

  /** Unties the two. From now on no exit of `pid` reaches us through that link. */
  unlink(pid: AnyPid): void {
    this.#live().system.signals.unlink(this.#process, pid);
  }

  /**
   * Watches a process: one `Down` message when it ends, is unreachable, or is not there. Monitors stack: each brings its
   * own. A local or global name is looked up now.
   */
  monitor(to: AnyDestination): Ref {
    const process = this.#live();
    const system = process.system;
    if (typeof to === 'string') return system.signals.monitor(process, new At(system.node, atom(to)));
    if (!(to instanceof Global)) return system.signals.monitor(process, to as Pid | At);
    const pid = system.globals?.whereis(to.name);
    if (pid !== undefined) return system.signals.monitor(process, pid);
    const ref = system.refs.ref(system.refs.next());
    process.post(new Down(ref, new At(system.node, atom('undefined')), NOPROC));
    return ref;
  }

  /** Stops watching. False when the monitor is gone: its `Down` may be in the mailbox; `flush` takes that out. */
  demonitor(ref: Ref, options: { readonly flush?: boolean } = {}): boolean {
    checkKnown(options, '', ['flush']);
    const process = this.#live();
    const watched = process.system.signals.demonitor(process, ref);
    if (!watched && options.flush === true)
      process.discard((m) => m instanceof Down && m.ref.key === ref.key);
    return watched;
  }

  /** Ends this process with a reason, by throwing. */
  exit(reason: unknown): never;
  /** Sends an exit signal to another process. */
  exit(pid: AnyPid, reason: unknown): void;
  exit(...args: [unknown] | [AnyPid, unknown]): void {
    const process = this.#live();
    if (args.length === 1) {
      const reason = toReason(args[0]);
      const pid = describePid(process.pid);
      throw new ExitError(reason, pid, `process ${pid} exits with ${describeReason(reason)}`);
    }
    const [pid, reason] = args;
    process.system.signals.exit(process, pid, toReason(reason));
  }

  /** Sends a message to ourselves after `ms`. The function it returns cancels that, and says whether it was in time. */
  sendAfter(ms: number, message: unknown): () => boolean {
    const process = this.#live();
    checkMs('ms', ms, false);
    const { clock } = process.system;
    const extra: Extras = process.extra;
    extra.timers ??= new Set();
    const timers = extra.timers;
    const timer = clock.setTimeout(() => {
      timers.delete(timer);
      process.system.send(process.pid, message);
    }, ms);
    timers.add(timer);
    return () => {
      if (!timers.delete(timer)) return false;
      clock.clearTimeout(timer);
      return process.state !== DEAD;
    };
  }

  /** Gives this process a local name. */
  register(name: string): void {
    const process = this.#live();
    process.system.register(name, process.pid);
  }

  unregister(name: string): boolean {
    return this.#live().system.unregister(name);
  }

  /** The process of this node with that name. */
  whereis(name: string): Pid | undefined {
    return this.#process.system.whereis(name);
  }

  /**
   * From now on (or, with false, no longer) tells us of nodes that come and go: `NodeUp`, `NodeDown`. Of all nodes, as
   * `node.on` does; with the `nodeType` `visible` not of hidden ones, as net_kernel:monitor_nodes/1. On a hidden node,
   * every node is a hidden one. The last call decides.
   *
   * @throws OptionsError for a type of nodes that there is none
   */
  monitorNodes(on = true, options: { readonly nodeType?: NodeType } = {}): void {
    checkKnown(options, '', ['nodeType']);
    const type = oneOf('nodeType', options.nodeType ?? 'all', ['visible', 'hidden', 'all']);
    const process = this.#live();
    const { nodeWatchers } = process.system;
    if (on) nodeWatchers.add(process, type);
    else nodeWatchers.remove(process);
  }

  #live(): Process {
    const process = this.#process;
    if (process.state === DEAD) throw deadError(process);
    return process;
  }
}
