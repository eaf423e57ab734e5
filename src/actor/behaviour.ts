import { ExitError } from '../errors.ts';
import { type Behaviour, isPromise } from '../process/behaviour.ts';
import type { Deferred } from '../process/deferred.ts';
import { Cast, PendingCall } from '../process/pending-call.ts';
import type { Process } from '../process/process.ts';
import { describePid, isUnsendable, toReason, UNDEF, unsendableReason } from '../process/reasons.ts';
import { GEN_CALL, GEN_CAST } from '../process/requests.ts';
import { Down, Exit } from '../process/system-messages.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { ActorSelf } from './actor-self.ts';
import { isSystemRequest, replaceVisibleState, Sys, visibleState } from './sys.ts';
import type { SysDebug } from './sys-debug.ts';

type Handler = (...args: readonly unknown[]) => unknown;

/** Own functions are methods; a prototype's are not, `constructor` and `__proto__` least of all. */
type Handlers = Readonly<Record<string, unknown>>;

export type Setup = (self: ActorSelf, ...args: readonly unknown[]) => unknown;

/** What an actor set beside its methods. */
class Hooks {
  readonly onMessage: {
    readonly guard: ((message: unknown) => boolean) | undefined;
    readonly handler: (message: unknown) => unknown;
  }[] = [];
  onDown: ((down: Down) => unknown) | undefined = undefined;
  onExit: ((exit: Exit) => unknown) | undefined = undefined;
  readonly onStop: ((reason: unknown) => unknown)[] = [];
  onGetState: (() => unknown) | undefined = undefined;
  onReplaceState: ((state: unknown) => void) | undefined = undefined;
}

/** A caller whose request came as a term: from another node, or from a process that built it by hand. */
class TermCaller {
  readonly pid: Pid;
  readonly tag: unknown;

  constructor(pid: Pid, tag: unknown) {
    this.pid = pid;
    this.tag = tag;
  }
}

const NO_HANDLERS: Handlers = Object.freeze({});
const NO_ARGS: readonly unknown[] = Object.freeze([]);

/**
 * A gen_server in JavaScript: `{'$gen_call', {Pid, Tag}, Request}` calls a handler and answers `{Tag, Result}`,
 * `{'$gen_cast', Request}` calls it without. A request is an atom (or text) naming the method, or a tuple that begins with it.
 * Anything else, and any method that is no own function of the handlers, is refused to the caller alone.
 */
export class ActorBehaviour implements Behaviour {
  readonly #process: Process;
  /** What setup returned; until then the way to run it. */
  #handlers: Handlers = NO_HANDLERS;
  #setup: { readonly run: Setup; readonly args: readonly unknown[] } | undefined;
  #hooks: Hooks | undefined = undefined;
  #sys: Sys | undefined = undefined;
  /** Whose request the running handler answers. Local calls are the process's `current` as well. */
  #caller: PendingCall | TermCaller | undefined = undefined;

  constructor(process: Process, run: Setup, args: readonly unknown[]) {
    this.#process = process;
    this.#setup = { run, args };
  }

  get hooks(): Hooks {
    this.#hooks ??= new Hooks();
    return this.#hooks;
  }

  onMessage(
    guard: ((message: unknown) => boolean) | undefined,
    handler: (message: unknown) => unknown,
  ): void {
    this.hooks.onMessage.push({ guard, handler });
  }

