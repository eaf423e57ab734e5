import { At } from '../process/destination.ts';
import { Io } from '../process/io.ts';
import { type CallOwner, Cast, PendingCall } from '../process/pending-call.ts';
import type { Process } from '../process/process.ts';
import { reasonOf } from '../process/reasons.ts';
import { GEN_CALL, GEN_CAST } from '../process/requests.ts';
import { Down, Exit, NodeDown, NodeUp } from '../process/system-messages.ts';
import { type Atom, atom } from '../term/atom.ts';
import type { Pid } from '../term/identifiers.ts';
import { equalTerms } from '../term/order.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { raised } from './raised.ts';

const OK = atom('ok');
const ERROR = atom('error');
const UNKNOWN_DEBUG = atom('unknown_debug');
const IN = atom('in');
const OUT = atom('out');
const NOREPLY = atom('noreply');
const DONE = atom('done');
/** Events that a log keeps where nobody has said how many, as in OTP. */
const LOG_LENGTH = 10;
/** Events that a function of another node may be behind; then it is taken out. */
const MAX_BEHIND = 1_000;

/** A function that sys:install/2 has put here. It runs on the node it came from, an event after the other. */
interface Installed {
  readonly key: unknown;
  readonly fun: unknown;
  readonly node: string;
  state: unknown;
  behind: number;
  last: Promise<void>;
}

interface Counts {
  readonly startMs: number;
  in: number;
  out: number;
}

/**
 * What OTP's sys has switched on to watch one process: `trace` prints each event where the process prints, `log` keeps the
 * last ones, `statistics` counts messages, and `install` has a function see them. Events are those of a gen_server:
 * `{in, Message}` before a message is handled, then `{out, Reply, From, State}` or `{noreply, State}`.
 */
export class SysDebug {
  readonly #process: Process;
  readonly #readState: () => unknown;
  #trace = false;
  #log: { readonly length: number; events: readonly Tuple[] } | undefined;
  #counts: Counts | undefined;
  #installed: readonly Installed[] = [];
  /** Answers told since the message came. */
  #answers = 0;

  constructor(process: Process, readState: () => unknown) {
    this.#process = process;
    this.#readState = readState;
  }

  /** Whether anybody wants to hear of events. */
  get isOn(): boolean {
    return this.#trace || this.#log !== undefined || this.#counts !== undefined || this.#installed.length > 0;
  }

  /** The events that are kept, the oldest first. */
  get logged(): readonly Tuple[] {
    return this.#log?.events ?? [];
  }

  /** What is on, as sys:get_status tells it, less the log, whose form is OTP's own affair. */
  get options(): readonly Tuple[] {
    return this.#trace ? [tuple(atom('trace'), true)] : [];
  }

  /** A message is about to be handled. */
  heard(message: unknown): void {
    this.#answers = 0;
    this.#event(tuple(IN, termOf(message)));
  }

  answered(to: Pid, tag: unknown, value: unknown): void {
    this.#answers += 1;
    this.#event(tuple(OUT, value, tuple(to, tag), this.#state()));
  }

  /** It has been handled. */
  handled(): void {
    if (this.#answers === 0 && this.isOn) this.#event(tuple(NOREPLY, this.#state()));
  }

  /**
   * Answers `{debug, What}`. What OTP's sys does not know is `unknown_debug`, as there; a file is refused.
   * @param asker - the node that asks
   */
  command(request: unknown, asker: string): unknown {
    const what = request instanceof Tuple && request.length === 2 ? request.elements[1] : undefined;
    if (what === atom('no_debug')) {
      this.#trace = false;
      this.#log = this.#counts = undefined;
      this.#installed = [];
      return OK;
    }
    if (!(what instanceof Tuple && what.length === 2)) return UNKNOWN_DEBUG;
    const [name, value] = what;
    switch (name) {
      case atom('trace'):
        if (typeof value !== 'boolean') return UNKNOWN_DEBUG;
        this.#trace = value;
        return OK;
      case atom('statistics'):
        return this.#statistics(value);
      case atom('log'):
        return this.#logs(value);
      case atom('log_to_file'):
        return value === false ? OK : tuple(ERROR, atom('open_file'));
      case atom('install'):
        return this.#install(value, asker);
      case atom('remove'):
        this.#installed = this.#installed.filter(({ key }) => !equalTerms(key, value));
        return OK;
    }
    return UNKNOWN_DEBUG;
  }

  #statistics(value: unknown): unknown {
    const { clock } = this.#process.system;
    if (value === atom('get')) {
      if (this.#counts === undefined) return tuple(OK, atom('no_statistics'));
      const { startMs, in: messagesIn, out } = this.#counts;
      return tuple(OK, [
        tuple(atom('start_time'), localTime(startMs)),
        tuple(atom('current_time'), localTime(clock.wallMs())),
        // Nobody counts them here.
        tuple(atom('reductions'), 0),
        tuple(atom('messages_in'), messagesIn),
        tuple(atom('messages_out'), out),
      ]);
    }
    if (typeof value !== 'boolean') return UNKNOWN_DEBUG;
    if (!value) this.#counts = undefined;
    else this.#counts ??= { startMs: clock.wallMs(), in: 0, out: 0 };
    return OK;
  }

  #logs(value: unknown): unknown {
    const events = this.logged;
    if (value === atom('get')) return tuple(OK, events);
    if (value === atom('print')) {
      for (const event of events) this.#print(event);
      return OK;
    }
    if (value === false) {
      this.#log = undefined;
      return OK;
    }
    const length = value === true ? LOG_LENGTH : sizeOf(value);
    if (length === undefined) return UNKNOWN_DEBUG;
    // One that is on stays as long as it is, as in OTP.
    this.#log ??= { length, events: [] };
    return OK;
  }

