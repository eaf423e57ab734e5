import { isPromise } from '../process/behaviour.ts';
import { PendingCall } from '../process/pending-call.ts';
import type { Process } from '../process/process.ts';
import { isUnsendable, reasonOf, UNDEF, unsendableReason } from '../process/reasons.ts';
import { Atom, atom } from '../term/atom.ts';
import { atoms } from '../term/atom-map.ts';
import { Pid } from '../term/identifiers.ts';
import { charlist } from '../term/list.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { raised } from './raised.ts';
import { SysDebug } from './sys-debug.ts';
import { isProbe, wantsOk } from './sys-dialect.ts';

const SYSTEM = atom('system');
const OK = atom('ok');
const ERROR = atom('error');
const RUNNING = atom('running');
const SUSPENDED = atom('suspended');
/** The module that every actor seems to be of. */
const GEN_SERVER = atom('gen_server');

/** `{system, {Pid, Tag}, Request}`: what OTP's module sys sends, and gen_server:stop with it. */
export function isSystemRequest(message: Tuple): boolean {
  const { elements } = message;
  if (elements[0] !== SYSTEM || elements.length !== 3) return false;
  const from = elements[1];
  return from instanceof Tuple && from.length === 2 && from.elements[0] instanceof Pid;
}

/** The state of a process as sys sees it, as a term. */
export interface SysState {
  read(): unknown;
  /** Absent: it cannot be replaced from outside. */
  readonly replace?: ((state: unknown) => void) | undefined;
}

/**
 * The system messages of one process, as OTP's sys answers them: `terminate`, `get_state`, `get_status`, `suspend`,
 * `resume`. While suspended, a process takes system messages only, and the exit of its parent, which ends it; what else
 * comes waits, and is handled in its order after `resume`. `replace_state` carries a fun of the BEAM, which cannot run
 * here: the node it came from is asked to apply it. What watches the process (`{debug, ...}`) is `debug`.
 *
 * @see OTP, sys.erl, suspend_loop/6
 */
export class Sys {
  readonly #process: Process;
  readonly #state: SysState;
  readonly debug: SysDebug;
  #held: unknown[] | undefined = undefined;

  constructor(process: Process, state: SysState) {
    this.#process = process;
    this.#state = state;
    this.debug = new SysDebug(process, state.read);
  }

  get suspended(): boolean {
    return this.#held !== undefined;
  }

  /** Keeps a message until `resume`. */
  hold(message: unknown): void {
    this.#held!.push(message);
    if (!(message instanceof PendingCall)) return;
    // Its caller is told, should the process end before it comes to it.
    const extra = this.#process.extra;
    extra.taken ??= new Set();
    extra.taken.add(message);
  }

  /** @param handle - handles one message that had to wait */
  handle(message: Tuple, handle: (message: unknown) => unknown): unknown {
    const [, from, request] = message.elements as [unknown, Tuple, unknown];
    const answer = (value: unknown): void => this.#answer(from, value);
    const name = request instanceof Tuple ? request.elements[0] : request;
    switch (name instanceof Atom ? name.name : '') {
      case 'terminate':
        if (!(request instanceof Tuple) || request.length !== 2) break;
        answer(OK);
        this.#process.system.terminate(this.#process, request.elements[1], undefined);
        return undefined;
      case 'get_state':
        this.#answerState(from, 'system_get_state', this.#state.read);
        return undefined;
      case 'get_status':
        this.#answerWith(from, 'format_status', () => this.#status());
        return undefined;
      case 'replace_state':
        if (!(request instanceof Tuple) || request.length !== 2) break;
        return this.#replaceState(from, request.elements[1]);
      case 'suspend':
        this.#held ??= [];
        answer(OK);
        return undefined;
      case 'resume':
        answer(OK);
        return this.#resume(handle);
      case 'debug':
        this.#answerWith(from, 'debug', () => this.debug.command(request, (from.elements[0] as Pid).node));
        return undefined;
    }
    answer(tuple(ERROR, tuple(atom('unknown_system_msg'), request)));
    return undefined;
  }

