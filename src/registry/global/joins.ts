/**
 * Joins: how two partitions become one. Both sides do the same at once, `A` and `B` being the two nodes that connect:
 *
 * 1. `init_connect` to each other, with a tag of this attempt; confirmed by `init_connect_ack`
 * 2. each locker locks its partition and says `lock_set`
 * 3. with both locked, `exchange`: all names of each side. The side with the smaller node name decides clashes
 * 4. `resolved`: what the other side has to change beside adding what was new to it, and who its other members are
 * 5. each tells its own members `new_nodes`, lets the lock go, and greets the new members with `in_sync`; members
 *    that were told of new ones connect to them, and between those `in_sync` is all that is said
 *
 * Messages that carry the tag of an attempt that is over are dropped, and that attempt's lock with them. What a node
 * that is not connected says is dropped too.
 *
 * @see OTP, global.erl, "Connection algorithm"
 */

import { atom } from '../../term/atom.ts';
import type { Pid } from '../../term/identifiers.ts';
import { compareTerms, equalTerms } from '../../term/order.ts';
import type { Locker } from './locker.ts';
import type { Members } from './members.ts';
import {
  cancelConnect,
  type ExternalName,
  exchange,
  initConnect,
  initConnectAck,
  inSync,
  type Lock,
  type Member,
  type NameEntry,
  type NameOp,
  newNodes,
  resolved,
  VERIFY_CONNECT_VSN,
  VSN,
} from './messages.ts';
import type { NameTable } from './names.ts';
import type { Replica } from './replica.ts';
import type { Clash, Wishes } from './wishes.ts';

/** A member that is told of us by another one greets us within this. */
const SYNC_LIMIT_MS = 5_000;

/** What `init_connect` told. */
interface Hello {
  readonly vsn: number;
  readonly tag: unknown;
  readonly locker: Pid;
}

interface HisResult {
  readonly ops: readonly NameOp[];
  readonly known: readonly Member[];
  readonly external: readonly ExternalName[];
}

/** One attempt. */
interface Join {
  readonly node: string;
  readonly myTag: number;
  his: Hello | undefined;
  /** Both sides are locked, under this. */
  lock: Lock | undefined;
  /** His names, if they came before we heard of the lock. */
  names: readonly NameEntry[] | undefined;
  /** Names that both sides have for the same process. */
  shared: readonly NameOp[];
  /** What we change for sure, while resolvers run. */
  draft: readonly NameOp[] | undefined;
  /** Our decisions, while his are awaited; his, while ours are. */
  ops: readonly NameOp[] | undefined;
  result: HisResult | undefined;
  /** Names that both sides have. */
  clashes: readonly Clash[];
  /** The same, as his list was first seen: a holder may end before we come to it. */
  met: readonly Clash[];
}

export interface JoinsOptions {
  readonly members: Members;
  readonly table: NameTable;
  readonly replica: Replica;
  readonly locker: Locker;
  readonly lockerPid: Pid;
  readonly wishes: Wishes;
  /** Tags of attempts: whole numbers, each once. */
  readonly nextTag: () => number;
}

export class Joins {
  readonly #o: JoinsOptions;
  readonly #joins = new Map<string, Join>();
  /** Hellos of nodes that we have no attempt with: of members, whose `in_sync` is still on its way. */
  readonly #early = new Map<string, Hello>();
  /** Nodes to be connected again as soon as their connection has ended. */
  readonly #again = new Set<string>();
  readonly #syncs = new Set<{ readonly nodes: Set<string>; readonly request: number }>();

  constructor(options: JoinsOptions) {
    this.#o = options;
  }

  /** Whether `myTag` is that of the attempt with this node. */
  isCurrent(node: string, myTag: unknown): boolean {
    return this.#joins.get(node)?.myTag === myTag;
  }

  /** Whether no attempt is under way. */
  get isIdle(): boolean {
    return this.#joins.size === 0;
  }

  // ---- beginning

