import { OptionsError } from '../errors.ts';
import { checkKnown } from '../option-checks.ts';
import { checkRunnable, show } from '../process/checks.ts';
import type { AnyActor, ArgsOf } from '../process/protocol.ts';

/** When a supervisor starts a child again: always; unless it ended with `normal` or `shutdown`; never. */
export type Restart = 'permanent' | 'transient' | 'temporary';

export interface ChildOptions {
  /** Unique in its supervisor. @default the actor's name */
  readonly id?: string;
  /** @default 'permanent' */
  readonly restart?: Restart;
  /**
   * Milliseconds the child has to end after `shutdown`, then it is killed; `brutal_kill` kills it at once.
   * @default 5000, and Infinity for a supervisor
   */
  readonly shutdown?: number | 'brutal_kill';
  /** Local name, registered at each start. */
  readonly name?: string;
}

/** What a supervisor needs to know of a child. Made by `child()`. */
export interface ChildSpec {
  readonly actor: AnyActor;
  readonly args: readonly unknown[];
  readonly id: string;
  readonly restart: Restart;
  readonly shutdown: number | 'brutal_kill';
  readonly name: string | undefined;
  readonly type: 'worker' | 'supervisor';
}

/** Actors that supervise carry it. @internal */
export const SUPERVISES: unique symbol = Symbol('beamish.supervises');

/** Describes a child. @throws OptionsError for options that mean nothing */
export function child<A extends AnyActor>(actor: A, args: ArgsOf<A>, options: ChildOptions = {}): ChildSpec {
  checkRunnable(actor, args);
  if (typeof actor === 'function')
    throw new OptionsError('actor', 'a supervisor starts actors; make one of the function with actor()');
  checkKnown(options, '', ['id', 'restart', 'shutdown', 'name']);
  const type = SUPERVISES in actor ? 'supervisor' : 'worker';
  const restart = options.restart ?? 'permanent';
  const shutdown = options.shutdown ?? (type === 'supervisor' ? Number.POSITIVE_INFINITY : 5_000);
  if (!['permanent', 'transient', 'temporary'].includes(restart)) {
    throw new OptionsError(
      'restart',
      `restart: expected permanent, transient or temporary, got ${show(restart)}`,
    );
  }
  if (shutdown !== 'brutal_kill' && !(typeof shutdown === 'number' && shutdown >= 0)) {
    throw new OptionsError(
      'shutdown',
      `shutdown: expected a number of ms from 0, or brutal_kill, got ${show(shutdown)}`,
    );
  }
  for (const option of ['id', 'name'] as const) {
    const value: unknown = options[option];
    if (value !== undefined && typeof value !== 'string')
      throw new OptionsError(option, `${option}: expected text, got ${show(value)}`);
  }
  return {
    actor,
    args: args as readonly unknown[],
    id: options.id ?? actor.name,
    restart,
    shutdown,
    name: options.name,
    type,
  };
}
