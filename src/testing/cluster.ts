import type { ServiceRecord } from '../env/resolver.ts';
import { OptionsError } from '../errors.ts';
import type { Node } from '../node.ts';
import { ConvergenceError } from './convergence-error.ts';
import { EscapeError, enter, leave, pardon, watchPlatform } from './escapes.ts';
import type { LinkSettings } from './links.ts';
import { Member, type SimNodeOptions } from './member.ts';
import { SimNetwork, type SimNetworkOptions } from './network.ts';
import { asked, nameOf, type Predicate } from './predicates.ts';
import type { ClockSkew } from './process.ts';
import { callersFile, replayCommand, replayedSeed } from './replay.ts';
import { writeReport } from './report.ts';
import { SimEpmd } from './sim-epmd.ts';
import type { Timeline } from './timeline.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Options of a simulation: the seed, how its links behave, and how strict it is. */
export interface SimClusterOptions extends SimNetworkOptions {
  /**
   * Messages between processes of one node are encoded and decoded as if they travelled, so that a term that cannot
   * travel fails in the test. @default true
   */
  readonly encodeLocal?: boolean;
  /**
   * What to do when simulated code reaches for real time, timers, randomness or I/O: end the wait with an `EscapeError`,
   * only record it in the timeline, or not even watch. @default "error"
   */
  readonly escapes?: 'error' | 'record' | 'ignore';
  /** The line that a failure prints to be seen again. @default a line that runs the file that made the cluster */
  readonly replay?: string;
}

/** One name, or several. */
export type Names = string | readonly string[];

/** Longest virtual time that starting or stopping a node, or `run`, may take. */
const DEFAULT_WITHIN_MS = 60_000;

/**
 * Whole nodes on one virtual clock and one simulated network, with faults at will. Nothing but the seed and the
 * calls made here decides what happens: the same seed and the same calls give the same timeline, event for event.
 *
 * Virtual time moves only while `start`, `stop`, `restart`, `run`, `advance` or `until` is awaited. A `start`, `restart`
 * or `stop` that nobody awaits goes on while time moves; `until` judges nothing before it is done.
 *
 * ```ts
 * const cluster = new SimCluster({ seed: 42, latencyMs: [1, 20], loss: 0.1 });
 * for (const name of ['a@sim', 'b@sim', 'c@sim']) await cluster.start(name);
 * await cluster.until(converged, { withinMs: 30_000 });
 * cluster.partition(['a@sim'], ['b@sim', 'c@sim']);
 * await cluster.advance(90_000);
 * cluster.heal();
 * await cluster.until(converged, { withinMs: 120_000 });
 * ```
 */
export class SimCluster {
  readonly network: SimNetwork;
  /** The line that shows this simulation again. */
  readonly replay: string;
  readonly #encodesLocal: boolean;
  /** In the order of their first start. */
  readonly #members: Member[] = [];
  readonly #mappers = new Map<string, SimEpmd>();
  /** What must hold after every step. */
  readonly #always = new Set<Predicate>();
  readonly #found = new Map<unknown, { readonly version: number; readonly answer: unknown }>();

  /** @throws OptionsError for options that are unknown or make no sense */
  constructor(options: SimClusterOptions = {}) {
    const { encodeLocal = true, escapes = 'error', replay, ...network } = options;
    if (!['error', 'record', 'ignore'].includes(escapes))
      throw new OptionsError('escapes', `escapes: expected "error", "record" or "ignore", got ${escapes}`);
    if (typeof encodeLocal !== 'boolean')
      throw new OptionsError('encodeLocal', `encodeLocal: expected true or false, got ${encodeLocal}`);
    const seed = replayedSeed() ?? network.seed;
    this.network = new SimNetwork(seed === undefined ? network : { ...network, seed });
    this.replay = replay ?? replayCommand(this.seed, callersFile());
    this.#encodesLocal = encodeLocal;
    if (escapes !== 'ignore') this.#watchEscapes(escapes === 'error');
  }

