/**
 * Several name servers as bare machines, on links that are lists: each message waits on the link of its pair until the
 * world hands it over, the links in an order that the seed draws. Time is a number; it moves when nothing else can.
 */

import { FAILED } from '../../../src/registry/global/joins.ts';
import { type GlobalEvent, GlobalMachine, MALFORMED } from '../../../src/registry/global/machine.ts';
import { NameTable } from '../../../src/registry/global/names.ts';
import type { Change } from '../../../src/registry/global/registrar.ts';
import type { GlobalConflict, Outcome, Role, Wish } from '../../../src/registry/global/wishes.ts';
import { atom } from '../../../src/term/atom.ts';
import { ExternalFun } from '../../../src/term/fun.ts';
import { internPid, type Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import type { Tuple } from '../../../src/term/tuple.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';

export const RANDOM_EXIT = new ExternalFun(atom('global'), atom('random_exit_name'), 3);
export const NOTIFY_ALL = new ExternalFun(atom('global'), atom('notify_all_name'), 3);

/** One whose node does not answer. */
export const SILENT = new ExternalFun(atom('silent'), atom('resolve'), 3);

type Packet =
  | { readonly kind: 'cast' | 'info'; readonly message: unknown }
  | { readonly kind: 'call'; readonly id: number; readonly from: Pid; readonly request: Tuple }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: unknown }
  | { readonly kind: 'down' | 'kill'; readonly pid: Pid };

interface Call {
  readonly replies: [string, unknown][];
  readonly left: Set<string>;
}

/** Somebody waits for a link. */
interface Attempt {
  readonly from: Member;
  readonly creation: number;
  readonly to: string;
  readonly then: (isLinked: boolean) => void;
  /** Nothing comes of it while other things can happen. */
  readonly hangs: boolean;
}

export class Member {
  readonly name: string;
  readonly table = new NameTable();
  machine!: GlobalMachine;
  creation = 0;
  readonly calls = new Map<number, Call>();
  timers: { readonly timer: number; readonly atMs: number }[] = [];
  readonly monitors = new Set<Pid>();
  readonly outcomes = new Map<number, Outcome>();
  readonly conflicts: GlobalConflict[] = [];
  readonly events: string[] = [];
  readonly counters: Record<string, number> = {};
  readonly warnings: string[] = [];
  /** Never answers, and reads nothing. */
  frozen = false;

  constructor(name: string) {
    this.name = name;
  }

  holders(): string[] {
    return [...this.table.all()].map(({ name, pid }) => `${inspectTerm(name)} ${pid}`).sort();
  }
}

interface WorldOptions {
  readonly preventOverlappingPartitions?: boolean;
  /** Whether an attempt at a link may hang, so that long after it was begun it fails, or comes about. @default false */
  readonly attemptsHang?: boolean;
}

export class World {
  readonly random: SeededRandom;
  readonly members = new Map<string, Member>();
  readonly #links = new Map<string, Packet[]>();
  readonly #cut = new Set<string>();
  #attempts: Attempt[] = [];
  readonly #stalled = new Set<string>();
  readonly #dead = new Set<Pid>();
  readonly #options: WorldOptions;
  nowMs = 0;
  #lastPid = 100;
  #lastRequest = 0;
  /** What was said, for those who want to read it. */
  readonly said: string[] = [];

  constructor(seed: number, options: WorldOptions = {}) {
    this.random = new SeededRandom(seed);
    this.#options = options;
  }

  start(...names: string[]): Member[] {
    return names.map((name) => {
      const member = this.members.get(name) ?? new Member(name);
      this.members.set(name, member);
      member.creation += 1;
      const pid = (id: number) => internPid(name, id, 0, member.creation);
      member.machine = new GlobalMachine({
        self: name,
        pids: { server: pid(1), locker: pid(2), registrar: pid(3) },
        table: member.table,
        random: this.random,
        isAlive: (one) => !this.#dead.has(one),
        preventOverlappingPartitions: this.#options.preventOverlappingPartitions ?? true,
        incarnation: member.creation,
        joinLimitMs: 30_000,
      });
      return member;
    });
  }

  /** The node dies with all its processes, and comes back with none. */
  restart(name: string): void {
    const member = this.members.get(name)!;
    for (const other of this.members.keys()) this.disconnect(name, other);
    for (const { pid } of [...member.table.all()]) if (pid.node === name) this.#dead.add(pid);
    for (const { name: taken } of [...member.table.all()]) member.table.delete(taken);
    member.calls.clear();
    member.timers = [];
    member.monitors.clear();
    this.start(name);
  }

