import type { ServiceRecord } from '../env/resolver.ts';
import { OptionsError } from '../errors.ts';
import { checkLinkSettings, type Dial, LINK_DEFAULTS, Link, type LinkSettings } from './links.ts';
import { isLoopback, LOOPBACK, Machine, systemError } from './machine.ts';
import type { SimProcess } from './process.ts';
import { SeededRandom } from './seeded-random.ts';
import { Timeline } from './timeline.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Where every simulated machine has its port mapper. */
export const EPMD_PORT = 4369;

export interface SimNetworkOptions extends Partial<LinkSettings> {
  /** Everything random follows from it. @default 1 */
  readonly seed?: number;
  /** Record single datagrams and chunks of streams in the timeline as well. @default false */
  readonly trace?: boolean;
}

/** A stream between two nodes, as the network counts it. */
export interface OpenStream {
  readonly isOpen: boolean;
  isBetween(name: string, other: string): boolean;
  /** Breaks the end of one node, or both ends; the other one hears nothing of it. */
  breakEnds(only?: string): void;
}

/** Something of a stream that can be kept back by a cut. */
export interface Held {
  /** Tries again, in order. */
  release(): void;
}

/**
 * What lies between simulated machines: addresses, names, and one link for each direction between two processes.
 *
 * Links are between nodes and not between machines, so that nodes which share a host name can be parted too. The
 * one exception is the port mapper: it belongs to the machine, whichever node runs it. The nodes of a machine always
 * reach their own, and another machine's is cut off only when all nodes there are.
 */
export class SimNetwork {
  readonly seed: number;
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly timeline: Timeline;
  readonly #defaults: LinkSettings;
  readonly #links = new Map<string, Link>();
  /** In the order of their first mention: nothing depends on how names hash. */
  readonly #machines: Machine[] = [];
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #services = new Map<string, readonly ServiceRecord[]>();
  readonly #held = new Set<Held>();
  /** Which node last listened at a port: `address:port`. Kept when the node ends, as callers keep what they were told. */
  readonly #listened = new Map<string, string>();
  #streams: OpenStream[] = [];
  #version = 0;
  #running = '';

  /** @throws OptionsError for settings that no link can have */
  constructor(options: SimNetworkOptions = {}) {
    const { seed = 1, trace = false, ...settings } = options;
    if (!Number.isInteger(seed)) throw new OptionsError('seed', `seed: expected a whole number, got ${seed}`);
    this.seed = seed;
    this.clock = new VirtualClock();
    this.random = new SeededRandom(seed);
    this.timeline = new Timeline(this.clock, { traces: trace });
    this.#defaults = { ...LINK_DEFAULTS, ...checkLinkSettings(settings) };
  }

  /** Whose code ran last. */
  get running(): string {
    return this.#running;
  }

  /** Told by every process whose code is about to run. @internal */
  readonly entered = (name: string): void => {
    this.#running = name;
  };

  /** Differs when who is connected to whom, or could be, may have changed since. */
  get version(): number {
    return this.#version;
  }

  /** @internal */
  changed(): void {
    this.#version += 1;
  }

  get machines(): readonly Machine[] {
    return this.#machines;
  }

