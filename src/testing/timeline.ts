import type { Clock } from '../env/clock.ts';

/** What happened, to whom and when. */
export interface TimelineEvent {
  /** Virtual milliseconds since the start of the simulation. */
  readonly atMs: number;
  /** Name of the node, or `network`. */
  readonly node: string;
  /** One word: `start`, `up`, `nodeup`, `nodedown`, `crash`, `partition`, `log`, `connect`, `datagram`, ... */
  readonly event: string;
  readonly detail: string;
  /** The other node, where there is one. */
  readonly peer?: string;
}

/** Events kept; when there are more, the older half is dropped. */
const MAX_EVENTS = 200_000;

/** The story of a simulation, in order. The same seed and the same program write the same one, event for event. */
export class Timeline {
  /** Whether single datagrams and chunks of streams are part of the story. */
  readonly traces: boolean;
  readonly #clock: Clock;
  readonly #listeners: ((event: TimelineEvent) => void)[] = [];
  #events: TimelineEvent[] = [];
  #dropped = 0;

  constructor(clock: Clock, options: { readonly traces?: boolean } = {}) {
    this.#clock = clock;
    this.traces = options.traces ?? false;
  }

  get events(): readonly TimelineEvent[] {
    return this.#events;
  }

  record(node: string, event: string, detail = '', peer?: string): void {
    const atMs = this.#clock.nowMs();
    const entry: TimelineEvent =
      peer === undefined ? { atMs, node, event, detail } : { atMs, node, event, detail, peer };
    this.#events.push(entry);
    if (this.#events.length > MAX_EVENTS) {
      const drop = MAX_EVENTS / 2;
      this.#events = this.#events.slice(drop);
      this.#dropped += drop;
    }
    for (const listener of this.#listeners) listener(entry);
  }

  /** As `record`, for what is told only when `traces` is on. */
  trace(node: string, event: string, detail: () => string): void {
    if (this.traces) this.record(node, event, detail());
  }

  /** Tells of every event as it happens. */
  onEvent(listener: (event: TimelineEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** One line an event, for people and for comparison. */
  toString(last = Number.POSITIVE_INFINITY): string {
    const shown = last < this.#events.length ? this.#events.slice(-last) : this.#events;
    const hidden = this.#dropped + this.#events.length - shown.length;
    return [...(hidden > 0 ? [`… ${hidden} earlier events`] : []), ...eventLines(shown)].join('\n');
  }
}

/** One line an event, in columns. */
export function eventLines(events: readonly TimelineEvent[]): string[] {
  const width = events.reduce((widest, { node }) => Math.max(widest, node.length), 0);
  return events.map(
    ({ atMs, node, event, detail }) =>
      `${(atMs / 1_000).toFixed(3).padStart(11)} s  ${node.padEnd(width)}  ${event}${detail === '' ? '' : ` ${detail}`}`,
  );
}
