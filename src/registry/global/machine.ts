/**
 * The name server as a machine: told what happened, it answers with what should happen next. It knows the protocol of OTP's
 * `global_name_server` and nothing of links, clocks or processes; `server.ts` tells and grants.
 *
 * Its parts: `joins.ts` makes two partitions one, `locker.ts` holds the lock meanwhile, `registrar.ts` changes names,
 * `partitions.ts` keeps the mesh whole, `replica.ts` and `locks.ts` are the tables. Whatever a peer sends that is not of
 * the protocol is counted and otherwise ignored.
 */
import type { Random } from '../../env/random.ts';
import { Atom, atom } from '../../term/atom.ts';
import { Pid } from '../../term/identifiers.ts';
import { isTerm } from '../../term/term-map.ts';
import { Tuple, tuple } from '../../term/tuple.ts';
import { Joins } from './joins.ts';
import { Locker } from './locker.ts';
import { LockTable } from './locks.ts';
import { Members } from './members.ts';
import {
  isTag,
  nodeName,
  readExternal,
  readLock,
  readLocker,
  readLockOf,
  readMembers,
  readNames,
  readOps,
  readVersion,
  VSN,
} from './messages.ts';
import type { NameTable } from './names.ts';
import { Partitions } from './partitions.ts';
import { type Change, Registrar } from './registrar.ts';
import { Replica, Watched } from './replica.ts';
import { type Replies, type Wish, Wishes } from './wishes.ts';

export interface MachineOptions {
  readonly self: string;
  /** The three processes on the wire. */
  readonly pids: { readonly server: Pid; readonly locker: Pid; readonly registrar: Pid };
  readonly table: NameTable;
  readonly random: Random;
  /** Whether a process of this node is alive. */
  readonly isAlive: (pid: Pid) => boolean;
  readonly preventOverlappingPartitions: boolean;
  /** A join that has the lock and does not come to its end within this is given up, with its peer. */
  readonly joinLimitMs: number;
  /** Names this life of the name server: any whole number that an earlier one has not had. */
  readonly incarnation: number;
}

export type GlobalEvent =
  | { readonly type: 'nodeup'; readonly node: string }
  | { readonly type: 'nodedown'; readonly node: string }
  /** A node that was to be connected could not be. */
  | { readonly type: 'unreachable'; readonly node: string }
  /** The message of a cast. */
  | { readonly type: 'cast'; readonly message: unknown }
  /** A bare message. */
  | { readonly type: 'info'; readonly message: unknown }
  /** A process that we monitor has ended. */
  | { readonly type: 'down'; readonly pid: Pid }
  | { readonly type: 'replies'; readonly id: number; readonly replies: Replies }
  /** Nodes that gave no answer to a call in time: they are given up. */
  | { readonly type: 'silent'; readonly nodes: readonly string[] }
  | { readonly type: 'timeout'; readonly timer: number }
  | {
      readonly type: 'clashes_resolved';
      readonly node: string;
      readonly tag: number;
      readonly answers: readonly unknown[];
    }
  | { readonly type: 'change'; readonly request: number; readonly change: Change }
  | { readonly type: 'withdraw'; readonly request: number }
  | { readonly type: 'sync'; readonly request: number; readonly nodes: readonly string[] };

/**
 * Added to every wait for a peer, for each name that it may have to take in: OTP 25 needs 4.6 s for 10,000 names of one
 * node, and a hundred times that for ten times as many.
 */
export const MS_PER_NAME = 5;

/** No answer is owed: the request is none of ours, or makes no sense. */
export const MALFORMED: unique symbol = Symbol('malformed');

const YES = atom('yes');
const OK = atom('ok');

export class GlobalMachine {
  readonly #o: MachineOptions;
  readonly #members: Members;
  readonly #locks = new LockTable();
  readonly #wishes: Wishes;
  readonly #watched: Watched;
  readonly #replica: Replica;
  readonly #locker: Locker;
  readonly #registrar: Registrar;
  readonly #joins: Joins;
  readonly #partitions: Partitions;
  /** What others' registrars have changed under the lock they hold: it may not have reached all members. */
  readonly #changes = new Map<Pid, unknown[]>();
  #lastTag = 0;

