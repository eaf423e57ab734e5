import { actor, child, type Node, supervisor } from '../../../src/index.ts';
import type { SeededRandom, SimCluster } from '../../../src/testing/index.ts';

const CHILDREN = ['permanent', 'transient', 'temporary'] as const;

/** On each node a supervisor with three children, killed at random; whoever is to live again does, and only once. */
export class ChildrenBook {
  readonly #random: SeededRandom;
  readonly #lives = new Map<string, number>();
  #isOver = false;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  begin(node: Node): void {
    const own = `${node.name}/${node.creation}`;
    const living = new Map<string, number>();
    const Child = actor('child', (self, kind: string) => {
      living.set(kind, (living.get(kind) ?? 0) + 1);
      this.#lives.set(`${own} ${kind}`, (this.#lives.get(`${own} ${kind}`) ?? 0) + 1);
      self.onStop(() => void living.set(kind, living.get(kind)! - 1));
      return { kind: () => kind };
    });
    const random = this.#random.fork(own);
    const strategy = random.chance(0.5) ? 'one_for_one' : 'one_for_all';
    const Family = supervisor('family', { strategy, intensity: 1_000, period: 1_000 }, () =>
      CHILDREN.map((kind) => child(Child, [kind], { id: kind, restart: kind, name: `child_${kind}` })),
    );
    node.spawn(Family, [], { name: 'family' });
    node.spawn(async (self) => {
      for (;;) {
        self.sendAfter(random.between(500, 4_000), 'kill');
        await self.receive();
        if (this.#isOver) return;
        const victim = node.whereis(`child_${CHILDREN[random.between(0, CHILDREN.length - 1)]!}`);
        if (victim !== undefined) self.exit(victim, random.chance(0.5) ? 'kill' : 'crash');
      }
    });
  }

  finish(): void {
    this.#isOver = true;
  }

  check(cluster: SimCluster): void {
    for (const node of cluster.nodes()) {
      const own = `${node.name}/${node.creation}`;
      if (node.whereis('family') === undefined) throw new Error(`the supervisor of ${own} is gone`);
      for (const kind of ['permanent', 'transient'])
        if (node.whereis(`child_${kind}`) === undefined)
          throw new Error(`the ${kind} child of ${own} was not started again`);
      const temporary = this.#lives.get(`${own} temporary`) ?? 0;
      if (temporary > 1) throw new Error(`the temporary child of ${own} was started ${temporary} times`);
    }
  }
}
