import type { Node } from '../node.ts';
import { roomsOf } from '../node.ts';
import { Pid } from '../term/identifiers.ts';
import type { SimCluster } from './cluster.ts';

/**
 * A statement about a cluster: true when it holds, otherwise false or a sentence that says what is wrong. It is asked
 * after every step of a simulation, so it looks and changes nothing. Name the nodes it is about in the sentence: a
 * failure then tells what these did to find each other.
 *
 * ```ts
 * const oneLeader: Predicate = (cluster) => {
 *   const leaders = cluster.nodes().filter((node) => node.whereis('leader') !== undefined);
 *   return leaders.length === 1 || `leaders on ${leaders.map(({ name }) => name).join(' and ') || 'no node'}`;
 * };
 * ```
 */
export type Predicate = (cluster: SimCluster) => boolean | string;

/** What is wrong, or nothing. @internal */
export function asked(predicate: Predicate, cluster: SimCluster): string {
  const answer = predicate(cluster);
  if (answer === true) return '';
  return answer || 'it is false';
}

/** @internal */
export function nameOf(predicate: Predicate): string {
  return predicate.name === '' ? 'the predicate' : predicate.name;
}

/** All of several statements; the first that fails gives the reason. */
export function all(...predicates: readonly Predicate[]): Predicate {
  if (predicates.length === 1) return predicates[0]!;
  const both: Predicate = (cluster) => {
    for (const predicate of predicates) {
      const reason = asked(predicate, cluster);
      if (reason !== '') return predicate.name === '' ? reason : `${predicate.name}: ${reason}`;
    }
    return true;
  };
  Object.defineProperty(both, 'name', { value: predicates.map(nameOf).join(' and ') });
  return both;
}

/** Nodes that run and are not frozen. */
function awake(cluster: SimCluster): Node[] {
  return cluster.nodes().filter(({ name }) => !cluster.isPaused(name));
}

/**
 * Every two running nodes that can reach each other are connected, once, and each sees the other's present life;
 * nobody believes in a connection to a node that is gone or out of reach. Of a frozen node nothing is required.
 */
export function converged(cluster: SimCluster): true | string {
  return cluster.whileUnchanged(converged, () => findApart(cluster));
}

function findApart(cluster: SimCluster): true | string {
  const nodes = awake(cluster);
  for (const node of nodes) {
    const connections = [...roomsOf(node).connections.all()].map(({ peer }) => peer);
    for (const peer of nodes) {
      if (peer === node) continue;
      const link = connections.find(({ name }) => name === peer.name);
      if (!cluster.canReach(node.name, peer.name)) {
        if (link !== undefined) return `${node.name} still sees ${peer.name}, which is out of reach`;
        continue;
      }
      if (link === undefined) return `${node.name} is not connected to ${peer.name}`;
      if (link.creation !== peer.creation)
        return `${node.name} is connected to an earlier life of ${peer.name} (creation ${link.creation})`;
      const streams = cluster.network.streamsBetween(node.name, peer.name);
      if (streams !== 1) return `${node.name} and ${peer.name} share ${streams} streams`;
    }
    const gone = connections.find(({ name }) => !cluster.isRunning(name));
    if (gone !== undefined) return `${node.name} still sees ${gone.name}, which is gone`;
  }
  return true;
}

/** What the registry of a node offers of names. */
interface NamesOf {
  readonly global?: { registered(): readonly string[]; whereis(name: string): unknown };
}

/**
 * Nodes that are connected know the same cluster-wide names with the same holders, and each holder is alive. No name has
 * two holders among nodes that see each other. Of a frozen node nothing is required.
 */
export function namesAgree(cluster: SimCluster): true | string {
  const nodes = awake(cluster);
  for (const node of nodes) {
    const { global } = node as NamesOf;
    if (typeof global?.registered !== 'function') return `${node.name} keeps no cluster-wide names`;
    const connected = new Set(node.nodes('connected'));
    for (const name of global.registered()) {
      const pid = global.whereis(name);
      if (!(pid instanceof Pid)) return `${node.name} lists the name ${name}, and finds nobody under it`;
      const wrong = findHolder(cluster, node, `the name ${name}`, pid);
      if (wrong !== undefined) return wrong;
    }
    for (const peer of nodes) {
      if (!connected.has(peer.name)) continue;
      const theirs = (peer as NamesOf).global!;
      for (const name of global.registered()) {
        const ours = global.whereis(name);
        const other = theirs.whereis(name);
        if (other === undefined)
          return `${peer.name} does not know the name ${name}, which ${node.name} does`;
        if (ours !== other)
          return `${node.name} and ${peer.name} differ about the name ${name}: ${ours} and ${other}`;
      }
    }
  }
  return true;
}

