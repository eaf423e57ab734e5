import type { Clock } from '../env/clock.ts';
import type { Log, LogArea, LogLevel } from '../env/log.ts';
import type { Telemetry } from './events.ts';

/**
 * Writes a node's log lines: stamps the node, drops `debug` of areas that are off, holds back repetition. A log that throws
 * loses the line and nothing else; it is counted, and told, as `log.failed`.
 */
export class Logger {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry | undefined;
  /** Changes once, when a node that asked for a name is given one. */
  node: string;
  readonly #debugAreas = new Set<LogArea>();
  /** Last time each `oncePerMinute` cause was written; bounded by the causes that the code names. */
  readonly #lastMs = new Map<string, number>();

  constructor(log: Log, clock: Clock, node: string, telemetry?: Telemetry) {
    this.#log = log;
    this.#clock = clock;
    this.#telemetry = telemetry;
    this.node = node;
  }

  setDebug(area: LogArea, on: boolean): void {
    if (on) this.#debugAreas.add(area);
    else this.#debugAreas.delete(area);
  }

  debugs(area: LogArea): boolean {
    return this.#debugAreas.has(area);
  }

  /** `message` may be a function, called only when the record is written. */
  debug(area: LogArea, message: string | (() => string)): void {
    if (!this.#debugAreas.has(area)) return;
    this.#write('debug', area, typeof message === 'string' ? message : message());
  }

  info(area: LogArea, message: string): void {
    this.#write('info', area, message);
  }

  warning(area: LogArea, message: string): void {
    this.#write('warning', area, message);
  }

  error(area: LogArea, message: string): void {
    this.#write('error', area, message);
  }

  /** A warning that is written at most once a minute for the same `cause` (a short constant, not peer data). */
  oncePerMinute(area: LogArea, cause: string, message: string): void {
    const nowMs = this.#clock.nowMs();
    const lastMs = this.#lastMs.get(cause);
    if (lastMs !== undefined && nowMs - lastMs < 60_000) return;
    this.#lastMs.set(cause, nowMs);
    this.#write('warning', area, message);
  }

  #write(level: LogLevel, area: LogArea, message: string): void {
    const failed = (error: unknown): void =>
      this.#telemetry?.emit('log.failed', () => ({ level, area, message, error }));
    // Lines are written while strangers' bytes are read: what a program's own log throws must not end the program.
    try {
      const written: unknown = this.#log.write({ level, area, node: this.node, message });
      if (written instanceof Promise) written.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}
