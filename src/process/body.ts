import { type Behaviour, isPromise } from './behaviour.ts';
import type { Process } from './process.ts';
import type { Body } from './protocol.ts';
import { NORMAL } from './reasons.ts';
import { Self } from './self.ts';

/** A function run as a process: it reads its own mailbox, and the process ends when it returns. */
export class BodyBehaviour implements Behaviour {
  readonly hasTerminate = false;
  readonly #process: Process;
  readonly #body: Body<readonly unknown[]>;
  readonly #args: readonly unknown[];

  constructor(process: Process, body: Body<readonly unknown[]>, args: readonly unknown[]) {
    this.#process = process;
    this.#body = body;
    this.#args = args;
  }

  init(): unknown {
    const body = this.#body;
    const result = body(new Self(this.#process), ...this.#args);
    if (isPromise(result)) return result.then(() => this.#end());
    this.#end();
    return undefined;
  }

  /** Never called: `init` does not finish before the process has ended. */
  handle(): void {}

  terminate(): void {}

  #end(): void {
    this.#process.system.end(this.#process, NORMAL, undefined);
  }
}