  #watchEscapes(isStrict: boolean): void {
    let first: EscapeError | undefined;
    const watch = {
      escaped: (what: string, where: string) => {
        const { running } = this.network;
        this.timeline.record(running, 'escape', `${what} at ${where}`);
        first ??= new EscapeError(what, where, running);
      },
    };
    this.clock.watch = {
      moving: watchPlatform,
      begin: () => enter(watch),
      abandon: () => leave(watch),
      end: () => {
        leave(watch);
        const error = first;
        first = undefined;
        if (error !== undefined && isStrict) throw error;
      },
      released: pardon,
    };
  }

  get seed(): number {
    return this.network.seed;
  }

  /** Everything that happened so far. */
  get timeline(): Timeline {
    return this.network.timeline;
  }

  get clock(): VirtualClock {
    return this.network.clock;
  }

  /** Virtual milliseconds since the start of the simulation. */
  get nowMs(): number {
    return this.network.clock.nowMs();
  }

  // ---- nodes

  /**
   * Starts a node, moving time until it is up. Unless told otherwise it finds the others by gossip and has the
   * cookie `simulation`; nodes whose names have the same host part share a machine and its port mapper.
   * @throws what `startNode` throws; OptionsError when a node of this name runs
   */
  async start(name: string, options: SimNodeOptions = {}): Promise<Node> {
    let member = this.#members.find((one) => one.name === name);
    if (member?.isAlive) throw new OptionsError('name', `${name} is running already`);
    if (member === undefined) {
      member = new Member(name, this.network, this.#encodesLocal);
      this.#members.push(member);
    }
    member.options = options;
    return this.run(member.launch());
  }

  /** Stops a node in good order, moving time until it is down. */
  async stop(name: string): Promise<void> {
    const member = this.#running(name);
    if (member.isPaused) this.resume(name);
    await this.run(member.stop());
  }

  /**
   * Ends a node at once and without a goodbye: as when its machine loses power, the others hear nothing until they
   * miss it. With `silently: false` only its process dies, and its machine closes its connections.
   */
  crash(name: string, { silently = true }: { readonly silently?: boolean } = {}): void {
    this.#alive(name).crash(silently);
  }

  /**
   * Starts a node again under its old name and with its old options, moving time until it is up. One that still runs
   * is crashed first.
   */
  async restart(name: string): Promise<Node> {
    const member = this.#known(name);
    if (member.isAlive) member.crash(true);
    return this.run(member.launch());
  }

  /** Freezes a node, as SIGSTOP does: its sockets stay open, none of its code runs until `resume`. */
  pause(name: string): void {
    const member = this.#alive(name);
    if (member.isPaused) return;
    this.timeline.record(name, 'pause');
    member.pause();
  }

  /** Ends a pause. What happened to the node meanwhile, it learns now. */
  resume(name: string): void {
    const member = this.#alive(name);
    if (!member.isPaused) return;
    this.timeline.record(name, 'resume');
    member.resume();
  }

  /**
   * Sets a node's clock wrong, for all its lives: its wall clock by so many milliseconds, or also its rate
   * (`{ offsetMs, rate: 1.01 }` gains a hundredth).
   * @throws OptionsError
   */
  clockSkew(name: string, skew: number | ClockSkew): void {
    const { offsetMs = 0, rate = 1 } = typeof skew === 'number' ? { offsetMs: skew } : skew;
    if (!Number.isFinite(offsetMs))
      throw new OptionsError('offsetMs', `offsetMs: expected milliseconds, got ${offsetMs}`);
    if (!(rate > 0 && rate < Number.POSITIVE_INFINITY))
      throw new OptionsError('rate', `rate: expected a number above 0, got ${rate}`);
    this.timeline.record(name, 'clock_skew', `${offsetMs} ms, rate ${rate}`);
    this.#known(name).skew({ offsetMs, rate });
  }

  /** Stops every node that runs, the latest first. */
  async stopAll(): Promise<void> {
    for (const member of [...this.#members].reverse()) {
      if (member.state === 'up') await this.stop(member.name);
      else if (member.isAlive) member.crash(true);
    }
    for (const mapper of this.#mappers.values()) mapper.kill();
  }

  /** Ends everything at once and without a goodbye, moving no time. Nothing of the cluster happens afterwards. */
  dispose(): void {
    this.#always.clear();
    for (const member of this.#members) if (member.isAlive) member.crash(true);
    for (const mapper of this.#mappers.values()) mapper.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#always.clear();
    await this.stopAll();
  }

  /** A node that runs. @throws OptionsError when it does not */
  node(name: string): Node {
    return this.#running(name).node!;
  }

  /** The nodes that run, in the order of their first start. */
  nodes(): Node[] {
    return this.#members.flatMap(({ node }) => (node === undefined ? [] : [node]));
  }

  /** The names of all nodes that were ever started, in that order. */
  names(): string[] {
    return this.#members.map(({ name }) => name);
  }

  isRunning(name: string): boolean {
    return this.#members.some((member) => member.name === name && member.node !== undefined);
  }

  /** Whether it runs, or is on its way up or down. */
  isAlive(name: string): boolean {
    return this.#members.some((member) => member.name === name && member.isAlive);
  }

  isPaused(name: string): boolean {
    return this.#members.some((member) => member.name === name && member.isPaused);
  }

  #known(name: string): Member {
    const member = this.#members.find((one) => one.name === name);
    if (member === undefined) throw new OptionsError('name', `${name} was never started`);
    return member;
  }

  #alive(name: string): Member {
    const member = this.#members.find((one) => one.name === name);
    if (!member?.isAlive) throw new OptionsError('name', `${name} is not running`);
    return member;
  }

  #running(name: string): Member {
    const member = this.#alive(name);
    if (member.node === undefined) throw new OptionsError('name', `${name} is not running`);
    return member;
  }

  // ---- what machines offer besides

  /** Runs a port mapper of its own on a machine, as `epmd -daemon` does, moving time until it listens. */
  async startEpmd(host: string): Promise<void> {
    if (this.#mappers.get(host)?.isAlive)
      throw new OptionsError('host', `the port mapper of ${host} is running already`);
    const mapper = new SimEpmd(this.network, host);
    this.#mappers.set(host, mapper);
    await this.run(mapper.start());
  }

  /** Ends it without a goodbye; all names it knew are gone. */
  crashEpmd(host: string): void {
    const mapper = this.#mappers.get(host);
    if (!mapper?.isAlive) throw new OptionsError('host', `no port mapper of its own runs on ${host}`);
    mapper.kill();
  }

  /** Gives a name its DNS records. Host parts of node names are known without. */
  dns(
    name: string,
    records: { readonly addresses?: readonly string[]; readonly services?: readonly ServiceRecord[] },
  ): void {
    this.timeline.record('network', 'dns', `${name} ${JSON.stringify(records)}`);
    this.network.setAddresses(name, records.addresses ?? []);
    this.network.setServices(name, records.services ?? []);
  }

  // ---- faults of the network

  /** Nothing passes between the two groups, either way, until `heal`. Links within a group stay. */
  partition(groupA: Names, groupB: Names): void {
    this.#between('partition', groupA, groupB, ' | ');
    this.#each(groupA, groupB, (one, other) => {
      this.network.cut(one, other);
      this.network.cut(other, one);
    });
  }

  /** Nothing passes from the first group to the second until `heal`; the other way is open. */
  partitionOneWay(from: Names, to: Names): void {
    this.#between('partition', from, to, ' -x-> ');
    this.#each(from, to, (one, other) => this.network.cut(one, other));
  }

  /** What the two groups send each other is kept back until `release` (or `heal`), datagrams too: nothing is lost. */
  hold(groupA: Names, groupB: Names): void {
    this.#between('hold', groupA, groupB, ' | ');
    this.#each(groupA, groupB, (one, other) => {
      this.network.holdBack(one, other);
      this.network.holdBack(other, one);
    });
  }

  /** Lets go what was held between the two groups, in order; without arguments all of it. */
  release(groupA: Names = this.names(), groupB: Names = this.names()): void {
    this.#between('release', groupA, groupB, ' | ');
    this.#each(groupA, groupB, (one, other) => {
      this.network.release(one, other);
      this.network.release(other, one);
    });
  }

  /** Ends all partitions and holds. Settings of links, pauses and clocks stay as they are. */
  heal(): void {
    this.timeline.record('network', 'heal');
    this.network.heal();
  }

  /** Changes how packets travel from one node to another; the other direction stays as it is. */
  link(from: Names, to: Names, settings: Partial<LinkSettings>): void {
    this.#between('link', from, to, ' -> ', ` ${JSON.stringify(settings)}`);
    this.#each(from, to, (one, other) => this.network.setLink(one, other, settings));
  }

  /** Breaks the streams between two nodes: both ends hear of it, as from a firewall that resets connections. */
  reset(name: string, other: string): void {
    this.timeline.record('network', 'reset', `${name} | ${other}`);
    this.network.breakStreams(name, other);
  }

  /**
   * Breaks the streams between two nodes at the end of the first one; the other believes in them until it sends
   * something, and hears then that nobody knows of it.
   */
  halfOpen(name: string, other: string): void {
    this.timeline.record('network', 'half_open', `${name} has forgotten ${other}`);
    this.network.breakStreams(name, other, name);
  }

  /** Whether neither direction between two nodes is cut or held. */
  canReach(name: string, other: string): boolean {
    return !this.network.isCut(name, other) && !this.network.isCut(other, name);
  }

  #between(event: string, from: Names, to: Names, sign: string, rest = ''): void {
    this.timeline.record('network', event, `${list(from).join(', ')}${sign}${list(to).join(', ')}${rest}`);
  }

  #each(from: Names, to: Names, act: (one: string, other: string) => void): void {
    for (const one of list(from)) for (const other of list(to)) if (one !== other) act(one, other);
  }

  // ---- time

  /** Moves time on, as fast as the processor goes. Rejects with whatever a simulated callback throws. */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new OptionsError('ms', `expected milliseconds from 0, got ${ms}`);
    await this.clock.runUntil(() => this.#checkAlways(), { withinMs: ms });
  }

  /**
   * Moves time on until a promise settles: `await cluster.run(node.call(pid, 'get'))`.
   * @throws what the promise rejects with; ConvergenceError when it does not settle `withinMs`
   */
  async run<T>(promise: Promise<T>, options: { readonly withinMs?: number } = {}): Promise<T> {
    const { withinMs = DEFAULT_WITHIN_MS } = options;
    checkWithin(withinMs);
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    if (await this.clock.runUntil(() => this.#checkAlways() || isSettled, { withinMs })) return promise;
    throw new ConvergenceError(this, `the promise did not hold within ${withinMs} ms`, 'it is still pending');
  }

  /**
   * Moves time on until a predicate holds; it is asked after every step. Nodes that are being started or stopped get
   * there first.
   * @throws ConvergenceError when it does not hold `withinMs`; OptionsError for a `withinMs` that is none
   */
  async until(predicate: Predicate, options: { readonly withinMs: number }): Promise<void> {
    const { withinMs } = options ?? {};
    checkWithin(withinMs);
    let reason = '';
    const holds = (): boolean => {
      this.#checkAlways();
      const busy = this.#members.find(({ state }) => state === 'starting' || state === 'stopping');
      reason = busy === undefined ? asked(predicate, this) : `${busy.name} is still ${busy.state}`;
      return reason === '';
    };
    if (await this.clock.runUntil(holds, { withinMs })) return;
    throw new ConvergenceError(this, `${nameOf(predicate)} did not hold within ${withinMs} ms`, reason);
  }

  /**
   * From now on a predicate must hold after every step; whoever moves time when it does not gets a ConvergenceError.
   * @returns a function that takes the demand back
   */
  always(predicate: Predicate): () => void {
    this.#always.add(predicate);
    return () => this.#always.delete(predicate);
  }

  /** Finds something out once for as long as nobody connects, disconnects, starts, ends or is cut off. @internal */
  whileUnchanged<T>(what: unknown, find: () => T): T {
    const { version } = this.network;
    const known = this.#found.get(what);
    if (known !== undefined && known.version === version) return known.answer as T;
    const answer = find();
    this.#found.set(what, { version, answer });
    return answer;
  }

  /** Never true. */
  #checkAlways(): false {
    for (const predicate of this.#always) {
      const reason = asked(predicate, this);
      if (reason === '') continue;
      // One demand that fails is told once.
      this.#always.delete(predicate);
      throw new ConvergenceError(
        this,
        `${nameOf(predicate)}, which must always hold, did not hold at ${this.nowMs} ms`,
        reason,
      );
    }
    return false;
  }

  // ---- seeing it

  /**
   * Writes what happened into a file: an HTML page, or, when the name ends in `.mmd` or `.md`, a Mermaid sequence
   * diagram. @throws the platform's error when the file cannot be written
   */
  report(file: string): void {
    writeReport(this, file);
  }
}

function checkWithin(withinMs: unknown): void {
  if (typeof withinMs !== 'number' || !(withinMs >= 0))
    throw new OptionsError('withinMs', `withinMs: expected milliseconds from 0, got ${withinMs}`);
}

const list = (names: Names): readonly string[] => (typeof names === 'string' ? [names] : names);
