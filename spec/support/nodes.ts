import { randomBytes } from 'node:crypto';
import type { LogRecord } from '../../src/env/index.ts';
import { type Node, type NodeOptions, startNode } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { freePort } from './ports.ts';

/** Nodes of one machine: a port mapper of their own, names that nobody else has, log lines kept instead of shown. */
export class Nodes {
  readonly cookie = 'cookie-of-the-tests';
  readonly log: LogRecord[] = [];
  readonly #hearLog = new Set<() => void>();
  readonly epmdPort: number;
  readonly #nodes: Node[] = [];
  readonly #others: (() => unknown)[] = [];

  private constructor(epmdPort: number) {
    this.epmdPort = epmdPort;
  }

  static async open(): Promise<Nodes> {
    return new Nodes(await freePort());
  }

  /** `a-<random>@127.0.0.1` */
  name(alive: string): string {
    return `${alive}-${randomBytes(4).toString('hex')}@127.0.0.1`;
  }

  /** Where nodes write that have another environment than `options` gives. */
  readonly write = (record: LogRecord): void => {
    this.log.push(record);
    for (const hear of this.#hearLog) hear();
  };

  /** Resolves with the first line that matches, if it has been written already or when it is. */
  logged(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const hear = (): void => {
        const line = this.log.find(({ message }) => pattern.test(message));
        if (line === undefined) return;
        this.#hearLog.delete(hear);
        resolve(line.message);
      };
      this.#hearLog.add(hear);
      hear();
    });
  }

  options(options: NodeOptions = {}): NodeOptions {
    const env = { ...platformEnv(), log: { write: this.write } };
    return { name: this.name('a'), cookie: this.cookie, epmd: { port: this.epmdPort }, env, ...options };
  }

  async start(options: NodeOptions = {}): Promise<Node> {
    const node = await startNode(this.options(options));
    this.#nodes.push(node);
    return node;
  }

  /** Two nodes, the first with the lesser name, not connected. */
  async pair(options: NodeOptions = {}): Promise<[Node, Node]> {
    return [
      await this.start({ name: this.name('a'), ...options }),
      await this.start({ name: this.name('b'), ...options }),
    ];
  }

  /** Runs at the end, before the nodes stop. */
  atEnd(close: () => unknown): void {
    this.#others.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#others.splice(0)) await close();
    // The last started first: the first one is the port mapper.
    for (const node of this.#nodes.splice(0).reverse()) await node.stop();
  }
}

/** The next event of this kind about this peer; for `nodedown` its reason. */
export function once(node: Node, event: 'nodeup' | 'nodedown', peer: string): Promise<string> {
  return new Promise((resolve) => {
    const heard = (name: string, detail: unknown) => {
      if (name !== peer) return;
      end();
      resolve(typeof detail === 'string' ? detail : name);
    };
    const end = event === 'nodeup' ? node.on('nodeup', heard) : node.on('nodedown', heard);
  });
}

/** Every nodeup and nodedown, as it comes. */
export function history(node: Node): string[] {
  const events: string[] = [];
  node.on('nodeup', (name) => events.push(`up ${name}`));
  node.on('nodedown', (name, reason) => events.push(`down ${name} ${reason}`));
  return events;
}

/** A process that hands out its messages: `take(n)` resolves with the next n. */
export function collector(node: Node, name: string) {
  const got: unknown[] = [];
  let wake: (() => void) | undefined;
  const pid = node.spawn(
    async (self) => {
      for await (const message of self) {
        got.push(message);
        wake?.();
      }
    },
    [],
    { name },
  );
  const take = async (count: number): Promise<unknown[]> => {
    while (got.length < count)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return got.splice(0, count);
  };
  return { pid, got, take };
}
