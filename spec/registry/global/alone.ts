import { expect } from 'vitest';
import { type GlobalEvent, GlobalMachine } from '../../../src/registry/global/machine.ts';
import { NameTable } from '../../../src/registry/global/names.ts';
import type { Wish } from '../../../src/registry/global/wishes.ts';
import { atom } from '../../../src/term/atom.ts';
import { internPid, type Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { tuple } from '../../../src/term/tuple.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';
import { RANDOM_EXIT } from './world.ts';

export const pid = (id: number) => internPid('a@h', id, 0, 1);

/** A name server alone: what it asks of whom is answered by hand. */
export class Alone {
  readonly table = new NameTable();
  readonly #machine = new GlobalMachine({
    self: 'a@h',
    pids: { server: pid(1), locker: pid(2), registrar: pid(3) },
    table: this.table,
    random: new SeededRandom(1),
    isAlive: () => true,
    preventOverlappingPartitions: true,
    joinLimitMs: 30_000,
    incarnation: 1,
  });
  #calls: Extract<Wish, { type: 'call' }>[] = [];
  #timers: number[] = [];

  /** It has these members: each greets it, once the first has told of them. */
  constructor(...members: readonly string[]) {
    this.tell({ type: 'nodeup', node: members[0]! });
    this.meet(members[0]!, members);
    for (const node of members.slice(1)) this.tell({ type: 'nodeup', node });
    expect(this.#machine.known).toEqual(members);
  }

  /** `node` tells of new members. */
  meet(node: string, members: readonly string[]): void {
    const added = members.map((one) => tuple(atom(one), 8));
    this.tell({ type: 'cast', message: tuple(atom('new_nodes'), atom(node), [], [], added, []) });
  }

  tell(event: GlobalEvent): void {
    for (const wish of this.#machine.step(event)) {
      if (wish.type === 'call') this.#calls.push(wish);
      else if (wish.type === 'arm') this.#timers.push(wish.timer);
      else if (wish.type === 'settle') this.settled = wish.outcome.done;
      else if (wish.type === 'cast' || wish.type === 'send')
        this.said.push(`${inspectTerm(wish.message.at(0))} to ${wish.node}`);
      else if (wish.type === 'connect' || wish.type === 'disconnect')
        this.said.push(`${wish.type} ${wish.node}`);
    }
  }

  /** Another member's registrar asks. */
  serve(...request: unknown[]): unknown {
    return this.serveFrom(internPid('b@h', 3, 0, 1), ...request);
  }

  serveFrom(from: Pid, ...request: unknown[]): unknown {
    return this.#machine.serve(tuple(...request), from).reply;
  }

  get known(): string[] {
    return this.#machine.known;
  }

  settled: boolean | undefined = undefined;
  /** Messages by their tags, and connections that are wanted or not. */
  said: string[] = [];

  /** What it said since it was asked last. */
  heard(): string[] {
    return this.said.splice(0);
  }

  register(name: string): void {
    const change = { kind: 'register', name, pid: pid(9), resolver: RANDOM_EXIT } as const;
    this.tell({ type: 'change', request: 1, change });
  }

  /** What it asks for now, and of whom. */
  asked(): string {
    const call = this.#calls[0];
    const [what] = call?.request.elements ?? [];
    return call === undefined ? 'nothing' : `${inspectTerm(what)} of ${call.nodes.join()}`;
  }

  /** All answer it as they should. */
  answer(): void {
    const { id, nodes } = this.#calls.shift()!;
    this.tell({ type: 'replies', id, replies: nodes.map((node) => [node, true]) });
  }

  wait(): void {
    for (const timer of this.#timers.splice(0)) this.tell({ type: 'timeout', timer });
  }
}
