import { type Atom, atom } from '../term/atom.ts';

/** Module, function and arguments to run on another node: what `spawn/4` takes there. */
export class Mfa {
  readonly module: Atom;
  readonly function: Atom;
  readonly args: readonly unknown[];

  constructor(module: Atom, fn: Atom, args: readonly unknown[]) {
    this.module = module;
    this.function = fn;
    this.args = args;
  }
}

/** Names a function of a BEAM node for `spawnOn`. */
export function mfa(module: string, fn: string, args: readonly unknown[] = []): Mfa {
  return new Mfa(atom(module), atom(fn), args);
}
