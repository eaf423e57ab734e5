import type { Pid } from '../../term/identifiers.ts';
import { isTerm, TermMap } from '../../term/term-map.ts';
import type { Tuple } from '../../term/tuple.ts';
import { ByPid } from '../by-pid.ts';
import { Members } from './members.ts';
import {
  discoverMessage,
  type GroupChange,
  type GroupPids,
  joinMessage,
  leaveMessage,
  type PgMessage,
  parsePgMessage,
  syncMessage,
} from './pg-message.ts';

/** How long a node that was asked may take to show that it runs the scope. Chosen: many round trips, few wasted messages. */
const ANSWER_MS = 5_000;
/** Pids in one message of those whose order counts: they must not be cut into fragments, which others overtake. */
const PIDS_PER_MESSAGE = 1_000;

export type ScopeEvent =
  /** The scope process runs (again); these visible nodes are connected. */
  | { readonly type: 'start'; readonly self: Pid; readonly nodes: readonly string[] }
  /** It has ended. Who is a member here stays known; what the peers had is not. */
  | { readonly type: 'stop' }
  /** A visible node. */
  | { readonly type: 'nodeup'; readonly node: string }
  | { readonly type: 'nodedown'; readonly node: string }
  /** What `arm` asked for. */
  | { readonly type: 'late'; readonly node: string }
  /** From another scope process; the request alone where it was a cast. */
  | { readonly type: 'message'; readonly message: unknown }
  /** A monitored process has ended or is out of reach. */
  | { readonly type: 'down'; readonly pid: Pid }
  /** Processes of this node. */
  | { readonly type: 'join'; readonly group: unknown; readonly pids: readonly Pid[] }
  | { readonly type: 'leave'; readonly group: unknown; readonly pids: readonly Pid[] };

export type ScopeWish =
  /** To a scope process, or to the name of the scope on a node. Never connects anything. */
  | { readonly type: 'send'; readonly to: Pid | string; readonly message: Tuple }
  | { readonly type: 'monitor'; readonly pid: Pid }
  | { readonly type: 'demonitor'; readonly pid: Pid }
  /** A `late` for that node, please. */
  | { readonly type: 'arm'; readonly node: string; readonly afterMs: number }
  /** The state has changed; comes after what the peers are told of it. */
  | {
      readonly type: 'tell';
      readonly change: 'join' | 'leave';
      readonly group: unknown;
      readonly pids: readonly Pid[];
    }
  /** A message that changes nothing, to be counted. */
  | { readonly type: 'ignore'; readonly why: 'malformed' | 'unknown_peer' };

interface Group {
  readonly term: unknown;
  local: Members | undefined;
  remote: Map<Peer, Members> | undefined;
}

/** A scope process on another node. */
interface Peer {
  readonly pid: Pid;
  readonly groups: Map<Group, Members>;
  /** Whether it has our members, so that it can be told of changes alone. */
  told: boolean;
}

/**
 * One scope: which processes are in which groups, and what to say to whom about it. Told by OTP's `pg` (kernel/src/pg.erl):
 *
 * Scopes discover each other: at its start a scope sends `discover` to its name on every visible node, and later to each
 * that comes up. Who is discovered answers with `sync`, all its members, watches the asker, and asks back if it did not
 * know it. From then on each tells the other of its own joins and leaves. What a peer had is dropped with the peer.
 * Both ask at once when a link comes up, so a sync may come twice; the second changes nothing.
 *
 * Two things more than OTP does, both in messages that every release knows:
 * - A peer is told of a change only once it has had our sync; until then the change goes as a sync. (An OTP 25 scope that
 *   hears of a leave from a group that it does not know crashes.)
 * - A change that comes while a node has been asked and has not answered goes to the name of the scope there, first as a
 *   sync: so that it is on the link before whatever is sent to that node afterwards.
 *
 * Pure: it is told what happened and answers with what should follow, in order.
 */