/** What the registry of a node offers of groups. */
interface GroupsOf {
  readonly groups?: { which(): readonly unknown[]; members(group: never): readonly unknown[] };
}

/**
 * Each node knows, of every group, just the members on itself and on the nodes it is connected to, each as often as it
 * has joined there. Of a frozen node nothing is required.
 */
export function groupsAgree(cluster: SimCluster): true | string {
  const nodes = awake(cluster);
  const views = new Map<string, Map<string, string[]>>();
  for (const node of nodes) {
    const { groups } = node as GroupsOf;
    if (typeof groups?.which !== 'function') return `${node.name} keeps no groups`;
    const view = new Map<string, string[]>();
    for (const group of groups.which()) {
      const members = groups.members(group as never).map((member) => {
        if (!(member instanceof Pid)) return String(member);
        const wrong = findHolder(cluster, node, `the group ${group}`, member);
        return wrong === undefined ? String(member) : `!${wrong}`;
      });
      const wrong = members.find((member) => member.startsWith('!'));
      if (wrong !== undefined) return wrong.slice(1);
      view.set(String(group), members.sort());
    }
    views.set(node.name, view);
  }
  for (const node of nodes) {
    const connected = new Set(node.nodes('connected'));
    const own = views.get(node.name)!;
    for (const peer of nodes) {
      if (!connected.has(peer.name)) continue;
      const theirs = views.get(peer.name)!;
      for (const group of new Set([...own.keys(), ...theirs.keys()])) {
        const there = onNode(peer, theirs.get(group));
        const here = onNode(peer, own.get(group));
        if (there.join() !== here.join())
          return `${node.name} knows ${here.join(', ') || 'nobody'} of ${peer.name} in the group ${group}; there are ${there.join(', ') || 'none'}`;
      }
    }
  }
  return true;

  function onNode(peer: Node, members: readonly string[] = []): string[] {
    const local = new Set(roomsOf(peer).processes.processes().map(String));
    return members.filter((member) => local.has(member));
  }
}

/** Says what is wrong with a pid that a registry lists: its node is gone, or was born again, or it has ended. */
function findHolder(cluster: SimCluster, node: Node, what: string, pid: Pid): string | undefined {
  const home = cluster.nodes().find(({ name }) => name === pid.node);
  if (home === undefined) return `${node.name} keeps ${what} for ${pid} of ${pid.node}, which is gone`;
  if (home !== node && !node.nodes('connected').includes(pid.node))
    return `${node.name} keeps ${what} for ${pid} of ${pid.node}, to which it is not connected`;
  if (home.creation !== pid.creation)
    return `${node.name} keeps ${what} for ${pid} of an earlier life of ${pid.node}`;
  if (!home.isAlive(pid)) return `${node.name} keeps ${what} for ${pid} of ${pid.node}, which has ended`;
  return undefined;
}

/**
 * Nothing is left of what has ended: every link is known at both of its ends, every monitor watches a process that is
 * alive, on a node that is connected, and is known there; and nobody is watched by the dead. Signals under way make it
 * false for a moment, so ask it once a cluster is quiet. Of a frozen node nothing is required.
 */
export function noOrphans(cluster: SimCluster): true | string {
  const nodes = awake(cluster);
  for (const node of nodes) {
    const system = roomsOf(node).processes;
    const connected = new Set(node.nodes('connected'));
    for (const pid of system.processes()) {
      const info = system.info(pid);
      if (info === undefined) continue;
      const who = `${pid} (${info.label}) of ${node.name}`;
      for (const [how, others] of [
        ['is linked to', info.links],
        ['is watched by', info.monitoredBy],
        ['watches', info.monitors.filter((by) => by instanceof Pid)],
      ] as const)
        for (const other of others as readonly Pid[]) {
          if (cluster.isPaused(other.node)) continue;
          const home = nodes.find(({ name }) => name === other.node);
          if (home === undefined) return `${who} ${how} ${other} of ${other.node}, which is gone`;
          if (home !== node && !connected.has(other.node))
            return `${who} ${how} ${other} of ${other.node}, to which it is not connected`;
          const theirs = roomsOf(home).processes;
          const isOutside = other === theirs.outside.pid;
          if (isOutside) continue;
          const seen = theirs.info(other);
          if (seen === undefined) return `${who} ${how} ${other} of ${other.node}, which has ended`;
          if (how === 'is linked to' && !seen.links.includes(pid))
            return `${who} is linked to ${other} of ${other.node}, which is not linked to it`;
          if (how === 'watches' && !seen.monitoredBy.includes(pid))
            return `${who} watches ${other} of ${other.node}, which does not know of it`;
        }
    }
  }
  return true;
}
