import type { Predicate, SimCluster } from '../../../src/testing/index.ts';

/** Each node hears of each other one up, down, up, ... and never twice the same. */
export function linksAlternate(): Predicate {
  const up = new Map<string, boolean>();
  let seen = 0;
  return function linksAlternate(cluster: SimCluster) {
    const { events } = cluster.timeline;
    for (; seen < events.length; seen++) {
      const { event, node, peer } = events[seen]!;
      // A new life knows nobody.
      if (event === 'start') for (const key of up.keys()) if (key.startsWith(`${node} `)) up.delete(key);
      if (event !== 'nodeup' && event !== 'nodedown') continue;
      const key = `${node} ${peer}`;
      const isUp = event === 'nodeup';
      if ((up.get(key) ?? false) === isUp) return `${node} heard ${event} of ${peer} twice in a row`;
      up.set(key, isUp);
    }
    return true;
  };
}

/** How long two streams may live beside each other: a set-up and its time-out, and the end of a stream that stands. */
const OVERLAP_MS = 30_000;

/** Two nodes that reach each other never go on with more than one stream. */
export function oneLinkPerPair(): Predicate {
  const since = new Map<string, number>();
  return function oneLinkPerPair(cluster: SimCluster) {
    return cluster.whileUnchanged(since, () => {
      const nodes = cluster.nodes().map(({ name }) => name);
      for (const [at, name] of nodes.entries())
        for (const other of nodes.slice(at + 1)) {
          const key = `${name} ${other}`;
          const isDouble =
            cluster.network.streamsBetween(name, other) > 1 &&
            cluster.canReach(name, other) &&
            !cluster.isPaused(name) &&
            !cluster.isPaused(other);
          if (!isDouble) since.delete(key);
          else if (!since.has(key)) since.set(key, cluster.nowMs);
          else if (cluster.nowMs - since.get(key)! > OVERLAP_MS)
            return `${name} and ${other} have had several streams for ${OVERLAP_MS} ms`;
        }
      return true;
    });
  };
}
