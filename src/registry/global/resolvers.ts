import type { Clock } from '../../env/clock.ts';
import { messageOf, OptionsError } from '../../errors.ts';
import { KILL } from '../../process/reasons.ts';
import type { ProcessSystem } from '../../process/system.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { atom } from '../../term/atom.ts';
import { ExternalFun, OpaqueFun } from '../../term/fun.ts';
import { Pid } from '../../term/identifiers.ts';
import { compareTerms } from '../../term/order.ts';
import { inspectTerm } from '../../term/print.ts';
import { TermMap } from '../../term/term-map.ts';
import { tuple } from '../../term/tuple.ts';

/**
 * Decides who keeps a name that two processes have, once for the two, on this node: one of the pids, or undefined when
 * neither is to have it. What it does to the other one is its own affair.
 */
export type ResolverFunction = (
  name: unknown,
  pid1: Pid,
  pid2: Pid,
) => Pid | undefined | Promise<Pid | undefined>;

/**
 * What happens when two parts of a cluster that both have a name come together, as OTP's functions of these names:
 *
 * - `random_exit`: the process on the smaller node name keeps it, the other one is killed
 * - `random_notify`: the same, but the other one gets `{global_name_conflict, Name}`
 * - `notify_all`: neither keeps it, both get `{global_name_conflict, Name, OtherPid}`
 */
export type Resolve = 'random_exit' | 'random_notify' | 'notify_all' | ResolverFunction;

const GLOBAL = atom('global');
const BEAMISH = atom('beamish');
const RESOLVE = atom('resolve');
const NONE = atom('none');
const EXIT = atom('EXIT');
const CONFLICT = atom('global_name_conflict');

/** A resolver that has not answered by then has not decided. */
export const RESOLVE_LIMIT_MS = 10_000;

const STANDARD: Readonly<Record<string, ExternalFun>> = {
  random_exit: new ExternalFun(GLOBAL, atom('random_exit_name'), 3),
  random_notify: new ExternalFun(GLOBAL, atom('random_notify_name'), 3),
  notify_all: new ExternalFun(GLOBAL, atom('notify_all_name'), 3),
};

/**
 * Resolvers as they travel, and as they run. A function of this program travels as `fun beamish:resolve/3`, which means
 * something on this node alone; what others registered with is kept as it came and passed on.
 */
export class Resolvers {
  readonly #processes: ProcessSystem;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Functions of this program, by the name they were registered with. */
  readonly #functions = new TermMap<ResolverFunction>();

  constructor(processes: ProcessSystem, logger: Logger) {
    this.#processes = processes;
    this.#clock = processes.clock;
    this.#logger = logger;
  }

  /** @throws OptionsError for what is no resolver, or a function for a process of another node: it runs where that is */
  toTerm(resolve: Resolve, pid: Pid): ExternalFun {
    if (typeof resolve === 'function') {
      if (pid.node === this.#processes.node) return new ExternalFun(BEAMISH, RESOLVE, 3);
      throw new OptionsError(
        'resolve',
        `resolve: a function decides on the node of the process, and that of ${pid} is another than ${this.#processes.node}`,
      );
    }
    const standard = Object.hasOwn(STANDARD, resolve) ? STANDARD[resolve] : undefined;
    if (standard !== undefined) return standard;
    throw new OptionsError(
      'resolve',
      `resolve: expected ${Object.keys(STANDARD).join(', ')} or a function, got ${inspectTerm(resolve)}`,
    );
  }

  /** The name has been registered with this. */
  keep(name: unknown, resolve: Resolve): void {
    if (typeof resolve === 'function') this.#functions.set(name, resolve);
    else this.#functions.delete(name);
  }

  forget(name: unknown): void {
    this.#functions.delete(name);
  }

  /**
   * `global:resolve_it/4`: runs a resolver here.
   * @returns a pid, `none`, or a term that says what went wrong, on which nobody keeps the name
   */
  async run(resolver: unknown, name: unknown, pid1: unknown, pid2: unknown): Promise<unknown> {
    if (!(pid1 instanceof Pid) || !(pid2 instanceof Pid)) return tuple(EXIT, atom('badarg'));
    // A closure of the module global is OTP's default; its other resolvers travel as external funs.
    if (resolver instanceof OpaqueFun && resolver.module === GLOBAL)
      return this.#randomExit(name, pid1, pid2);
    if (!(resolver instanceof ExternalFun) || resolver.arity !== 3) return tuple(EXIT, atom('badfun'));
    switch (`${resolver.module.name}:${resolver.function.name}`) {
      case 'global:random_exit_name':
        return this.#randomExit(name, pid1, pid2);
      case 'global:random_notify_name': {
        const [least, greatest] = byNode(pid1, pid2);
        this.#processes.send(greatest, tuple(CONFLICT, name));
        return least;
      }
      case 'global:notify_all_name':
        this.#processes.send(pid1, tuple(CONFLICT, name, pid2));
        this.#processes.send(pid2, tuple(CONFLICT, name, pid1));
        return NONE;
      case 'beamish:resolve':
        return await this.#decide(name, pid1, pid2);
      default:
        return tuple(EXIT, atom('undef'));
    }
  }

  #randomExit(name: unknown, pid1: Pid, pid2: Pid): Pid {
    const [least, greatest] = byNode(pid1, pid2);
    this.#logger.info('registry', `global name conflict: ${inspectTerm(name)} terminates ${greatest}`);
    this.#processes.exit(greatest, KILL);
    return least;
  }

  async #decide(name: unknown, pid1: Pid, pid2: Pid): Promise<unknown> {
    const decide = this.#functions.get(name);
    if (decide === undefined) return tuple(EXIT, atom('undef'));
    const clock = this.#clock;
    let timer: unknown;
    const late = new Promise<never>((_, reject) => {
      timer = clock.setTimeout(
        () => reject(new Error(`it has not answered within ${RESOLVE_LIMIT_MS} ms`)),
        RESOLVE_LIMIT_MS,
      );
    });
    try {
      const winner = await Promise.race([decide(name, pid1, pid2), late]);
      return winner === undefined || winner === null ? NONE : winner;
    } catch (error) {
      const text = messageOf(error);
      this.#logger.error('registry', `the resolver of the global name ${inspectTerm(name)} failed: ${text}`);
      return tuple(EXIT, text);
    } finally {
      clock.clearTimeout(timer);
    }
  }
}

/** The one on the smaller node name first. */
function byNode(pid1: Pid, pid2: Pid): readonly [Pid, Pid] {
  return compareTerms(atom(pid1.node), atom(pid2.node)) < 0 ? [pid1, pid2] : [pid2, pid1];
}