export class ScopeMachine {
  #self: Pid | undefined = undefined;
  readonly #groups = new TermMap<Group>();
  /** The groups of each local member, one entry for each time it joined. */
  readonly #local = new ByPid<Group>();
  readonly #peers = new Map<Pid, Peer>();
  /** Nodes that were asked and have not answered; whether they were told our members. */
  readonly #asked = new Map<string, { told: boolean }>();
  #wishes: ScopeWish[] = [];

  /** Groups of local joins and leaves must be terms. */
  step(event: ScopeEvent): readonly ScopeWish[] {
    this.#wishes = [];
    this.#take(event);
    return this.#wishes;
  }

  /** Everybody in a group, each as often as it joined, in no particular order. */
  members(group: unknown): Pid[] {
    const found = this.#groups.get(group);
    const list = found?.local?.toArray() ?? [];
    for (const members of found?.remote?.values() ?? []) members.appendTo(list);
    return list;
  }

  localMembers(group: unknown): Pid[] {
    return this.#groups.get(group)?.local?.toArray() ?? [];
  }

  /** Groups that have members. */
  which(): unknown[] {
    return [...this.#groups.values()].map((group) => group.term);
  }

  whichLocal(): unknown[] {
    return [...this.#groups.values()].filter((group) => group.local !== undefined).map((group) => group.term);
  }

  /** Scope processes of other nodes. */
  peers(): Pid[] {
    return [...this.#peers.keys()];
  }

  #take(event: ScopeEvent): void {
    switch (event.type) {
      case 'start':
        this.#self = event.self;
        for (const pid of this.#local.pids()) this.#wish({ type: 'monitor', pid });
        for (const node of event.nodes) this.#ask(node);
        return;
      case 'stop':
        this.#self = undefined;
        this.#asked.clear();
        for (const peer of [...this.#peers.values()]) this.#drop(peer);
        return;
      case 'nodeup':
        this.#ask(event.node);
        return;
      case 'nodedown':
      case 'late':
        this.#asked.delete(event.node);
        return;
      case 'message':
        this.#hear(event.message);
        return;
      case 'down':
        this.#down(event.pid);
        return;
      case 'join':
        this.#join(event.group, event.pids);
        return;
      case 'leave':
        this.#leave(event.group, event.pids);
        return;
      default:
        event satisfies never;
    }
  }

  // ---- local processes

  #join(term: unknown, pids: readonly Pid[]): void {
    if (pids.length === 0) return;
    const group = this.#group(term);
    group.local ??= new Members();
    for (const pid of pids) {
      group.local.add(pid);
      if (this.#local.add(pid, group)) this.#wish({ type: 'monitor', pid });
    }
    this.#tellPeers((self) => inParts(pids).map((part) => joinMessage(self, term, part)));
    this.#wish({ type: 'tell', change: 'join', group: term, pids });
  }

  /** Nothing follows when none of them was in the group. */
  #leave(term: unknown, pids: readonly Pid[]): void {
    const group = this.#groups.get(term);
    if (group?.local === undefined) return;
    const left: Pid[] = [];
    for (const pid of pids) {
      if (!group.local.remove(pid)) continue;
      left.push(pid);
      if (this.#local.remove(pid, group)) this.#wish({ type: 'demonitor', pid });
    }
    if (left.length === 0) return;
    this.#tidy(group);
    this.#tellPeers((self) => inParts(left).map((part) => leaveMessage(self, part, [group.term])));
    this.#wish({ type: 'tell', change: 'leave', group: group.term, pids: left });
  }

  #down(pid: Pid): void {
    const peer = this.#peers.get(pid);
    if (peer !== undefined) this.#drop(peer);
    const groups = this.#local.of(pid);
    if (groups.length === 0) return;
    this.#local.delete(pid);
    for (const group of groups) {
      group.local!.remove(pid);
      this.#tidy(group);
    }
    // The latest first, as OTP has it.
    const terms = groups.map((group) => group.term).reverse();
    this.#tellPeers((self) => [leaveMessage(self, [pid], terms)]);
    for (const group of terms) this.#wish({ type: 'tell', change: 'leave', group, pids: [pid] });
  }

  // ---- scope processes of other nodes

  #ask(node: string): void {
    this.#wish({ type: 'send', to: node, message: discoverMessage(this.#self!) });
    // It may have been quicker, and is known by its process.
    for (const pid of this.#peers.keys()) if (pid.node === node) return;
    this.#asked.set(node, { told: false });
    this.#wish({ type: 'arm', node, afterMs: ANSWER_MS });
  }

  #hear(body: unknown): void {
    const message = parsePgMessage(body);
    // Nobody is discovered by itself.
    if (message === undefined || message.peer.node === this.#self?.node || !canKeep(message))
      this.#wish({ type: 'ignore', why: 'malformed' });
    else if (message.type === 'discover') this.#discovered(message.peer);
    else if (message.type === 'sync') this.#synced(message.peer, message.groups);
    else this.#changed(message.peer, message.changes);
  }

  #discovered(pid: Pid): void {
    const known = this.#peers.get(pid);
    const peer = known ?? this.#meet(pid);
    if (peer.told) {
      // It has them; once more in one piece, since less would look as if the others had left.
      this.#wish({ type: 'send', to: pid, message: syncMessage(this.#self!, this.#allLocal()) });
    } else this.#introduce(pid, peer);
    if (known !== undefined) return;
    this.#wish({ type: 'monitor', pid });
    this.#wish({ type: 'send', to: pid, message: discoverMessage(this.#self!) });
  }

  #meet(pid: Pid): Peer {
    const peer: Peer = { pid, groups: new Map(), told: this.#asked.get(pid.node)?.told ?? false };
    this.#asked.delete(pid.node);
    this.#peers.set(pid, peer);
    return peer;
  }

  /** All that a peer has, in place of what it had. */
  #synced(pid: Pid, groups: readonly GroupPids[]): void {
    const known = this.#peers.get(pid);
    const peer = known ?? this.#meet(pid);
    if (known === undefined) this.#wish({ type: 'monitor', pid });
    const next = new Map<Group, readonly Pid[]>();
    for (const { group, pids } of groups) if (pids.length > 0) next.set(this.#group(group), pids);
    for (const [group, members] of [...peer.groups])
      if (!next.has(group)) this.#remoteLeave(peer, group, members.toArray());
    for (const [group, pids] of next) {
      const had = peer.groups.get(group);
      if (had === undefined) {
        this.#remoteJoin(peer, group, pids);
        continue;
      }
      const { added, missing } = difference(had, pids);
      if (missing.length > 0) this.#remoteLeave(peer, group, missing);
      if (added.length > 0) this.#remoteJoin(peer, group, added);
    }
  }

  #changed(pid: Pid, changes: readonly GroupChange[]): void {
    const peer = this.#peers.get(pid);
    if (peer === undefined) {
      this.#wish({ type: 'ignore', why: 'unknown_peer' });
      return;
    }
    for (const { group, joined, left } of changes) {
      if (joined.length > 0) this.#remoteJoin(peer, this.#group(group), joined);
      const known = this.#groups.get(group);
      if (known !== undefined && left.length > 0) this.#remoteLeave(peer, known, left);
    }
  }

  #remoteJoin(peer: Peer, group: Group, pids: readonly Pid[]): void {
    let members = peer.groups.get(group);
    if (members === undefined) {
      members = new Members();
      // It may have been tidied away with its last member.
      this.#groups.set(group.term, group);
      peer.groups.set(group, members);
      group.remote ??= new Map();
      group.remote.set(peer, members);
    }
    for (const pid of pids) members.add(pid);
    this.#wish({ type: 'tell', change: 'join', group: group.term, pids });
  }

  #remoteLeave(peer: Peer, group: Group, pids: readonly Pid[]): void {
    const members = peer.groups.get(group);
    if (members === undefined) return;
    const left = pids.filter((pid) => members.remove(pid));
    if (left.length === 0) return;
    if (members.size === 0) {
      peer.groups.delete(group);
      group.remote!.delete(peer);
      this.#tidy(group);
    }
    this.#wish({ type: 'tell', change: 'leave', group: group.term, pids: left });
  }

