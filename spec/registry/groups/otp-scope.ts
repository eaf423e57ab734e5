/**
 * A scope of OTP 25, step by step as kernel/src/pg.erl has it, crashes included: where Erlang would end with badkey, badmatch or
 * badarg, this throws. The slow obvious twin of our machine, and what we must never crash.
 */

import { Atom, atom } from '../../../src/term/atom.ts';
import { Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { Tuple, tuple } from '../../../src/term/tuple.ts';

type Groups = Map<string, { readonly group: unknown; readonly pids: readonly Pid[] }>;

/** A message and where it goes: to a process, or to the scope's name on a node. */
export interface Sent {
  readonly to: Pid | string;
  readonly message: unknown;
}

/** `Left -- Right` of lists. */
export function without(left: readonly Pid[], right: readonly Pid[]): Pid[] {
  const rest = [...left];
  for (const pid of right) {
    const index = rest.indexOf(pid);
    if (index >= 0) rest.splice(index, 1);
  }
  return rest;
}

export class Otp25Scope {
  readonly self: Pid;
  readonly monitored = new Set<Pid>();
  sent: Sent[] = [];
  readonly #local = new Map<Pid, unknown[]>();
  readonly #remote = new Map<Pid, Groups>();
  readonly #ets = new Map<string, { all: readonly Pid[]; local: readonly Pid[] }>();

  constructor(self: Pid, nodes: readonly string[]) {
    this.self = self;
    for (const node of nodes) this.nodeUp(node);
  }

  members(group: unknown): readonly Pid[] {
    return this.#ets.get(inspectTerm(group))?.all ?? [];
  }

  nodeUp(node: string): void {
    this.sent.push({ to: node, message: tuple(atom('discover'), this.self) });
  }

  join(group: unknown, pid: Pid): void {
    this.#local.set(pid, [group, ...(this.#local.get(pid) ?? [])]);
    const key = inspectTerm(group);
    const entry = this.#ets.get(key) ?? { all: [], local: [] };
    this.#ets.set(key, { all: [pid, ...entry.all], local: [pid, ...entry.local] });
    this.#broadcast(tuple(atom('join'), this.self, group, pid));
  }

  leave(group: unknown, pid: Pid): void {
    const groups = this.#local.get(pid) ?? [];
    const index = groups.findIndex((one) => inspectTerm(one) === inspectTerm(group));
    if (index < 0) return;
    if (groups.length === 1) this.#local.delete(pid);
    else this.#local.set(pid, groups.toSpliced(index, 1));
    this.#leaveLocal(group, pid);
    this.#broadcast(tuple(atom('leave'), this.self, pid, [group]));
  }

  down(pid: Pid): void {
    if (pid.node === this.self.node) {
      const groups = this.#local.get(pid);
      if (groups === undefined) return;
      this.#local.delete(pid);
      for (const group of groups) this.#leaveLocal(group, pid);
      this.#broadcast(tuple(atom('leave'), this.self, pid, groups));
      return;
    }
    const groups = this.#remote.get(pid);
    this.#remote.delete(pid);
    for (const { group, pids } of groups?.values() ?? []) this.#leaveEts(group, pids);
  }

  hear(message: unknown): void {
    const bare = message instanceof Tuple ? message.elements : [];
    const isCast = bare[0] === atom('$gen_cast');
    const [kind, peer, ...rest] = isCast ? (bare[1] as Tuple).elements : bare;
    const name = `${isCast ? 'cast ' : ''}${kind instanceof Atom ? kind.name : '?'}/${rest.length}`;
    if (!(peer instanceof Pid)) throw new Error(`badarg: ${inspectTerm(message)}`);
    switch (name) {
      case 'discover/0':
        this.#discovered(peer);
        return;
      case 'cast sync/1':
        this.#synced(peer, rest[0] as Tuple[]);
        return;
      case 'join/2':
        this.#joined(peer, rest[0], rest[1] as Pid | Pid[]);
        return;
      case 'leave/2':
        this.#left(peer, rest[0] as Pid | Pid[], rest[1] as unknown[]);
        return;
      default:
        throw new Error(`badarg: ${inspectTerm(message)}`);
    }
  }

  #discovered(peer: Pid): void {
    const groups = new Map<string, { group: unknown; pids: Pid[] }>();
    for (const [pid, joined] of this.#local)
      for (const group of joined) {
        const entry = groups.get(inspectTerm(group)) ?? { group, pids: [] };
        groups.set(inspectTerm(group), entry);
        entry.pids.unshift(pid);
      }
    const list = [...groups.values()].map(({ group, pids }) => tuple(group, pids));
    this.sent.push({ to: peer, message: tuple(atom('$gen_cast'), tuple(atom('sync'), this.self, list)) });
    if (this.#remote.has(peer)) return;
    this.monitored.add(peer);
    this.sent.push({ to: peer, message: tuple(atom('discover'), this.self) });
    this.#remote.set(peer, new Map());
  }

  #synced(peer: Pid, list: readonly Tuple[]): void {
    let known = this.#remote.get(peer);
    if (known === undefined) {
      this.monitored.add(peer);
      known = new Map();
    }
    const old = new Map(known);
    const next: Groups = new Map();
    for (const { elements } of list) {
      const [group, pids] = elements as [unknown, Pid[]];
      const key = inspectTerm(group);
      next.set(key, { group, pids });
      const before = old.get(key);
      old.delete(key);
      if (before === undefined) this.#joinEts(group, pids);
      else if (before.pids.length !== pids.length || before.pids.some((pid, i) => pid !== pids[i])) {
        const entry = this.#ets.get(key);
        if (entry === undefined) throw new Error(`badmatch: [] for ${key}`);
        this.#ets.set(key, { ...entry, all: [...pids, ...without(entry.all, before.pids)] });
      }
    }
    for (const { group, pids } of old.values()) this.#leaveEts(group, pids);
    this.#remote.set(peer, next);
  }

  #joined(peer: Pid, group: unknown, pidOrPids: Pid | Pid[]): void {
    const groups = this.#remote.get(peer);
    if (groups === undefined) return;
    const pids = pidOrPids instanceof Pid ? [pidOrPids] : pidOrPids;
    this.#joinEts(group, pids);
    const key = inspectTerm(group);
    groups.set(key, { group, pids: [...pids, ...(groups.get(key)?.pids ?? [])] });
  }

  #left(peer: Pid, pidOrPids: Pid | Pid[], list: readonly unknown[]): void {
    const groups = this.#remote.get(peer);
    if (groups === undefined) return;
    const pids = pidOrPids instanceof Pid ? [pidOrPids] : pidOrPids;
    for (const group of list) this.#leaveEts(group, pids);
    for (const group of list) {
      const key = inspectTerm(group);
      const entry = groups.get(key);
      if (entry === undefined) throw new Error(`badkey: ${key}`);
      const rest = without(entry.pids, pids);
      if (rest.length === 0) groups.delete(key);
      else groups.set(key, { group, pids: rest });
    }
  }

  #joinEts(group: unknown, pids: readonly Pid[]): void {
    const key = inspectTerm(group);
    const entry = this.#ets.get(key) ?? { all: [], local: [] };
    this.#ets.set(key, { ...entry, all: [...pids, ...entry.all] });
  }

  #leaveEts(group: unknown, pids: readonly Pid[]): void {
    const key = inspectTerm(group);
    const entry = this.#ets.get(key);
    if (entry === undefined) return;
    const all = without(entry.all, pids);
    if (all.length === 0 && entry.local.length === 0) this.#ets.delete(key);
    else this.#ets.set(key, { ...entry, all });
  }

  #leaveLocal(group: unknown, pid: Pid): void {
    const key = inspectTerm(group);
    const entry = this.#ets.get(key);
    if (entry === undefined) return;
    const all = without(entry.all, [pid]);
    if (all.length === 0) this.#ets.delete(key);
    else this.#ets.set(key, { all, local: without(entry.local, [pid]) });
  }

  #broadcast(message: unknown): void {
    for (const to of this.#remote.keys()) this.sent.push({ to, message });
  }
}
