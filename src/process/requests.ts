import { ExitError } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid, Ref } from '../term/identifiers.ts';
import { ImproperList } from '../term/list.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { Calls } from './calls.ts';
import { type AnyDestination, type At, describeDestination, Global } from './destination.ts';
import { type CallOwner, Cast, PendingCall, requestTerm } from './pending-call.ts';
import { Process } from './process.ts';
import type { PlainCallOptions } from './protocol.ts';
import { CALLING_SELF, describePid, MAILBOX_FULL, NOPROC, SHUTDOWN } from './reasons.ts';
import type { RefSource } from './refs.ts';
import { callError } from './signals.ts';
import type { ProcessSystem } from './system.ts';

export const GEN_CALL = atom('$gen_call');
export const GEN_CAST = atom('$gen_cast');

export const DEFAULT_CALL_TIMEOUT_MS = 5_000;

/**
 * Calls and casts, and the answers to them.
 *
 * Between two processes of this node a call is an object that both sides hold, and a cast is one too: neither is a
 * term before somebody wants to read it as one. To and from other nodes they are gen_server's: `{'$gen_call', {Pid, Tag},
 * Request}` behind a monitor, whose reference is the tag and tells a late answer apart, so that it never reaches a mailbox.
 */
export class Requests {
  readonly book: Calls;
  readonly #system: ProcessSystem;
  readonly #refs: RefSource;
  readonly #telemetry: Telemetry;

  constructor(system: ProcessSystem) {
    this.#system = system;
    this.#refs = system.refs;
    this.#telemetry = system.telemetry;
    this.book = new Calls(
      system.clock,
      system.rejections,
      (call) => this.#forget(call),
      (call) => this.#describeTarget(call),
    );
  }

  // ---- asking ----

  /** Calls `method`, or with `undefined` for it sends `request` whole. */
  call(
    owner: CallOwner,
    to: AnyDestination,
    method: string | undefined,
    args: readonly unknown[],
    request: unknown,
    options: PlainCallOptions | undefined,
  ): Promise<unknown> {
    const system = this.#system;
    const timeoutMs = options?.timeout ?? DEFAULT_CALL_TIMEOUT_MS;
    if (system.stopping && owner === system.outside) {
      return Promise.reject(new ExitError(SHUTDOWN, system.node, `${system.node} is stopping`));
    }
    let target: Process | Pid | At | undefined;
    try {
      target = system.resolve(to);
    } catch (error) {
      return Promise.reject(error);
    }
    if (target === undefined) {
      const known =
        to instanceof Global && system.globals === undefined ? ': this node keeps no global names' : '';
      const destination = describeDestination(to);
      return Promise.reject(
        new ExitError(NOPROC, destination, `no process answers at ${destination} (noproc)${known}`),
      );
    }
    if (target === owner) {
      const destination = describeDestination(to);
      return Promise.reject(new ExitError(CALLING_SELF, destination, `${destination} calls itself`));
    }
    const copy = system.encodeLocal;
    const blamed = owner instanceof Process ? owner : system.rejections?.current();
    let call: PendingCall;
    try {
      call =
        target instanceof Process && copy !== undefined
          ? new PendingCall(owner, target, method, copy(args) as readonly unknown[], copy(request), blamed)
          : new PendingCall(owner, target, method, args, request, blamed);
    } catch (error) {
      return Promise.reject(error);
    }
    this.book.open(call, timeoutMs, options?.signal);
    if (call.settled) return call.promise;
    call.monitors = options?.monitor !== false;
    if (!(target instanceof Process)) this.#callRemote(call, target);
    else if (!system.post(target, call)) this.fail(call, MAILBOX_FULL);
    return call.promise;
  }