  /** Handles what had to wait, one after the other, as if it came now. */
  #resume(handle: (message: unknown) => unknown): unknown {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || held.length === 0) return undefined;
    const process = this.#process;
    const next = (from: number): unknown => {
      for (let i = from; i < held.length; i += 1) {
        const message = held[i];
        if (message instanceof PendingCall) process.extras?.taken?.delete(message);
        const result = handle(message);
        if (isPromise(result)) return result.then(() => (process.alive ? next(i + 1) : undefined));
        if (!process.alive) return undefined;
        process.current = undefined;
      }
      return undefined;
    };
    return next(0);
  }

  /** `{status, Pid, {module, Mod}, [PDict, SysState, Parent, Debug, Misc]}`, with the Misc of a gen_server. */
  #status(): Tuple {
    const { pid, label, extras } = this.#process;
    const parent = extras?.parent ?? pid;
    const state = this.suspended ? SUSPENDED : RUNNING;
    const name = extras?.names?.[0] ?? label;
    const data = atom('data');
    return tuple(atom('status'), pid, tuple(atom('module'), GEN_SERVER), [
      dictionaryOf(this.#process),
      state,
      parent,
      this.debug.options,
      [
        tuple(atom('header'), charlist(`Status for generic server ${name}`)),
        tuple(data, [
          tuple(charlist('Status'), state),
          tuple(charlist('Parent'), parent),
          tuple(charlist('Logged events'), this.debug.logged),
        ]),
        tuple(data, [tuple(charlist('State'), this.#state.read())]),
      ],
    ]);
  }

  /** Applies the fun where it came from, and takes what it makes for the state; no message is handled meanwhile. */
  async #replaceState(from: Tuple, fun: unknown): Promise<void> {
    const { node } = from.elements[0] as Pid;
    const { read, replace } = this.#state;
    const { remoteCaller, node: here } = this.#process.system;
    const callback = 'system_replace_state';
    if (replace === undefined || remoteCaller === undefined || node === here) {
      this.#answer(from, this.#failed(callback, UNDEF));
      return;
    }
    try {
      const replaced = await remoteCaller(node, 'erlang', 'apply', [fun, [read()]]);
      if (!this.#process.alive) return;
      replace(replaced);
      this.#answerState(from, callback, () => replaced);
    } catch (error) {
      const [thrown, reason] = raised(reasonOf(error));
      this.#refuse(from, callback, reason, thrown);
    }
  }

  /** A state is answered in the form that the asking node's own sys has: see `wantsOk`. */
  #answerState(from: Tuple, callback: string, make: () => unknown): void {
    const [caller, tag] = from.elements as [Pid, unknown];
    const { system } = this.#process;
    if (caller.node === system.node || isProbe(tag)) {
      this.#answerWith(from, callback, make);
      return;
    }
    let state: unknown;
    try {
      state = make();
    } catch (error) {
      this.#refuse(from, callback, reasonOf(error));
      return;
    }
    void wantsOk(system, caller.node).then((isWrapped) =>
      this.#answerWith(from, callback, () => (isWrapped ? tuple(OK, state) : state)),
    );
  }

  /** A state that has no term, or cannot be read, is no reason to crash: who asks is told. */
  #answerWith(from: Tuple, callback: string, make: () => unknown): void {
    try {
      this.#answer(from, make());
    } catch (error) {
      this.#refuse(from, callback, isUnsendable(error) ? unsendableReason(error) : reasonOf(error));
    }
  }

  /** Why it failed may itself be what cannot travel. */
  #refuse(from: Tuple, callback: string, reason: unknown, thrown?: Atom): void {
    try {
      this.#answer(from, this.#failed(callback, reason, thrown));
    } catch (error) {
      if (!isUnsendable(error)) throw error;
      this.#answer(from, this.#failed(callback, unsendableReason(error)));
    }
  }

  /** `{error, {callback_failed, {gen_server, Callback}, {Class, Reason}}}` */
  #failed(callback: string, reason: unknown, thrown: Atom = ERROR): Tuple {
    const where = tuple(GEN_SERVER, atom(callback));
    return tuple(ERROR, tuple(atom('callback_failed'), where, tuple(thrown, reason)));
  }

  #answer(from: Tuple, value: unknown): void {
    const process = this.#process;
    process.system.requests.answerTerm(process, from.elements[0] as Pid, from.elements[1], value);
  }
}

/**
 * What proc_lib puts into the dictionary of a gen_server, and tools read there: `$initial_call` and `$ancestors`, where one
 * with a name is told by that.
 */
export function dictionaryOf({ system, label, extras }: Process): Tuple[] {
  const parent = extras?.parent;
  const name = parent && system.lookup(parent)?.extras?.names?.[0];
  return [
    tuple(atom('$initial_call'), tuple(atom(label), atom('init'), 1)),
    tuple(atom('$ancestors'), parent === undefined ? [] : [name === undefined ? parent : atom(name)]),
  ];
}

/** The state that an actor shows without being asked to: what its handlers object holds beside the methods. */
export function visibleState(handlers: Readonly<Record<string, unknown>>): unknown {
  return atoms(
    Object.fromEntries(Object.entries(handlers).filter(([, value]) => typeof value !== 'function')),
  );
}

/** Puts it back: of what `visibleState` shows, what the new state has as well. */
export function replaceVisibleState(handlers: Record<string, unknown>, state: unknown): void {
  if (typeof state !== 'object' || state === null) return;
  for (const [key, value] of Object.entries(state))
    if (Object.hasOwn(handlers, key) && typeof handlers[key] !== 'function') handlers[key] = value;
}