  #install(value: unknown, node: string): unknown {
    if (!(value instanceof Tuple && (value.length === 2 || value.length === 3))) return UNKNOWN_DEBUG;
    const [key, fun, state] = value.length === 3 ? value : [value.at(0), ...value];
    if (this.#installed.some((one) => equalTerms(one.key, key))) return OK;
    // The newest is first, as with OTP.
    this.#installed = [{ key, fun, node, state, behind: 0, last: Promise.resolve() }, ...this.#installed];
    return OK;
  }

  #event(event: Tuple): void {
    if (this.#trace) this.#print(event);
    if (this.#log !== undefined) {
      const { length, events } = this.#log;
      this.#log = { length, events: [...events, event].slice(-length) };
    }
    if (this.#counts !== undefined) {
      if (event.at(0) === IN) this.#counts.in += 1;
      if (event.at(0) === OUT) this.#counts.out += 1;
    }
    for (const one of this.#installed) this.#run(one, event);
  }

  /**
   * A function that is `done`, fails, cannot be reached or does not keep up sees no more. What it throws is as good as
   * what it returns, as in OTP.
   */
  #run(one: Installed, event: Tuple): void {
    const { remoteCaller } = this.#process.system;
    const remove = (): void => {
      this.#installed = this.#installed.filter((other) => other !== one);
    };
    one.behind += 1;
    if (remoteCaller === undefined || one.behind > MAX_BEHIND) {
      remove();
      return;
    }
    one.last = one.last.then(async () => {
      one.behind -= 1;
      if (!this.#installed.includes(one)) return;
      try {
        const args = [one.state, event, this.#name()];
        one.state = await remoteCaller(one.node, 'erlang', 'apply', [one.fun, args]);
      } catch (error) {
        const [thrown, reason] = raised(reasonOf(error));
        one.state = thrown === atom('throw') ? reason : DONE;
      }
      if (one.state === DONE) remove();
    });
  }

  /** As gen_server prints its events. */
  #print(event: Tuple): void {
    const [kind, what, third, state] = event;
    const name = inspectTerm(this.#name());
    const line =
      kind === IN
        ? heardLine(what)
        : kind === OUT
          ? `sent ${inspectTerm(what)} to ${inspectTerm((third as Tuple).at(0))}, new state ${inspectTerm(state)}`
          : `new state ${inspectTerm(what)}`;
    // A leader that is gone prints nothing; nobody waits for it.
    new Io(this.#process).write(`*DBG* ${name} ${line}\n`).catch(() => undefined);
  }

  #name(): Atom | Pid {
    const { pid, extras } = this.#process;
    const name = extras?.names?.[0];
    return name === undefined ? pid : atom(name);
  }

  /** A state that cannot be read is no reason to crash: `undefined`. */
  #state(): unknown {
    try {
      return this.#readState();
    } catch {
      return undefined;
    }
  }
}

function heardLine(message: unknown): string {
  if (message instanceof Tuple && message.at(0) === GEN_CALL)
    return `got call ${inspectTerm(message.at(2))} from ${inspectTerm((message.at(1) as Tuple).at(0))}`;
  if (message instanceof Tuple && message.at(0) === GEN_CAST) return `got cast ${inspectTerm(message.at(1))}`;
  return `got ${inspectTerm(message)}`;
}

/** N of `{true, N}`. */
function sizeOf(value: unknown): number | undefined {
  const [on, length] = value instanceof Tuple && value.length === 2 ? value : [];
  return on === true && Number.isSafeInteger(length) && (length as number) >= 1
    ? (length as number)
    : undefined;
}

/** A message as a BEAM's process would have got it. */
function termOf(message: unknown): unknown {
  if (message instanceof PendingCall) {
    return tuple(GEN_CALL, tuple((message.owner as CallOwner).pid, []), message.toTerm());
  }
  if (message instanceof Cast) return tuple(GEN_CAST, message.toTerm());
  if (message instanceof Down) {
    const { ref, pid, reason } = message;
    const what = pid instanceof At ? tuple(pid.name, atom(pid.node)) : pid;
    return tuple(atom('DOWN'), ref, atom('process'), what, reason);
  }
  if (message instanceof Exit) return tuple(atom('EXIT'), message.pid, message.reason);
  if (message instanceof NodeUp) return tuple(atom('nodeup'), atom(message.node));
  if (message instanceof NodeDown) return tuple(atom('nodedown'), atom(message.node));
  return message;
}

/** `{{Year, Month, Day}, {Hour, Minute, Second}}` */
function localTime(wallMs: number): Tuple {
  const at = new Date(wallMs);
  return tuple(
    tuple(at.getFullYear(), at.getMonth() + 1, at.getDate()),
    tuple(at.getHours(), at.getMinutes(), at.getSeconds()),
  );
}
