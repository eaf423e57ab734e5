import { ExitError, OptionsError } from '../errors.ts';
import { reasonOf } from '../process/reasons.ts';
import { Atom, atom } from '../term/atom.ts';
import type { Ref } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';

/** Functions that other nodes may call, by module: `{ math: { add: (a, b) => a + b } }`. */
export type ExportedModules = Readonly<
  Record<string, Readonly<Record<string, (...args: never[]) => unknown>>>
>;

type ExportedFunction = (...args: unknown[]) => unknown;

const ERPC = atom('erpc');
const EXECUTE_CALL = atom('execute_call');
const EXECUTE_CAST = atom('execute_cast');
const RETURN = atom('return');
const ERROR = atom('error');
const EXIT = atom('exit');
const THROW = atom('throw');
const UNDEF = atom('undef');

/**
 * What `rpc:call` and `erpc:call` of OTP 23 to 29 reach: they spawn `erpc:execute_call(Ref, Module, Function, Args)`
 * here and take the result from its exit reason. Only listed functions can be called; any other is refused as OTP
 * refuses a function that does not exist.
 */
export class Exports {
  readonly #modules: ReadonlyMap<string, ReadonlyMap<string, ExportedFunction>>;

  constructor(...sources: readonly ExportedModules[]) {
    const modules = new Map<string, Map<string, ExportedFunction>>();
    for (const source of sources)
      for (const [module, functions] of Object.entries(source))
        modules.set(module, new Map(Object.entries(functions) as [string, ExportedFunction][]));
    this.#modules = modules;
  }

  /**
   * The exit reason with which a process that was asked to run this function ends; undefined when it is none of
   * erpc's own. Casts end with `normal`, whatever becomes of them.
   */
  serve(module: Atom, fn: Atom, args: readonly unknown[]): (() => Promise<unknown>) | undefined {
    if (module !== ERPC) return undefined;
    if (fn === EXECUTE_CALL && args.length === 4) {
      const [ref, ...rest] = args as [Ref, ...unknown[]];
      return async () => this.#outcome(ref, rest);
    }
    if (fn === EXECUTE_CAST && args.length === 3)
      return async () => {
        await this.#outcome(undefined, args);
        return atom('normal');
      };
    return undefined;
  }

  async #outcome(ref: Ref | undefined, [module, fn, args]: readonly unknown[]): Promise<unknown> {
    const found =
      module instanceof Atom && fn instanceof Atom ? this.#modules.get(module.name)?.get(fn.name) : undefined;
    const here = [tuple(module, fn, args, [])];
    if (found === undefined || !Array.isArray(args)) return tuple(ref, ERROR, UNDEF, here);
    try {
      return tuple(ref, RETURN, await found(...args));
    } catch (thrown) {
      if (thrown instanceof ExitError) return tuple(ref, EXIT, thrown.reason);
      if (!(thrown instanceof Error)) return tuple(ref, THROW, thrown);
      // {js_error, Name, Message}, without the stack lines, which are no stack trace of a BEAM.
      const reason = reasonOf(thrown);
      return tuple(ref, ERROR, reason instanceof Tuple ? reason.at(0) : reason, here);
    }
  }
}

/** @throws OptionsError naming what is no function */
export function checkExports(given: unknown): ExportedModules {
  if (given === undefined) return {};
  const shape = 'expected functions by module, as in { math: { add: (a, b) => a + b } }';
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new OptionsError('exports', `exports: ${shape}`);
  for (const [module, functions] of Object.entries(given)) {
    if (typeof functions !== 'object' || functions === null || Array.isArray(functions))
      throw new OptionsError(`exports.${module}`, `exports.${module}: ${shape}`);
    for (const [name, value] of Object.entries(functions))
      if (typeof value !== 'function')
        throw new OptionsError(
          `exports.${module}.${name}`,
          `exports.${module}.${name}: expected a function, got ${value === null ? 'null' : typeof value}`,
        );
  }
  return given as ExportedModules;
}
