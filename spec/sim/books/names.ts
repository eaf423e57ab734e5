import { atom, type ExitError, type Node, type Pid, Tuple } from '../../../src/index.ts';
import type { Predicate, SeededRandom, SimCluster } from '../../../src/testing/index.ts';

/** Names that one process of each node wants. Who loses `mortal` in a conflict dies of it, who loses the others is told. */
const NAMES = ['first', 'second', 'mortal'] as const;
const GROUP = 'everybody';
const CONFLICT = atom('global_name_conflict');
const KILLED = atom('killed');
const NORMAL = atom('normal');
/** Between two tries, and how long a holder of a name lives at most. */
const TRY_MS = 3_000;
const KEEP_MS = 60_000;
const CHANGE_TIMEOUT_MS = 30_000;

/** One process that wants one name. */
interface Contender {
  /** Node and life it belongs to. */
  readonly own: string;
  readonly name: string;
  readonly pid: Pid;
  /** It has the name, and was not told of having lost it. */
  holds: boolean;
  /** A change is under way, or has failed with nobody knowing what came of it. */
  isUnsure: boolean;
  /** Its node has told of a conflict that it lost. */
  isOusted: boolean;
  /** Conflicts it was told of since it registered last. */
  tolds: number;
  isAlive: boolean;
  /** Ends it. */
  readonly end: () => void;
}

/**
 * On every node one process for each of a few names registers it whenever it is free, ends some time after and has another
 * in its place, and is a member of one group. Who loses a name when parts of the cluster meet is told just once, or dies of it.
 */
export class NamesBook {
  readonly #contenders: Contender[] = [];
  readonly #random: SeededRandom;
  #wrong: string | undefined;
  #isOver = false;
  /** Conflicts that somebody lost. */
  losses = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  begin(node: Node): void {
    // What the loser's own node says; the message to the loser is sent by whoever decides, on a link that may be lost.
    node.global.on('conflict', ({ name, pids, winner }) => {
      const loser = this.#contenders.find(({ pid }) => pids.includes(pid) && pid !== winner);
      if (loser !== undefined && loser.pid.node === node.name && loser.name === name) loser.isOusted = true;
    });
    for (const name of NAMES) this.#contend(node, name);
  }

  readonly atMostOnce: Predicate = () => this.#wrong ?? true;

  /** Nobody registers any more, and one who has a name ends: so that it is seen whether the name ends with it. */
  finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const holders = this.#contenders.filter(({ holds, isAlive }) => holds && isAlive);
    holders[this.#random.between(0, holders.length - 1)]?.end();
  }

  /** Who believes to have a name has it, who does not has it not, and the group has all that live. */
  check(cluster: SimCluster): void {
    const lives = new Map(cluster.nodes().map((node) => [`${node.name}/${node.creation}`, node]));
    const living = this.#contenders.filter(({ own, isAlive }) => isAlive && lives.has(own));
    for (const { own, name, pid, holds, isUnsure, isOusted, tolds } of living) {
      if (isUnsure || (isOusted && tolds === 0)) continue;
      const has = lives.get(own)!.global.whereis(name) === pid;
      if (has !== holds)
        throw new Error(`${own} ${holds ? 'has lost' : 'still has'} "${name}", and was told ${tolds} times`);
    }
    const expected = living.map(({ pid }) => String(pid)).sort();
    for (const node of lives.values()) {
      const members = node.groups.members(GROUP).map(String).sort();
      if (members.join() !== expected.join())
        throw new Error(`${node.name} has the members ${members}, there are ${expected}`);
    }
  }

  #contend(node: Node, name: (typeof NAMES)[number]): void {
    const resolve = name === 'mortal' ? 'random_exit' : 'random_notify';
    node.spawn(async (self) => {
      const contender: Contender = {
        own: `${node.name}/${node.creation}`,
        name,
        pid: self.pid,
        holds: false,
        isUnsure: false,
        isOusted: false,
        tolds: 0,
        isAlive: true,
        end: () => node.send(self.pid, 'end'),
      };
      this.#contenders.push(contender);
      self.signal.addEventListener('abort', () => {
        contender.isAlive = false;
        const { reason } = self.signal.reason as ExitError;
        if (reason === KILLED) this.#died(contender);
        if (reason === KILLED || reason === NORMAL) this.#contend(node, name);
      });
      await node.groups.join(GROUP, self.pid);
      self.sendAfter(this.#random.between(0, TRY_MS), 'look');
      for await (const message of self) {
        if (message === 'look') {
          if (await this.#look(node, contender, resolve))
            self.sendAfter(this.#random.between(0, KEEP_MS), 'enough');
          self.sendAfter(this.#random.between(TRY_MS / 2, TRY_MS), 'look');
        } else if (message === 'end' || (message === 'enough' && !this.#isOver)) break;
        else if (message !== 'enough') this.#told(contender, message);
      }
    });
  }

  /** Registers the name if it is free. True when that went well. */
  async #look(node: Node, contender: Contender, resolve: 'random_exit' | 'random_notify'): Promise<boolean> {
    const { name, pid } = contender;
    if (this.#isOver || contender.holds || node.global.whereis(name) !== undefined) return false;
    contender.isUnsure = true;
    contender.isOusted = false;
    contender.tolds = 0;
    try {
      const options = { resolve, ifTaken: 'false', timeout: CHANGE_TIMEOUT_MS } as const;
      contender.holds = await node.global.register(name, pid, options);
      contender.isUnsure = false;
      return contender.holds;
    } catch {
      // Too late, or the node stops: whether it was registered is seen by whoever looks.
      return false;
    }
  }

  #told(contender: Contender, message: unknown): void {
    const { own, name } = contender;
    if (!(message instanceof Tuple) || message.at(0) !== CONFLICT || message.at(1) !== name) {
      this.#wrong ??= `${own} got ${String(message)}`;
      return;
    }
    this.losses += 1;
    contender.tolds += 1;
    if (contender.tolds > 1)
      this.#wrong ??= `${own} was told ${contender.tolds} times that it lost "${name}"`;
    if (!contender.holds && !contender.isUnsure)
      this.#wrong ??= `${own} was told that it lost "${name}", which it did not have`;
    contender.holds = false;
  }

  /** It lost its name and its life. */
  #died(contender: Contender): void {
    const { own, name } = contender;
    this.losses += 1;
    if (name !== 'mortal') this.#wrong ??= `${own} died of losing "${name}"`;
    if (!contender.holds && !contender.isUnsure)
      this.#wrong ??= `${own} died of losing "${name}", which it did not have`;
  }
}
