import { expect, it } from 'vitest';
import { type GlobalEvent, GlobalMachine } from '../../../src/registry/global/machine.ts';
import { NameTable } from '../../../src/registry/global/names.ts';
import type { Wish } from '../../../src/registry/global/wishes.ts';
import { atom } from '../../../src/term/atom.ts';
import { internPid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { tuple } from '../../../src/term/tuple.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';
import { RANDOM_EXIT } from './world.ts';

const pid = (id: number) => internPid('a@h', id, 0, 1);

/** A name server alone: what it asks of whom is answered by hand. */
class Alone {
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
    }
  }

  /** Another member's registrar asks. */
  serve(...request: unknown[]): unknown {
    return this.#machine.serve(tuple(...request), internPid('b@h', 3, 0, 1)).reply;
  }

  settled: boolean | undefined = undefined;

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

it('takes the lock of the greatest name, then of all, and begins anew when members were added meanwhile', () => {
  const a = new Alone('b@h', 'z@h');
  a.register('x');
  expect(a.asked()).toBe('set_lock of z@h');
  a.answer();
  expect(a.asked()).toBe('set_lock of b@h,z@h');
  // A join has let the lock go at z, and told us of c at once; z came first.
  a.meet('b@h', ['c@h']);
  a.tell({ type: 'nodeup', node: 'c@h' });
  a.answer();
  expect(a.asked()).toBe('del_lock of b@h,z@h');
  expect(a.table.size).toBe(0);
  a.answer();
  a.wait();
  expect(a.asked()).toBe('set_lock of z@h');
  a.answer();
  expect(a.asked()).toBe('set_lock of b@h,z@h,c@h');
  a.answer();
  expect(a.asked()).toBe('register of b@h,z@h,c@h');
  expect(a.settled).toBeUndefined();
  a.answer();
  expect(a.settled).toBe(true);
});

it('tells a change to nobody that was lost since it was locked, also when it is back', () => {
  const a = new Alone('b@h', 'z@h');
  a.register('x');
  a.answer();
  a.tell({ type: 'nodedown', node: 'b@h' });
  a.tell({ type: 'nodeup', node: 'b@h' });
  a.answer();
  expect(a.asked()).toBe('register of z@h');
  a.answer();
  expect(a.settled).toBe(true);
});

it('enters what another asks for under its lock, and of what comes after the lock is lost nothing', () => {
  const a = new Alone('b@h', 'z@h');
  const lock = tuple(atom('global'), internPid('b@h', 3, 0, 1));
  const [his, yes] = [internPid('b@h', 9, 0, 1), atom('yes')];
  expect(a.serve(atom('set_lock'), lock)).toBe(true);
  expect(a.serve(atom('register'), 'x', his, RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('register'), 'y', his, RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('unregister'), 'y')).toBe(atom('ok'));
  expect(a.serve(atom('del_lock'), lock)).toBe(true);
  const names = () => [...a.table.all()].map(({ name, pid }) => `${name} ${pid.node}`);
  expect(names()).toEqual(['x b@h']);
  // They have waited for a connection: whoever sent them has no lock here any more.
  expect(a.serve(atom('register'), 'x', internPid('z@h', 9, 0, 1), RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('register'), 'z', his, RANDOM_EXIT)).toBe(yes);
  expect(a.serve(atom('register_ext'), 'c', his, RANDOM_EXIT, atom('b@h'))).toBe(yes);
  expect(a.serve(atom('unregister'), 'x')).toBe(atom('ok'));
  expect(names()).toEqual(['x b@h']);
});
