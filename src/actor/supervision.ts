import type { Process } from '../process/process.ts';
import { isCleanExit, KILLED, reasonOf, SHUTDOWN } from '../process/reasons.ts';
import { atom } from '../term/atom.ts';
import type { Pid } from '../term/identifiers.ts';
import { type Tuple, tuple } from '../term/tuple.ts';
import type { ChildSpec } from './child.ts';

export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one';

export interface SupervisorOptions {
  /**
   * Who is restarted when a child ends: that child; all; that child and those started after it. `simple_one_for_one`
   * starts none by itself: `startChild` does, any number, all by the one spec it was given.
   * @default 'one_for_one'
   */
  readonly strategy?: Strategy;
  /** Restarts allowed within `period`; one more, and the supervisor itself ends with `shutdown`. @default 1 */
  readonly intensity?: number;
  /** Milliseconds. @default 5000 */
  readonly period?: number;
}

/** A child as the supervisor keeps it; `process` is undefined while it does not run. */
export interface Child {
  readonly spec: ChildSpec;
  process: Process | undefined;
}

/** Why a child could not be started, as a term. */
export interface StartFailure {
  readonly reason: unknown;
}

/**
 * The children of one supervisor, in the order they were started, and the rules of OTP's supervisor for them. All methods
 * that wait are called one after the other: the supervisor's handlers run strictly one at a time.
 */
export class Supervision {
  readonly #process: Process;
  readonly #strategy: Strategy;
  readonly #intensity: number;
  readonly #periodMs: number;
  readonly #restartsMs: number[] = [];
  children: Child[] = [];

  constructor(process: Process, options: Required<SupervisorOptions>) {
    this.#process = process;
    this.#strategy = options.strategy;
    this.#intensity = options.intensity;
    this.#periodMs = options.period;
  }

  byId(id: string): Child | undefined {
    return this.children.find((child) => child.spec.id === id);
  }

  byPid(pid: Pid): Child | undefined {
    const own = this.#process.system.genuine(pid);
    return this.children.find((child) => child.process?.pid === own);
  }

  remove(child: Child): void {
    this.children = this.children.filter((other) => other !== child);
  }

  /** Starts a child and waits until its setup is done. */
  async start(child: Child): Promise<StartFailure | undefined> {
    const { system } = this.#process;
    const { actor, args, name } = child.spec;
    // Killed while a child before this one started: nobody would look after this one.
    if (!this.#process.alive) return { reason: KILLED };
    let process: Process;
    try {
      process = system.start(actor, args, name === undefined ? {} : { name });
    } catch (error) {
      return { reason: reasonOf(error) };
    }
    process.supervised = true;
    process.extra.parent = this.#process.pid;
    system.inheritGroupLeader(process, this.#process);
    system.signals.link(this.#process, process.pid);
    child.process = process;
    const failure = await new Promise<StartFailure | undefined>((resolve) => {
      process.extra.onReady = () => resolve(undefined);
      system.whenEnded(process, (reason) => resolve({ reason }));
    });
    if (failure !== undefined) child.process = undefined;
    return failure;
  }

  /** Ends a child within its shutdown time. */
  async stop(child: Child): Promise<void> {
    const { process, spec } = child;
    child.process = undefined;
    if (process === undefined || !process.alive) return;
    const { system } = this.#process;
    // What it ends with is our own doing: no exit of it is to come.
    system.signals.unlink(this.#process, process.pid);
    if (spec.shutdown === 'brutal_kill') {
      system.end(process, KILLED, undefined);
      return;
    }
    const ended = new Promise<void>((resolve) => system.whenEnded(process, () => resolve()));
    const timer =
      spec.shutdown === Number.POSITIVE_INFINITY
        ? undefined
        : system.clock.setTimeout(() => system.end(process, KILLED, undefined), spec.shutdown);
    system.signals.receiveExit(process, this.#process.pid, SHUTDOWN, 'exit2');
    await ended;
    if (timer !== undefined) system.clock.clearTimeout(timer);
  }

  /** Ends all, the last started first; the many alike of simple_one_for_one at the same time. */
  async stopAll(): Promise<void> {
    if (this.#strategy === 'simple_one_for_one') {
      await Promise.all(this.children.map((child) => this.stop(child)));
      return;
    }
    for (const child of [...this.children].reverse()) await this.stop(child);
  }

  /**
   * A child has ended by itself: restarts whom the strategy says. False when that was once too often, and the
   * supervisor is to end.
   */
  async ended(child: Child, reason: unknown): Promise<boolean> {
    child.process = undefined;
    const { restart } = child.spec;
    const wanted = restart === 'permanent' || (restart === 'transient' && !isCleanExit(reason));
    if (!wanted) {
      // A transient child's spec stays, for `restartChild`; but nobody could name one of the many alike.
      if (restart === 'temporary' || this.#strategy === 'simple_one_for_one') this.remove(child);
      return true;
    }
    let failed: Child | undefined = child;
    while (failed !== undefined && this.#process.alive) {
      if (!this.#mayRestart()) return false;
      failed = await this.#restart(failed);
    }
    return true;
  }

  /** Restarts a child and those that go with it; the one that could not be started, if any. */
  async #restart(child: Child): Promise<Child | undefined> {
    let group = [child];
    if (this.#strategy === 'one_for_all') group = this.children;
    if (this.#strategy === 'rest_for_one') group = this.children.slice(this.children.indexOf(child));
    for (const other of [...group].reverse()) await this.stop(other);
    for (const other of group) {
      if (other.spec.restart === 'temporary') {
        this.remove(other);
        continue;
      }
      const failure = await this.start(other);
      if (failure !== undefined) return other;
    }
    return undefined;
  }

  #mayRestart(): boolean {
    const nowMs = this.#process.system.clock.nowMs();
    const restarts = this.#restartsMs;
    restarts.push(nowMs);
    while (restarts.length > 0 && restarts[0]! < nowMs - this.#periodMs) restarts.shift();
    return restarts.length <= this.#intensity;
  }

  /** As OTP's which_children/1 lists them: the last started first. */
  which(): Tuple[] {
    return [...this.children].reverse().map(({ spec, process }) => {
      const id = this.#strategy === 'simple_one_for_one' ? atom('undefined') : spec.id;
      return tuple(id, process?.pid ?? atom('undefined'), atom(spec.type), [atom(spec.actor.name)]);
    });
  }

  /** As OTP's count_children/1 does. */
  count(): { specs: number; active: number; supervisors: number; workers: number } {
    const supervisors = this.children.filter((child) => child.spec.type === 'supervisor').length;
    return {
      specs: this.#strategy === 'simple_one_for_one' ? 1 : this.children.length,
      active: this.children.filter((child) => child.process !== undefined).length,
      supervisors,
      workers: this.children.length - supervisors,
    };
  }
}
