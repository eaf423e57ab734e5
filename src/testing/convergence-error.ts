import type { SimCluster } from './cluster.ts';
import { linkTable, whyApart } from './explain.ts';
import { eventLines, type TimelineEvent } from './timeline.ts';

/** Events of each node shown in the message; `timeline` has them all. */
const SHOWN_EVENTS = 12;

/**
 * What should have come to pass in a simulation did not within its time, or what should never be came to be. The
 * simulated nodes are as they were at that moment and can be looked at.
 *
 * The message says what is wrong and why, the line that replays it, who is connected to whom, and the last moments of
 * each node.
 */
export class ConvergenceError extends Error {
  readonly code = 'ConvergenceError';
  /** The seed that shows it again. */
  readonly seed: number;
  /** What was wrong at the end, as the predicate put it. */
  readonly reason: string;
  /** A line for a shell that shows it again. */
  readonly replay: string;
  /** The whole story up to that moment, one line an event. */
  readonly timeline: string;

  /** @param statement - what failed, and how: `converged did not hold within 5000 ms` */
  constructor(cluster: SimCluster, statement: string, reason: string) {
    const { seed, timeline, replay } = cluster;
    const why = whyApart(cluster, reason);
    super(
      [
        `${statement} (seed ${seed}): ${reason}`,
        ...why.map((line) => `  ${line}`),
        `replay: ${replay}`,
        ...linkTable(cluster),
        ...lastMoments(timeline.events),
      ].join('\n'),
    );
    this.name = 'ConvergenceError';
    this.seed = seed;
    this.reason = reason;
    this.replay = replay;
    this.timeline = timeline.toString();
  }
}

/** The last events of each node, the network's among them, node by node. */
function lastMoments(events: readonly TimelineEvent[]): string[] {
  const byNode = new Map<string, TimelineEvent[]>();
  for (const event of events) {
    const known = byNode.get(event.node);
    if (known === undefined) byNode.set(event.node, [event]);
    else known.push(event);
  }
  return [...byNode].flatMap(([node, all]) => {
    const shown = all.slice(-SHOWN_EVENTS);
    const hidden = all.length - shown.length;
    return [`the last moments of ${node}${hidden > 0 ? ` (${hidden} before)` : ''}:`, ...eventLines(shown)];
  });
}
