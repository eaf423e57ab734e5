/** What happened in a simulation, as a picture: a Mermaid sequence diagram, or an HTML page with a timeline. */
import { writeFileSync } from 'node:fs';
import type { SimCluster } from './cluster.ts';
import { linkTable } from './explain.ts';
import type { TimelineEvent } from './timeline.ts';

/** Events in a diagram: more than a renderer takes, and than a reader reads. */
const DIAGRAM_EVENTS = 300;
/** Events in a page. */
const PAGE_EVENTS = 20_000;
/** Told by other events, or too many to see anything. */
const LEFT_OUT: ReadonlySet<string> = new Set(['heard', 'data', 'datagram', 'lost', 'closed', 'listen']);

/** Writes a report; the name's ending says which. @throws the platform's error */
export function writeReport(cluster: SimCluster, file: string): void {
  const text = /\.(mmd|mermaid)$/.test(file)
    ? `${mermaid(cluster)}\n`
    : file.endsWith('.md')
      ? `\`\`\`mermaid\n${mermaid(cluster)}\n\`\`\`\n`
      : html(cluster);
  writeFileSync(file, text);
}

/**
 * A Mermaid sequence diagram of the latest events.
 * @param last - how many; at most 300 by default
 */
export function mermaid(cluster: SimCluster, last: number = DIAGRAM_EVENTS): string {
  const events = cluster.timeline.events.filter(({ event }) => !LEFT_OUT.has(event)).slice(-last);
  const names = [
    ...new Set(events.flatMap(({ node, peer }) => (peer === undefined ? [node] : [node, peer]))),
  ];
  const ids = new Map(names.map((name, at) => [name, `n${at}`]));
  const lines = ['sequenceDiagram', ...names.map((name) => `  participant ${ids.get(name)} as ${name}`)];
  const ends = (left: string, right: string): string => (left === right ? left : `${left},${right}`);
  const first = ids.get(names[0] ?? '');
  const latest = ids.get(names.at(-1) ?? '');
  for (const { atMs, node, peer, event, detail } of events) {
    const id = ids.get(node)!;
    const text = plain(`${(atMs / 1_000).toFixed(3)} s ${event}${detail === '' ? '' : ` ${detail}`}`);
    if (node === 'network') lines.push(`  Note over ${ends(first!, latest!)}: ${text}`);
    else if (event === 'nodeup') lines.push(`  ${ids.get(peer!)}->>${id}: ${text}`);
    else if (event === 'nodedown') lines.push(`  ${ids.get(peer!)}--x${id}: ${text}`);
    else lines.push(`  Note over ${id}: ${text}`);
  }
  return lines.join('\n');
}

/** What Mermaid reads as its own signs. */
const plain = (text: string): string =>
  text
    .replace(/[#;]/g, ',')
    .replace(/[<>{}]/g, ' ')
    .replace(/\s+/g, ' ')
    .slice(0, 160);

function html(cluster: SimCluster): string {
  const { events } = cluster.timeline;
  const shown = events.filter(({ event }) => !LEFT_OUT.has(event)).slice(-PAGE_EVENTS);
  const names = [...new Set(shown.map(({ node }) => node))].sort((one, other) =>
    one === 'network' ? -1 : other === 'network' ? 1 : one.localeCompare(other),
  );
  const columns = new Map(names.map((name, at) => [name, at + 2]));
  const rows = shown.map((event) => row(event, columns));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>simulation, seed ${cluster.seed}</title>
<style>
  body { font: 13px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff; }
  pre { font: 12px/1.4 ui-monospace, monospace; background: #f6f6f6; padding: .7rem; overflow-x: auto; }
  .line { display: grid; grid-template-columns: 6.5rem repeat(${names.length}, minmax(9rem, 1fr)); gap: 0 .5rem; }
  .line > * { padding: .1rem .3rem; overflow-wrap: anywhere; border-left: 2px solid #eee; }
  .head { position: sticky; top: 0; background: #fff; font-weight: 600; border-bottom: 1px solid #ccc; }
  .at { color: #888; text-align: right; font-variant-numeric: tabular-nums; border: 0; }
  .nodeup, .up, .heal, .resume { background: #e8f6ea; }
  .nodedown, .crash, .partition, .hold, .reset, .half_open, .start_failed, .escape { background: #fdeaea; }
  .pause, .clock_skew, .link { background: #fff6df; }
  .log, .connect { color: #777; }
  label { margin-right: 1rem; }
</style>
<h1>Simulation, seed ${cluster.seed}</h1>
<p>${shown.length} of ${events.length} events, ${(cluster.nowMs / 1_000).toFixed(3)} virtual seconds. Replay: <code>${escaped(cluster.replay)}</code></p>
<pre>${linkTable(cluster).map(escaped).join('\n')}</pre>
<p><label><input type="checkbox" id="quiet"> hide log lines and single dials</label></p>
<main>
<div class="line head"><span class="at">s</span>${names.map((name) => `<span>${escaped(name)}</span>`).join('')}</div>
${rows.join('\n')}
</main>
<script>
  document.getElementById('quiet').addEventListener('change', (event) => {
    for (const line of document.querySelectorAll('[data-minor]')) line.hidden = event.target.checked;
    document.querySelectorAll('[data-minor]').forEach((line) => { line.style.display = event.target.checked ? 'none' : ''; });
  });
</script>
</html>
`;
}

function row({ atMs, node, event, detail }: TimelineEvent, columns: ReadonlyMap<string, number>): string {
  const minor = event === 'log' || event === 'connect' ? ' data-minor' : '';
  const text = `<b>${escaped(event)}</b>${detail === '' ? '' : ` ${escaped(detail)}`}`;
  return (
    `<div class="line"${minor}><span class="at">${(atMs / 1_000).toFixed(3)}</span>` +
    `<span class="${escaped(event)}" style="grid-column: ${columns.get(node)}">${text}</span></div>`
  );
}

const SIGNS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => SIGNS[sign]!);
