import { GEN_CAST } from '../../process/requests.ts';
import { Atom, atom } from '../../term/atom.ts';
import { AtomMap } from '../../term/atom-map.ts';
import { Pid } from '../../term/identifiers.ts';
import { pairsOf } from '../../term/order.ts';
import { Tuple, tuple } from '../../term/tuple.ts';

/**
 * What scope processes say to each other. A process of OTP 23 to 28 that is sent anything else crashes, so these four are
 * all that we ever send, in the old form, which OTP 29 takes too:
 *
 * - `{discover, Peer}`: who are you, and whom do you have? Bare, to the registered name or to the pid
 * - `{'$gen_cast', {sync, Peer, [{Group, [Pid]}]}}`: all local members of Peer; replaces what was known of it
 * - `{join, Peer, Group, Pid | [Pid]}`: bare
 * - `{leave, Peer, Pid | [Pid], [Group]}`: bare; a group that is named twice loses two memberships
 *
 * OTP 29 between its own: `{discover, Peer, Version}`, `{'$gen_cast', {local_data, Peer, Version, #{Group => [Pid]}}}` and
 * `{update, Peer, [{Group, Joined, Left}]}`. Understood here, never sent.
 *
 * Peer is the pid of the scope process that speaks; all pids are of its node.
 */
export type PgMessage =
  | { readonly type: 'discover'; readonly peer: Pid }
  | { readonly type: 'sync'; readonly peer: Pid; readonly groups: readonly GroupPids[] }
  | { readonly type: 'update'; readonly peer: Pid; readonly changes: readonly GroupChange[] };

export interface GroupPids {
  readonly group: unknown;
  readonly pids: readonly Pid[];
}

export interface GroupChange {
  readonly group: unknown;
  readonly joined: readonly Pid[];
  readonly left: readonly Pid[];
}

const DISCOVER = atom('discover');
const SYNC = atom('sync');
const JOIN = atom('join');
const LEAVE = atom('leave');

/** Who says what, if it is one of the forms; a cast without its `$gen_cast`. Undefined: malformed or unknown. */
export function parsePgMessage(message: unknown): PgMessage | undefined {
  if (!(message instanceof Tuple)) return undefined;
  const [name, peer, ...rest] = message.elements;
  if (!(name instanceof Atom) || !(peer instanceof Pid)) return undefined;
  switch (`${name.name}/${message.length}`) {
    case 'discover/2':
    case 'discover/3':
      return { type: 'discover', peer };
    case 'sync/3': {
      const groups = listOf(rest[0], (entry) => groupPids(entry, peer));
      return groups && { type: 'sync', peer, groups };
    }
    case 'local_data/4': {
      const groups = listOf(entriesOf(rest[1]), (entry) => groupPids(entry, peer));
      return groups && { type: 'sync', peer, groups };
    }
    case 'join/4': {
      const joined = pidsOf(rest[1], peer);
      return joined && { type: 'update', peer, changes: [{ group: rest[0], joined, left: NO_PIDS }] };
    }
    case 'leave/4': {
      const left = pidsOf(rest[0], peer);
      const changes = left && listOf(rest[1], (group) => ({ group, joined: NO_PIDS, left }));
      return changes && { type: 'update', peer, changes };
    }
    case 'update/3': {
      const changes = listOf(rest[0], (entry) => groupChange(entry, peer));
      return changes && { type: 'update', peer, changes };
    }
    default:
      return undefined;
  }
}

const NO_PIDS: readonly Pid[] = [];

function groupPids(entry: unknown, peer: Pid): GroupPids | undefined {
  if (!(entry instanceof Tuple) || entry.length !== 2) return undefined;
  const pids = pidsOf(entry.elements[1], peer);
  return pids && { group: entry.elements[0], pids };
}

function groupChange(entry: unknown, peer: Pid): GroupChange | undefined {
  if (!(entry instanceof Tuple) || entry.length !== 3) return undefined;
  const joined = pidsOf(entry.elements[1], peer);
  const left = pidsOf(entry.elements[2], peer);
  return joined && left && { group: entry.elements[0], joined, left };
}

/** One pid or a list of them. Scope processes only ever speak for processes of their own node. */
function pidsOf(value: unknown, peer: Pid): readonly Pid[] | undefined {
  const pids = value instanceof Pid ? [value] : value;
  if (!Array.isArray(pids)) return undefined;
  for (const pid of pids) if (!(pid instanceof Pid) || pid.node !== peer.node) return undefined;
  return pids as readonly Pid[];
}

/** All of a list, or nothing when one of it cannot be read. */
function listOf<T>(value: unknown, read: (entry: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const list: T[] = [];
  for (const entry of value) {
    const one = read(entry);
    if (one === undefined) return undefined;
    list.push(one);
  }
  return list;
}

/** The pairs of a map of whatever keys. */
function entriesOf(value: unknown): Tuple[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const proto = Object.getPrototypeOf(value);
  const isMap =
    value instanceof Map || value instanceof AtomMap || proto === null || proto === Object.prototype;
  return isMap ? pairsOf(value).map(([group, pids]) => tuple(group, pids)) : undefined;
}

export function discoverMessage(self: Pid): Tuple {
  return tuple(DISCOVER, self);
}

export function syncMessage(self: Pid, groups: readonly GroupPids[]): Tuple {
  return tuple(
    GEN_CAST,
    tuple(
      SYNC,
      self,
      groups.map(({ group, pids }) => tuple(group, pids)),
    ),
  );
}

/** As OTP's scope: a pid for one process, a list for several. */
export function joinMessage(self: Pid, group: unknown, pids: readonly Pid[]): Tuple {
  return tuple(JOIN, self, group, pids.length === 1 ? pids[0] : pids);
}

export function leaveMessage(self: Pid, pids: readonly Pid[], groups: readonly unknown[]): Tuple {
  return tuple(LEAVE, self, pids.length === 1 ? pids[0] : pids, groups);
}
