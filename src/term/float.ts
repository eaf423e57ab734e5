import { EncodeError } from '../errors.ts';
import { INSPECT, PRINT, printFloat } from './print.ts';

/** A number that is written as an Erlang float even when it is whole. */
export class Float {
  readonly value: number;

  /** @throws EncodeError for NaN and infinities, which no Erlang float is */
  constructor(value: number) {
    if (!Number.isFinite(value)) throw new EncodeError(`${value} is not an Erlang float`);
    this.value = value;
  }

  valueOf(): number {
    return this.value;
  }

  [PRINT](): string {
    return printFloat(this.value);
  }

  [INSPECT](): string {
    return printFloat(this.value);
  }
}

/** Forces a float: `2` is the integer 2, `float(2)` is 2.0. */
export function float(value: number): Float {
  return new Float(value);
}
