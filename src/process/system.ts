import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Rejections } from '../env/rejections.ts';
import { ExitError, OptionsError } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Atom } from '../term/atom.ts';
import { internPid, Pid, Ref, settleAt } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { BodyBehaviour } from './body.ts';
import { checkGlobal, checkRunnable, checkSpawnOptions, checkWaiting, show } from './checks.ts';
import { type AnyDestination, At, type GlobalResolver } from './destination.ts';
import { Ends, stoppedError } from './ends.ts';
import { infoOf, type ProcessInfo } from './info.ts';
import type { Output } from './io.ts';
import { Names } from './names.ts';
import { NodeWatchers } from './node-watchers.ts';
import { NumberTable } from './number-table.ts';
import type { CallOwner } from './pending-call.ts';
import { Process } from './process.ts';
import type { AnyActor, Body, CallOptions, PlainCallOptions, SpawnOptions } from './protocol.ts';
import { describePid, MAILBOX_FULL, NOPROC, SHUTDOWN, toReason } from './reasons.ts';
import { RefSource } from './refs.ts';
import type { RemoteSpawner } from './remote-spawner.ts';
import { GEN_CAST, Requests } from './requests.ts';
import { Scheduler } from './scheduler.ts';
import { Shutdown } from './shutdown.ts';
import type { SignalSink } from './signal-sink.ts';
import { Signals } from './signals.ts';

/** Length at which an unbounded mailbox is first warned of; again at each doubling. */
const LONG_MAILBOX = 131_072;

export interface ProcessSystemOptions {
  readonly node: string;
  readonly creation: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly sink: SignalSink;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /** Absent: promises that processes leave behind are not their affair. */
  readonly rejections?: Rejections | undefined;
  /** What a message becomes on its way between two processes of this node: the same, unless a test wants copies. */
  readonly encodeLocal?: ((value: unknown) => unknown) | undefined;
}

/**
 * The processes of one node: spawning, names, sending, calling, and the signals that come in from other nodes.
 * It knows no network: what concerns another node goes to the `SignalSink`, what comes from there arrives at the
 * `deliver...` methods here and the `...From` methods of `signals`, in the order of the wire. Each of these is silent for
 * processes that are dead or of an earlier incarnation of the node, except where Erlang answers `noproc`.
 */
export class ProcessSystem {
  readonly node: string;
  readonly creation: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly sink: SignalSink;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /** @internal */
  readonly rejections: Rejections | undefined;
  /** @internal */
  readonly scheduler: Scheduler;
  /** @internal */
  readonly refs: RefSource;
  /** @internal */
  readonly signals: Signals;
  /** @internal */
  readonly requests: Requests;
  /** Who calls from outside of all processes. Its pid is on our calls; no message but an answer reaches it. */
  readonly outside: CallOwner;
  /** From the beginning of `stop` on. @internal */
  stopping = false;
  /** Supplied by the kernel: who takes down the processes that have no supervisor. @internal */
  rootKeeper: Pid | undefined = undefined;
  /** Supplied by the registry; without it no global name is known. */
  globals: GlobalResolver | undefined = undefined;
  /** Supplied by the kernel; without it nothing is printed. @internal */
  output: Output | undefined = undefined;
  /** Calls a function of another node. Supplied by the kernel. @internal */
  remoteCaller:
    | ((node: string, module: string, fn: string, args: readonly unknown[]) => Promise<unknown>)
    | undefined = undefined;
  /** Supplied by the kernel; without it nothing is spawned elsewhere. @internal */
  remoteSpawner: RemoteSpawner | undefined = undefined;

  /** @internal */
  readonly encodeLocal: ((value: unknown) => unknown) | undefined;
  readonly #unlisten: (() => void) | undefined;
  readonly #ends: Ends;
  readonly #processes = new NumberTable<Process>();
  readonly #names = new Names();
  /** @internal */
  readonly nodeWatchers = new NodeWatchers();
  #lastNumber = 0;

