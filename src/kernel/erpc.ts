/**
 * How a function called from afar ends, in the classes of Erlang's exceptions, and the forms in which `erpc` and the
 * old `rex` tell of it. What this room refuses to know is how the call came, and where its answer goes.
 */
import { ExitError } from '../errors.ts';
import { describeReason, reasonOf, UNDEF } from '../process/reasons.ts';
import type { Self } from '../process/self.ts';
import type { ProcessSystem } from '../process/system.ts';
import { type Atom, atom } from '../term/atom.ts';
import { Ref } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import type { Exports } from './exports.ts';

export const ERPC = atom('erpc');
export const EXECUTE_CALL = atom('execute_call');
const EXECUTE_CAST = atom('execute_cast');
const RETURN = atom('return');
const ERROR = atom('error');
const EXIT = atom('exit');
const THROW = atom('throw');
const EXCEPTION = atom('exception');
const BADARG = atom('badarg');
const BADRPC = atom('badrpc');
const EXIT_TERM = atom('EXIT');
const NORMAL = atom('normal');

/** How a call ended. `signal`: its process was ended by somebody else, or its node was lost. */
export type Outcome =
  | { readonly kind: 'return'; readonly value: unknown }
  | { readonly kind: 'throw'; readonly value: unknown }
  | { readonly kind: 'exit'; readonly reason: unknown }
  | { readonly kind: 'error'; readonly reason: unknown; readonly stack: unknown }
  | { readonly kind: 'signal'; readonly reason: unknown };

/** Thrown by functions that stand for OTP's own: an exception of class `error` with a reason of OTP's, as `badarg`. */
export class ErlangError {
  readonly reason: unknown;

  constructor(reason: unknown) {
    this.reason = reason;
  }
}

/**
 * Calls an exported function in the process of `self`. Never rejects. An `Error` is class `error` with the reason
 * `{js_error, Name, Message}`, an `ExitError` (as `self.exit(reason)` throws) class `exit`, any other value `throw`.
 */
export async function invoke(
  exports: Exports,
  self: Self,
  module: unknown,
  fn: unknown,
  args: unknown,
): Promise<Outcome> {
  const found = exports.find(module, fn);
  if (!Array.isArray(args)) {
    const stack = [tuple(atom('erlang'), atom('apply'), [module, fn, args], [])];
    return { kind: 'error', reason: BADARG, stack };
  }
  if (found === undefined) return { kind: 'error', reason: UNDEF, stack: [tuple(module, fn, args, [])] };
  try {
    return { kind: 'return', value: await found.apply(self, args) };
  } catch (thrown) {
    if (thrown instanceof ExitError) return { kind: 'exit', reason: thrown.reason };
    // As of OTP's built-in functions, with the arguments.
    if (thrown instanceof ErlangError)
      return { kind: 'error', reason: thrown.reason, stack: [tuple(module, fn, args, [])] };
    // A BEAM's stack trace has functions of the BEAM: of ours it is told the function alone.
    const stack = [tuple(module, fn, args.length, [])];
    if (!(thrown instanceof Error)) return { kind: 'throw', value: thrown };
    const reason = reasonOf(thrown);
    return { kind: 'error', reason: reason instanceof Tuple ? reason.at(0) : reason, stack };
  }
}

/**
 * What the process does that was spawned to run one of erpc's own functions (that is how `rpc:call` and `erpc:call` of
 * OTP 23 to 29 call); undefined for any other function. It resolves to the exit reason, which is the answer.
 * @param failed - told of a cast that failed: nobody waits to hear of it
 */
export function erpcFunction(
  exports: Exports,
  module: Atom,
  fn: Atom,
  args: readonly unknown[],
  failed: (what: Tuple, reason: unknown) => void,
): ((self: Self) => Promise<unknown>) | undefined {
  if (module !== ERPC) return undefined;
  if (fn === EXECUTE_CALL && args.length === 4) {
    const [ref, m, f, a] = args;
    return async (self) => erpcReason(ref, await invoke(exports, self, m, f, a));
  }
  if (fn === EXECUTE_CAST && args.length === 3) {
    const [m, f, a] = args;
    return async (self) => {
      const outcome = await invoke(exports, self, m, f, a);
      const reason = castReason(outcome);
      if (reason !== NORMAL) failed(tuple(m, f, a), reason);
      return reason;
    };
  }
  return undefined;
}

/** A cast that failed is noted here, since its caller does not hear of it. */
export function reportFailedCast(processes: ProcessSystem, [module, fn, args]: Tuple, reason: unknown): void {
  processes.telemetry.count('rpc.failed_cast');
  const arity = Array.isArray(args) ? args.length : '?';
  processes.logger.oncePerMinute(
    'kernel',
    'failed cast',
    `a cast of ${inspectTerm(module)}:${inspectTerm(fn)}/${arity} from another node failed: ${describeReason(reason)}`,
  );
}

/** The exit reason of `erpc:execute_call/4`. */
function erpcReason(ref: unknown, outcome: Outcome): unknown {
  switch (outcome.kind) {
    case 'return':
      return tuple(ref, RETURN, outcome.value);
    case 'throw':
      return tuple(ref, THROW, outcome.value);
    case 'exit':
      return tuple(ref, EXIT, outcome.reason);
    case 'error':
      return tuple(ref, ERROR, outcome.reason, outcome.stack);
    case 'signal':
      return outcome.reason;
  }
}

/** And of `erpc:execute_cast/3`. */
function castReason(outcome: Outcome): unknown {
  switch (outcome.kind) {
    case 'return':
      return NORMAL;
    case 'throw':
      return tuple(tuple(atom('nocatch'), outcome.value), []);
    case 'exit':
    case 'signal':
      return outcome.reason;
    case 'error':
      return tuple(tuple(EXCEPTION, tuple(outcome.reason, outcome.stack)), outcome.stack);
  }
}

/** Reads the exit reason of `erpc:execute_call/4`, run under `ref`. What is not of its form ended it from outside. */
export function readErpcReason(ref: Ref, reason: unknown): Outcome {
  if (reason instanceof Tuple && reason.elements[0] instanceof Ref && reason.elements[0].key === ref.key) {
    const [, kind, what, stack] = reason.elements;
    if (kind === RETURN && reason.length === 3) return { kind: 'return', value: what };
    if (kind === THROW && reason.length === 3) return { kind: 'throw', value: what };
    if (kind === EXIT && reason.length === 3) return { kind: 'exit', reason: what };
    if (kind === ERROR && reason.length === 4) return { kind: 'error', reason: what, stack };
    // `{erpc, system_limit}`: the call itself could not be made there.
    if (kind === ERROR && reason.length === 3) return { kind: 'signal', reason: what };
  }
  return { kind: 'signal', reason };
}

/** What `rex` answers to old callers: the value alone, also of a throw, or `{badrpc, {'EXIT', Reason}}`. */
export function rexResult(outcome: Outcome): unknown {
  if (outcome.kind === 'return' || outcome.kind === 'throw') return outcome.value;
  return tuple(BADRPC, tuple(EXIT_TERM, exitReason(outcome)));
}

/** The exit reason that stands for a failure, as OTP has it: an error's with its stack, `{nocatch, Value}` of a throw. */
export function exitReason(outcome: Exclude<Outcome, { kind: 'return' }>): unknown {
  switch (outcome.kind) {
    case 'throw':
      return tuple(atom('nocatch'), outcome.value);
    case 'error':
      return tuple(outcome.reason, outcome.stack);
    case 'exit':
    case 'signal':
      return outcome.reason;
  }
}
