/**
 * The messages of OTP's `global_name_server`, as terms: builders for what we say, readers for what we hear. A reader gives
 * `undefined` for anything malformed.
 *
 * @see OTP, lib/kernel/src/global.erl, "Messages in the protocol"
 */
import { Atom, atom } from '../../term/atom.ts';
import { Pid } from '../../term/identifiers.ts';
import { isTerm } from '../../term/term-map.ts';
import { Tuple, tuple } from '../../term/tuple.ts';

/** What we speak: that of OTP 25 to 29. */
export const VSN = 8;
/** The first that confirms a join with `init_connect_ack` and takes it back with `cancel_connect`. */
export const VERIFY_CONNECT_VSN = 8;
/** The first that guards against overlapping partitions, and tells versions of members. */
export const PARTITIONS_VSN = 7;
/** The first whose lockers talk through their name servers. */
export const PROXY_VSN = 6;
/** The oldest that OTP's own still understands. */
export const OLDEST_VSN = 5;

export const GLOBAL_NAME_SERVER = 'global_name_server';
/** The resource that every change of names is locked by. */
export const GLOBAL = atom('global');

const INSERT = atom('insert');
const DELETE = atom('delete');
const LOCKER = atom('locker');
const UNUSED = atom('unused');

/** `{ResourceId, LockRequesterId}`. */
export type Lock = Tuple<readonly [resource: unknown, requester: unknown]>;

export interface NameOp {
  readonly name: unknown;
  /** Absent: the name is deleted. */
  readonly insert?: { readonly pid: Pid; readonly resolver: unknown };
}

export interface NameEntry {
  readonly name: unknown;
  readonly pid: Pid;
  readonly resolver: unknown;
}

/** A member and the protocol version it speaks; 0 where nobody said. */
export type Member = readonly [node: string, vsn: number];

/** Names of processes of C nodes: `{Name, Pid, RegNode}`; passed on, and nothing else. */
export type ExternalName = Tuple<readonly [name: unknown, pid: Pid, node: Atom]>;

// ---- what we say

/** `{init_connect, {8, MyTag}, MyNode, {locker, no_longer_a_pid, Known, MyLocker}}`; cast. */
export function initConnect(tag: number, self: string, known: readonly Member[], locker: Pid): Tuple {
  const map = new Map(known.map(([node, vsn]) => [atom(node), vsn]));
  return tuple(
    atom('init_connect'),
    tuple(VSN, tag),
    atom(self),
    tuple(LOCKER, atom('no_longer_a_pid'), map, locker),
  );
}

/** `{init_connect_ack, MyNode, HisTag, MyTag}`; bare. */
export function initConnectAck(self: string, hisTag: unknown, myTag: number): Tuple {
  return tuple(atom('init_connect_ack'), atom(self), hisTag, myTag);
}

/** `{cancel_connect, MyNode, HisTag}`; bare. */
export function cancelConnect(self: string, hisTag: unknown): Tuple {
  return tuple(atom('cancel_connect'), atom(self), hisTag);
}

/** `{lock_set, MyLocker, IsSet, Known, HisTag}`, cast; without the tag, from locker to locker, for old peers. */
export function lockSet(locker: Pid, isSet: boolean, known: readonly string[], hisTag?: unknown): Tuple {
  const nodes = known.map(atom);
  return hisTag === undefined
    ? tuple(atom('lock_set'), locker, isSet, nodes)
    : tuple(atom('lock_set'), locker, isSet, nodes, hisTag);
}

/** `{exchange, MyNode, [{Name, Pid, Resolver}], [], HisTag}`; cast. */
export function exchange(self: string, names: Iterable<NameEntry>, hisTag: unknown): Tuple {
  const list = [];
  for (const { name, pid, resolver } of names) list.push(tuple(name, pid, resolver));
  return tuple(atom('exchange'), atom(self), list, [], hisTag);
}

/** `{resolved, MyNode, Ops, Known, unused, ExternalNames, HisTag}`; cast. */
export function resolved(
  self: string,
  ops: readonly NameOp[],
  known: readonly Member[],
  hisVsn: number,
  external: readonly ExternalName[],
  hisTag: unknown,
): Tuple {
  return tuple(
    atom('resolved'),
    atom(self),
    ops.map(opTerm),
    memberList(known, hisVsn),
    UNUSED,
    external,
    hisTag,
  );
}

/** `{new_nodes, MyNode, Ops, ExternalNames, NewNodes, [{vsn, Vsn}, {lock, Lock}]}`; cast. */
export function newNodes(
  self: string,
  ops: readonly NameOp[],
  external: readonly ExternalName[],
  nodes: readonly Member[],
  vsn: number,
  lock: unknown,
  hisVsn: number,
): Tuple {
  const extra = [tuple(atom('vsn'), vsn), tuple(atom('lock'), lock)];
  return tuple(atom('new_nodes'), atom(self), ops.map(opTerm), external, memberList(nodes, hisVsn), extra);
}

/** `{in_sync, MyNode, true}`; cast. */
export function inSync(self: string): Tuple {
  return tuple(atom('in_sync'), atom(self), true);
}

/** `{lost_connection, MyNode, Incarnation, Counter, Node}`; bare. */
export function lostConnection(self: string, incarnation: number, counter: number, node: string): Tuple {
  return tuple(atom('lost_connection'), atom(self), incarnation, counter, atom(node));
}

