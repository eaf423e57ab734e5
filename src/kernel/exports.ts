import { OptionsError } from '../errors.ts';
import { isPlain, show } from '../option-checks.ts';
import { Atom } from '../term/atom.ts';

/**
 * Functions that other nodes may call, by module: `{ math: { add: (a, b) => a + b } }`. Each call runs in a process of
 * its own, whose `self` is the function's `this` (where it is written `function (this: Self, ...)`).
 */
export type ExportedModules = Readonly<
  Record<string, Readonly<Record<string, (...args: never[]) => unknown>>>
>;

/**
 * As the option takes them: `erlang: true` stands for the built-in functions of that module (`processes/0`, `memory/0,1`,
 * `system_info/1`, `statistics/1`, `process_info/1,2`, `is_process_alive/1`, `nodes/0,1,2`, `node/0,1`, `whereis/1`,
 * `registered/0`, `ports/0`).
 */
export type ExportOptions = Readonly<Record<string, ExportedModules[string] | true>>;

/** A function as it is called: `this` is the `Self` of the process that runs it. */
export type ExportedFunction = (this: unknown, ...args: unknown[]) => unknown;

/** The functions that others can call here. Any other is to them a function that does not exist. */
export class Exports {
  readonly #modules: ReadonlyMap<string, ReadonlyMap<string, ExportedFunction>>;

  /** @param sources - where two have a module of the same name, the later one has it */
  constructor(...sources: readonly ExportOptions[]) {
    const modules = new Map<string, Map<string, ExportedFunction>>();
    for (const source of sources)
      for (const [module, functions] of Object.entries(source))
        if (functions !== true)
          modules.set(module, new Map(Object.entries(functions) as [string, ExportedFunction][]));
    this.#modules = modules;
  }

  /** The function that a caller named; undefined when it is none of ours, or was named by something else than atoms. */
  find(module: unknown, fn: unknown): ExportedFunction | undefined {
    if (!(module instanceof Atom && fn instanceof Atom)) return undefined;
    return this.#modules.get(module.name)?.get(fn.name);
  }
}

/** @throws OptionsError naming what is no function */
export function checkExports(given: unknown): ExportOptions {
  if (given === undefined) return {};
  const shape = 'expected functions by module, as in { math: { add: (a, b) => a + b } }';
  if (!isPlain(given)) throw new OptionsError('exports', `exports: ${shape}, got ${show(given)}`);
  for (const [module, functions] of Object.entries(given)) {
    if (functions === true && module === 'erlang') continue;
    if (functions === true)
      throw new OptionsError(
        `exports.${module}`,
        `exports.${module}: only erlang can be true, for its built-in functions; ${shape}`,
      );
    if (!isPlain(functions))
      throw new OptionsError(`exports.${module}`, `exports.${module}: ${shape}, got ${show(functions)}`);
    for (const [name, value] of Object.entries(functions))
      if (typeof value !== 'function')
        throw new OptionsError(
          `exports.${module}.${name}`,
          `exports.${module}.${name}: expected a function, got ${value === null ? 'null' : typeof value}`,
        );
  }
  return given as ExportOptions;
}