  nodeUp(node: string): void {
    const { members, wishes, lockerPid, nextTag } = this.#o;
    if (members.known.has(node)) {
      wishes.cast('server', node, inSync(members.self));
      return;
    }
    if (this.#joins.has(node)) return;
    const join: Join = {
      node,
      myTag: nextTag(),
      his: undefined,
      lock: undefined,
      names: undefined,
      shared: [],
      draft: undefined,
      ops: undefined,
      result: undefined,
      clashes: [],
      met: [],
    };
    this.#joins.set(node, join);
    wishes.cast('server', node, initConnect(join.myTag, members.self, members.list(), lockerPid));
    const early = this.#early.get(node);
    this.#early.delete(node);
    if (early !== undefined) this.initConnect(node, early);
  }

  /**
   * His hello. One that comes in the middle of a join is a new attempt of his: it takes the place of the last one, and
   * the acknowledgements show whether both mean the same now. (OTP begins anew on both sides, which two that cross can
   * do for ever.)
   */
  initConnect(node: string, hello: Hello): void {
    const { members, wishes, locker } = this.#o;
    const join = this.#joins.get(node);
    if (join === undefined) {
      this.#early.set(node, hello);
      if (members.known.has(node)) this.#expectSync(node, hello);
      // We took him for a member's member, by his in_sync; he begins anew.
      else this.nodeUp(node);
      return;
    }
    if (join.his !== undefined) {
      if (hello.vsn < VERIFY_CONNECT_VSN || join.lock !== undefined) {
        wishes.add({ type: 'warn', text: `${node} joins out of turn and is connected anew` });
        this.#connectAnew(node);
        return;
      }
      locker.cancel(node, join.myTag);
    }
    join.his = hello;
    const vsn = Math.min(hello.vsn, VSN);
    locker.add({ node, locker: hello.locker, vsn, myTag: join.myTag, hisTag: hello.tag });
    if (hello.vsn >= VERIFY_CONNECT_VSN)
      wishes.add({ type: 'send', node, message: initConnectAck(members.self, hello.tag, join.myTag) });
    members.pending.set(node, hello.vsn);
  }

  #connectAnew(node: string): void {
    this.#again.add(node);
    this.#o.wishes.add({ type: 'disconnect', node });
  }

  /**
   * A member that says hello has not been told of us yet; once it has, it says `in_sync`. When who was to tell it is gone,
   * it never will: then only a new connection brings the two together. OTP leaves them half joined.
   */
  #expectSync(node: string, hello: Hello): void {
    const { wishes } = this.#o;
    wishes.after(SYNC_LIMIT_MS, () => {
      if (this.#early.get(node) !== hello) return;
      wishes.add({ type: 'warn', text: `${node} takes us for a stranger, and is connected anew` });
      this.#connectAnew(node);
    });
  }

  /** @param tags - ours and his, as he believes */
  initConnectAck(node: string, myTag: unknown, hisTag: unknown): void {
    const { members, wishes } = this.#o;
    const join = this.#joins.get(node);
    // Of an attempt that is over: he knows of the present one by its hello.
    if (join !== undefined && join.myTag !== myTag) return;
    if (join?.his?.tag === hisTag) return;
    wishes.add({ type: 'send', node, message: cancelConnect(members.self, hisTag) });
    if (join !== undefined) this.#restart(node);
  }

  cancelConnect(node: string, myTag: unknown): void {
    if (this.#joins.get(node)?.myTag !== myTag) return;
    // He knows: it was he who called it off.
    this.#o.members.pending.delete(node);
    this.#restart(node);
  }

  #restart(node: string): void {
    const isUp = this.#joins.has(node);
    this.#end(node);
    if (isUp) this.nodeUp(node);
  }

  // ---- names

  /** From our locker. */
  lockIsSet(node: string, myTag: number, lock: Lock): void {
    const { members, wishes, table } = this.#o;
    const join = this.#current(node, myTag);
    if (join === undefined) return;
    join.lock = lock;
    wishes.cast('server', node, exchange(members.self, table.all(), join.his!.tag));
    if (join.names !== undefined) this.#compare(join, join.names);
  }

  exchange(node: string, names: readonly NameEntry[], myTag: unknown): void {
    const join = this.#current(node, myTag);
    if (join === undefined || join.names !== undefined) return;
    join.names = names;
    join.met = this.#clashes(names);
    if (join.lock !== undefined) this.#compare(join, names);
  }

