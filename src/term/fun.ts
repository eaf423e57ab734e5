import { EncodeError } from '../errors.ts';
import type { Atom } from './atom.ts';
import { INSPECT, inspectTerm, PRINT } from './print.ts';

/** A fun by name, `fun Module:Function/Arity`. */
export class ExternalFun {
  readonly module: Atom;
  readonly function: Atom;
  /** 0 to 255: OTP 27 breaks over more. */
  readonly arity: number;

  /** @throws EncodeError when the arity is outside 0 to 255 */
  constructor(module: Atom, fun: Atom, arity: number) {
    if (!Number.isInteger(arity) || arity < 0 || arity > 255)
      throw new EncodeError(`the arity of a fun is 0 to 255, not ${arity}`);
    this.module = module;
    this.function = fun;
    this.arity = arity;
  }

  [PRINT](print: (value: unknown) => string): string {
    return `fun ${print(this.module)}:${print(this.function)}/${this.arity}`;
  }

  toString(): string {
    return inspectTerm(this);
  }

  [INSPECT](): string {
    return inspectTerm(this);
  }
}

/** A closure of a BEAM node: it cannot run here, and goes back byte for byte as it came. */
export class OpaqueFun {
  readonly module: Atom;
  readonly arity: number;
  readonly index: number;
  /** Old index and old unique integer, which Erlang orders closures by. */
  readonly oldIndex: number;
  readonly oldUniq: number;
  /** Free variables, as decoded. */
  readonly free: readonly unknown[];
  /** The whole NEW_FUN_EXT term, tag included, with no reference into an atom cache. A copy of the frame's bytes. */
  readonly wire: Uint8Array;

  /** @internal made by decoders */
  constructor(
    module: Atom,
    arity: number,
    index: number,
    oldIndex: number,
    oldUniq: number,
    free: readonly unknown[],
    wire: Uint8Array,
  ) {
    this.module = module;
    this.arity = arity;
    this.index = index;
    this.oldIndex = oldIndex;
    this.oldUniq = oldUniq;
    this.free = free;
    this.wire = wire;
  }

  /** MD5 of the significant parts of the module's code, 16 bytes. */
  get uniq(): Uint8Array {
    return this.wire.subarray(6, 22);
  }

  [PRINT](print: (value: unknown) => string): string {
    return `#Fun<${print(this.module)}.${this.index}.${this.oldUniq}>`;
  }

  toString(): string {
    return inspectTerm(this);
  }

  [INSPECT](): string {
    return inspectTerm(this);
  }
}
