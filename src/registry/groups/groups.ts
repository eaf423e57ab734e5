/**
 * Groups of processes, across nodes: `node.groups`. Knows the scopes by name and starts their processes under one
 * supervisor; `scope.ts` is one scope, `scope-machine.ts` what it decides, `pg-message.ts` what scopes say to each other.
 * Knows of links only that nodes come and go, as any process may.
 */
import { child } from '../../actor/child.ts';
import { type SupervisorMethods, supervisor } from '../../actor/supervisor.ts';
import { ExitError, NameTakenError, OptionsError } from '../../errors.ts';
import { stoppedError } from '../../process/ends.ts';
import type { AnyActor } from '../../process/protocol.ts';
import { describePid, KILLED, NOPROC, SHUTDOWN } from '../../process/reasons.ts';
import { atom, MAX_ATOM_CHARACTERS } from '../../term/atom.ts';
import { inspectTerm } from '../../term/print.ts';
import { Tuple } from '../../term/tuple.ts';
import { Scope, type ScopeSurroundings } from './scope.ts';

/** As OTP's. */
export const DEFAULT_SCOPE = 'pg';
export const SCOPES_SUPERVISOR = 'pg_scopes';

/** Ends of scope processes that pass for accidents. */
const INTENSITY = 10;
const PERIOD_MS = 10_000;

/** The groups of the scope `pg`, and the way to those of others. */
export class Groups extends Scope {
  /** The processes of all scopes hang below it. @internal */
  readonly supervisor: AnyActor;
  readonly #around: ScopeSurroundings;
  readonly #scopes = new Map<string, Scope>();
  #stopped = false;

  /** @internal */
  constructor(around: ScopeSurroundings) {
    super(DEFAULT_SCOPE, around);
    this.#around = around;
    this.#scopes.set(DEFAULT_SCOPE, this);
    this.supervisor = supervisor(SCOPES_SUPERVISOR, { intensity: INTENSITY, period: PERIOD_MS }, () =>
      [...this.#scopes.values()].map(specOf),
    );
  }

  /**
   * The scope of that name, started when it is not there: groups of its own, shared with the nodes that run it too. Its
   * process has that local name.
   * @throws NameTakenError when another process has the name; OptionsError for what cannot be one
   */
  scope(name: string): Scope {
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    if (typeof name !== 'string' || name === '' || name.length > MAX_ATOM_CHARACTERS || name === 'undefined')
      throw new OptionsError(
        'scope',
        `scope: expected a name of 1 to ${MAX_ATOM_CHARACTERS} characters, got ${inspectTerm(name)}`,
      );
    const { processes } = this.#around;
    const holder = processes.whereis(name);
    if (holder !== undefined)
      throw new NameTakenError(
        name,
        `the name ${name} is taken by ${describePid(holder)}: no scope can have it`,
      );
    const made = new Scope(name, this.#around);
    this.#scopes.set(name, made);
    if (this.#stopped) made.fail(stoppedError(processes.node));
    else void this.#start(made);
    return made;
  }

  async #start(scope: Scope): Promise<void> {
    const { processes } = this.#around;
    try {
      const start: keyof SupervisorMethods = 'startChild';
      await processes.callMethod(processes.outside, SCOPES_SUPERVISOR, start, [specOf(scope)], {
        timeout: Number.POSITIVE_INFINITY,
      });
    } catch (error) {
      // A supervisor that ended, or had to begin anew: it starts all that are known by itself.
      if (error instanceof ExitError && startsAnyhow(error.reason)) return;
      this.#scopes.delete(scope.name);
      scope.fail(error);
    }
  }

  /** The node stops. @internal */
  stop(): void {
    this.#stopped = true;
    for (const scope of this.#scopes.values()) scope.fail(stoppedError(this.#around.processes.node));
  }
}

const SUPERVISOR_ENDED: readonly unknown[] = [NOPROC, KILLED, SHUTDOWN];

function startsAnyhow(reason: unknown): boolean {
  if (reason instanceof Tuple) return reason.elements[0] === atom('already_started');
  return reason === atom('already_present') || SUPERVISOR_ENDED.includes(reason);
}

function specOf(scope: Scope) {
  return child(scope.actor, [], { id: scope.name, name: scope.name });
}