  /**
   * What is new is added; what is known and different is a clash, which the smaller node decides. What both have alike is left
   * of a time when they belonged together: others of either side may have lost it since, so all are told. (OTP tells nobody.)
   */
  #compare(join: Join, names: readonly NameEntry[]): void {
    const { members, table, wishes } = this.#o;
    const ops: NameOp[] = [];
    const shared: NameOp[] = [];
    for (const { name, pid, resolver } of names) {
      const held = table.get(name);
      if (held === undefined) ops.push({ name, insert: { pid, resolver } });
      else if (held.pid === pid) shared.push({ name, insert: held });
    }
    ops.push(...shared);
    join.shared = shared;
    const clashes = this.#clashes(names);
    join.clashes = clashes;
    const isOurs = compareTerms(atom(members.self), atom(join.node)) < 0;
    if (clashes.length === 0 || !isOurs) this.#decided(join, ops, shared);
    else {
      join.draft = ops;
      wishes.add({ type: 'resolve', node: join.node, tag: join.myTag, clashes });
    }
  }

  /** Names that we know for other processes. */
  #clashes(names: readonly NameEntry[]): Clash[] {
    const clashes: Clash[] = [];
    for (const { name, pid, resolver } of names) {
      const entry = this.#o.table.get(name);
      if (entry !== undefined && entry.pid !== pid)
        clashes.push({ name, ours: entry.pid, his: pid, resolver: entry.resolver, hisResolver: resolver });
    }
    return clashes;
  }

  /**
   * Resolvers have answered.
   * @param answers - for each clash in its order: a pid, `none`, or nonsense; FAILED when its node gave none
   */
  clashesResolved(node: string, myTag: number, answers: readonly unknown[]): void {
    const join = this.#current(node, myTag);
    if (join?.draft === undefined) return;
    const ops = [...join.draft];
    const forHim: NameOp[] = [...join.shared];
    join.draft = undefined;
    for (const [index, { name, ours, his, resolver, hisResolver }] of join.clashes.entries()) {
      const answer = answers[index];
      if (answer === his || answer === FAILED)
        ops.push({ name, insert: { pid: his, resolver: hisResolver } });
      else if (answer === ours) forHim.push({ name, insert: { pid: ours, resolver } });
      else {
        ops.push({ name });
        forHim.push({ name });
      }
    }
    this.#decided(join, ops, forHim);
  }

  #decided(join: Join, ops: readonly NameOp[], forHim: readonly NameOp[]): void {
    const { members, wishes, table } = this.#o;
    const { node, his } = join;
    const external = [...table.external.values()];
    const message = resolved(members.self, forHim, members.list(), members.vsn(node), external, his!.tag);
    wishes.cast('server', node, message);
    if (join.result !== undefined) this.#finish(join, ops, join.result);
    else join.ops = ops;
  }

  resolved(node: string, result: HisResult, myTag: unknown): void {
    const join = this.#current(node, myTag);
    if (join === undefined || join.lock === undefined) return;
    if (join.ops !== undefined) this.#finish(join, join.ops, result);
    else join.result = result;
  }

  // ---- end

  #finish(join: Join, ownOps: readonly NameOp[], his: HisResult): void {
    const { members, wishes, replica, locker, table } = this.#o;
    const { node, lock } = join;
    const ops = [...ownOps, ...his.ops];
    const added: Member[] = [[node, members.vsn(node)]];
    for (const [one, vsn] of his.known) added.push([one, vsn === 0 ? members.vsn(one) : vsn]);
    const hisOthers = his.known.map(([one]) => one).filter((one) => one !== members.self);
    for (const one of hisOthers) this.#greet(one);
    replica.apply(ops, his.external, { lock });
    for (const { name, ours, his: other } of join.met)
      wishes.add({ type: 'conflict', name, pids: [ours, other], winner: table.get(name)?.pid });
    this.#settleSyncs(node);
    for (const one of hisOthers) {
      members.pending.delete(one);
      this.#end(one);
    }
    const vsn = Math.min(join.his!.vsn, VSN);
    // Who keeps a name that both sides had is told in any case: a member that a late registration of the other side has
    // reached (OTP enters it) may not know him any more.
    const told = [...ops];
    for (const { name } of join.met) {
      const kept = table.get(name);
      if (kept !== undefined && !ops.some((op) => equalTerms(op.name, name)))
        told.push({ name, insert: kept });
    }
    const words = [...members.known].map(
      ([one, hisVsn]) => [one, newNodes(members.self, told, his.external, added, vsn, lock, hisVsn)] as const,
    );
    members.pending.delete(node);
    this.#joins.delete(node);
    this.#early.delete(node);
    locker.addKnown(members.add(added));
    members.synced.add(node);
    locker.cancel(node, join.myTag, words);
  }

  /** A member tells of others that its partition has joined with. */
  newNodes(
    ops: readonly NameOp[],
    external: readonly ExternalName[],
    nodes: readonly Member[],
    lock: unknown,
  ): void {
    const { members, replica, locker, table, wishes } = this.#o;
    const added = members.add(nodes);
    for (const node of added) this.#greet(node);
    // Every decision about a name that we know is one between two processes.
    const conflicts = ops.flatMap(({ name, insert }) => {
      const held = table.get(name);
      if (held === undefined || held.pid === insert?.pid) return [];
      return [{ name, pids: insert === undefined ? [held.pid] : [held.pid, insert.pid] }];
    });
    replica.apply(ops, external, { lock });
    for (const { name, pids } of conflicts)
      wishes.add({ type: 'conflict', name, pids, winner: table.get(name)?.pid });
    locker.addKnown(added);
  }

  /** A node of the other partition has the same names as we, without a join of its own. */
  inSync(node: string): void {
    this.#settleSyncs(node);
    this.#o.members.synced.add(node);
    this.#o.members.pending.delete(node);
    this.#end(node);
  }

  /**
   * Says `in_sync`, once there is a connection; the driver tells when there cannot be one. A greeting that waited for the
   * connection by itself (as OTP's does) could reach a member that has forgotten us by then, and end the join it begins.
   */
  #greet(node: string): void {
    const { wishes, members } = this.#o;
    if (members.connected.has(node)) wishes.cast('server', node, inSync(members.self));
    else wishes.add({ type: 'connect', node });
  }

  /** The attempt is over: its lock is let go, and nothing of it is remembered. */
  #end(node: string): void {
    const { members, wishes, locker } = this.#o;
    const join = this.#joins.get(node);
    this.#early.delete(node);
    if (join !== undefined) {
      this.#joins.delete(node);
      if ((members.pending.get(node) ?? 0) >= VERIFY_CONNECT_VSN && join.his !== undefined)
        wishes.add({ type: 'send', node, message: cancelConnect(members.self, join.his.tag) });
      locker.cancel(node, join.myTag);
    }
    members.pending.delete(node);
  }

  nodeDown(node: string): void {
    this.#end(node);
    this.#o.members.synced.delete(node);
    this.#settleSyncs(node);
    if (this.#again.delete(node)) this.#o.wishes.add({ type: 'connect', node });
  }

  /** The attempt that a message is of; a stale one's lock is let go. */
  #current(node: string, myTag: unknown): Join | undefined {
    const join = this.#joins.get(node);
    if (join !== undefined && join.myTag === myTag && join.his !== undefined) return join;
    if (typeof myTag === 'number') this.#o.locker.cancel(node, myTag);
    return undefined;
  }

  // ---- who waits for it

  /** Settles `request` when all these nodes are in sync with us, or gone. */
  sync(request: number, nodes: readonly string[]): void {
    const open = nodes.filter((node) => node !== this.#o.members.self && !this.#o.members.synced.has(node));
    if (open.length === 0) this.#o.wishes.add({ type: 'settle', request, outcome: SYNCED });
    else this.#syncs.add({ nodes: new Set(open), request });
  }

  /** Whoever asked has lost interest. */
  withdraw(request: number): void {
    for (const sync of this.#syncs) if (sync.request === request) this.#syncs.delete(sync);
  }

  #settleSyncs(node: string): void {
    for (const sync of this.#syncs) {
      if (!sync.nodes.delete(node) || sync.nodes.size > 0) continue;
      this.#syncs.delete(sync);
      this.#o.wishes.add({ type: 'settle', request: sync.request, outcome: SYNCED });
    }
  }
}

/** Instead of a resolver's answer: its node gave none. */
export const FAILED: unique symbol = Symbol('failed');

const SYNCED = { done: true, holder: undefined } as const;