  spawn(node: string): Pid {
    this.#lastPid += 1;
    return internPid(node, this.#lastPid, 0, this.members.get(node)!.creation);
  }

  kill(pid: Pid): void {
    if (this.#dead.has(pid)) return;
    this.#dead.add(pid);
    for (const member of this.members.values()) {
      if (!member.monitors.has(pid)) continue;
      if (member.name !== pid.node) this.#send(pid.node, member.name, { kind: 'down', pid });
      else if (member.monitors.delete(pid)) this.tell(member, { type: 'down', pid });
    }
  }

  isAlive(pid: Pid): boolean {
    return !this.#dead.has(pid);
  }

  // ---- links

  isLinked(one: string, other: string): boolean {
    return this.#links.has(`${one} ${other}`);
  }

  /** Runs `then` with whether they are linked: at once when they are, else after an attempt that takes its time. */
  #reach(from: Member, to: string, then: (isLinked: boolean) => void): void {
    if (this.isLinked(from.name, to)) {
      then(true);
      return;
    }
    const same = this.#attempts.find((one) => one.from === from && one.to === to);
    const hangs = same?.hangs ?? (this.#options.attemptsHang === true && this.random.between(0, 3) === 0);
    this.#attempts.push({ from, creation: from.creation, to, then, hangs });
  }

  /** False when they are out of reach. */
  connect(one: string, other: string, attempt?: Attempt): boolean {
    if (one === other || this.isLinked(one, other)) return true;
    if (this.#cut.has(`${one} ${other}`) || !this.members.has(other)) return false;
    this.#links.set(`${one} ${other}`, []);
    this.#links.set(`${other} ${one}`, []);
    // What waited for it leaves first, whoever has called whom.
    attempt?.then(true);
    const isFor = ({ from, to }: Attempt): boolean =>
      (from.name === one && to === other) || (from.name === other && to === one);
    const waiting = this.#attempts.filter(isFor);
    this.#attempts = this.#attempts.filter((waits) => !isFor(waits));
    for (const { from, creation, then } of waiting) if (creation === from.creation) then(true);
    this.tell(this.members.get(one)!, { type: 'nodeup', node: other });
    this.tell(this.members.get(other)!, { type: 'nodeup', node: one });
    return true;
  }

  disconnect(one: string, other: string): void {
    if (!this.isLinked(one, other)) return;
    this.#links.delete(`${one} ${other}`);
    this.#links.delete(`${other} ${one}`);
    this.#lost(one, other);
    this.#lost(other, one);
  }

  /** What the end of a link is to one side, in the order of a process's signals. */
  #lost(name: string, other: string): void {
    const member = this.members.get(name)!;
    for (const pid of [...member.monitors])
      if (pid.node === other && member.monitors.delete(pid)) this.tell(member, { type: 'down', pid });
    for (const [id, call] of [...member.calls]) if (call.left.has(other)) this.#answered(member, id, other);
    this.tell(member, { type: 'nodedown', node: other });
  }

  cut(groupA: readonly string[], groupB: readonly string[]): void {
    for (const one of groupA)
      for (const other of groupB) {
        this.#cut.add(`${one} ${other}`);
        this.#cut.add(`${other} ${one}`);
        this.disconnect(one, other);
      }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Attempts of these two at each other come to nothing, and to no end, until told otherwise. */
  stall(one: string, other: string, isStalled: boolean): void {
    for (const pair of [`${one} ${other}`, `${other} ${one}`])
      if (isStalled) this.#stalled.add(pair);
      else this.#stalled.delete(pair);
  }

  // ---- users

  change(node: string, change: Change): number {
    this.#lastRequest += 1;
    this.tell(this.members.get(node)!, { type: 'change', request: this.#lastRequest, change });
    return this.#lastRequest;
  }

  register(node: string, name: unknown, pid = this.spawn(node), resolver: unknown = RANDOM_EXIT): Pid {
    this.change(node, { kind: 'register', name, pid, resolver });
    return pid;
  }

  // ---- time

  /** One thing happens: a message arrives, or else the next timer fires. False when nothing is left to happen. */
  step(): boolean {
    const waiting = [...this.#links].filter(
      ([link, queue]) => queue.length > 0 && !this.members.get(link.split(' ')[1]!)!.frozen,
    );
    const isTried = ({ from, to }: Attempt): boolean => !this.#stalled.has(`${from.name} ${to}`);
    const ready = this.#attempts.findIndex((one) => !one.hangs && isTried(one));
    const at = ready < 0 && waiting.length === 0 ? this.#attempts.findIndex(isTried) : ready;
    if (at >= 0 && (waiting.length === 0 || this.random.between(0, 2) === 0)) {
      const attempt = this.#attempts.splice(at, 1)[0]!;
      const { from, to, creation, then } = attempt;
      if (creation !== from.creation) return true;
      if (!this.isLinked(from.name, to) && this.connect(from.name, to, attempt)) return true;
      then(this.isLinked(from.name, to));
      return true;
    }
    if (waiting.length > 0) {
      const [link, queue] = waiting[this.random.between(0, waiting.length - 1)]!;
      const [from, to] = link.split(' ') as [string, string];
      this.#arrive(from, this.members.get(to)!, queue.shift()!);
      return true;
    }
    let next: { readonly member: Member; readonly timer: number; readonly atMs: number } | undefined;
    for (const member of this.members.values())
      for (const one of member.timers)
        if (!member.frozen && (next === undefined || one.atMs < next.atMs)) next = { member, ...one };
    if (next === undefined) return false;
    this.nowMs = next.atMs;
    const { member, timer } = next;
    member.timers = member.timers.filter((one) => one.timer !== timer);
    this.tell(member, { type: 'timeout', timer });
    return true;
  }

  /** Runs until nothing is left to happen, or throws after `most` steps. */
  settle(most = 100_000): void {
    for (let i = 0; i < most; i++) if (!this.step()) return;
    throw new Error(`not quiet after ${most} steps\n${this.said.slice(-40).join('\n')}`);
  }

  /** Runs some steps. */
  run(steps: number): void {
    for (let i = 0; i < steps && this.step(); i++);
  }

  // ---- between the machines

  tell(member: Member, event: GlobalEvent): void {
    this.#perform(member, member.machine.step(event));
  }

  #send(from: string, to: string, packet: Packet): void {
    this.#links.get(`${from} ${to}`)?.push(packet);
  }

  #arrive(from: string, member: Member, packet: Packet): void {
    switch (packet.kind) {
      case 'cast':
      case 'info':
        this.said.push(`${from} -> ${member.name} ${packet.kind} ${inspectTerm(packet.message)}`);
        this.tell(member, { type: packet.kind, message: packet.message });
        return;
      case 'call': {
        this.said.push(`${from} -> ${member.name} call ${inspectTerm(packet.request)}`);
        const { reply, wishes } = member.machine.serve(packet.request, packet.from);
        this.#send(member.name, from, {
          kind: 'reply',
          id: packet.id,
          reply: reply === MALFORMED ? undefined : reply,
        });
        this.#perform(member, wishes);
        return;
      }
      case 'reply':
        member.calls.get(packet.id)?.replies.push([from, packet.reply]);
        this.#answered(member, packet.id, from);
        return;
      case 'down':
        this.tell(member, { type: 'down', pid: packet.pid });
        return;
      case 'kill':
        this.kill(packet.pid);
    }
  }

  #answered(member: Member, id: number, node: string): void {
    const call = member.calls.get(id);
    if (call === undefined || !call.left.delete(node) || call.left.size > 0) return;
    member.calls.delete(id);
    this.tell(member, { type: 'replies', id, replies: call.replies });
  }

