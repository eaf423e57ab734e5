import type { Node, Pid } from '../../../src/index.ts';
import type { Predicate, SimCluster } from '../../../src/testing/index.ts';

/** How often each writes to each. */
const EVERY_MS = 400;

interface Letter {
  readonly atMs: number;
  /** Whether the sender was connected to the receiver's node. */
  readonly connected: boolean;
}

/**
 * Who wrote what to whom: on each node one process writes numbered letters to the readers of all other nodes, of all
 * their lives, also of those that are over.
 */
export class PostBook {
  /** By `sender > receiver`, both with their lives: the letters sent, in order. */
  readonly #sent = new Map<string, Letter[]>();
  /** The numbers received, in order. */
  readonly #received = new Map<string, number[]>();
  /** Of every life of a node so far. */
  readonly #readers = new Map<string, { own: string; reader: Pid }[]>();
  #wrong: string | undefined;
  #isOver = false;
  /** Letters that had to arrive. */
  checked = 0;

  begin(node: Node, cluster: SimCluster, others: readonly string[]): void {
    const own = `${node.name}/${node.creation}`;
    const reader = node.spawn(
      async (self) => {
        for await (const message of self) {
          const [from, to, number] = message as [string, string, number];
          if (to !== own) this.#wrong ??= `${own} got a letter of ${from} for ${to}, another life`;
          const key = `${from} > ${to}`;
          const numbers = this.#received.get(key) ?? [];
          const last = numbers.at(-1) ?? -1;
          if (number <= last) this.#wrong ??= `${key}: letter ${number} after letter ${last}`;
          numbers.push(number);
          this.#received.set(key, numbers);
        }
      },
      [],
      { name: 'reader' },
    );
    this.#readers.set(node.name, [...(this.#readers.get(node.name) ?? []), { own, reader }]);
    node.spawn(async (self) => {
      for (;;) {
        self.sendAfter(EVERY_MS, 'write');
        await self.receive();
        if (this.#isOver) return;
        for (const other of others)
          for (const { own: to, reader: pid } of this.#readers.get(other) ?? []) {
            // To pids of all lives so far, the dead ones too.
            const key = `${own} > ${to}`;
            const letters = this.#sent.get(key) ?? [];
            this.#sent.set(key, letters);
            letters.push({ atMs: cluster.nowMs, connected: node.nodes('connected').includes(other) });
            self.send(pid, [own, to, letters.length - 1]);
          }
      }
    });
  }

  readonly inOrder: Predicate = () => this.#wrong ?? true;

  /** Nobody writes any more. */
  finish(): void {
    this.#isOver = true;
  }

  /** Every letter between two lives that stayed connected from its sending to the end has arrived. */
  check(cluster: SimCluster): void {
    let checked = 0;
    for (const [key, letters] of this.#sent) {
      const [from, to] = key.split(' > ') as [string, string];
      const [fromName, toName] = [from.split('/')[0]!, to.split('/')[0]!];
      const alive = cluster.nodes().map(({ name, creation }) => `${name}/${creation}`);
      if (!alive.includes(from) || !alive.includes(to)) continue;
      const partedMs = cluster.timeline.events.findLast(
        ({ event, node, peer }) =>
          event === 'nodedown' &&
          ((node === fromName && peer === toName) || (node === toName && peer === fromName)),
      )?.atMs;
      const received = new Set(this.#received.get(key) ?? []);
      for (const [number, { atMs, connected }] of letters.entries()) {
        if (!connected || atMs <= (partedMs ?? -1)) continue;
        checked += 1;
        if (!received.has(number))
          throw new Error(
            `${key}: letter ${number} of ${atMs} ms never arrived, though they stayed connected`,
          );
      }
    }
    this.checked = checked;
  }
}
