import type { RejectionOwner } from '../env/rejections.ts';
import { type Atom, atom } from '../term/atom.ts';
import type { Pid } from '../term/identifiers.ts';
import { Tuple } from '../term/tuple.ts';
import type { At } from './destination.ts';
import type { Process } from './process.ts';
import { Settlement } from './settlement.ts';

/** Who waits for answers: a process, or the program outside of all processes. */
export interface CallOwner {
  readonly pid: Pid;
  /** Head of the list of calls under way, linked through `nextOwned`. */
  calls: PendingCall | undefined;
}

/**
 * One call under way. To a process of this node it is itself the message, with no tuple, tag or monitor: the answer
 * settles it, and so does the end of the process that holds it. To any other it waits under a number, which its
 * reference carries.
 */
export class PendingCall extends Settlement<unknown> {
  readonly owner: CallOwner;
  readonly target: Process | Pid | At;
  /** The method; undefined when the request is not of the form that methods have. */
  readonly method: string | undefined;
  readonly args: readonly unknown[];
  /** The request as it was given, if it was given whole. */
  readonly request: unknown;
  /** Whose fault it is when nobody hears that the call failed: the caller's, whoever makes it fail. */
  readonly blamed: RejectionOwner | undefined;
  /** Number of the reference; 0 while the call has none. */
  number = 0;
  settled = false;
  /** Whether its target elsewhere is monitored. */
  monitors = true;
  /** -1 when nothing limits the wait. */
  timeoutMs = -1;
  deadlineMs = 0;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;
  previousDue: PendingCall | undefined = undefined;
  nextDue: PendingCall | undefined = undefined;
  previousOwned: PendingCall | undefined = undefined;
  nextOwned: PendingCall | undefined = undefined;

  constructor(
    owner: CallOwner,
    target: Process | Pid | At,
    method: string | undefined,
    args: readonly unknown[],
    request: unknown,
    blamed: RejectionOwner | undefined,
  ) {
    super();
    this.owner = owner;
    this.target = target;
    this.method = method;
    this.args = args;
    this.request = request;
    this.blamed = blamed;
  }

  /** The request as a term. */
  toTerm(): unknown {
    return this.method === undefined ? this.request : requestTerm(this.method, this.args);
  }
}

/** A cast on its way inside the node. */
export class Cast {
  readonly method: string;
  readonly args: readonly unknown[];

  constructor(method: string, args: readonly unknown[]) {
    this.method = method;
    this.args = args;
  }

  toTerm(): unknown {
    return requestTerm(this.method, this.args);
  }
}

/** `{method, ...args}`, or the bare atom when there are none. */
export function requestTerm(method: string, args: readonly unknown[]): Atom | Tuple {
  return args.length === 0 ? atom(method) : new Tuple([atom(method), ...args]);
}