  constructor(options: ProcessSystemOptions) {
    this.node = options.node;
    this.creation = options.creation;
    this.clock = options.clock;
    this.random = options.random;
    this.sink = options.sink;
    this.telemetry = options.telemetry;
    this.logger = options.logger;
    this.rejections = options.rejections;
    this.#unlisten = options.rejections?.listen();
    this.encodeLocal = options.encodeLocal;
    this.scheduler = new Scheduler(options.clock);
    this.refs = new RefSource(options.node, options.creation);
    this.signals = new Signals(this);
    this.#ends = new Ends(this);
    this.requests = new Requests(this);
    this.#lastNumber += 1;
    this.outside = {
      pid: new Pid(options.node, this.#lastNumber, 0, options.creation),
      calls: undefined,
    };
    settleAt(options.node, this);
  }

  // ---- processes ----

  /**
   * Starts a process. It runs soon, not now: what is sent to it until then waits in its mailbox.
   * @throws NameTakenError when the name is in use; OptionsError for what cannot be run, and for options that are unknown
   * or mean nothing; ExitError while the node stops
   */
  spawn<Args extends readonly unknown[]>(
    what: Body<Args> | AnyActor,
    args: Args,
    options?: SpawnOptions,
  ): Pid {
    return this.start(what, args, options).pid;
  }

  /** As `spawn`, but gives the process itself; `tied`: its options may say link and monitor. @internal */
  start<Args extends readonly unknown[]>(
    what: Body<Args> | AnyActor,
    args: Args,
    options?: SpawnOptions,
    tied = false,
  ): Process {
    if (this.stopping)
      throw new ExitError(SHUTDOWN, this.node, `${this.node} is stopping and spawns nothing`);
    checkRunnable(what, args);
    const name = options?.name;
    if (options !== undefined) {
      checkSpawnOptions(options, tied);
      if (name !== undefined) this.#names.check(name);
    }
    this.#lastNumber += 1;
    const process = new Process(this, this.#lastNumber, what);
    process.behaviour =
      typeof what === 'function'
        ? new BodyBehaviour(process, what as Body<readonly unknown[]>, args)
        : what.behave(process, args);
    if (options?.mailbox !== undefined) process.extra.limit = options.mailbox;
    this.#processes.add(process);
    process.pid.resident = process;
    if (name !== undefined) this.#names.set(name, process);
    this.scheduler.enqueue(process);
    return process;
  }

  /** Whether a pid names a process of this very incarnation of the node, alive or not. */
  isLocal(pid: Pid): boolean {
    return pid.node === this.node && pid.creation === this.creation;
  }

  /** The live process of this pid. @internal */
  lookup(pid: Pid): Process | undefined {
    // Nearly always: equal pids are one object. The table is for those that a program made itself, or wrapped.
    const { resident } = pid;
    if (resident?.system === this) return resident as Process;
    if (pid.node !== this.node || pid.creation !== this.creation) return undefined;
    return this.#processes.get(pid.serial * 0x8000 + pid.id);
  }

  /** @internal */
  pidOf(id: number, serial: number, creation: number): Pid | undefined {
    if (creation !== this.creation) return undefined;
    const pid = this.#processes.get(serial * 0x8000 + id)?.pid;
    // An id past its 15 bits would be a part of the serial.
    return pid?.id === id ? pid : undefined;
  }

  /**
   * The pid itself, for what a user gave: that may be a proxy around it. Whoever keeps a pid to compare it later, or as a
   * key, keeps this one.
   * @throws OptionsError for what is no pid @internal
   */
  genuine(pid: Pid): Pid {
    if (!(pid instanceof Pid))
      throw new OptionsError('pid', `pid: expected the pid of a process, got ${show(pid)}`);
    if (Pid.isGenuine(pid)) return pid;
    return this.lookup(pid)?.pid ?? internPid(pid.node, pid.id, pid.serial, pid.creation);
  }

  isAlive(pid: Pid): boolean {
    return this.lookup(pid) !== undefined;
  }

  /** All live processes, in the order they were started. */
  processes(): Pid[] {
    return this.all().map((process) => process.pid);
  }

  get count(): number {
    return this.#processes.size;
  }

  /** Where the output of a process goes: the process that spawned it from afar said so, or this node's `user`. */
  groupLeaderOf(process: Process): Pid {
    return process.extras?.groupLeader ?? this.whereis('user') ?? process.pid;
  }

  /** As group_leader/2: also for a process elsewhere. */
  setGroupLeader(leader: Pid, pid: Pid): void {
    if (pid.node !== this.node) this.sink.groupLeader(leader, pid);
    const process = this.lookup(pid);
    if (process !== undefined) process.extra.groupLeader = leader;
  }

  /** A process has the group leader of who spawned it. @internal */
  inheritGroupLeader(child: Process, parent: Process): void {
    const leader = parent.extras?.groupLeader;
    if (leader !== undefined) child.extra.groupLeader = leader;
  }

  info(pid: Pid): ProcessInfo | undefined {
    const process = this.lookup(pid);
    return process && infoOf(process);
  }

  // ---- names ----

  /** @throws NameTakenError, OptionsError for an impossible name or a pid elsewhere, ExitError for a dead one */
  register(name: string, pid: Pid): void {
    this.#names.check(name);
    const process = this.lookup(pid);
    if (process !== undefined) {
      this.#names.set(name, process);
      return;
    }
    if (!this.isLocal(pid)) {
      throw new OptionsError(
        'pid',
        `only processes of ${this.node} can be named here, not ${describePid(pid)}`,
      );
    }
    throw new ExitError(NOPROC, describePid(pid), `${describePid(pid)} is not alive, so it cannot be named`);
  }

  /** Frees a name; false when it was free. */
  unregister(name: string): boolean {
    return this.#names.unregister(name);
  }

  whereis(name: string): Pid | undefined {
    return this.#names.get(name)?.pid;
  }

  registered(): string[] {
    return this.#names.all();
  }

  /** @internal */
  named(name: string): Process | undefined {
    return this.#names.get(name);
  }

  // ---- sending ----

  /**
   * Sends a message; nothing tells whether it arrived. False when the link there is above its high-water mark, or the
   * message was dropped by a bounded mailbox.
   * @param to - a reference is an alias: a process of another node has said that it takes messages there
   * @throws EncodeError when it cannot travel to another node
   * @throws OptionsError for what is no destination
   */
  send(to: AnyDestination | Ref, message: unknown, from: CallOwner = this.outside): boolean {
    if (to instanceof Pid) return this.#sendPid(from, to, message);
    if (typeof to === 'string') return this.#sendProcess(this.#names.get(to), message);
    if (to instanceof At) {
      if (to.node === this.node) return this.#sendProcess(this.#names.get(to.name.name), message);
      return this.sink.sendName(from.pid, to.node, to.name, message);
    }
    if (to instanceof Ref) {
      if (to.node !== this.node) return this.sink.sendAlias(from.pid, to, message);
      this.deliverAlias(to, message);
      return true;
    }
    const { name } = checkGlobal(to);
    const pid = this.globals?.whereis(name);
    return pid === undefined ? true : this.#sendPid(from, pid, message);
  }

  #sendPid(from: CallOwner, to: Pid, message: unknown): boolean {
    if (to.node !== this.node) return this.sink.send(from.pid, to, message);
    const process = this.lookup(to);
    // An answer may also be for a caller that is no process.
    if (message instanceof Tuple && this.requests.isAnswer(message)) return true;
    return this.#sendProcess(process, message);
  }

  #sendProcess(process: Process | undefined, message: unknown): boolean {
    if (process === undefined) return true;
    return this.post(process, this.encodeLocal === undefined ? message : this.encodeLocal(message));
  }