  /** The machine of this host name or address; made when it is mentioned first. */
  machine(host: string): Machine {
    const known = this.#machines.find(({ name, address }) => name === host || address === host);
    if (known !== undefined) return known;
    const machine = new Machine(host, /^\d+(\.\d+){3}$/.test(host) ? host : this.#freeAddress());
    this.#machines.push(machine);
    return machine;
  }

  #freeAddress(): string {
    for (let number = 1; ; number++) {
      const address = `10.0.${number >> 8}.${number & 255}`;
      if (this.#machines.every((machine) => machine.address !== address)) return address;
    }
  }

  // ---- names

  /** Gives a name A records. */
  setAddresses(name: string, addresses: readonly string[]): void {
    this.#addresses.set(name, addresses);
  }

  /** Gives a name SRV records. */
  setServices(name: string, records: readonly ServiceRecord[]): void {
    this.#services.set(name, records);
  }

  /** Addresses of a machine or of a name with records. @throws the platform's ENOTFOUND */
  addressesOf(name: string, asker: Machine): readonly string[] {
    const records = this.#addresses.get(name);
    if (records !== undefined && records.length > 0) return records;
    if (isLoopback(name)) return [LOOPBACK];
    const machine = this.#machines.find((one) => one.name === name || one.address === name);
    if (machine === undefined) throw systemError('ENOTFOUND', `${asker.name} looked for ${name}`);
    return [machine.address];
  }

  /** SRV records of a name. @throws the platform's ENOTFOUND */
  servicesOf(name: string, asker: Machine): readonly ServiceRecord[] {
    const records = this.#services.get(name);
    if (records === undefined || records.length === 0)
      throw systemError('ENOTFOUND', `${asker.name} looked for services ${name}`);
    return records;
  }

  /** The machine that a process means by a host name. @throws the platform's ENOTFOUND */
  reach(host: string, asker: Machine): Machine | undefined {
    const address = this.addressesOf(host, asker)[0]!;
    if (isLoopback(address)) return asker;
    return this.#machines.find((one) => one.address === address);
  }

  // ---- links

  /** One direction between two nodes. */
  link(from: string, to: string): Link {
    const key = `${from} > ${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new Link(this.#defaults, this.random.fork(`link ${key}`));
      this.#links.set(key, link);
    }
    return link;
  }

  /** Changes one direction between two nodes. @throws OptionsError */
  setLink(from: string, to: string, settings: Partial<LinkSettings>): void {
    const link = this.link(from, to);
    link.settings = { ...link.settings, ...checkLinkSettings(settings) };
  }

  /** Nothing gets from one node to the other until `restore`. Streams keep what was sent, datagrams are lost. */
  cut(from: string, to: string): void {
    this.link(from, to).isCut = true;
    this.changed();
  }

  /** Everything that goes from one node to the other is kept back until `release`. */
  holdBack(from: string, to: string): void {
    this.link(from, to).isHeld = true;
    this.changed();
  }

  /** Ends every cut and hold; what was kept back goes on, what streams lost is sent again. */
  heal(): void {
    for (const link of this.#links.values()) {
      link.isCut = false;
      link.release();
    }
    this.#releaseHeld();
  }

  /** Ends a cut of one direction. */
  restore(from: string, to: string): void {
    this.link(from, to).isCut = false;
    this.#releaseHeld();
  }

  /** Ends a hold of one direction. */
  release(from: string, to: string): void {
    this.link(from, to).release();
    this.#releaseHeld();
  }

  /** Breaks the streams between two nodes: at both ends, or at that of one node without a word to the other. */
  breakStreams(name: string, other: string, only?: string): number {
    const broken = this.#streams.filter((stream) => stream.isOpen && stream.isBetween(name, other));
    for (const stream of broken) stream.breakEnds(only);
    return broken.length;
  }

  /** @internal */
  opened(stream: OpenStream): void {
    this.#streams = this.#streams.filter(({ isOpen }) => isOpen);
    this.#streams.push(stream);
    this.changed();
  }

  /** Streams between two nodes that their caller has not closed; those to port mappers do not count. */
  streamsBetween(name: string, other: string): number {
    return this.#streams.filter((stream) => stream.isOpen && stream.isBetween(name, other)).length;
  }

  /** @internal */
  hold(held: Held): void {
    this.#held.add(held);
  }

  #releaseHeld(): void {
    this.changed();
    const all = [...this.#held];
    this.#held.clear();
    for (const held of all) held.release();
  }

  /** Whether a direction is cut or held. */
  isCut(from: string, to: string): boolean {
    return !(this.#links.get(`${from} > ${to}`)?.isOpen ?? true);
  }

  /** Whether a process cannot reach a machine as such: its port mapper, or a port where nobody is. */
  isCutFromMachine(from: SimProcess, machine: Machine): boolean {
    if (from.machine === machine) return false;
    const names = machine.nodeNames();
    return names.length > 0 && names.every((name) => this.isCut(from.name, name));
  }

  /** The other way: whether a machine as such cannot reach a process. */
  isMachineCutFrom(machine: Machine, to: SimProcess): boolean {
    if (to.machine === machine) return false;
    const names = machine.nodeNames();
    return names.length > 0 && names.every((name) => this.isCut(name, to.name));
  }

  // ---- who tried to reach whom

  /** @internal */
  listens(port: number, process: SimProcess): void {
    this.#listened.set(`${process.machine.address}:${port}`, process.name);
  }

  /** The node that is, or was, found there. @internal */
  listenerAt(machine: Machine, port: number): string | undefined {
    return this.#listened.get(`${machine.address}:${port}`);
  }

  /** @internal */
  dialled(from: string, to: string, outcome: string): void {
    if (from !== to) this.link(from, to).lastDial = { atMs: this.clock.nowMs(), outcome };
  }

  /** The latest attempt of one node to connect to another, look-up at its port mapper included. */
  lastDial(from: string, to: string): Dial | undefined {
    return this.#links.get(`${from} > ${to}`)?.lastDial;
  }

  /** When a node last heard a datagram of another. */
  lastDatagramMs(from: string, to: string): number | undefined {
    return this.#links.get(`${from} > ${to}`)?.lastDatagramMs;
  }

  /** Whether a process of this name runs. */
  isRunning(name: string): boolean {
    return this.#machines.some((machine) =>
      machine.processes.some((process) => process.name === name && process.isAlive),
    );
  }
}
