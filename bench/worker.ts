import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** An operating system process of its own that carries out what it is asked, one thing at a time. */
export class Worker {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #ended: Promise<void>;
  #nextId = 1;

  /** Starts `workers/<name>.mjs`; requests wait until it is up. */
  constructor(name: string, flags: readonly string[] = []) {
    this.#process = fork(fileURLToPath(new URL(`./workers/${name}.mjs`, import.meta.url)), {
      execArgv: [...flags],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    // What a worker logs would stand between the lines of the table; it matters only when the worker dies.
    let said = '';
    this.#process.stderr?.setEncoding('utf8').on('data', (more: string) => {
      said = (said + more).slice(-4096);
    });
    this.#process.on('message', (answer: Answer) => {
      const waiter = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error !== undefined) waiter?.reject(new Error(answer.error));
      else waiter?.resolve(answer.value);
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        for (const waiter of this.#waiting.values()) {
          waiter.reject(new Error(`worker ${name} ended (${signal ?? code}): ${said}`));
        }
        this.#waiting.clear();
        resolve();
      });
    });
  }

  ask<T>(operation: string, args: unknown = {}): Promise<T> {
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, operation, args }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async end(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