  #perform(member: Member, wishes: readonly Wish[]): void {
    for (const wish of wishes) this.#grant(member, wish);
  }

  #pid(member: Member, role: Role): Pid {
    return internPid(member.name, { server: 1, locker: 2, registrar: 3 }[role], 0, member.creation);
  }

  #grant(member: Member, wish: Wish): void {
    const { name } = member;
    switch (wish.type) {
      case 'cast':
        this.#send(name, wish.node, { kind: 'cast', message: wish.message });
        return;
      case 'send':
        this.#send(name, wish.node, { kind: 'info', message: wish.message });
        return;
      case 'send_pid':
        this.#send(name, wish.to.node, { kind: 'info', message: wish.message });
        return;
      case 'call': {
        const { id, from, nodes, request } = wish;
        member.calls.set(id, { replies: [], left: new Set(nodes) });
        for (const node of nodes) {
          this.#reach(member, node, (isLinked) => {
            if (isLinked)
              this.#send(name, node, { kind: 'call', id, from: this.#pid(member, from), request });
            else this.#answered(member, id, node);
          });
        }
        return;
      }
      case 'arm':
        member.timers.push({ timer: wish.timer, atMs: this.nowMs + wish.afterMs });
        return;
      case 'disarm':
        member.timers = member.timers.filter(({ timer }) => timer !== wish.timer);
        return;
      case 'monitor':
        member.monitors.add(wish.pid);
        if (wish.pid.node === name) this.#watch(member, wish.pid);
        else this.#reach(member, wish.pid.node, () => this.#watch(member, wish.pid));
        return;
      case 'demonitor':
        member.monitors.delete(wish.pid);
        return;
      case 'connect':
        this.#reach(member, wish.node, (isLinked) => {
          if (!isLinked) this.tell(member, { type: 'unreachable', node: wish.node });
        });
        return;
      case 'disconnect':
        this.disconnect(name, wish.node);
        return;
      case 'resolve': {
        const answers = wish.clashes.map(({ ours, his, resolver }) => {
          if (resolver === NOTIFY_ALL) return atom('none');
          if (resolver === SILENT) return FAILED;
          const [kept, lost] = ours.node < his.node ? [ours, his] : [his, ours];
          if (lost.node === name) this.kill(lost);
          else this.#send(name, lost.node, { kind: 'kill', pid: lost });
          return kept;
        });
        this.tell(member, { type: 'clashes_resolved', node: wish.node, tag: wish.tag, answers });
        return;
      }
      case 'settle':
        member.outcomes.set(wish.request, wish.outcome);
        return;
      case 'registered':
      case 'unregistered':
        member.events.push(`${wish.type} ${inspectTerm(wish.name)} ${wish.pid}`);
        return;
      case 'conflict':
        member.conflicts.push({ name: wish.name, pids: wish.pids, winner: wish.winner });
        return;
      case 'count':
        member.counters[wish.counter] = (member.counters[wish.counter] ?? 0) + 1;
        return;
      case 'warn':
        member.warnings.push(wish.text);
        return;
      default:
        wish satisfies never;
    }
  }

  /** A monitor reaches its process, or finds that there is none. */
  #watch(member: Member, pid: Pid): void {
    const isOwn = pid.node === member.name;
    if (!this.#isGone(pid) && (isOwn || this.isLinked(member.name, pid.node))) return;
    if (!isOwn && this.isLinked(member.name, pid.node))
      this.#send(pid.node, member.name, { kind: 'down', pid });
    else if (member.monitors.delete(pid)) this.tell(member, { type: 'down', pid });
  }

  /** A process of an earlier life of its node is gone too. */
  #isGone(pid: Pid): boolean {
    return this.#dead.has(pid) || pid.creation !== this.members.get(pid.node)?.creation;
  }

  // ---- what must hold

  /** Nodes that are connected with each other, directly or not. */
  components(): string[][] {
    const left = new Set(this.members.keys());
    const components: string[][] = [];
    for (const first of left) {
      const component = [first];
      left.delete(first);
      for (const one of component)
        for (const other of left)
          if (this.isLinked(one, other)) {
            left.delete(other);
            component.push(other);
          }
      components.push(component);
    }
    return components;
  }

  /** What is wrong, now that it is quiet; undefined when nothing is. */
  wrong(): string | undefined {
    for (const component of this.components()) {
      const [first, ...others] = component.map((name) => this.members.get(name)!);
      const names = first!.holders().join('; ');
      for (const other of others)
        if (other.holders().join('; ') !== names)
          return `${first!.name} has ${names}, ${other.name} has ${other.holders().join('; ')}`;
      for (const { name, pid } of first!.table.all()) {
        if (this.#isGone(pid)) return `${inspectTerm(name)} is of ${pid}, which is gone`;
        if (!component.includes(pid.node)) return `${inspectTerm(name)} is of ${pid}, out of reach`;
      }
      for (const name of component) {
        const { machine } = this.members.get(name)!;
        const others = component.filter((other) => other !== name && this.isLinked(name, other)).sort();
        if (machine.known.sort().join() !== others.join())
          return `${name} knows ${machine.known}, is linked to ${others}`;
        if (!machine.isQuiet) return `${name} is not quiet`;
        if (machine.unsynced.length > 0) return `${name} is not in sync with ${machine.unsynced}`;
      }
    }
    return undefined;
  }
}
