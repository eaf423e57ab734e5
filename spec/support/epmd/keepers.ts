import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EpmdKeeper, type EpmdKeeperOptions, type EpmdMode } from '../../../src/connection/epmd-keeper.ts';
import type { LogRecord } from '../../../src/env/log.ts';
import { platformEnv } from '../../../src/platform/index.ts';
import { Telemetry } from '../../../src/telemetry/events.ts';
import { Logger } from '../../../src/telemetry/logger.ts';

export interface TestKeeper {
  readonly keeper: EpmdKeeper;
  readonly telemetry: Telemetry;
  readonly records: readonly LogRecord[];
}

/** A keeper in this process, on real sockets of the loopback interface. */
export function makeKeeper(
  port: number,
  mode: EpmdMode = 'auto',
  overrides: Partial<EpmdKeeperOptions> = {},
): TestKeeper {
  const env = platformEnv();
  const telemetry = new Telemetry('test');
  const records: LogRecord[] = [];
  const logger = new Logger({ write: (record) => records.push(record) }, env.clock, 'test');
  const keeper = new EpmdKeeper({
    ...env,
    telemetry,
    logger,
    mode,
    port,
    listenHost: '127.0.0.1',
    maxSockets: 128,
    ...overrides,
  });
  return { keeper, telemetry, records };
}

interface Report {
  readonly role: string;
  readonly creation: number;
}

const PROGRAM = fileURLToPath(new URL('./keeper-process.ts', import.meta.url));

/** A keeper in an operating system process of its own. */
export class KeeperProcess {
  readonly name: string;
  readonly ended: Promise<void>;
  readonly reports: Report[] = [];
  readonly #process: ChildProcess;
  readonly #waiters: (() => void)[] = [];
  #stderr = '';
  #hasEnded = false;

  constructor(epmdPort: number, name: string, port: number) {
    this.name = name;
    this.#process = spawn(
      process.execPath,
      ['--import', 'tsx', PROGRAM, String(epmdPort), name, String(port)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#process.stderr?.on('data', (chunk) => {
      this.#stderr += chunk;
    });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => {
      this.reports.push(JSON.parse(line) as Report);
      for (const wake of this.#waiters.splice(0)) wake();
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('close', () => {
        this.#hasEnded = true;
        for (const wake of this.#waiters.splice(0)) wake();
        resolve();
      });
    });
  }

  /** Resolves with the `count`th registration's report. */
  async registered(count = 1): Promise<Report> {
    for (;;) {
      const report = this.reports[count - 1];
      if (report !== undefined) return report;
      if (this.#hasEnded) throw new Error(`${this.name} has ended\n${this.#stderr}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#process.kill(signal);
    await this.ended;
  }
}