  constructor(options: MachineOptions) {
    const { self, pids, table, random, isAlive, preventOverlappingPartitions, incarnation } = options;
    this.#o = options;
    const members = new Members(self);
    this.#members = members;
    const wishes = new Wishes(
      self,
      (request, role) => this.#serve(request, pids[role]),
      (node) => members.connected.has(node) || members.known.has(node),
    );
    this.#wishes = wishes;
    this.#watched = new Watched(wishes);
    this.#replica = new Replica(table, this.#locks, this.#watched, wishes);
    this.#locker = new Locker({
      self,
      pid: pids.locker,
      locks: this.#locks,
      wishes,
      random,
      joinLimitMs: () => options.joinLimitMs + MS_PER_NAME * table.size,
      lockIsSet: (node, tag, lock) => this.#joins.lockIsSet(node, tag, lock),
      stuck: (node) => this.#giveUp(node, 'holds up a join'),
    });
    this.#registrar = new Registrar({
      self,
      pid: pids.registrar,
      locks: this.#locks,
      wishes,
      random,
      known: () => [...members.known.keys()],
      entryOf: (name) => table.get(name),
      holderOf: (name) => {
        const pid = table.get(name)?.pid;
        return pid === undefined || (pid.node === self && !isAlive(pid)) ? undefined : pid;
      },
    });
    this.#joins = new Joins({
      members,
      table,
      replica: this.#replica,
      locker: this.#locker,
      lockerPid: pids.locker,
      wishes,
      nextTag: () => {
        this.#lastTag += 1;
        return this.#lastTag;
      },
    });
    this.#partitions = new Partitions({
      members,
      wishes,
      enabled: preventOverlappingPartitions,
      incarnation,
      forget: (node) => this.#forget(node),
    });
  }

  /** Members of this node's partition, without itself. */
  get known(): string[] {
    return [...this.#members.known.keys()];
  }

  /** Nodes that have the same names. */
  get synced(): string[] {
    return [...this.#members.synced];
  }

  /** Nodes that are connected and do not have the same names yet. */
  get unsynced(): string[] {
    return [...this.#members.connected].filter((node) => !this.#members.synced.has(node));
  }

  /** Whether nothing is going on: no join, no lock. */
  get isQuiet(): boolean {
    return this.#joins.isIdle && this.#locker.isIdle && !this.#locks.isGlobalSet;
  }

  /** Names that are in the table from before this name server's life: their holders are monitored. */
  adopt(): Wish[] {
    for (const { pid } of this.#o.table.all()) this.#watched.add(pid);
    return this.#wishes.take();
  }

  step(event: GlobalEvent): Wish[] {
    this.#handle(event);
    return this.#wishes.take();
  }

  /**
   * A call, answered at once.
   * @param from - who called
   * @returns the answer, or MALFORMED; and what should happen
   */
  serve(request: unknown, from: Pid): { readonly reply: unknown; readonly wishes: Wish[] } {
    const reply = this.#serve(request, from);
    if (reply === MALFORMED) this.#malformed();
    return { reply, wishes: this.#wishes.take() };
  }

  #handle(event: GlobalEvent): void {
    switch (event.type) {
      case 'nodeup':
        this.#members.connected.add(event.node);
        this.#members.removing.delete(event.node);
        this.#joins.nodeUp(event.node);
        return;
      case 'nodedown':
        if (this.#members.connected.delete(event.node)) this.#nodeDown(event.node);
        return;
      case 'unreachable':
        if (this.#members.connected.has(event.node)) return;
        this.#wishes.add({
          type: 'warn',
          text: `cannot connect to ${event.node}, which a member is connected to`,
        });
        this.#nodeDown(event.node);
        return;
      case 'cast':
        if (!this.#cast(event.message)) this.#malformed();
        return;
      case 'info':
        if (!this.#info(event.message)) this.#malformed();
        return;
      case 'down':
        this.#watched.gone(event.pid);
        this.#locks.down(event.pid);
        this.#replica.deleteOf(event.pid);
        this.#repair(event.pid);
        return;
      case 'replies':
        this.#wishes.replied(event.id, event.replies);
        return;
      case 'silent':
        for (const node of event.nodes) this.#giveUp(node, 'does not answer');
        return;
      case 'timeout':
        this.#wishes.fired(event.timer);
        return;
      case 'clashes_resolved':
        this.#joins.clashesResolved(event.node, event.tag, event.answers);
        return;
      case 'change':
        this.#registrar.ask(event.request, event.change);
        return;
      case 'withdraw':
        this.#registrar.withdraw(event.request);
        this.#joins.withdraw(event.request);
        return;
      case 'sync':
        this.#joins.sync(event.request, event.nodes);
        return;
      default:
        event satisfies never;
    }
  }

  #malformed(): void {
    this.#wishes.count('global.ignored.malformed');
  }

  #giveUp(node: string, why: string): void {
    if (!this.#members.connected.has(node)) return;
    this.#wishes.count('global.given_up');
    this.#wishes.add({ type: 'warn', text: `${node} ${why} and is disconnected` });
    this.#wishes.add({ type: 'disconnect', node });
  }

  // ---- nodes

  #nodeDown(node: string): void {
    const wasRemoved = this.#members.removing.delete(node);
    this.#forget(node);
    if (!wasRemoved) this.#partitions.lost(node);
  }

  #forget(node: string): void {
    this.#joins.nodeDown(node);
    this.#registrar.forget(node);
    this.#locker.removeKnown(node);
    this.#replica.deleteOfNode(node);
    this.#members.known.delete(node);
    this.#members.pending.delete(node);
  }

  // ---- calls

  #serve(request: unknown, from: Pid): unknown {
    if (request instanceof Atom) return this.#query(request);
    if (!(request instanceof Tuple)) return MALFORMED;
    const [what, first, second, third] = request.elements;
    const { length } = request;
    switch (what instanceof Atom ? what.name : undefined) {
      case 'register':
        if (length !== 4 || !isTerm(first) || !(second instanceof Pid) || !isTerm(third)) return MALFORMED;
        if (this.#isLate(from)) return YES;
        this.#replica.insert(first, second, third, from);
        this.#changed(from, first);
        return YES;
      case 'unregister':
        if (length !== 2 || !isTerm(first)) return MALFORMED;
        if (this.#isLate(from)) return OK;
        this.#replica.delete(first);
        this.#changed(from, first);
        return OK;
      case 'register_ext': {
        const node = request.elements[4];
        if (length !== 5 || !isTerm(first) || !(second instanceof Pid) || !isTerm(third)) return MALFORMED;
        if (!(node instanceof Atom)) return MALFORMED;
        if (this.#isLate(from)) return YES;
        this.#replica.insert(first, second, third, from);
        if (this.#o.table.get(first)?.pid === second)
          this.#o.table.external.set(first, tuple(first, second, node));
        return YES;
      }
      case 'set_lock': {
        const lock = length === 2 ? readLock(first) : undefined;
        if (lock === undefined) return MALFORMED;
        const outcome = this.#locks.set(lock, from);
        if (outcome === 'set') this.#watched.add(from);
        return outcome !== 'refused';
      }
      case 'del_lock': {
        const lock = length === 2 ? readLock(first) : undefined;
        if (lock === undefined) return MALFORMED;
        if (this.#locks.delete(lock, from)) this.#watched.release(from);
        if (!this.#locks.holdsGlobal(from)) this.#changes.delete(from);
        return true;
      }
      default:
        return MALFORMED;
    }
  }

  /**
   * A change by who has no lock here any more: it has waited for a connection, and others may have got the name meanwhile. It
   * changes nothing; what has become of it, the join that follows tells.
   */
  #isLate(by: Pid): boolean {
    if (this.#locks.covers(by)) return false;
    this.#wishes.count('global.ignored.late');
    return true;
  }

  #changed(by: Pid, name: unknown): void {
    if (by.node === this.#o.self) return;
    const names = this.#changes.get(by);
    if (names === undefined) this.#changes.set(by, [name]);
    else names.push(name);
  }

  /** A registrar has ended in the middle of its work: whoever has heard of a change tells it to all. */
  #repair(registrar: Pid): void {
    const names = this.#changes.get(registrar);
    this.#changes.delete(registrar);
    for (const name of names ?? []) this.#registrar.repair(name, this.#o.table.get(name));
  }

  #query(request: Atom): unknown {
    switch (request.name) {
      case 'get_known':
        return this.known.map(atom);
      case 'get_synced':
        return this.synced.map(atom);
      case 'get_protocol_version':
        return VSN;
      case 'get_names_ext':
        return [...this.#o.table.external.values()];
      default:
        return MALFORMED;
    }
  }

  // ---- casts and bare messages: false for what makes no sense

  /** Of a node that is connected; nobody else has a say here. */
  #peer(term: unknown): string | undefined {
    const node = nodeName(term);
    return node !== undefined && this.#members.connected.has(node) ? node : undefined;
  }

  #cast(message: unknown): boolean {
    if (!(message instanceof Tuple) || !(message.elements[0] instanceof Atom)) return false;
    const [tag, ...args] = message.elements;
    switch (`${(tag as Atom).name}/${args.length}`) {
      case 'init_connect/3':
        return this.#initConnect(args);
      case 'exchange/4':
        return this.#exchange(args);
      case 'resolved/6':
        return this.#resolved(args);
      case 'new_nodes/5':
        return this.#newNodes(args);
      case 'in_sync/2': {
        const node = this.#peer(args[0]);
        if (node === undefined) return false;
        this.#joins.inSync(node);
        return true;
      }
      case 'lock_set/3':
      case 'lock_set/4':
        return this.#lockSet(args);
      // Of nodes before R14: the end of a process tells as much.
      case 'async_del_name/2':
      case 'async_del_lock/2':
        return true;
      default:
        return false;
    }
  }

  #initConnect([vsn, from, locker]: readonly unknown[]): boolean {
    const node = this.#peer(from);
    const version = readVersion(vsn);
    const pid = readLocker(locker);
    if (node === undefined || version === undefined || pid?.node !== node) return false;
    this.#joins.initConnect(node, { ...version, locker: pid });
    return true;
  }

  #exchange([from, list, , myTag]: readonly unknown[]): boolean {
    const node = this.#peer(from);
    const read = readNames(list);
    if (node === undefined || read === undefined || !isTag(myTag)) return false;
    for (let i = 0; i < read.malformed; i++) this.#malformed();
    this.#joins.exchange(node, read.names, myTag);
    return true;
  }

  #resolved([from, list, members, , external, myTag]: readonly unknown[]): boolean {
    const node = this.#peer(from);
    const read = readOps(list);
    const known = readMembers(members);
    if (node === undefined || read === undefined || known === undefined || !isTag(myTag)) return false;
    for (let i = 0; i < read.malformed; i++) this.#malformed();
    this.#joins.resolved(node, { ops: read.names, known, external: readExternal(external) }, myTag);
    return true;
  }

  #newNodes([from, list, external, nodes, extra]: readonly unknown[]): boolean {
    const node = this.#peer(from);
    const read = readOps(list);
    const added = readMembers(nodes);
    if (node === undefined || read === undefined || added === undefined) return false;
    for (let i = 0; i < read.malformed; i++) this.#malformed();
    this.#joins.newNodes(read.names, readExternal(external), added, readLock(readLockOf(extra)));
    return true;
  }

  #lockSet([from, isSet, , myTag]: readonly unknown[]): boolean {
    if (!(from instanceof Pid) || typeof isSet !== 'boolean' || !this.#members.connected.has(from.node))
      return false;
    if (myTag !== undefined && !isTag(myTag)) return false;
    if (myTag === undefined || this.#joins.isCurrent(from.node, myTag))
      this.#locker.lockSet({ from, isSet, myTag: myTag as number | undefined });
    return true;
  }

  #info(message: unknown): boolean {
    if (!(message instanceof Tuple) || !(message.elements[0] instanceof Atom)) return false;
    const [tag, ...args] = message.elements;
    const node = this.#peer(args[0]);
    switch (`${(tag as Atom).name}/${args.length}`) {
      case 'init_connect_ack/3':
        if (node === undefined || !isTag(args[1]) || !isTag(args[2])) return false;
        this.#joins.initConnectAck(node, args[1], args[2]);
        return true;
      case 'cancel_connect/2':
        if (node === undefined || !isTag(args[1])) return false;
        this.#joins.cancelConnect(node, args[1]);
        return true;
      case 'lost_connection/4': {
        // Passed on by others too, so that who lost it need not be connected.
        const [from, incarnation, counter, about] = args;
        const teller = nodeName(from);
        const lost = nodeName(about);
        if (teller === undefined || lost === undefined || !isTag(incarnation) || !isTag(counter))
          return false;
        this.#partitions.lostConnection({ node: teller, incarnation, counter, lost, message });
        return true;
      }
      case 'remove_connection/1':
        if (node === undefined) return false;
        this.#partitions.removeConnection(node);
        return true;
      // An old peer's locker says it to ours.
      case 'lock_set/3':
        return this.#lockSet(args);
      default:
        return false;
    }
  }
}
