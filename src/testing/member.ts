import { gossip } from '../discovery/index.ts';
import { messageOf } from '../errors.ts';
import { type Node, startNode } from '../node.ts';
import type { NodeOptions } from '../options.ts';
import type { SimNetwork } from './network.ts';
import type { ClockSkew } from './process.ts';
import { type SimEnv, simEnv } from './sim-env.ts';

/** Options of a simulated node: those of `startNode`, but for what the simulation decides. */
export type SimNodeOptions = Omit<NodeOptions, 'name' | 'env'>;

/** What a member of the cluster does at the moment. */
export type MemberState = 'down' | 'starting' | 'up' | 'stopping';

/** One name of a simulated cluster, through all lives of its node. */
export class Member {
  readonly name: string;
  options: SimNodeOptions = {};
  node: Node | undefined;
  state: MemberState = 'down';
  /** Kept across restarts: the clock belongs to the machine. */
  #skew: ClockSkew = {};
  readonly #network: SimNetwork;
  readonly #encodesLocal: boolean;
  #env: SimEnv | undefined;
  #died: (error: Error) => void = () => {};

  constructor(name: string, network: SimNetwork, encodesLocal: boolean) {
    this.name = name;
    this.#network = network;
    this.#encodesLocal = encodesLocal;
  }

  get isAlive(): boolean {
    return this.#env?.isAlive ?? false;
  }

  get isPaused(): boolean {
    return this.isAlive && this.#env!.isPaused;
  }

  /**
   * Begins a new life at once; it is up when the promise resolves.
   * @throws what `startNode` throws; Error when it ends before it is up
   */
  async launch(): Promise<Node> {
    const { name, options } = this;
    const { timeline } = this.#network;
    const env = simEnv(this.#network, name, { encodesLocal: this.#encodesLocal });
    env.skew(this.#skew);
    this.#env = env;
    this.node = undefined;
    this.#is('starting');
    timeline.record(name, 'start');
    const died = new Promise<never>((_, reject) => {
      this.#died = reject;
    });
    let node: Node;
    try {
      const started = startNode({ cookie: 'simulation', discovery: gossip(), ...options, name, env });
      node = await Promise.race([started, died]);
    } catch (error) {
      timeline.record(name, 'start_failed', messageOf(error));
      // Another life may have begun meanwhile; this one is over in any case.
      env.kill(false);
      if (this.#env === env) this.#is('down');
      throw error;
    }
    timeline.record(name, 'up', `creation ${node.creation}`);
    node.on('nodeup', (peer, { creation }) => this.#saw(env, 'nodeup', peer, `creation ${creation}`));
    node.on('nodedown', (peer, reason) => this.#saw(env, 'nodedown', peer, reason));
    // Connections that were made before the listeners stood.
    for (const peer of node.inspect().connections)
      this.#saw(env, 'nodeup', peer.name, `creation ${peer.creation}`);
    this.node = node;
    this.#is('up');
    return node;
  }

  #saw(env: SimEnv, event: 'nodeup' | 'nodedown', peer: string, detail: string): void {
    if (!env.isAlive) return;
    this.#network.changed();
    const text = event === 'nodeup' ? `${peer}, ${detail}` : `${peer}: ${detail}`;
    this.#network.timeline.record(this.name, event, text, peer);
  }

  #is(state: MemberState): void {
    this.state = state;
    this.#network.changed();
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    const { node, name } = this;
    const env = this.#env;
    this.#network.timeline.record(name, 'stop');
    this.node = undefined;
    this.#is('stopping');
    const died = new Promise<void>((resolve) => {
      this.#died = () => resolve();
    });
    await Promise.race([node!.stop(), died]);
    if (this.#env !== env || this.state !== 'stopping') return;
    env!.kill(false);
    this.#is('down');
    this.#network.timeline.record(name, 'stopped');
  }

  /** Ends it at once; with `silently` nobody is told. */
  crash(silently: boolean): void {
    this.#network.timeline.record(this.name, 'crash', silently ? 'silently' : '');
    this.node = undefined;
    this.#env?.kill(silently);
    this.#is('down');
    this.#died(new Error(`${this.name} crashed before it was up`));
  }

  pause(): void {
    this.#env!.pause();
    this.#network.changed();
  }

  resume(): void {
    this.#env!.resume();
    this.#network.changed();
  }

  skew(skew: ClockSkew): void {
    this.#skew = skew;
    this.#env?.skew(skew);
  }
}
