import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { Rejections } from '../env/rejections.ts';
import { ExitError, OptionsError } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Atom, atom } from '../term/atom.ts';
import { Pid, Ref } from '../term/identifiers.ts';
import { ImproperList } from '../term/list.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { BodyBehaviour } from './body.ts';
import { Calls } from './calls.ts';
import { type AnyDestination, At, describeDestination, Global, type GlobalResolver } from './destination.ts';
import { deadError, Ends } from './ends.ts';
import { Names } from './names.ts';
import { type CallOwner, Cast, PendingCall, requestTerm } from './pending-call.ts';
import { ENDING, Process, READY, STARTING } from './process.ts';
import type { AnyActor, Body, CallOptions, SpawnOptions } from './protocol.ts';
import { CALLING_SELF, describePid, KILLED, MAILBOX_FULL, NOPROC, SHUTDOWN, toReason } from './reasons.ts';
import { RefSource } from './refs.ts';
import type { RemoteSpawner } from './remote-spawner.ts';
import { Scheduler } from './scheduler.ts';
import type { SignalSink } from './signal-sink.ts';
import { callError, Signals } from './signals.ts';
import { NodeDown, NodeUp } from './system-messages.ts';

export const GEN_CALL = atom('$gen_call');
export const GEN_CAST = atom('$gen_cast');

export const DEFAULT_CALL_TIMEOUT_MS = 5_000;
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

/** What `info(pid)` tells. */
export interface ProcessInfo {
  readonly pid: Pid;
  readonly label: string;
  readonly names: readonly string[];
  readonly status: 'starting' | 'waiting' | 'running' | 'ending';
  readonly messageQueueLength: number;
  readonly links: readonly Pid[];
  readonly monitors: readonly (Pid | At)[];
  readonly monitoredBy: readonly Pid[];
  readonly trapExit: boolean;
}