  init(): unknown {
    const { run, args } = this.#setup!;
    this.#setup = undefined;
    const made = run(new ActorSelf(this.#process, this), ...args);
    if (isPromise(made) && Object.hasOwn(made, 'then') && !(made instanceof Promise)) {
      throw new TypeError(
        `the setup of ${this.#process.label} returned a handler called \`then\`, by which JavaScript takes the object for a promise: call it otherwise`,
      );
    }
    if (isPromise(made)) return made.then((handlers) => this.#adopt(handlers));
    this.#adopt(made);
    return undefined;
  }

  #adopt(handlers: unknown): void {
    if (handlers === undefined || handlers === null) return;
    if (typeof handlers !== 'object') {
      throw new TypeError(
        `the setup of ${this.#process.label} must return an object of handlers, not a ${typeof handlers}`,
      );
    }
    this.#handlers = handlers as Handlers;
  }

  handle(message: unknown): unknown {
    const sys = this.#sys;
    if (
      sys !== undefined &&
      !(message instanceof Tuple && isSystemRequest(message)) &&
      !this.#isOrder(message)
    ) {
      if (sys.suspended) {
        sys.hold(message);
        return undefined;
      }
      if (sys.debug.isOn) return this.#handleWatched(message, sys.debug);
    }
    return this.#dispatch(message);
  }

  /** While somebody watches by means of sys. */
  #handleWatched(message: unknown, debug: SysDebug): unknown {
    debug.heard(message);
    const result = this.#dispatch(message);
    if (isPromise(result)) return result.then(() => debug.handled());
    debug.handled();
    return undefined;
  }

  #dispatch(message: unknown): unknown {
    // First what has least to do: asking for the class of a message is a part of its cost.
    if (message instanceof Tuple) {
      const { elements } = message;
      if (elements[0] === GEN_CALL && elements.length === 3) return this.#handleGenCall(message);
      if (elements[0] === GEN_CAST && elements.length === 2) return this.#handleGenCast(elements[1]);
      if (isSystemRequest(message)) return this.#handleSystem(message);
      return this.#handleMessage(message);
    }
    if (message instanceof PendingCall) {
      return message.method === undefined
        ? this.#handleRequest(message, message.request)
        : this.#handleCall(message, message.method, message.args);
    }
    if (message instanceof Cast) return this.#handleCast(message.method, message.args);
    return this.#handleOther(message);
  }

  #handleSystem(message: Tuple): unknown {
    this.#sys ??= new Sys(this.#process, {
      read: () => {
        const { onGetState } = this.#hooks ?? {};
        return onGetState === undefined ? visibleState(this.#handlers) : onGetState();
      },
      replace: (state) => {
        const { onGetState, onReplaceState } = this.#hooks ?? {};
        if (onReplaceState !== undefined) onReplaceState(state);
        // A state that is shown in another form cannot be put back in that form.
        else if (onGetState !== undefined)
          throw new ExitError(UNDEF, this.#process.label, 'onReplaceState is not set');
        else replaceVisibleState(this.#handlers as Record<string, unknown>, state);
      },
    });
    return this.#sys.handle(message, (waited) => this.handle(waited));
  }

