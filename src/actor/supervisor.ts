import { ExitError, OptionsError } from '../errors.ts';
import { checkKnown } from '../option-checks.ts';
import { checkNamed, show } from '../process/checks.ts';
import type { Deferred } from '../process/deferred.ts';
import type { Process } from '../process/process.ts';
import type { Actor, AnyActor } from '../process/protocol.ts';
import { describePid, describeReason, SHUTDOWN } from '../process/reasons.ts';
import type { Exit } from '../process/system-messages.ts';
import { Atom, atom } from '../term/atom.ts';
import { type AtomMap, atoms } from '../term/atom-map.ts';
import { Pid } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import type { ActorSelf } from './actor-self.ts';
import { ActorBehaviour } from './behaviour.ts';
import { type ChildSpec, child as describeChild, SUPERVISES } from './child.ts';
import { type Child, type StartFailure, Supervision, type SupervisorOptions } from './supervision.ts';

/** A child as `whichChildren` tells of it. */
export interface ChildInfo {
  readonly id: string;
  /** Undefined while it does not run. */
  readonly pid: Pid | undefined;
  readonly type: 'worker' | 'supervisor';
  /** Name of its actor. */
  readonly actor: string;
}

/** Methods of a supervisor. Refusals reject with `ExitError`, whose reasons are OTP's: `not_found`, `running`, ... */
export interface SupervisorMethods {
  /** Starts one more child; of a `simple_one_for_one` one of its kind, with these further arguments. */
  startChild(spec: ChildSpec | readonly unknown[]): Promise<Deferred<Pid>>;
  /** Ends a child, by id (or by pid, in a `simple_one_for_one`). Its spec stays, unless it is temporary. */
  terminateChild(id: string | Pid): Promise<Deferred<void>>;
  /** Starts a child that does not run. */
  restartChild(id: string): Promise<Deferred<Pid>>;
  /** Forgets a child that does not run. */
  deleteChild(id: string): Promise<Deferred<void>>;
  /** In the order of starting. */
  whichChildren(): ChildInfo[];
  countChildren(): { specs: number; active: number; supervisors: number; workers: number };
}

const SIMPLE = atom('simple_one_for_one');
const STRATEGIES = ['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'];

/**
 * Defines a supervisor: a process that starts children, in order, and starts them again when they end, by the rules of
 * OTP's supervisor. It answers the same requests: `supervisor:which_children/1` and its like from a BEAM work on it.
 * Its own setup is done once all children's are; if one fails, those before it are ended again, and it ends with
 * `{shutdown, {failed_to_start_child, Id, Reason}}`.
 *
 * @param children - called at each start of the supervisor
 * @throws OptionsError for options that mean nothing
 */
export function supervisor<const Name extends string, Args extends readonly unknown[]>(
  name: Name,
  options: SupervisorOptions,
  children: (...args: Args) => readonly ChildSpec[],
): Actor<Name, Args, SupervisorMethods> {
  checkNamed('supervisor', name, children);
  checkKnown(options, '', ['strategy', 'intensity', 'period']);
  const settings = { strategy: 'one_for_one', intensity: 1, period: 5_000, ...options } as const;
  if (!STRATEGIES.includes(settings.strategy)) {
    throw new OptionsError(
      'strategy',
      `strategy: expected one of ${STRATEGIES.join(', ')}, got ${show(settings.strategy)}`,
    );
  }
  for (const option of ['intensity', 'period'] as const) {
    const value: unknown = settings[option];
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new OptionsError(option, `${option}: expected a number from 0, got ${show(value)}`);
    }
  }
  const behave: AnyActor['behave'] = (process, args) =>
    new ActorBehaviour(
      process,
      (self) => new Supervisor(process, self, settings).init(children(...(args as Args))),
      [],
    );
  return Object.freeze({ name, behave, [SUPERVISES]: true }) as unknown as Actor<
    Name,
    Args,
    SupervisorMethods
  >;
}

class Supervisor {
  readonly #process: Process;
  readonly #self: ActorSelf;
  readonly #supervision: Supervision;
  readonly #simple: boolean;
  /** What a simple_one_for_one starts. */
  #template: ChildSpec | undefined = undefined;

  constructor(process: Process, self: ActorSelf, settings: Required<SupervisorOptions>) {
    this.#process = process;
    process.extra.supervises = true;
    this.#self = self;
    this.#supervision = new Supervision(process, settings);
    this.#simple = settings.strategy === 'simple_one_for_one';
  }

