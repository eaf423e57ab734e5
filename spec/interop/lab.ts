import { fileURLToPath } from 'node:url';
import { type Node, type NodeOptions, type Self, startNode } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { type Beam, type BeamOptions, type Epmd, startBeam, startEpmd } from '../support/beam.ts';

const SERVER = fileURLToPath(new URL('../support/beam/beamish_server.erl', import.meta.url));

/** A handful of real nodes, ours and BEAM's, on a port mapper of their own. */
export class Lab {
  readonly cookie = 'lab_cookie';
  /** What our nodes logged: kept off the screen, since refused peers are part of these tests. */
  readonly log: string[] = [];
  readonly #epmd: Epmd;
  readonly #nodes: Node[] = [];
  readonly #beams: Beam[] = [];

  private constructor(epmd: Epmd) {
    this.#epmd = epmd;
  }

  static async open(): Promise<Lab> {
    return new Lab(await startEpmd());
  }

  get epmdPort(): number {
    return this.#epmd.port;
  }

  /** One of ours: `alive@127.0.0.1`. */
  async node(alive: string, options: NodeOptions = {}): Promise<Node> {
    const node = await startNode({
      name: `${alive}@127.0.0.1`,
      cookie: this.cookie,
      epmd: { mode: 'external', port: this.epmdPort },
      env: { ...platformEnv(), log: { write: (record) => this.log.push(record.message) } },
      ...options,
    });
    this.#nodes.push(node);
    return node;
  }

  /** A BEAM node with a gen_server registered as `server` (see beamish_server.erl). */
  async beam(alive: string, options: Partial<BeamOptions> = {}): Promise<Beam> {
    const name = `${alive}@127.0.0.1`;
    const beam = await startBeam({ name, cookie: this.cookie, epmdPort: this.epmdPort, ...options });
    this.#beams.push(beam);
    await beam.load(SERVER);
    await beam.eval('{ok, _} = beamish_server:start()');
    return beam;
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await Promise.all(this.#beams.map((beam) => beam.kill()));
    await this.#epmd.stop();
  }
}

/** Runs `work` in a process of the node and hands out what it returns or throws. */
export function inProcess<T>(node: Node, work: (self: Self) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    node.spawn(async (self: Self) => {
      try {
        resolve(await work(self));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Resolves at that node's next `nodeup` or `nodedown` of the peer. */
export function once(node: Node, event: 'nodeup' | 'nodedown', peer: string): Promise<void> {
  return new Promise((resolve) => {
    const listener = (name: string) => {
      if (name !== peer) return;
      end();
      resolve();
    };
    const end = event === 'nodeup' ? node.on('nodeup', listener) : node.on('nodedown', listener);
  });
}