  /** Puts a message into a mailbox, within its bound; false when there was no room. @internal */
  post(process: Process, message: unknown): boolean {
    const length = process.mailbox?.length ?? 0;
    const limit = process.extras?.limit;
    if (limit !== undefined && length >= limit.max) {
      this.telemetry.emit('process.mailbox_full', () => ({ pid: process.pid, length }));
      if (limit.onFull === 'exit') this.end(process, MAILBOX_FULL, undefined);
      else this.requests.refuseUnread(message, MAILBOX_FULL);
      return false;
    }
    process.post(message);
    if (length >= LONG_MAILBOX && (length & (length - 1)) === 0) {
      this.telemetry.emit('process.long_mailbox', () => ({ pid: process.pid, length }));
      this.logger.oncePerMinute(
        'process',
        'long_mailbox',
        `${describePid(process.pid)} (${process.label}) has ${length} messages waiting`,
      );
    }
    return true;
  }

  /**
   * A destination as a process here, an address elsewhere, or undefined when nobody is there.
   * @throws OptionsError for what is no destination
   * @internal
   */
  resolve(to: AnyDestination): Process | Pid | At | undefined {
    if (to instanceof Pid) return to.node === this.node ? this.lookup(to) : to;
    if (typeof to === 'string') return this.#names.get(to);
    if (to instanceof At) return to.node === this.node ? this.#names.get(to.name.name) : to;
    const { name } = checkGlobal(to);
    const pid = this.globals?.whereis(name);
    if (pid === undefined) return undefined;
    return pid.node === this.node ? this.lookup(pid) : pid;
  }

