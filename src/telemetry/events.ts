import { type Channel, channel } from 'node:diagnostics_channel';

/** One kind of event of one node. Who tells of it all the time keeps this object, and saves the look-up. */
export class EventPoint {
  readonly #telemetry: Telemetry;
  readonly #channel: Channel;
  /** Times it has happened. */
  count = 0;

  constructor(telemetry: Telemetry, name: string) {
    this.#telemetry = telemetry;
    this.#channel = channel(`beamish:${name}`);
  }

  /** Counts the event and publishes it. */
  emit(data: () => Record<string, unknown>): void {
    this.count += 1;
    if (this.#channel.hasSubscribers) this.#channel.publish({ node: this.#telemetry.node, ...data() });
  }
}

/**
 * What a node counts and tells. One object per node.
 *
 * Counters are plain numbers by name (`gossip.ignored.malformed`). Events go to `node:diagnostics_channel`
 * under `beamish:<name>` with `{ node, ...data }`; nothing is built when nobody listens.
 */
export class Telemetry {
  /** Changes once, when a node that asked for a name is given one. */
  node: string;
  readonly #counters = new Map<string, number>();
  readonly #events = new Map<string, EventPoint>();

  constructor(node: string) {
    this.node = node;
  }

  /** Adds to a counter. Off the data path: there, keep a plain number and add it up here on reading. */
  count(name: string, by = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by);
  }

  counter(name: string): number {
    return (this.#counters.get(name) ?? 0) + (this.#events.get(name)?.count ?? 0);
  }

  counters(): Readonly<Record<string, number>> {
    const names = new Set(this.#counters.keys());
    for (const [name, { count }] of this.#events) if (count > 0) names.add(name);
    return Object.fromEntries([...names].map((name) => [name, this.counter(name)]));
  }

  event(name: string): EventPoint {
    let point = this.#events.get(name);
    if (point === undefined) {
      point = new EventPoint(this, name);
      this.#events.set(name, point);
    }
    return point;
  }

  /** Counts the event and publishes it on `beamish:<name>`. */
  emit(name: string, data: () => Record<string, unknown>): void {
    this.event(name).emit(data);
  }
}
