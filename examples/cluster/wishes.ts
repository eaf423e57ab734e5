import { type Cluster, upMembers } from './cluster.ts';
import type { MemberName } from './events.ts';
import type { Wish } from './input.ts';

const SAY_LIMIT_MS = 4_000;

/** Does what a line asks for; texts without an address go to each member in turn. */
export class Wishes {
  readonly #cluster: Cluster;
  #turn = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Resolves when it is done: for a text, when its answer is in the state. */
  async grant(wish: Exclude<Wish, { type: 'quit' }>): Promise<void> {
    switch (wish.type) {
      case 'say':
        return this.#say(wish.to, wish.text);
      case 'kill':
        if (this.#cluster.runs(wish.node)) return this.#cluster.kill(wish.node);
        return this.#note(`${wish.node} is not running; /start ${wish.node}`);
      case 'start':
        if (!this.#cluster.runs(wish.node)) return this.#cluster.start(wish.node);
        return this.#note(`${wish.node} is running already; /kill ${wish.node}`);
      case 'unclear':
        return this.#note(wish.why);
      case 'nothing':
        return;
      default:
        return wish satisfies never;
    }
  }

  async #say(given: MemberName | undefined, text: string): Promise<void> {
    const up = upMembers(this.#cluster.state);
    const to = given ?? up[(this.#turn + 1) % Math.max(1, up.length)];
    this.#turn += 1;
    const from = up.find((name) => name !== to);
    if (to === undefined || from === undefined)
      return this.#note('two members must be up to talk; /start one');
    try {
      const call = await this.#cluster.say(from, to, text, SAY_LIMIT_MS);
      this.#cluster.emit({ type: 'answered', call });
    } catch (error) {
      this.#note(error instanceof Error ? error.message : String(error));
    }
  }

  #note(text: string): void {
    this.#cluster.emit({ type: 'note', text });
  }
}
