import type { SimCluster } from './cluster.ts';
import type { TimelineEvent } from './timeline.ts';

/** Events after which a cluster has to find itself again. */
const TURNING_POINTS: ReadonlySet<string> = new Set(['heal', 'release', 'up', 'resume', 'link']);

/**
 * Who is connected to whom, as a table: a row says whom that node sees.
 *
 *     links   a  b  c
 *     a@sim   .  +  -     + connected   - not   x out of reach   ! an earlier life   ? paused
 */
export function linkTable(cluster: SimCluster): string[] {
  const nodes = cluster.nodes();
  if (nodes.length === 0) return ['no node runs'];
  const width = Math.max(5, ...nodes.map(({ name }) => name.length));
  const heads = nodes.map((_, at) => letter(at));
  const rows = nodes.map((node, row) => {
    const seen = new Map(node.inspect().connections.map(({ name, creation }) => [name, creation]));
    const marks = nodes.map((peer) => {
      if (peer === node) return '.';
      const creation = seen.get(peer.name);
      if (creation !== undefined) return creation === peer.creation ? '+' : '!';
      if (!cluster.canReach(node.name, peer.name)) return 'x';
      return cluster.isPaused(peer.name) || cluster.isPaused(node.name) ? '?' : '-';
    });
    const gone = [...seen.keys()].filter((name) => !cluster.isRunning(name));
    const rest = gone.length > 0 ? `  and ${gone.join(', ')}, which is gone` : '';
    return `${letter(row)} ${node.name.padEnd(width)}  ${marks.join('  ')}${rest}`;
  });
  return [
    `${'links'.padEnd(width + 2)}  ${heads.join('  ')}   (+ connected, - not, x out of reach, ! an earlier life, ? paused)`,
    ...rows,
  ];
}

const letter = (at: number): string => String.fromCharCode(97 + (at % 26));

/** What the two nodes that a reason names did to find each other, since the last change for the better. */
export function whyApart(cluster: SimCluster, reason: string): string[] {
  const named = cluster
    .names()
    .map((name) => ({ name, at: reason.indexOf(name) }))
    .filter(({ at }) => at >= 0)
    .sort((one, other) => one.at - other.at);
  const [first, second] = named;
  if (first === undefined || second === undefined) return [];
  const a = first.name;
  const b = second.name;
  const lines = [...tried(cluster, a, b), ...tried(cluster, b, a)];
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const down = cluster.timeline.events.findLast(
      ({ event, node, peer }) => event === 'nodedown' && node === from && peer === to,
    );
    if (down !== undefined) lines.push(`${from} lost it last at ${seconds(down.atMs)}: ${down.detail}`);
    const told = cluster.timeline.events.findLast(
      ({ event, node, detail }) => event === 'log' && node === from && detail.includes(to),
    );
    if (told !== undefined) lines.push(`${from} logged of it last at ${seconds(told.atMs)}: ${told.detail}`);
  }
  return lines;
}

/** Whether one node dialled another since the turning point, and whether it could have known of it. */
function tried(cluster: SimCluster, from: string, to: string): string[] {
  if (!cluster.isRunning(from)) return [`${from} does not run`];
  if (cluster.isPaused(from)) return [`${from} is paused`];
  if (cluster.network.isCut(from, to)) return [`nothing gets from ${from} to ${to}`];
  const turn = turningPoint(cluster, from, to);
  const since = turn === undefined ? '' : ` after the ${word(turn)} at ${seconds(turn.atMs)}`;
  const turnMs = turn?.atMs ?? 0;
  const dial = cluster.network.lastDial(from, to);
  const heardMs = cluster.network.lastDatagramMs(to, from);
  const heard =
    heardMs === undefined
      ? `it has never heard a datagram of ${to}`
      : `it heard a datagram of ${to} last at ${seconds(heardMs)}`;
  if (dial === undefined) return [`${from} never dialled ${to}${since}; ${heard}`];
  if (dial.atMs < turnMs)
    return [
      `${from} never dialled ${to} again${since} (last at ${seconds(dial.atMs)}: ${dial.outcome}); ${heard}`,
    ];
  return [`${from} dialled ${to} last at ${seconds(dial.atMs)}: ${dial.outcome}`];
}

function turningPoint(cluster: SimCluster, from: string, to: string): TimelineEvent | undefined {
  return cluster.timeline.events.findLast(
    ({ event, node }) => TURNING_POINTS.has(event) && (node === 'network' || node === from || node === to),
  );
}

function word({ event, node }: TimelineEvent): string {
  return event === 'up' ? `start of ${node}` : event === 'resume' ? `end of the pause of ${node}` : event;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(3)} s`;
