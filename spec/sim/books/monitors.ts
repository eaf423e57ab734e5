import { Down, type Node, type Pid } from '../../../src/index.ts';
import type { Predicate, SimCluster } from '../../../src/testing/index.ts';

const EVERY_MS = 3_000;

interface Target {
  /** The life it belongs to. */
  readonly own: string;
  pid: Pid;
  hasEnded: boolean;
}

interface Watch {
  readonly watcher: string;
  readonly target: Target;
  readonly atMs: number;
  tolds: number;
}

/** Who watches whom: one process of each node monitors one of each other node, and anew when it was told. */
export class MonitorBook {
  readonly #targets = new Map<string, Target>();
  readonly #watches: Watch[] = [];
  #wrong: string | undefined;
  #isOver = false;

  begin(node: Node, cluster: SimCluster, others: readonly string[]): void {
    const own = `${node.name}/${node.creation}`;
    // One that ends now and then by itself, and is followed by another.
    const begin = (): void => {
      const pid = node.spawn(async (self) => {
        self.sendAfter(20_000, 'end');
        await self.receive();
        // In the end they stay, so that all that is known of them can be seen.
        if (this.#isOver) await self.receive();
        target.hasEnded = true;
        begin();
      });
      const target: Target = { own, pid, hasEnded: false };
      this.#targets.set(node.name, target);
    };
    begin();
    node.spawn(async (self) => {
      const open = new Map<string, Watch>();
      const watched = new Set<string>();
      self.sendAfter(EVERY_MS, 'look');
      for await (const message of self) {
        if (message instanceof Down) {
          const watch = open.get(message.ref.key);
          if (watch === undefined) {
            this.#wrong ??= `${own} got a DOWN that it has no monitor for`;
            continue;
          }
          watch.tolds += 1;
          if (watch.tolds > 1)
            this.#wrong ??= `${own} was told ${watch.tolds} times of the end of ${watch.target.own}`;
          watched.delete(watch.target.own.split('/')[0]!);
          continue;
        }
        self.sendAfter(EVERY_MS, 'look');
        if (this.#isOver) continue;
        for (const other of others) {
          const target = this.#targets.get(other);
          if (target === undefined || watched.has(other)) continue;
          watched.add(other);
          const watch: Watch = { watcher: own, target, atMs: cluster.nowMs, tolds: 0 };
          this.#watches.push(watch);
          open.set(self.monitor(target.pid).key, watch);
        }
      }
    });
  }

  readonly atMostOnce: Predicate = () => this.#wrong ?? true;

  finish(): void {
    this.#isOver = true;
  }

  /** Whoever lives was told of every life and every link that ended since he began to watch. */
  check(cluster: SimCluster): void {
    const alive = new Set(cluster.nodes().map(({ name, creation }) => `${name}/${creation}`));
    for (const { watcher, target, atMs, tolds } of this.#watches) {
      if (!alive.has(watcher)) continue;
      const [watcherName, targetName] = [watcher.split('/')[0]!, target.own.split('/')[0]!];
      const parted = cluster.timeline.events.some(
        ({ event, node, peer, atMs: whenMs }) =>
          event === 'nodedown' && node === watcherName && peer === targetName && whenMs > atMs,
      );
      if ((parted || target.hasEnded || !alive.has(target.own)) && tolds !== 1)
        throw new Error(
          `${watcher} watches one of ${target.own} since ${atMs} ms, which is gone, and was told ${tolds} times`,
        );
    }
  }
}
