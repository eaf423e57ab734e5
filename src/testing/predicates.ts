import type { SimCluster } from './cluster.ts';

/**
 * A statement about a cluster: true when it holds, otherwise false or a sentence that says what is wrong. It is asked
 * after every step of a simulation, so it looks and changes nothing.
 */
export type Predicate = (cluster: SimCluster) => boolean | string;

/**
 * Every two running nodes that can reach each other are connected, once, and each sees the other's present life;
 * nobody believes in a connection to a node that is gone or out of reach.
 */
export function converged(cluster: SimCluster): true | string {
  const nodes = cluster.nodes();
  for (const node of nodes) {
    const { connections } = node.inspect();
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