  async init(specs: readonly ChildSpec[]): Promise<object> {
    const self = this.#self;
    self.trapExit = true;
    self.onStop(() => this.#supervision.stopAll());
    self.onExit((exit) => this.#handleExit(exit));
    if (this.#simple) {
      if (specs.length !== 1) {
        throw new OptionsError('children', `simple_one_for_one has one child spec, not ${specs.length}`);
      }
      this.#template = specs[0];
    } else {
      for (const spec of specs) await this.#startFirst(spec);
    }
    return { ...this.#methods(), ...this.#otpRequests() };
  }

  async #startFirst(spec: ChildSpec): Promise<void> {
    if (this.#supervision.byId(spec.id) !== undefined) {
      throw new OptionsError('id', `two children have the id ${spec.id}`);
    }
    const child: Child = { spec, process: undefined };
    const failure = await this.#supervision.start(child);
    if (failure === undefined) {
      this.#supervision.children.push(child);
      return;
    }
    const reason = tuple(SHUTDOWN, tuple(atom('failed_to_start_child'), spec.id, failure.reason));
    throw this.#exitError(reason);
  }

  async #handleExit(exit: Exit): Promise<void> {
    const child = this.#supervision.byPid(exit.pid);
    // As in OTP: strangers do not concern us, nor does a child that could not be started and has been dealt with.
    if (child === undefined) return;
    if (!(await this.#supervision.ended(child, exit.reason))) {
      this.#process.system.logger.error(
        'process',
        `${describePid(this.#self.pid)} (${this.#process.label}) gives up: too many restarts, the last of ${child.spec.id}`,
      );
      throw this.#exitError(SHUTDOWN);
    }
  }

  #exitError(reason: unknown): ExitError {
    const pid = describePid(this.#self.pid);
    return new ExitError(reason, pid, `supervisor ${pid} exits with ${describeReason(reason)}`);
  }

  /** A new child, entered when it has started. */
  async #startNew(spec: ChildSpec): Promise<Pid | StartFailure> {
    const known = this.#simple ? undefined : this.#supervision.byId(spec.id);
    if (known !== undefined) {
      const reason =
        known.process === undefined
          ? atom('already_present')
          : tuple(atom('already_started'), known.process.pid);
      return { reason };
    }
    const child: Child = { spec, process: undefined };
    const failure = await this.#supervision.start(child);
    if (failure !== undefined) return failure;
    this.#supervision.children.push(child);
    return child.process!.pid;
  }