  // ---- calling: `Requests` tells how ----

  /** Calls a method. @internal typed front: `Self.call`, `Node.call` */
  callMethod(
    owner: CallOwner,
    to: AnyDestination,
    method: string,
    args: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown> {
    return this.requests.call(owner, to, method, args, undefined, options);
  }

  /** Sends any term as a request, as gen_server:call/2 does, and waits for the answer. */
  call(
    to: AnyDestination,
    request: unknown,
    options?: PlainCallOptions,
    owner: CallOwner = this.outside,
  ): Promise<unknown> {
    return this.requests.call(owner, to, undefined, [], request, options);
  }

  /** As `call`, for users: what they say about waiting is checked. */
  request(
    to: AnyDestination,
    term: unknown,
    options: CallOptions | undefined,
    owner: CallOwner = this.outside,
  ): Promise<unknown> {
    try {
      if (options !== undefined) checkWaiting(options);
      return this.call(to, term, options, owner);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends any term as gen_server:cast/2 does. */
  cast(to: AnyDestination, request: unknown, from: CallOwner = this.outside): boolean {
    return this.send(to, tuple(GEN_CAST, request), from);
  }

  /** Casts a method. @internal typed front: `Self.cast`, `Node.cast` */
  castMethod(from: CallOwner, to: AnyDestination, method: string, args: readonly unknown[]): boolean {
    return this.requests.castMethod(from, to, method, args);
  }

  // ---- ends: `Ends` tells how ----

  /** A process has thrown: it ends with that as its reason. @internal */
  fail(process: Process, error: unknown): void {
    this.#ends.fail(process, error);
  }

  /** A promise that a process made was rejected for nobody. @internal */
  failUnhandled(process: Process, error: unknown): void {
    this.#ends.failUnhandled(process, error);
  }

  /** A listener of a process's `signal` has thrown. @internal */
  failAborted(process: Process, error: unknown): void {
    this.#ends.failAborted(process, error);
  }

  /** @internal */
  reportCrash(process: Process, error: unknown): void {
    this.#ends.reportCrash(process, error);
  }

  /** Ends a process after its `terminate`, if it has one to run. @internal */
  terminate(process: Process, reason: unknown, error: unknown): void {
    this.#ends.terminate(process, reason, error);
  }

  /** Ends a process at once. @internal */
  end(process: Process, reason: unknown, error: unknown): void {
    this.#ends.end(process, reason, error);
  }

  /** Takes a process that ends off the books. @internal */
  forget(process: Process): void {
    this.#processes.delete(process.number);
    process.pid.resident = undefined;
  }

  /** Frees the names of a process that ended, and takes it from those who watch nodes. @internal */
  forgetNames(process: Process): void {
    this.#names.drop(process);
    this.nodeWatchers.remove(process);
  }

  /**
   * Ends a process from outside of all processes, as exit/2 would from `pid`; with `kill` it cannot refuse.
   * False when it is known not to be alive.
   */
  exit(pid: Pid, reason: unknown): boolean {
    const process = this.lookup(pid);
    if (process === undefined) {
      if (pid.node === this.node) return false;
      this.sink.exit2(this.outside.pid, pid, toReason(reason));
      return true;
    }
    this.signals.receiveExit(process, this.outside.pid, toReason(reason), 'exit2');
    return true;
  }

  /** Resolves with the exit reason, once the process has ended; at once with `noproc` when it has. */
  ended(pid: Pid): Promise<unknown> {
    const process = this.lookup(pid);
    if (process === undefined) return Promise.resolve(NOPROC);
    return new Promise((resolve) => this.whenEnded(process, resolve));
  }

  /** Tells once, after the end; the function it returns takes that back. @internal */
  whenEnded(process: Process, listener: (reason: unknown) => void): () => void {
    const extra = process.extra;
    extra.onEnd ??= [];
    extra.onEnd.push(listener);
    return () => {
      extra.onEnd = extra.onEnd?.filter((other) => other !== listener);
    };
  }

  /** All live processes that no supervisor takes down, in the order they were started. @internal */
  roots(): Process[] {
    return this.#processes.all().filter((process) => !process.supervised);
  }

  /** All live processes, in the order they were started. @internal */
  all(): Process[] {
    return this.#processes.all();
  }

  /** Ends those that no supervisor takes down, the last started first: `Shutdown` tells how. @internal */
  stopRoots(timeoutMs?: number): Promise<void> {
    return new Shutdown(this, timeoutMs).roots();
  }

  /** Ends all processes: `Shutdown` tells how. Calls from outside that still wait are rejected. */
  async stop(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.stopping = true;
    const shutdown = new Shutdown(this, options.timeoutMs);
    await shutdown.roots();
    await shutdown.rest();
    this.requests.book.rejectOwned(this.outside, stoppedError(this.node));
    this.requests.book.stop();
    // What the last processes leave behind is rejected before the next turn.
    if (this.#unlisten !== undefined) this.clock.setImmediate(this.#unlisten);
  }

  // ---- from other nodes ----

  deliver(to: Pid, message: unknown): void {
    if (message instanceof Tuple && this.isLocal(to) && this.requests.isAnswer(message)) return;
    const process = this.lookup(to);
    if (process !== undefined) this.post(process, message);
  }

  deliverName(name: Atom, message: unknown): void {
    const process = this.#names.get(name.name);
    if (process !== undefined) this.post(process, message);
  }

  /** Only references of calls are aliases here. */
  deliverAlias(alias: Ref, message: unknown): void {
    if (message instanceof Tuple && this.requests.isAnswer(message)) return;
    this.telemetry.count(this.refs.callNumberOf(alias) === undefined ? 'alias.unknown' : 'call.late_answer');
  }

  // ---- nodes ----

  nodeUp(node: string, info: unknown, hidden = false): void {
    this.nodeWatchers.up(node, info, hidden);
  }

  /** Settles every link, monitor and call of that node with `noconnection`, then tells who watches nodes. */
  nodeDown(node: string, reason: unknown, hidden = false): void {
    this.signals.nodeDown(node);
    this.nodeWatchers.down(node, reason, hidden);
  }

  /** Settles what waits for a node that could not be reached. It never was up, so nobody hears of a nodedown. */
  unreachable(node: string): void {
    this.signals.nodeDown(node);
  }

  /** A fresh reference of this node. */
  makeRef(): Ref {
    return this.refs.ref(this.refs.next());
  }
}
