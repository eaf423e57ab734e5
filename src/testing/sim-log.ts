import type { Log, LogRecord } from '../env/log.ts';
import type { SimProcess } from './process.ts';
import type { Timeline } from './timeline.ts';

/** Records of one process that are kept; older ones are dropped. */
const MAX_RECORDS = 10_000;

/** Keeps what one process logs, and tells it in the timeline. */
export class SimLog implements Log {
  readonly records: LogRecord[] = [];
  readonly #process: SimProcess;
  readonly #timeline: Timeline;

  constructor(process: SimProcess, timeline: Timeline) {
    this.#process = process;
    this.#timeline = timeline;
  }

  write(record: LogRecord): void {
    if (!this.#process.isAlive) return;
    this.records.push(record);
    if (this.records.length > MAX_RECORDS) this.records.splice(0, MAX_RECORDS / 2);
    const { level, area, message } = record;
    this.#timeline.record(this.#process.name, 'log', `${level} ${area}: ${message}`);
  }
}