  async #terminate(id: unknown): Promise<StartFailure | undefined> {
    if (this.#simple && !(id instanceof Pid)) return { reason: SIMPLE };
    const child = id instanceof Pid ? this.#supervision.byPid(id) : this.#find(id);
    if (child === undefined || (id instanceof Pid && !this.#simple)) return { reason: atom('not_found') };
    await this.#supervision.stop(child);
    if (this.#simple || child.spec.restart === 'temporary') this.#supervision.remove(child);
    return undefined;
  }

  async #restart(id: unknown): Promise<Pid | StartFailure> {
    if (this.#simple) return { reason: SIMPLE };
    const child = this.#find(id);
    if (child === undefined) return { reason: atom('not_found') };
    if (child.process !== undefined) return { reason: atom('running') };
    const failure = await this.#supervision.start(child);
    return failure ?? child.process!.pid;
  }

  #delete(id: unknown): StartFailure | undefined {
    if (this.#simple) return { reason: SIMPLE };
    const child = this.#find(id);
    if (child === undefined) return { reason: atom('not_found') };
    if (child.process !== undefined) return { reason: atom('running') };
    this.#supervision.remove(child);
    return undefined;
  }

  #find(id: unknown): Child | undefined {
    return this.#supervision.byId(id instanceof Atom ? id.name : String(id));
  }

  /** One more of a simple_one_for_one's kind. */
  #another(extraArgs: readonly unknown[]): ChildSpec {
    const template = this.#template!;
    return { ...template, args: [...template.args, ...extraArgs] };
  }

  #methods(): SupervisorMethods {
    const answer = async <T>(
      outcome: Promise<T | StartFailure> | T | StartFailure,
    ): Promise<Deferred<never>> => {
      const deferred = this.#self.deferReply<unknown>();
      const result = await outcome;
      if (isFailure(result)) deferred.fail(result.reason);
      else deferred.reply(result);
      return deferred as Deferred<never>;
    };
    return {
      startChild: (spec) => answer(this.#startAsked(spec)),
      terminateChild: (id) => answer(this.#terminate(id)),
      restartChild: (id) => answer(this.#restart(id)),
      deleteChild: (id) => answer(this.#delete(id)),
      whichChildren: () =>
        this.#supervision.children.map(({ spec, process }) => ({
          id: spec.id,
          pid: process?.pid,
          type: spec.type,
          actor: spec.actor.name,
        })),
      countChildren: () => this.#supervision.count(),
    };
  }

  async #startAsked(asked: unknown): Promise<Pid | StartFailure> {
    if (Array.isArray(asked)) {
      return this.#simple ? this.#startNew(this.#another(asked)) : { reason: atom('invalid_child_spec') };
    }
    const spec = asked as ChildSpec | undefined;
    if (this.#simple || typeof spec?.actor?.behave !== 'function')
      return { reason: atom('invalid_child_spec') };
    return this.#startNew(spec);
  }

  /** The requests of OTP's supervisor module, and its answers. */
  #otpRequests(): Record<string, (...args: never[]) => unknown> {
    const supervision = this.#supervision;
    const result = (outcome: Pid | StartFailure): Tuple =>
      isFailure(outcome) ? tuple(atom('error'), outcome.reason) : tuple(atom('ok'), outcome);
    const done = (failure: StartFailure | undefined): Atom | Tuple =>
      failure === undefined ? atom('ok') : tuple(atom('error'), failure.reason);
    return {
      start_child: async (asked: unknown) => result(await this.#startTerm(asked)),
      terminate_child: async (id: unknown) => done(await this.#terminate(id)),
      restart_child: async (id: unknown) => result(await this.#restart(id)),
      delete_child: (id: unknown) => done(this.#delete(id)),
      get_childspec: (id: unknown) => {
        const child = id instanceof Pid ? supervision.byPid(id) : this.#find(id);
        return child === undefined
          ? tuple(atom('error'), atom('not_found'))
          : tuple(atom('ok'), specTerm(child.spec));
      },
      which_children: () => supervision.which(),
      count_children: () =>
        Object.entries(supervision.count()).map(([key, count]) => tuple(atom(key), count)),
    };
  }

  /**
   * `start_child` of a BEAM: further arguments for a simple_one_for_one; else a spec map or tuple whose `{M, F, A}` names an
   * actor that is among the children already, since nothing else of ours may be started from outside.
   */
  async #startTerm(asked: unknown): Promise<Pid | StartFailure> {
    if (this.#simple) return this.#startAsked(asked);
    const fields = asked instanceof Tuple ? fieldsOfTuple(asked) : fieldsOfMap(asked);
    const mfa = fields?.start;
    if (fields === undefined || !(mfa instanceof Tuple) || !Array.isArray(mfa.elements[2])) {
      return { reason: atom('invalid_child_spec') };
    }
    const module = textOf(mfa.elements[0]);
    const actor = this.#supervision.children.find((child) => child.spec.actor.name === module)?.spec.actor;
    if (actor === undefined) return { reason: tuple(atom('undef'), mfa.elements[0]) };
    const restart = textOf(fields.restart);
    const shutdown = fields.shutdown instanceof Atom ? fields.shutdown.name : fields.shutdown;
    try {
      const spec = describeChild(actor, mfa.elements[2], {
        id: textOf(fields.id) ?? module!,
        ...(restart === undefined ? {} : { restart: restart as ChildSpec['restart'] }),
        ...(shutdown === undefined
          ? {}
          : { shutdown: shutdown === 'infinity' ? Number.POSITIVE_INFINITY : (shutdown as number) }),
      });
      return await this.#startNew(spec);
    } catch (error) {
      if (error instanceof OptionsError) return { reason: tuple(atom('invalid_child_spec'), error.message) };
      throw error;
    }
  }
}

function isFailure(outcome: unknown): outcome is StartFailure {
  return typeof outcome === 'object' && outcome !== null && !(outcome instanceof Pid) && 'reason' in outcome;
}

/** A child's spec as OTP's `get_childspec/2` shows it. */
function specTerm({ actor, args, id, restart, shutdown, type }: ChildSpec): AtomMap {
  const module = atom(actor.name);
  return atoms({
    id,
    start: tuple(module, atom('start_link'), args),
    restart: atom(restart),
    shutdown:
      typeof shutdown === 'string'
        ? atom(shutdown)
        : shutdown === Number.POSITIVE_INFINITY
          ? atom('infinity')
          : shutdown,
    type: atom(type),
    modules: [module],
  });
}

function textOf(term: unknown): string | undefined {
  return term instanceof Atom ? term.name : typeof term === 'string' ? term : undefined;
}

/** `{Id, {M, F, A}, Restart, Shutdown, Type, Modules}`, the old form. */
function fieldsOfTuple(spec: Tuple): Record<string, unknown> | undefined {
  if (spec.length !== 6) return undefined;
  const [id, start, restart, shutdown] = spec.elements;
  return { id, start, restart, shutdown };
}

function fieldsOfMap(spec: unknown): Record<string, unknown> | undefined {
  if (spec instanceof Map) {
    return Object.fromEntries([...spec].map(([key, value]) => [textOf(key) ?? '', value]));
  }
  return typeof spec === 'object' && spec !== null && !Array.isArray(spec)
    ? (spec as Record<string, unknown>)
    : undefined;
}
