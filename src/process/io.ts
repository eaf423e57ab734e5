import type { Pid } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { deadError } from './ends.ts';
import { DEAD, type Process } from './process.ts';

/** Brings text to group leaders. `kernel/` supplies it. */
export interface Output {
  /**
   * Resolves when the leader has written it.
   * @throws ExitError when the leader refuses, is gone, or cannot be reached; EncodeError for a text longer than a frame
   */
  write(leader: Pid, text: string): Promise<void>;
}

/** Output of one process, through its group leader. */
export class Io {
  readonly #process: Process;

  /** @internal */
  constructor(process: Process) {
    this.#process = process;
  }

  /**
   * Writes text as it is; for a line it ends with a line break. Texts of one process keep their order. Wait for the
   * last before the process ends, if its output is to come before what is told of its end.
   * @throws ExitError with what the group leader refuses it with, `noproc` or `noconnection` when that is gone, or when
   * this process has ended; EncodeError for a text that is longer than a frame may be
   */
  write(text: string): Promise<void> {
    const { system, state } = this.#process;
    if (state === DEAD) return Promise.reject(deadError(this.#process));
    if (system.output === undefined) return Promise.resolve();
    return system.output.write(system.groupLeaderOf(this.#process), String(text));
  }

  /** Writes a value as a term in Erlang syntax, and a line break: `io:format("~p~n", [Value])`. */
  print(value: unknown): Promise<void> {
    return this.write(`${inspectTerm(value)}\n`);
  }
}