  #drop(peer: Peer): void {
    this.#peers.delete(peer.pid);
    for (const [group, members] of [...peer.groups]) this.#remoteLeave(peer, group, members.toArray());
  }

  // ---- what peers are told

  #tellPeers(messages: (self: Pid) => readonly Tuple[]): void {
    const self = this.#self;
    if (self === undefined) return;
    const changes = messages(self);
    for (const [to, peer] of this.#peers) this.#tellChange(to, peer, changes);
    for (const [to, asked] of this.#asked) this.#tellChange(to, asked, changes);
  }

  #tellChange(to: Pid | string, who: { told: boolean }, changes: readonly Tuple[]): void {
    if (!who.told) this.#introduce(to, who);
    else for (const message of changes) this.#wish({ type: 'send', to, message });
  }

  /** All our members to who has none of them, in parts that nothing overtakes: a sync, and joins for the rest. */
  #introduce(to: Pid | string, who: { told: boolean }): void {
    who.told = true;
    const self = this.#self!;
    const first: GroupPids[] = [];
    const later: Tuple[] = [];
    let room = PIDS_PER_MESSAGE;
    for (const { group, pids } of this.#allLocal()) {
      const fits = pids.slice(0, room);
      room -= fits.length;
      if (fits.length > 0) first.push({ group, pids: fits });
      for (const part of inParts(pids.slice(fits.length))) later.push(joinMessage(self, group, part));
    }
    this.#wish({ type: 'send', to, message: syncMessage(self, first) });
    for (const message of later) this.#wish({ type: 'send', to, message });
  }

  #allLocal(): GroupPids[] {
    const all: GroupPids[] = [];
    for (const { term, local } of this.#groups.values())
      if (local !== undefined) all.push({ group: term, pids: local.toArray() });
    return all;
  }

  // ---- groups

  #group(term: unknown): Group {
    let group = this.#groups.get(term);
    if (group === undefined) {
      group = { term, local: undefined, remote: undefined };
      this.#groups.set(term, group);
    }
    return group;
  }

  /** Forgets what is empty. */
  #tidy(group: Group): void {
    if (group.local?.size === 0) group.local = undefined;
    if (group.remote?.size === 0) group.remote = undefined;
    if (group.local === undefined && group.remote === undefined) this.#groups.delete(group.term);
  }

  #wish(wish: ScopeWish): void {
    this.#wishes.push(wish);
  }
}

/** Whether its groups are terms. */
function canKeep(message: PgMessage): boolean {
  if (message.type === 'discover') return true;
  const groups: readonly { readonly group: unknown }[] =
    message.type === 'sync' ? message.groups : message.changes;
  return groups.every(({ group }) => isTerm(group));
}

/** Cuts a list into parts of at most `PIDS_PER_MESSAGE`; none when it is empty. */
function inParts(pids: readonly Pid[]): (readonly Pid[])[] {
  if (pids.length > 0 && pids.length <= PIDS_PER_MESSAGE) return [pids];
  const parts: (readonly Pid[])[] = [];
  for (let i = 0; i < pids.length; i += PIDS_PER_MESSAGE) parts.push(pids.slice(i, i + PIDS_PER_MESSAGE));
  return parts;
}

/** What must be added to and taken from `had` so that it holds `pids`, counting each as often as it is there. */
function difference(had: Members, pids: readonly Pid[]): { added: Pid[]; missing: Pid[] } {
  const added: Pid[] = [];
  const left = new Members();
  for (const pid of had.toArray()) left.add(pid);
  for (const pid of pids) if (!left.remove(pid)) added.push(pid);
  return { added, missing: left.toArray() };
}