/** `{remove_connection, MyNode}`; bare. */
export function removeConnection(self: string): Tuple {
  return tuple(atom('remove_connection'), atom(self));
}

export const setLock = (lock: Lock): Tuple => tuple(atom('set_lock'), lock);
export const delLock = (lock: Lock): Tuple => tuple(atom('del_lock'), lock);
export const register = (name: unknown, pid: Pid, resolver: unknown): Tuple =>
  tuple(atom('register'), name, pid, resolver);
export const unregister = (name: unknown): Tuple => tuple(atom('unregister'), name);

function opTerm({ name, insert }: NameOp): Tuple {
  return insert === undefined ? tuple(DELETE, name) : tuple(INSERT, tuple(name, insert.pid, insert.resolver));
}

function memberList(members: readonly Member[], hisVsn: number): readonly unknown[] {
  return hisVsn >= PARTITIONS_VSN
    ? members.map(([node, vsn]) => tuple(atom(node), vsn))
    : members.map(([node]) => atom(node));
}

// ---- what we hear

/** A node's name; undefined for what cannot be one. */
export function nodeName(term: unknown): string | undefined {
  return term instanceof Atom && /^[^@]+@[^@]+$/.test(term.name) ? term.name : undefined;
}

export function isTag(term: unknown): term is number | bigint {
  return typeof term === 'bigint' || (typeof term === 'number' && Number.isSafeInteger(term));
}

/** `{Version, Tag}`, or a longer tuple of a later version. */
export function readVersion(term: unknown): { readonly vsn: number; readonly tag: unknown } | undefined {
  if (!(term instanceof Tuple) || term.length < 2) return undefined;
  const [vsn, tag] = term.elements;
  if (typeof vsn !== 'number' || !Number.isSafeInteger(vsn) || vsn < OLDEST_VSN || !isTag(tag))
    return undefined;
  return { vsn, tag };
}

/** The locker's pid out of `{locker, _, _, Pid}`. */
export function readLocker(term: unknown): Pid | undefined {
  if (!(term instanceof Tuple) || term.length !== 4 || term.elements[0] !== LOCKER) return undefined;
  const pid = term.elements[3];
  return pid instanceof Pid ? pid : undefined;
}

export function readLock(term: unknown): Lock | undefined {
  return term instanceof Tuple && term.length === 2 && isTerm(term) ? (term as Lock) : undefined;
}

/** All well-formed entries of `[{Name, Pid, Resolver}]`, and how many are not. */
export function readNames(
  term: unknown,
): { readonly names: NameEntry[]; readonly malformed: number } | undefined {
  return readList(term, (entry) => {
    if (!(entry instanceof Tuple) || entry.length !== 3) return undefined;
    const [name, pid, resolver] = entry.elements;
    return pid instanceof Pid && isTerm(name) && isTerm(resolver) ? { name, pid, resolver } : undefined;
  });
}

/** All well-formed entries of `[{insert, {Name, Pid, Resolver}} | {delete, Name}]`. */
export function readOps(term: unknown): { readonly names: NameOp[]; readonly malformed: number } | undefined {
  return readList(term, (entry): NameOp | undefined => {
    if (!(entry instanceof Tuple) || entry.length !== 2) return undefined;
    const [what, about] = entry.elements;
    if (what === DELETE) return isTerm(about) ? { name: about } : undefined;
    if (what !== INSERT || !(about instanceof Tuple) || about.length !== 3) return undefined;
    const [name, pid, resolver] = about.elements;
    return pid instanceof Pid && isTerm(name) && isTerm(resolver)
      ? { name, insert: { pid, resolver } }
      : undefined;
  });
}

function readList<T>(
  term: unknown,
  read: (entry: unknown) => T | undefined,
): { readonly names: T[]; readonly malformed: number } | undefined {
  if (!Array.isArray(term)) return undefined;
  const names: T[] = [];
  let malformed = 0;
  for (const entry of term) {
    const one = read(entry);
    if (one === undefined) malformed += 1;
    else names.push(one);
  }
  return { names, malformed };
}

/** More members than any mesh has. */
const MAX_MEMBERS = 4_096;

/** `[Node | {Node, Version}]`. */
export function readMembers(term: unknown): Member[] | undefined {
  if (!Array.isArray(term) || term.length > MAX_MEMBERS) return undefined;
  const members: Member[] = [];
  for (const entry of term) {
    const [first, vsn] = entry instanceof Tuple ? entry.elements : [entry, 0];
    const node = nodeName(first);
    if (node === undefined || typeof vsn !== 'number' || !Number.isSafeInteger(vsn) || vsn < 0)
      return undefined;
    members.push([node, vsn]);
  }
  return members;
}

export function readExternal(term: unknown): ExternalName[] {
  if (!Array.isArray(term)) return [];
  return term.filter(
    (entry): entry is ExternalName =>
      entry instanceof Tuple &&
      entry.length === 3 &&
      isTerm(entry.elements[0]) &&
      entry.elements[1] instanceof Pid &&
      entry.elements[2] instanceof Atom,
  );
}

/** The lock out of `[{vsn, _}, {lock, Lock}]`; undefined where it says nothing of one. */
export function readLockOf(extra: unknown): unknown {
  if (!Array.isArray(extra)) return undefined;
  for (const entry of extra)
    if (entry instanceof Tuple && entry.length === 2 && entry.elements[0] === atom('lock'))
      return entry.elements[1];
  return undefined;
}
