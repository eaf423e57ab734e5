import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ei, jinterface } from '../spec/support/strangers.ts';
import { systemState } from './watchdog.ts';

/** Speaks distribution and is neither a BEAM nor ours: OTP's library for Java, and its library for C. */
export type StrangerKind = 'Jinterface' | 'C node';

const source = (file: string) => fileURLToPath(new URL(`./strangers/${file}`, import.meta.url));

/** What has to be installed for it and is not. */
export function missingFor(kind: StrangerKind): readonly string[] {
  return (kind === 'Jinterface' ? jinterface() : ei()).missing;
}

export const strangerName = (kind: StrangerKind): string =>
  `${kind === 'Jinterface' ? 'java' : 'cnode'}@127.0.0.1`;

/** A node of such a kind: an operating system process that carries out one order a line (see `strangers/`). */
export class Stranger {
  readonly #kind: StrangerKind;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #waiting: { readonly order: string; resolve(line: string): void; reject(error: Error): void }[] =
    [];
  readonly #ended: Promise<void>;
  #said = '';

  private constructor(kind: StrangerKind, folder: string, process: ChildProcess) {
    this.#kind = kind;
    this.#folder = folder;
    this.#process = process;
    process.stderr?.setEncoding('utf8').on('data', (more: string) => {
      this.#said = (this.#said + more).slice(-4096);
    });
    // One that has ended cannot be asked any more; whoever asks is told so.
    process.stdin?.on('error', () => undefined);
    createInterface({ input: process.stdout! }).on('line', (line) => {
      const waiter = this.#waiting.shift();
      if (line.startsWith('failed: ')) waiter?.reject(new Error(`${kind} ${line}`));
      else waiter?.resolve(line);
    });
    this.#ended = new Promise((resolve) => {
      process.once('close', () => {
        for (const { reject } of this.#waiting.splice(0))
          reject(new Error(`${kind} has ended: ${this.#said}`));
        resolve();
      });
    });
  }

  /** Compiles the program and starts it. */
  static async start(kind: StrangerKind, cookie: string, epmdPort: number): Promise<Stranger> {
    const folder = mkdtempSync(join(tmpdir(), 'beamish-stranger-'));
    const options = {
      env: { ...process.env, ERL_EPMD_PORT: String(epmdPort) },
      stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'],
    };
    if (kind === 'Jinterface') {
      const program = await jinterface().compile(source('Stranger.java'), folder);
      return new Stranger(kind, folder, spawn('java', [...program, strangerName(kind), cookie], options));
    }
    const program = join(folder, 'stranger');
    await ei().compile(source('stranger.c'), program);
    const [alive] = strangerName(kind).split('@');
    return new Stranger(kind, folder, spawn(program, [alive!, cookie], options));
  }

  /** The line that answers an order. */
  ask(order: string): Promise<string> {
    this.#process.stdin?.write(`${order}\n`);
    return this.heard(order);
  }

  /** The next line, where an order has several. */
  heard(order: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#process.exitCode !== null) reject(new Error(`${this.#kind} has ended: ${this.#said}`));
      else this.#waiting.push({ order, resolve, reject });
    });
  }

  /** For a row that stands still. */
  describe(): string {
    const asked = this.#waiting.map(({ order }) => order).join(' and ') || 'nothing';
    return `${this.#kind} (process ${this.#process.pid}): ${systemState(this.#process.pid)}; asked ${asked}; ${this.#said}`;
  }

  async end(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