  #handleGenCall(message: Tuple): unknown {
    const from = message.elements[1];
    if (!(from instanceof Tuple) || from.length !== 2 || !(from.elements[0] instanceof Pid)) {
      return this.#handleMessage(message);
    }
    return this.#handleRequest(new TermCaller(from.elements[0], from.elements[1]), message.elements[2]);
  }

  #handleRequest(caller: PendingCall | TermCaller, request: unknown): unknown {
    const method = methodOf(request);
    if (method === undefined) {
      this.#refuse(caller, tuple(UNDEF, request));
      return undefined;
    }
    return this.#handleCall(caller, method, argsOf(request));
  }

  #handleGenCast(request: unknown): unknown {
    const method = methodOf(request);
    if (method === undefined) return this.#dropCast();
    return this.#handleCast(method, argsOf(request));
  }

  #handleCall(caller: PendingCall | TermCaller, method: string, args: readonly unknown[]): unknown {
    const handlers = this.#handlers;
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (typeof handler !== 'function') {
      this.#refuse(caller, tuple(UNDEF, atom(method)));
      return undefined;
    }
    this.#caller = caller;
    if (caller instanceof PendingCall) this.#process.current = caller;
    const result = (handler as Handler).apply(handlers, args as unknown[]);
    if (isPromise(result)) return result.then((value) => this.#finish(caller, value));
    this.#finish(caller, result);
    return undefined;
  }

  /** Answers, unless the handler has put that off. */
  #finish(caller: PendingCall | TermCaller, value: unknown): void {
    const deferred = this.#caller !== caller;
    this.#caller = undefined;
    if (!deferred) this.#answer(caller, value);
  }

  #handleCast(method: string, args: readonly unknown[]): unknown {
    const handlers = this.#handlers;
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (typeof handler !== 'function') return this.#dropCast();
    return (handler as Handler).apply(handlers, args as unknown[]);
  }

  #dropCast(): undefined {
    this.#process.system.telemetry.count('actor.unknown_cast');
    return undefined;
  }

  #handleOther(message: unknown): unknown {
    if (this.#isOrder(message)) {
      this.#process.system.terminate(this.#process, message.reason, undefined);
      return undefined;
    }
    const hooks = this.#hooks;
    if (hooks !== undefined) {
      if (message instanceof Down && hooks.onDown !== undefined) return hooks.onDown(message);
      if (message instanceof Exit && hooks.onExit !== undefined) return hooks.onExit(message);
    }
    return this.#handleMessage(message);
  }

  /**
   * As in a gen_server: an exit of who started us, or of the supervisor, is an order also to who traps exits, and to who
   * is suspended. A supervisor obeys the program as well.
   */
  #isOrder(message: unknown): message is Exit {
    if (!(message instanceof Exit)) return false;
    const { extras, system } = this.#process;
    if (message.pid === extras?.parent) return true;
    return extras?.supervises === true && message.pid === system.outside.pid;
  }

  /** What is neither request nor signal, or a signal that nobody takes as one. */
  #handleMessage(message: unknown): unknown {
    const hooks = this.#hooks;
    if (hooks !== undefined) {
      const { onMessage } = hooks;
      // By index: an iterator costs as much as the rest of this.
      for (let i = 0; i < onMessage.length; i += 1) {
        const { guard, handler } = onMessage[i]!;
        if (guard === undefined || guard(message)) return handler(message);
      }
    }
    this.#process.system.telemetry.count('actor.unhandled_message');
    return undefined;
  }

  /**
   * An answer that cannot travel is refused to its caller alone: nobody may take a server down by asking for what it
   * cannot tell. The fault is the handler's all the same, and so it stands in the log.
   */
  #answer(caller: PendingCall | TermCaller, value: unknown): void {
    const process = this.#process;
    // Who ended while it worked has told its callers already.
    if (!process.alive) return;
    try {
      if (caller instanceof PendingCall) process.system.requests.answer(caller, value);
      else process.system.requests.answerTerm(process, caller.pid, caller.tag, value);
      if (this.#sys?.debug.isOn) {
        const [pid, tag] = caller instanceof PendingCall ? [caller.owner.pid, []] : [caller.pid, caller.tag];
        this.#sys.debug.answered(pid, tag, value);
      }
    } catch (error) {
      if (!isUnsendable(error)) throw error;
      const { logger, telemetry } = process.system;
      telemetry.count('actor.unsendable_answer');
      logger.error(
        'process',
        `${describePid(process.pid)} (${process.label}) has an answer that cannot travel: ${error.message}`,
      );
      this.#refuse(caller, unsendableReason(error));
    }
  }

  #refuse(caller: PendingCall | TermCaller, reason: unknown): void {
    const { system } = this.#process;
    if (caller instanceof PendingCall) system.requests.fail(caller, reason);
    else system.requests.refuseTerm(caller.pid, caller.tag, reason);
  }

  deferReply(): Deferred {
    const caller = this.#caller;
    if (caller === undefined) return { from: undefined, reply: ignore, fail: ignore };
    this.#caller = undefined;
    const process = this.#process;
    if (caller instanceof PendingCall) {
      // From now on the process owes it, also while it handles others.
      const extra = process.extra;
      extra.taken ??= new Set();
      extra.taken.add(caller);
      process.current = undefined;
    }
    let settled = false;
    const once = (settle: () => void): void => {
      if (settled) return;
      settled = true;
      if (caller instanceof PendingCall) process.extras?.taken?.delete(caller);
      settle();
    };
    return {
      from: caller instanceof PendingCall ? caller.owner.pid : caller.pid,
      reply: (value) => once(() => this.#answer(caller, value)),
      fail: (reason) => once(() => this.#refuse(caller, toReason(reason))),
    };
  }

  get hasTerminate(): boolean {
    return this.#hooks !== undefined && this.#hooks.onStop.length > 0;
  }

  async terminate(reason: unknown): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    for (const handler of this.hooks.onStop.reverse()) {
      try {
        await handler(reason);
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
}

/** The method that a request names; undefined when it names none. */
function methodOf(request: unknown): string | undefined {
  const head = request instanceof Tuple ? request.elements[0] : request;
  return head instanceof Atom ? head.name : typeof head === 'string' ? head : undefined;
}

function argsOf(request: unknown): readonly unknown[] {
  return request instanceof Tuple ? request.elements.slice(1) : NO_ARGS;
}

function ignore(): void {}
