import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemState } from './watchdog.ts';

/** A worker that answers nothing for so long is busy, or stopped. */
const ANSWERS_WITHIN_MS = 2_000;

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Waiter {
  readonly operation: string;
  readonly sinceMs: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** An operating system process of its own that carries out what it is asked, one thing at a time. */
export class Worker {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiter>();
  readonly #ended: Promise<void>;
  readonly #beforeEnd: () => Promise<void>;
  #nextId = 1;

  /** Starts `workers/<name>.mjs`; requests wait until it is up. */
  constructor(name: string, flags: readonly string[] = [], beforeEnd = () => Promise.resolve()) {
    this.#beforeEnd = beforeEnd;
    this.#name = name;
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
      this.#waiting.set(id, {
        operation: `${operation} ${JSON.stringify(args)}`,
        sinceMs: performance.now(),
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      this.#process.send({ id, operation, args }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /**
   * For a row that stands still: what this process was asked and has not answered, what the system sees it do, and what
   * it says of itself. Nothing when it has ended.
   */
  async describe(): Promise<readonly string[]> {
    if (!this.lives) return [];
    const asked = [...this.#waiting.values()].map(
      ({ operation, sinceMs }) =>
        `asked ${Math.round((performance.now() - sinceMs) / 1000)} s ago: ${operation.slice(0, 200)}`,
    );
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('its event loop does not turn'), ANSWERS_WITHIN_MS);
    });
    const says = await Promise.race([this.ask<string>('state').catch(String), silence]);
    clearTimeout(timer);
    const head = `worker ${this.#name} (process ${this.#process.pid}): ${systemState(this.#process.pid)}`;
    return [[head, ...(asked.length > 0 ? asked : ['asked nothing']), says].join('; ')];
  }

  get name(): string {
    return this.#name;
  }

  /** Whether its process has not ended. */
  get lives(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async end(): Promise<void> {
    await this.#beforeEnd();
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}