  /** MONITOR_P, unless it was told not to, then the request: so a dead, unknown or unreachable server is an answer too. */
  #callRemote(call: PendingCall, target: Pid | At): void {
    const { sink, signals } = this.#system;
    const number = this.#refs.next();
    const ref = this.#refs.callRef(number);
    const from = call.owner.pid;
    this.book.number(call, number);
    signals.ties(target.node).calls.add(call);
    const message = tuple(GEN_CALL, tuple(from, ref), call.toTerm());
    try {
      if (call.monitors) sink.monitor(from, target, ref);
      // The monitor may have been answered at once.
      if (call.settled) return;
      if (target instanceof Pid) sink.send(from, target, message);
      else sink.sendName(from, target.node, target.name, message);
    } catch (error) {
      this.book.reject(call, error);
    }
  }

  castMethod(from: CallOwner, to: AnyDestination, method: string, args: readonly unknown[]): boolean {
    const system = this.#system;
    const target = system.resolve(to);
    if (target === undefined) return true;
    if (target instanceof Process) {
      const copy = system.encodeLocal;
      return system.post(
        target,
        new Cast(method, copy === undefined ? args : (copy(args) as readonly unknown[])),
      );
    }
    const message = tuple(GEN_CAST, requestTerm(method, args));
    return target instanceof Pid
      ? system.sink.send(from.pid, target, message)
      : system.sink.sendName(from.pid, target.node, target.name, message);
  }

  /** The open call that a reference belongs to. */
  callOf(ref: Ref): PendingCall | undefined {
    const number = this.#refs.callNumberOf(ref);
    return number === undefined ? undefined : this.book.byNumber(number);
  }

  /** A call that has a number is settled: its monitor is taken down. */
  #forget(call: PendingCall): void {
    const target = call.target;
    if (target instanceof Process) {
      target.extras?.taken?.delete(call);
      return;
    }
    const ties = this.#system.signals.tiesOf(target.node);
    // Not on the books: the connection is gone, and the monitor with it.
    if (ties?.calls.delete(call) !== true || !call.monitors) return;
    this.#system.sink.demonitor(call.owner.pid, target, this.#refs.callRef(call.number));
  }

  #describeTarget(call: PendingCall): string {
    const target = call.target;
    return target instanceof Process
      ? `${describePid(target.pid)} (${target.label})`
      : describeDestination(target);
  }

  // ---- answering ----

  /** Answers a call that came from this node. */
  answer(call: PendingCall, value: unknown): void {
    const copy = this.#system.encodeLocal;
    this.book.resolve(call, copy === undefined ? value : copy(value));
  }

  /** The target of a call ended, or refuses it. */
  fail(call: PendingCall, reason: unknown, cause?: unknown): void {
    if (call.settled) return;
    // Whoever says so has no monitor of ours any more.
    if (call.number !== 0 && !(call.target instanceof Process)) {
      this.#system.signals.tiesOf(call.target.node)?.calls.delete(call);
    }
    this.book.reject(call, callError(call, this.#describeTarget(call), reason, cause));
  }

  /**
   * Answers a request that came as a term: `{Tag, Reply}` to the caller. An alias tag is answered at the alias where the
   * link knows aliases, so that a late answer dies there; else at the pid.
   */
  answerTerm(from: CallOwner, caller: Pid, tag: unknown, value: unknown): void {
    const system = this.#system;
    const message = tuple(tag, value);
    if (caller.node !== system.node) {
      const alias = aliasOf(tag);
      if (alias !== undefined && system.sink.hasAlias?.(caller.node) === true) {
        system.sink.sendAlias(from.pid, alias, message);
        return;
      }
    }
    system.send(caller, message, from);
  }

  /**
   * Refuses a request that came as a term: the caller alone learns that we are down for it. A caller that does not
   * monitor us cannot be told, and waits for its time-out.
   */
  refuseTerm(caller: Pid, tag: unknown, reason: unknown): void {
    const ref = aliasOf(tag) ?? tag;
    if (!(ref instanceof Ref)) return;
    const call = this.callOf(ref);
    if (call !== undefined) this.fail(call, reason);
    else if (!this.#system.signals.refuse(caller, ref, reason)) this.#telemetry.count('call.refused_unheard');
  }

  /** A request that finds no room: its caller need not wait for the time-out. */
  refuseUnread(message: unknown, reason: unknown): void {
    if (!(message instanceof Tuple) || message.elements[0] !== GEN_CALL) return;
    const from = message.elements[1];
    if (from instanceof Tuple && from.elements[0] instanceof Pid) {
      this.refuseTerm(from.elements[0], from.elements[1], reason);
    }
  }

  /**
   * What became of a message that could not be written or read: where it is a request of ours or the answer to one, its
   * call fails. False when it is neither.
   */
  failOf(message: unknown, error: Error): boolean {
    if (!(message instanceof Tuple)) return false;
    const { elements } = message;
    const from = elements[0] === GEN_CALL ? elements[1] : undefined;
    const tag = from instanceof Tuple ? from.elements[1] : elements[0];
    const ref = tag instanceof ImproperList ? tag.tail : tag;
    const call = ref instanceof Ref ? this.callOf(ref) : undefined;
    if (call === undefined) return false;
    this.book.reject(call, error);
    return true;
  }

  /** A call or cast as whoever reads the mailbox sees it. */
  unfold(process: Process, message: PendingCall | Cast): Tuple {
    if (message instanceof Cast) return tuple(GEN_CAST, message.toTerm());
    if (message.number === 0) {
      const number = this.#refs.next();
      message.number = number;
      if (!message.settled) {
        this.book.number(message, number);
        const extra = process.extra;
        extra.taken ??= new Set();
        extra.taken.add(message);
      }
    }
    return tuple(GEN_CALL, tuple(message.owner.pid, this.#refs.callRef(message.number)), message.toTerm());
  }

  /** Whether a message is `{Ref, Reply}` of one of our calls; then that is settled, or the answer was too late. */
  isAnswer(message: Tuple): boolean {
    const { elements } = message;
    if (elements.length !== 2) return false;
    const tag = elements[0];
    // Most messages of two are tagged so, and asking for an unlikely class takes longest.
    if (tag instanceof Atom) return false;
    const ref = tag instanceof Ref ? tag : tag instanceof ImproperList ? tag.tail : undefined;
    if (!(ref instanceof Ref)) return false;
    const number = this.#refs.callNumberOf(ref);
    if (number === undefined) return false;
    const call = this.book.byNumber(number);
    if (call === undefined) this.#telemetry.count('call.late_answer');
    else if (call.target instanceof Process) this.answer(call, elements[1]);
    else this.book.resolve(call, elements[1]);
    return true;
  }
}

/** `[alias | Ref]`; since OTP 26 gen_server:multi_call has it inside of its tag: `[[alias | Ref] | Ref2]`. */
function aliasOf(tag: unknown): Ref | undefined {
  if (!(tag instanceof ImproperList)) return undefined;
  const head = tag.elements[0];
  if (head instanceof ImproperList) return aliasOf(head);
  return tag.tail instanceof Ref ? tag.tail : undefined;
}
