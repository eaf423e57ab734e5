import { EncodeError, ExitError, LimitError, messageOf, nameOf, stackOf } from '../errors.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple, tuple } from '../term/tuple.ts';

export const NORMAL = atom('normal');
export const SHUTDOWN = atom('shutdown');
export const KILL = atom('kill');
export const KILLED = atom('killed');
export const NOPROC = atom('noproc');
export const NOCONNECTION = atom('noconnection');
export const UNDEF = atom('undef');
export const JS_ERROR = atom('js_error');
export const NOCATCH = atom('nocatch');
export const CALLING_SELF = atom('calling_self');
export const MAILBOX_FULL = atom('mailbox_full');

const ENCODE_ERROR = atom('encode_error');

const WORDS: Readonly<Record<string, Atom>> = { normal: NORMAL, shutdown: SHUTDOWN, kill: KILL };

/**
 * An exit reason as users give it: any term. The strings `normal`, `shutdown` and `kill` mean those atoms, since a
 * text of that spelling is never what was meant.
 */
export function toReason(reason: unknown): unknown {
  return typeof reason === 'string' && Object.hasOwn(WORDS, reason) ? WORDS[reason] : askable(reason);
}

/** A proxy may fail whatever is asked of it, `instanceof` included: such a reason is told as text. */
function askable(reason: unknown): unknown {
  try {
    reason instanceof Tuple;
    return reason;
  } catch {
    return tuple(NOCATCH, inspectTerm(reason));
  }
}

/**
 * The exit reason that a thrown value stands for: the reason of an `ExitError`; of another Error
 * `{{js_error, Name, Message}, [StackLine]}`; of anything else `{nocatch, Term}`.
 */
export function reasonOf(thrown: unknown): unknown {
  try {
    if (thrown instanceof ExitError) return askable(thrown.reason);
    if (thrown instanceof Error)
      return tuple(tuple(JS_ERROR, nameOf(thrown), messageOf(thrown)), stackLines(thrown));
  } catch {
    // A proxy, as above.
  }
  return tuple(NOCATCH, thrown);
}

/** What was thrown, for the log: an error with its stack, anything else as a term. */
export function describeThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return stackOf(thrown);
  } catch {
    // As above.
  }
  return describeReason(thrown);
}

function stackLines(thrown: Error): string[] {
  return stackOf(thrown)
    .split('\n')
    .flatMap((line) => {
      const trimmed = line.trim();
      return trimmed.startsWith('at ') ? [trimmed] : [];
    });
}

/** Whether `error` says of a message that it has no term, or is too long. */
export function isUnsendable(error: unknown): error is EncodeError | LimitError {
  return error instanceof EncodeError || error instanceof LimitError;
}

/** `{encode_error, Text}`: why a message could not be sent. The text has the path to what was in the way. */
export function unsendableReason(error: EncodeError | LimitError): Tuple {
  return tuple(ENCODE_ERROR, error.message);
}

/** Whether a process with this reason ended as it should: `normal`, `shutdown`, `{shutdown, Term}`. */
export function isCleanExit(reason: unknown): boolean {
  if (reason === NORMAL || reason === SHUTDOWN) return true;
  return reason instanceof Tuple && reason.length === 2 && reason.elements[0] === SHUTDOWN;
}

/** A pid for people: node, id and serial. */
export function describePid(pid: Pid): string {
  return `<${pid.node}:${pid.id}.${pid.serial}>`;
}

/** Characters after which a reason is cut: it stands in log lines and in messages of errors, whatever a peer sent. */
const MAX_DESCRIBED = 2_000;
const MAX_DESCRIBED_BYTES = 64;

/** An exit reason for people, in one line, cut where it is long. */
export function describeReason(reason: unknown): string {
  try {
    return cut(describe(reason, { left: MAX_DESCRIBED }), MAX_DESCRIBED);
  } catch {
    // A proxy fails what is asked of it.
    return cut(inspectTerm(reason), MAX_DESCRIBED);
  }
}

/** What is left to be told; each part costs what it takes, and each level something. */
interface Budget {
  left: number;
}

function describe(reason: unknown, budget: Budget): string {
  if (budget.left <= 0) return '...';
  budget.left -= 2;
  if (reason instanceof Tuple) {
    const [what] = reason.elements;
    if (what instanceof Tuple && what.length === 3 && what.elements[0] === JS_ERROR) {
      const [, name, message] = what.elements;
      return cut(`${wordOf(name)}: ${wordOf(message)}`, MAX_DESCRIBED);
    }
    return `{${describeAll(reason.elements, budget)}}`;
  }
  if (Array.isArray(reason)) return `[${describeAll(reason, budget)}]`;
  const text = describeLeaf(reason);
  budget.left -= text.length;
  return text;
}

/** Text as it is: a peer may have sent anything in its place. */
function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : inspectTerm(value);
}

function describeAll(parts: readonly unknown[], budget: Budget): string {
  const told: string[] = [];
  for (const part of parts) {
    told.push(describe(part, budget));
    if (budget.left <= 0) break;
  }
  return told.length < parts.length ? `${told.join(', ')}, ...` : told.join(', ');
}

function describeLeaf(reason: unknown): string {
  if (reason instanceof Pid) return describePid(reason);
  if (typeof reason === 'string') return JSON.stringify(cut(reason, MAX_DESCRIBED));
  if (reason instanceof Uint8Array && reason.length > MAX_DESCRIBED_BYTES) {
    const shown = inspectTerm(reason.subarray(0, MAX_DESCRIBED_BYTES));
    return `${shown.slice(0, -2)}... ${reason.length} bytes>>`;
  }
  if (reason instanceof Error) return cut(`${nameOf(reason)}: ${messageOf(reason)}`, MAX_DESCRIBED);
  if (typeof reason !== 'object' || reason === null || reason instanceof Atom)
    return cut(String(reason), MAX_DESCRIBED);
  return cut(inspectTerm(reason), MAX_DESCRIBED);
}

/** Not in the middle of a character: the text may have to travel. */
export function cut(text: string, length: number): string {
  return (text.length <= length ? text : `${text.slice(0, length)}...`).toWellFormed();
}
