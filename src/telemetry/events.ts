import { type Channel, channel } from 'node:diagnostics_channel';

/**
 * What a node counts and tells. One object per node.
 *
 * Counters are plain numbers by name (`gossip.ignored.malformed`). Events go to `node:diagnostics_channel`
 * under `beamish:<name>` with `{ node, ...data }`; nothing is built when nobody listens.
 */
export class Telemetry {
  readonly node: string;
  readonly #counters = new Map<string, number>();
  /** Looking a channel up by its name costs as much as a process that ends. */
  readonly #channels = new Map<string, Channel>();

  constructor(node: string) {
    this.node = node;
  }

  /** Adds to a counter. Off the data path: there, keep a plain number and add it up here on reading. */
  count(name: string, by = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by);
  }

  counter(name: string): number {
    return this.#counters.get(name) ?? 0;
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }

  /** Counts the event and publishes it on `beamish:<name>`. */
  emit(name: string, data: () => Record<string, unknown>): void {
    this.count(name);
    let target = this.#channels.get(name);
    if (target === undefined) {
      target = channel(`beamish:${name}`);
      this.#channels.set(name, target);
    }
    if (target.hasSubscribers) target.publish({ node: this.node, ...data() });
  }
}
