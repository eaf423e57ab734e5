import { gossip } from '../discovery/index.ts';
import { OptionsError } from '../errors.ts';
import { type Node, startNode } from '../node.ts';
import type { NodeOptions } from '../options.ts';
import { ConvergenceError } from './convergence-error.ts';
import type { LinkSettings } from './links.ts';
import { SimNetwork, type SimNetworkOptions } from './network.ts';
import type { Predicate } from './predicates.ts';
import { type SimEnv, simEnv } from './sim-env.ts';
import type { Timeline } from './timeline.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Options of a simulation: the seed, and how its links behave. */
export type SimClusterOptions = SimNetworkOptions;

/** Options of a simulated node: those of `startNode`, but for what the simulation decides. */
export type SimNodeOptions = Omit<NodeOptions, 'name' | 'env'>;

/** Longest virtual time that starting or stopping a node, or `run`, may take. */
const DEFAULT_WITHIN_MS = 60_000;

interface Member {
  readonly name: string;
  options: SimNodeOptions;
  env: SimEnv | undefined;
  node: Node | undefined;
}

/**
 * Whole nodes on one virtual clock and one simulated network, with faults at will. Nothing but the seed and the
 * calls made here decides what happens: the same seed and the same calls give the same timeline, event for event.
 *
 * Virtual time moves only while `start`, `stop`, `restart`, `run`, `advance` or `until` is awaited.
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
  /** In the order of their first start. */
  readonly #members: Member[] = [];

  /** @throws OptionsError for link settings that make no sense */
  constructor(options: SimClusterOptions = {}) {
    this.network = new SimNetwork(options);
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
    if (member?.env?.isAlive) throw new OptionsError('name', `${name} is running already`);
    if (member === undefined) {
      member = { name, options, env: undefined, node: undefined };
      this.#members.push(member);
    }
    member.options = options;
    return this.#launch(member);
  }

  async #launch(member: Member): Promise<Node> {
    const { name, options } = member;
    const { timeline } = this.network;
    const env = simEnv(this.network, name);
    member.env = env;
    member.node = undefined;
    timeline.record(name, 'start');
    let node: Node;
    try {
      node = await this.run(startNode({ cookie: 'simulation', discovery: gossip(), ...options, name, env }));
    } catch (error) {
      timeline.record(name, 'start_failed', error instanceof Error ? error.message : String(error));
      env.kill(false);
      throw error;
    }
    timeline.record(name, 'up', `creation ${node.creation}`);
    node.on('nodeup', (peer, { creation }) =>
      timeline.record(name, 'nodeup', `${peer}, creation ${creation}`),
    );
    node.on('nodedown', (peer, reason) => timeline.record(name, 'nodedown', `${peer}: ${reason}`));
    // Connections that were made before the listeners stood.
    for (const peer of node.inspect().connections)
      timeline.record(name, 'nodeup', `${peer.name}, creation ${peer.creation}`);
    member.node = node;
    return node;
  }

  /** Stops a node in good order, moving time until it is down. */
  async stop(name: string): Promise<void> {
    const member = this.#running(name);
    const { node, env } = member;
    this.timeline.record(name, 'stop');
    member.node = undefined;
    await this.run(node!.stop());
    env!.kill(false);
    this.timeline.record(name, 'stopped');
  }

  /**
   * Ends a node at once and without a goodbye: as when its machine loses power, the others hear nothing until they
   * miss it. With `silently: false` only its process dies, and its machine closes its connections.
   */
  crash(name: string, { silently = true }: { readonly silently?: boolean } = {}): void {
    const member = this.#members.find((one) => one.name === name);
    if (!member?.env?.isAlive) throw new OptionsError('name', `${name} is not running`);
    this.timeline.record(name, 'crash', silently ? 'silently' : '');
    member.node = undefined;
    member.env.kill(silently);
  }

  /**
   * Starts a node again under its old name and with its old options, moving time until it is up. One that still runs
   * is crashed first.
   */
  async restart(name: string): Promise<Node> {
    const member = this.#members.find((one) => one.name === name);
    if (member === undefined) throw new OptionsError('name', `${name} was never started`);
    if (member.env?.isAlive) this.crash(name);
    return this.#launch(member);
  }

  /** Stops every node that runs, the latest first. */
  async stopAll(): Promise<void> {
    for (const member of [...this.#members].reverse()) {
      if (member.node !== undefined) await this.stop(member.name);
      else member.env?.kill(true);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
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

  isRunning(name: string): boolean {
    return this.#members.some((member) => member.name === name && member.node !== undefined);
  }

  #running(name: string): Member {
    const member = this.#members.find((one) => one.name === name);
    if (member?.node === undefined) throw new OptionsError('name', `${name} is not running`);
    return member;
  }

  // ---- faults

  /** Nothing passes between the two groups, either way, until `heal`. Links within a group stay. */
  partition(groupA: readonly string[], groupB: readonly string[]): void {
    this.timeline.record('network', 'partition', `${groupA.join(', ')} | ${groupB.join(', ')}`);
    this.#cut(groupA, groupB);
    this.#cut(groupB, groupA);
  }

  /** Nothing passes from the first group to the second until `heal`; the other way is open. */
  partitionOneWay(from: readonly string[], to: readonly string[]): void {
    this.timeline.record('network', 'partition', `${from.join(', ')} -x-> ${to.join(', ')}`);
    this.#cut(from, to);
  }

  #cut(from: readonly string[], to: readonly string[]): void {
    for (const one of from) for (const other of to) if (one !== other) this.network.cut(one, other);
  }

  /** Ends all partitions. */
  heal(): void {
    this.timeline.record('network', 'heal');
    this.network.heal();
  }

  /** Changes how packets travel from one node to another; the other direction stays as it is. */
  link(from: string, to: string, settings: Partial<LinkSettings>): void {
    this.timeline.record('network', 'link', `${from} -> ${to} ${JSON.stringify(settings)}`);
    this.network.setLink(from, to, settings);
  }

  /** Whether neither direction between two nodes is cut. */
  canReach(name: string, other: string): boolean {
    return !this.network.isCut(name, other) && !this.network.isCut(other, name);
  }

  // ---- time

  /** Moves time on, as fast as the processor goes. Rejects with whatever a simulated callback throws. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /**
   * Moves time on until a promise settles: `await cluster.run(node.call(pid, 'get'))`.
   * @throws what the promise rejects with; ConvergenceError when it does not settle `withinMs`
   */
  async run<T>(promise: Promise<T>, options: { readonly withinMs?: number } = {}): Promise<T> {
    const { withinMs = DEFAULT_WITHIN_MS } = options;
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    if (await this.clock.runUntil(() => isSettled, { withinMs })) return promise;
    throw new ConvergenceError('the promise', withinMs, 'it is still pending', this.seed, this.timeline);
  }

  /**
   * Moves time on until a predicate holds; it is asked after every step.
   * @throws ConvergenceError when it does not hold `withinMs`
   */
  async until(predicate: Predicate, options: { readonly withinMs: number }): Promise<void> {
    const { withinMs } = options;
    let reason = '';
    const holds = (): boolean => {
      const answer = predicate(this);
      reason = answer === true ? '' : answer || 'it is false';
      return answer === true;
    };
    if (await this.clock.runUntil(holds, { withinMs })) return;
    throw new ConvergenceError(
      predicate.name === '' ? 'the predicate' : predicate.name,
      withinMs,
      reason,
      this.seed,
      this.timeline,
    );
  }
}
