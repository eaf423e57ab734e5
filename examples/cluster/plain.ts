import type { ClusterEvent } from './events.ts';
import type { ClusterState } from './state.ts';
import { clean } from './text.ts';

/**
 * Events as lines, for pipes, log files and CI. Members' small talk is left out: it would drown the rest.
 *
 * @param before - the state before the event
 * @param after - the state with the event
 */
export function plainLines(
  event: ClusterEvent,
  before: ClusterState,
  after: ClusterState,
  atMs: number,
): string[] {
  const at = `${(atMs / 1000).toFixed(2).padStart(7)}s`;
  if (event.type === 'step') {
    if (event.outcome === 'running') return [`${at}  ▸ ${event.title}`];
    const verdict = event.outcome === 'done' ? 'ok    ' : 'FAILED';
    return [`${at}  ${verdict} ${event.title}: ${clean(event.detail)}`];
  }
  if (event.type === 'called') {
    if (event.id === undefined) return [];
    const { node, to, text, reply, ok, tookMs } = event;
    return [
      `${at}      ${node} → ${to}: ${quote(text)} ${ok ? `⇒ ${quote(reply)}` : `failed: ${clean(reply)}`} (${tookMs.toFixed(2)} ms)`,
    ];
  }
  const newest = after.log.at(-1);
  return newest === undefined || newest === before.log.at(-1) ? [] : [`${at}      ${clean(newest.text)}`];
}

function quote(text: string): string {
  return `"${clean(text)}"`;
}
