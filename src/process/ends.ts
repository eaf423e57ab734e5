import { ExitError } from '../errors.ts';
import type { EventPoint } from '../telemetry/events.ts';
import { PendingCall } from './pending-call.ts';
import { DEAD, ENDING, type Process, STARTING } from './process.ts';
import { describePid, describeReason, describeThrown, isCleanExit, reasonOf, SHUTDOWN } from './reasons.ts';
import type { ProcessSystem } from './system.ts';

/**
 * How processes end: by a throw, by an exit signal, or killed. Whoever ends is taken off the books first, then its
 * callers, its links and its monitors are told, each once.
 */
export class Ends {
  readonly #system: ProcessSystem;
  /** Processes that are DEAD and whose end is still to be announced. A list, since ends cause ends without limit. */
  readonly #ended: Process[] = [];
  #announcing = false;
  readonly #exits: EventPoint;

  constructor(system: ProcessSystem) {
    this.#system = system;
    this.#exits = system.telemetry.event('process.exit');
  }

  /** A process has thrown: it ends with that as its reason. */
  fail(process: Process, error: unknown): void {
    if (process.state === DEAD || process.state === ENDING) return;
    const reason = reasonOf(error);
    if (!isCleanExit(reason)) this.reportCrash(process, error);
    this.terminate(process, reason, error);
  }

  /**
   * A promise that a process made was rejected for nobody: a crash, or, once the process has ended, a thing to note;
   * that it could go on no longer since it had ended is no news.
   */
  failUnhandled(process: Process, error: unknown): void {
    this.#failLate(process, error, 'process.late_rejection', 'left a promise that was rejected');
  }

  /** The same for a listener of its `signal` that has thrown: nearly always at its end, whoever brought that about. */
  failAborted(process: Process, error: unknown): void {
    this.#failLate(process, error, 'process.late_throw', 'a listener of its signal threw');
  }

  #failLate(process: Process, error: unknown, counter: string, what: string): void {
    if (process.state !== DEAD && process.state !== ENDING) {
      this.fail(process, error);
      return;
    }
    if (error instanceof ExitError && error.destination === describePid(process.pid)) return;
    this.#system.telemetry.count(counter);
    this.#system.logger.warning(
      'process',
      `${describePid(process.pid)} (${process.label}) has ended, and ${what}: ${describeThrown(error)}`,
    );
  }

  /** Says so in the log, with the stack where there is one. */
  reportCrash(process: Process, error: unknown): void {
    const names = process.extras?.names;
    const name = names === undefined ? process.label : `${process.label}, registered as ${names.join(', ')}`;
    this.#system.logger.error(
      'process',
      `${describePid(process.pid)} (${name}) crashed: ${describeThrown(error)}`,
    );
  }

  /** Ends a process after its `terminate`, if it has one to run. */
  terminate(process: Process, reason: unknown, error: unknown): void {
    if (process.state === DEAD || process.state === ENDING) return;
    if (process.state === STARTING || process.behaviour?.hasTerminate !== true) {
      this.end(process, reason, error);
      return;
    }
    process.exit = { reason, error, terminating: false };
    process.state = ENDING;
    this.#system.scheduler.enqueue(process);
  }

  /** Ends a process at once. */
  end(process: Process, reason: unknown, error: unknown): void {
    if (process.state === DEAD) return;
    process.state = DEAD;
    process.exit = { reason, error, terminating: true };
    this.#system.forget(process);
    this.#ended.push(process);
    if (this.#announcing) return;
    this.#announcing = true;
    try {
      for (let next = this.#ended.pop(); next !== undefined; next = this.#ended.pop()) this.#bury(next);
    } finally {
      this.#announcing = false;
    }
  }

  #bury(process: Process): void {
    const { reason, error } = process.exit!;
    const { extras, mailbox } = process;
    const system = this.#system;
    system.forgetNames(process);
    if (process.current !== undefined) system.requests.fail(process.current, reason, error);
    if (extras?.taken !== undefined)
      for (const call of extras.taken) system.requests.fail(call, reason, error);
    if (mailbox !== undefined) {
      for (let i = 0; i < mailbox.length; i += 1) {
        const message = mailbox.at(i);
        if (message instanceof PendingCall) system.requests.fail(message, reason, error);
      }
      process.mailbox = undefined;
    }
    if (process.calls !== undefined) system.requests.book.rejectOwned(process, deadError(process));
    if (extras !== undefined) {
      if (extras.waiter !== undefined) process.rejectWaiters(deadError(process));
      if (extras.timers !== undefined) for (const timer of extras.timers) system.clock.clearTimeout(timer);
    }
    system.signals.announceEnd(process, reason);
    this.#exits.emit(() => ({ pid: process.pid, label: process.label, reason }));
    if (extras?.controller !== undefined) this.#abort(process, extras.controller);
    if (extras?.onEnd !== undefined) for (const listener of extras.onEnd) listener(reason);
    process.behaviour = undefined;
    process.current = undefined;
  }

  /** What hangs on the signal is the process's own code, whoever ended it; what that throws comes to `failAborted`. */
  #abort(process: Process, controller: AbortController): void {
    const { rejections } = this.#system;
    const error = deadError(process);
    if (rejections === undefined) controller.abort(error);
    else rejections.run(process, () => controller.abort(error), undefined);
  }
}

/** What whoever still waits for something on a node is told when that stops. */
export function stoppedError(node: string): ExitError {
  return new ExitError(SHUTDOWN, node, `${node} has stopped`);
}

/** What everything that a dead process still tries to do throws. */
export function deadError(process: Process): ExitError {
  const reason = process.exit?.reason;
  const pid = describePid(process.pid);
  return new ExitError(reason, pid, `process ${pid} has exited with ${describeReason(reason)}`);
}