/**
 * The processes of one node: spawning, names, sending, calling, and the signals that come in from other nodes.
 * It knows no network: what concerns another node goes to the `SignalSink`, what comes from there arrives at the
 * `deliver...` and `signal...` methods, in the order of the wire. Each of these is silent for processes that are dead or
 * of an earlier incarnation of the node, except where Erlang answers `noproc`.
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
  readonly callBook: Calls;
  /** Who calls from outside of all processes. Its pid is on our calls; no message but an answer reaches it. */
  readonly outside: CallOwner;
  /** Supplied by the registry; without it no global name is known. */
  globals: GlobalResolver | undefined = undefined;
  /** Supplied by the kernel; without it nothing is spawned elsewhere. @internal */
  remoteSpawner: RemoteSpawner | undefined = undefined;

  readonly #encodeLocal: ((value: unknown) => unknown) | undefined;
  readonly #unlisten: (() => void) | undefined;
  readonly #ends: Ends;
  readonly #processes = new Map<number, Process>();
  readonly #names = new Names();
  readonly #nodeWatchers = new Set<Process>();
  #lastNumber = 0;
  #stopping = false;

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
    this.#encodeLocal = options.encodeLocal;
    this.scheduler = new Scheduler(options.clock);
    this.refs = new RefSource(options.node, options.creation);
    this.signals = new Signals(this);
    this.#ends = new Ends(this);
    this.callBook = new Calls(
      options.clock,
      (call) => this.#forgetCall(call),
      (call) => this.#describeTarget(call),
    );
    this.#lastNumber += 1;
    this.outside = {
      pid: new Pid(options.node, this.#lastNumber, 0, options.creation),
      calls: undefined,
    };
  }

  // ---- processes ----

  /**
   * Starts a process. It runs soon, not now: what is sent to it until then waits in its mailbox.
   * @throws NameTakenError when the name is in use; ExitError while the node stops
   */
  spawn<Args extends readonly unknown[]>(
    what: Body<Args> | AnyActor,
    args: Args,
    options?: SpawnOptions,
  ): Pid {
    return this.start(what, args, options).pid;
  }

  /** As `spawn`, but gives the process itself. @internal */
  start<Args extends readonly unknown[]>(
    what: Body<Args> | AnyActor,
    args: Args,
    options?: SpawnOptions,
  ): Process {
    if (this.#stopping)
      throw new ExitError(SHUTDOWN, this.node, `${this.node} is stopping and spawns nothing`);
    const name = options?.name;
    if (name !== undefined) this.#names.check(name);
    this.#lastNumber += 1;
    const label = what.name === '' ? 'function' : what.name;
    const process = new Process(this, this.#lastNumber, label);
    process.behaviour =
      typeof what === 'function'
        ? new BodyBehaviour(process, what as Body<readonly unknown[]>, args)
        : what.behave(process, args);
    if (options?.mailbox !== undefined) process.extra.limit = options.mailbox;
    this.#processes.set(process.number, process);
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
    if (pid.node !== this.node || pid.creation !== this.creation) return undefined;
    return this.#processes.get(pid.serial * 0x8000 + pid.id);
  }

  isAlive(pid: Pid): boolean {
    return this.lookup(pid) !== undefined;
  }

  /** All live processes, in the order they were started. */
  processes(): Pid[] {
    return [...this.#processes.values()].map((process) => process.pid);
  }

  get count(): number {
    return this.#processes.size;
  }

  info(pid: Pid): ProcessInfo | undefined {
    const process = this.lookup(pid);
    if (process === undefined) return undefined;
    const { state, links, extras, watchers, monitors } = process;
    const waiting = state === READY || extras?.waiters !== undefined;
    return {
      pid: process.pid,
      label: process.label,
      names: [...(extras?.names ?? [])],
      status: state === STARTING ? 'starting' : state === ENDING ? 'ending' : waiting ? 'waiting' : 'running',
      messageQueueLength: process.mailbox?.length ?? 0,
      links: [...[...(links ?? [])].map((other) => other.pid), ...(extras?.remoteLinks?.keys() ?? [])],
      monitors: [...(monitors?.values() ?? [])].map((monitor) => monitor.by),
      monitoredBy: [...(watchers ?? [])].map(({ watcher }) =>
        watcher instanceof Pid ? watcher : watcher.pid,
      ),
      trapExit: process.trapExit,
    };
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
   * @throws EncodeError when it cannot travel to another node
   */
  send(to: AnyDestination, message: unknown, from: CallOwner = this.outside): boolean {
    if (to instanceof Pid) return this.#sendPid(from, to, message);
    if (typeof to === 'string') return this.#sendProcess(this.#names.get(to), message);
    if (to instanceof At) {
      if (to.node === this.node) return this.#sendProcess(this.#names.get(to.name.name), message);
      return this.sink.sendName(from.pid, to.node, to.name, message);
    }
    const pid = this.globals?.whereis(to.name);
    return pid === undefined ? true : this.#sendPid(from, pid, message);
  }

  #sendPid(from: CallOwner, to: Pid, message: unknown): boolean {
    if (to.node !== this.node) return this.sink.send(from.pid, to, message);
    const process = this.lookup(to);
    // An answer may also be for a caller that is no process.
    if (message instanceof Tuple && this.#isAnswer(message)) return true;
    return this.#sendProcess(process, message);
  }

  #sendProcess(process: Process | undefined, message: unknown): boolean {
    if (process === undefined) return true;
    return this.#post(process, this.#encodeLocal === undefined ? message : this.#encodeLocal(message));
  }

  /** Puts a message into a mailbox, within its bound. */
  #post(process: Process, message: unknown): boolean {
    const length = process.mailbox?.length ?? 0;
    const limit = process.extras?.limit;
    if (limit !== undefined && length >= limit.max) {
      this.telemetry.emit('process.mailbox_full', () => ({ pid: process.pid, length }));
      if (limit.onFull === 'exit') this.end(process, MAILBOX_FULL, undefined);
      else this.#refuseUnread(message);
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

  /** A request that finds no room: its caller need not wait for the time-out. */
  #refuseUnread(message: unknown): void {
    if (!(message instanceof Tuple) || message.elements[0] !== GEN_CALL) return;
    const from = message.elements[1];
    if (from instanceof Tuple && from.elements[0] instanceof Pid) {
      this.refuse(from.elements[0], from.elements[1], MAILBOX_FULL);
    }
  }

  // ---- calling ----

  /** Calls a method. @internal typed front: `Self.call`, `Node.call` */
  callMethod(
    owner: CallOwner,
    to: AnyDestination,
    method: string,
    args: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown> {
    return this.#call(owner, to, method, args, undefined, options);
  }

  /** Sends any term as a request, as gen_server:call/2 does, and waits for the answer. */
  call(
    to: AnyDestination,
    request: unknown,
    options?: CallOptions,
    owner: CallOwner = this.outside,
  ): Promise<unknown> {
    return this.#call(owner, to, undefined, [], request, options);
  }

  /** Sends any term as gen_server:cast/2 does. */
  cast(to: AnyDestination, request: unknown, from: CallOwner = this.outside): boolean {
    return this.send(to, tuple(GEN_CAST, request), from);
  }

  /** Casts a method. @internal typed front: `Self.cast`, `Node.cast` */
  castMethod(from: CallOwner, to: AnyDestination, method: string, args: readonly unknown[]): boolean {
    const target = this.#resolve(to);
    if (target === undefined) return true;
    if (!(target instanceof Process)) {
      const message = tuple(GEN_CAST, requestTerm(method, args));
      return target instanceof Pid
        ? this.#sendPid(from, target, message)
        : this.sink.sendName(from.pid, target.node, target.name, message);
    }
    return this.#post(target, new Cast(method, this.#localArgs(args)));
  }

  #call(
    owner: CallOwner,
    to: AnyDestination,
    method: string | undefined,
    args: readonly unknown[],
    request: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    const timeoutMs = options?.timeout ?? DEFAULT_CALL_TIMEOUT_MS;
    if (!(timeoutMs >= 0)) {
      return Promise.reject(
        new OptionsError('timeout', `timeout must be a number of ms from 0, not ${timeoutMs}`),
      );
    }
    if (this.#stopping && owner === this.outside) {
      return Promise.reject(new ExitError(SHUTDOWN, this.node, `${this.node} is stopping`));
    }
    const target = this.#resolve(to);
    if (target === undefined) {
      const known =
        to instanceof Global && this.globals === undefined ? ': this node keeps no global names' : '';
      const destination = describeDestination(to);
      return Promise.reject(
        new ExitError(NOPROC, destination, `no process answers at ${destination} (noproc)${known}`),
      );
    }
    if (target === owner) {
      const destination = describeDestination(to);
      return Promise.reject(new ExitError(CALLING_SELF, destination, `${destination} calls itself`));
    }
    let call: PendingCall;
    try {
      call =
        target instanceof Process && this.#encodeLocal !== undefined
          ? new PendingCall(owner, target, method, this.#localArgs(args), this.#encodeLocal(request))
          : new PendingCall(owner, target, method, args, request);
    } catch (error) {
      return Promise.reject(error);
    }
    this.callBook.open(call, timeoutMs, options?.signal);
    if (call.settled) return call.promise;
    if (!(target instanceof Process)) this.#callRemote(call, target);
    else if (!this.#post(target, call)) this.failCall(call, MAILBOX_FULL);
    return call.promise;
  }

  /** MONITOR_P, then the request: so a dead, unknown or unreachable server is an answer too. */
  #callRemote(call: PendingCall, target: Pid | At): void {
    const number = this.refs.next();
    const ref = this.refs.callRef(number);
    const from = call.owner.pid;
    this.callBook.number(call, number);
    this.signals.ties(target.node).calls.add(call);
    const message = tuple(GEN_CALL, tuple(from, ref), call.toTerm());
    try {
      this.sink.monitor(from, target, ref);
      // The monitor may have been answered at once.
      if (call.settled) return;
      if (target instanceof Pid) this.sink.send(from, target, message);
      else this.sink.sendName(from, target.node, target.name, message);
    } catch (error) {
      this.callBook.reject(call, error);
    }
  }

  /** A destination as a process here, an address elsewhere, or undefined when nobody is there. */
  #resolve(to: AnyDestination): Process | Pid | At | undefined {
    if (to instanceof Pid) return to.node === this.node ? this.lookup(to) : to;
    if (typeof to === 'string') return this.#names.get(to);
    if (to instanceof At) return to.node === this.node ? this.#names.get(to.name.name) : to;
    const pid = this.globals?.whereis(to.name);
    if (pid === undefined) return undefined;
    return pid.node === this.node ? this.lookup(pid) : pid;
  }

  #localArgs(args: readonly unknown[]): readonly unknown[] {
    return this.#encodeLocal === undefined ? args : (this.#encodeLocal(args) as readonly unknown[]);
  }

  #describeTarget(call: PendingCall): string {
    const target = call.target;
    return target instanceof Process
      ? `${describePid(target.pid)} (${target.label})`
      : describeDestination(target);
  }

  /** A call that has a number is settled: its monitor is taken down. */
  #forgetCall(call: PendingCall): void {
    const target = call.target;
    if (target instanceof Process) {
      target.extras?.taken?.delete(call);
      return;
    }
    const ties = this.signals.tiesOf(target.node);
    // Not on the books: the connection is gone, and the monitor with it.
    if (ties?.calls.delete(call) !== true) return;
    this.sink.demonitor(call.owner.pid, target, this.refs.callRef(call.number));
  }

  /** The open call that a reference belongs to. @internal */
  callOf(ref: Ref): PendingCall | undefined {
    const number = this.refs.callNumberOf(ref);
    return number === undefined ? undefined : this.callBook.byNumber(number);
  }

  /** Answers a call that came from this node. @internal */
  answerCall(call: PendingCall, value: unknown): void {
    this.callBook.resolve(call, this.#encodeLocal === undefined ? value : this.#encodeLocal(value));
  }

  /** The target of a call ended, or refuses it. @internal */
  failCall(call: PendingCall, reason: unknown, cause?: unknown): void {
    if (call.settled) return;
    // Whoever says so has no monitor of ours any more.
    if (call.number !== 0 && !(call.target instanceof Process)) {
      this.signals.tiesOf(call.target.node)?.calls.delete(call);
    }
    this.callBook.reject(call, callError(call, this.#describeTarget(call), reason, cause));
  }

  /**
   * Answers a request that came as a term: `{Tag, Reply}` to the caller. An alias tag is answered at the alias where the
   * link knows aliases, so that a late answer dies there; else at the pid. @internal
   */
  answer(from: CallOwner, caller: Pid, tag: unknown, value: unknown): void {
    const message = tuple(tag, value);
    if (caller.node !== this.node && tag instanceof ImproperList && tag.tail instanceof Ref) {
      if (this.sink.hasAlias?.(caller.node) === true) {
        this.sink.sendAlias(from.pid, tag.tail, message);
        return;
      }
    }
    this.#sendPid(from, caller, message);
  }

  /**
   * Refuses a request that came as a term: the caller alone learns that we are down for it. A caller that does not
   * monitor us cannot be told, and waits for its time-out. @internal
   */
  refuse(caller: Pid, tag: unknown, reason: unknown): void {
    const ref = tag instanceof ImproperList ? tag.tail : tag;
    if (!(ref instanceof Ref)) return;
    const call = this.callOf(ref);
    if (call !== undefined) this.failCall(call, reason);
    else if (!this.signals.refuse(caller, ref, reason)) this.telemetry.count('call.refused_unheard');
  }

  /** A call or cast as whoever reads the mailbox sees it. @internal */
  unfold(process: Process, message: PendingCall | Cast): Tuple {
    if (message instanceof Cast) return tuple(GEN_CAST, message.toTerm());
    if (message.number === 0) {
      const number = this.refs.next();
      message.number = number;
      if (!message.settled) {
        this.callBook.number(message, number);
        const extra = process.extra;
        extra.taken ??= new Set();
        extra.taken.add(message);
      }
    }
    return tuple(GEN_CALL, tuple(message.owner.pid, this.refs.callRef(message.number)), message.toTerm());
  }

  /** Whether a message is `{Ref, Reply}` of one of our calls; then that is settled, or the answer was too late. */
  #isAnswer(message: Tuple): boolean {
    const { elements } = message;
    if (elements.length !== 2) return false;
    const tag = elements[0];
    const ref = tag instanceof Ref ? tag : tag instanceof ImproperList ? tag.tail : undefined;
    if (!(ref instanceof Ref)) return false;
    const number = this.refs.callNumberOf(ref);
    if (number === undefined) return false;
    const call = this.callBook.byNumber(number);
    if (call === undefined) this.telemetry.count('call.late_answer');
    else if (call.target instanceof Process) this.answerCall(call, elements[1]);
    else this.callBook.resolve(call, elements[1]);
    return true;
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
  }

  /** Frees the names of a process that ended, and takes it from those who watch nodes. @internal */
  forgetNames(process: Process): void {
    this.#names.drop(process);
    this.#nodeWatchers.delete(process);
  }

  /** What everything that a dead process still tries to do throws. @internal */
  deadError(process: Process): ExitError {
    return deadError(process);
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

  /** @internal */
  whenEnded(process: Process, listener: (reason: unknown) => void): void {
    const extra = process.extra;
    extra.onEnd ??= [];
    extra.onEnd.push(listener);
  }

  /**
   * Ends all processes with `shutdown`, the last started first, each once the one before has ended; what a supervisor
   * started is left to the supervisor. If that takes longer than `timeoutMs`, all the rest is told at once and has that
   * long again; then it is killed. Calls from outside that still wait are rejected.
   */
  async stop(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? 5_000;
    this.#stopping = true;
    const deadlineMs = this.clock.nowMs() + timeoutMs;
    for (const process of this.#latestFirst()) {
      if (process.supervised || !process.alive) continue;
      // Who traps exits is to know this one as an order.
      process.extra.parent = this.outside.pid;
      this.signals.receiveExit(process, this.outside.pid, SHUTDOWN, 'exit2');
      if (!process.alive || this.clock.nowMs() >= deadlineMs) continue;
      await this.#endsBefore(process, deadlineMs);
      this.end(process, KILLED, undefined);
    }
    const lastDeadlineMs = this.clock.nowMs() + timeoutMs;
    for (const process of this.#latestFirst()) {
      if (process.alive) await this.#endsBefore(process, lastDeadlineMs);
      this.end(process, KILLED, undefined);
    }
    const error = new ExitError(SHUTDOWN, this.node, `${this.node} has stopped`);
    this.callBook.rejectOwned(this.outside, error);
    this.callBook.stop();
    // What the last processes leave behind is rejected before the next turn.
    if (this.#unlisten !== undefined) this.clock.setImmediate(this.#unlisten);
  }

  #latestFirst(): Process[] {
    return [...this.#processes.values()].reverse();
  }

  #endsBefore(process: Process, deadlineMs: number): Promise<void> {
    const leftMs = deadlineMs - this.clock.nowMs();
    if (leftMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(resolve, leftMs);
      this.whenEnded(process, () => {
        this.clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  // ---- from other nodes ----

  deliver(to: Pid, message: unknown): void {
    if (message instanceof Tuple && this.isLocal(to) && this.#isAnswer(message)) return;
    const process = this.lookup(to);
    if (process !== undefined) this.#post(process, message);
  }

  deliverName(name: Atom, message: unknown): void {
    const process = this.#names.get(name.name);
    if (process !== undefined) this.#post(process, message);
  }

  /** Only references of calls are aliases here. */
  deliverAlias(alias: Ref, message: unknown): void {
    if (message instanceof Tuple && this.#isAnswer(message)) return;
    this.telemetry.count(this.refs.callNumberOf(alias) === undefined ? 'alias.unknown' : 'call.late_answer');
  }

  signalLink(from: Pid, to: Pid): void {
    this.signals.linkFrom(from, to);
  }

  signalUnlink(from: Pid, to: Pid): void {
    this.signals.unlinkFrom(undefined, from, to);
  }

  signalUnlinkId(id: bigint, from: Pid, to: Pid): void {
    this.signals.unlinkFrom(id, from, to);
  }

  signalUnlinkAck(id: bigint, from: Pid, to: Pid): void {
    this.signals.unlinkAckFrom(id, from, to);
  }

  signalExit(from: Pid, to: Pid, reason: unknown): void {
    this.signals.exitFrom(from, to, reason);
  }

  signalExit2(from: Pid, to: Pid, reason: unknown): void {
    const process = this.lookup(to);
    if (process !== undefined) this.signals.receiveExit(process, from, reason, 'exit2');
  }

  signalMonitor(from: Pid, target: Pid | Atom, ref: Ref): void {
    this.signals.monitorFrom(from, target, ref);
  }

  signalDemonitor(from: Pid, _target: Pid | Atom, ref: Ref): void {
    this.signals.demonitorFrom(from, ref);
  }

  signalMonitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void {
    this.signals.monitorExitFrom(from, to, ref, reason);
  }

  // ---- nodes ----

  nodeUp(node: string, info: unknown): void {
    for (const process of this.#nodeWatchers) process.post(new NodeUp(node, info));
  }

  /** Settles every link, monitor and call of that node with `noconnection`, then tells who watches nodes. */
  nodeDown(node: string, reason: unknown): void {
    this.signals.nodeDown(node);
    for (const process of this.#nodeWatchers) process.post(new NodeDown(node, reason));
  }

  /** Settles what waits for a node that could not be reached. It never was up, so nobody hears of a nodedown. */
  unreachable(node: string): void {
    this.signals.nodeDown(node);
  }

  /** A fresh reference of this node. */
  makeRef(): Ref {
    return this.refs.ref(this.refs.next());
  }

  /** @internal */
  watchNodes(process: Process, on: boolean): void {
    if (on) this.#nodeWatchers.add(process);
    else this.#nodeWatchers.delete(process);
  }
}
