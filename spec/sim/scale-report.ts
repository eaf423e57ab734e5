/**
 * `npm run sim:scale`: how membership grows, 10 to 1,000 nodes, with and without loss, by our rule of heartbeats and by
 * libcluster's. Writes SCALE.md and scale.svg beside this file; takes some minutes.
 */
import { writeFileSync } from 'node:fs';
import { meet, type Rule, type ScaleResult } from './scale.ts';

export const SIZES = [10, 100, 1_000] as const;
export const LOSSES = [0, 0.1] as const;
export const RULES = ['beamish', 'libcluster'] as const;
export const PAGE = new URL('./SCALE.md', import.meta.url);

export interface Measured extends ScaleResult {
  readonly nodes: number;
  readonly loss: number;
  readonly rule: Rule;
  readonly realMs: number;
}

export const HEAD =
  '| nodes | loss | rule | converged after | datagrams sent | datagrams a node | heard | attempts | attempts a pair | real time |';

/** One row each. */
export function table(all: readonly Measured[]): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  const rows = all.map(({ nodes, loss, rule, convergedMs, sent, heard, attempts, realMs }) => {
    const pairs = (nodes * (nodes - 1)) / 2;
    const cells = [
      ...[whole(nodes), `${loss * 100}%`, rule, `${(convergedMs / 1_000).toFixed(2)} s`, whole(sent)],
      ...[(sent / nodes).toFixed(1), whole(heard), whole(attempts), (attempts / pairs).toFixed(2)],
      `${(realMs / 1_000).toFixed(1)} s`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [HEAD, `|${' --- |'.repeat(10)}`, ...rows].join('\n');
}

const WIDTH = 640;
const HEIGHT = 360;
const MARGIN = 56;
const COLOURS: Readonly<Record<Rule, string>> = { beamish: '#0b7285', libcluster: '#c2255c' };

/** Seconds until all are connected over the number of nodes, both logarithmic. */
export function plot(all: readonly Measured[]): string {
  const x = (nodes: number) => MARGIN + ((Math.log10(nodes) - 1) / 2) * (WIDTH - 2 * MARGIN);
  // From a millisecond to 100 s.
  const y = (ms: number) => HEIGHT - MARGIN - (Math.log10(Math.max(ms, 1)) / 5) * (HEIGHT - 2 * MARGIN);
  const lines = RULES.flatMap((rule) =>
    LOSSES.map((loss) => {
      const points = all.filter((one) => one.rule === rule && one.loss === loss);
      const path = points.map(
        ({ nodes, convergedMs }) => `${x(nodes).toFixed(1)},${y(convergedMs).toFixed(1)}`,
      );
      const dash = loss === 0 ? '' : ' stroke-dasharray="6 4"';
      const last = points.at(-1);
      const label =
        last === undefined
          ? ''
          : text(x(last.nodes) - 4, y(last.convergedMs) - 6, `${rule}, ${loss * 100}%`, 'end');
      return `<polyline fill="none" stroke="${COLOURS[rule]}" stroke-width="2"${dash} points="${path.join(' ')}"/>${label}`;
    }),
  );
  const ticks = [
    ...SIZES.map((nodes) => text(x(nodes), HEIGHT - MARGIN + 18, nodes.toLocaleString('en'), 'middle')),
    ...[1, 10, 100, 1_000, 10_000, 100_000].map((ms) =>
      text(MARGIN - 8, y(ms) + 4, `${ms / 1_000} s`, 'end'),
    ),
    text(WIDTH / 2, HEIGHT - 12, 'nodes', 'middle'),
    text(MARGIN, 24, 'from the last start until every two nodes are connected', 'start'),
  ];
  const frame = `<path d="M${MARGIN} ${y(100_000)}V${HEIGHT - MARGIN}H${WIDTH - MARGIN}" fill="none" stroke="#868e96"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">\n<title>Time until all nodes are connected, by their number</title>\n${[frame, ...ticks, ...lines].join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, words: string, anchor: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#495057">${words}</text>`;
}

function page(all: readonly Measured[]): string {
  return `# Membership at scale

Written by \`npm run sim:scale\`. Nodes start within a second on one switch (0.2 to 1 ms one way); their discovery is the
production one, their links are reduced to the round trips of port mapper and handshake (\`scale.ts\` beside this page). Loss is of each
receiver's datagrams and of each segment. "libcluster" speaks when libcluster's strategy does, at once and then every 1 to 5,000 ms,
and connects as ours does; "beamish" has the burst (0, 100, 300, 700, 1,500 ms) and then speaks less often the more nodes it is
connected to. Each speaks to one multicast group. Up to 200 new names a second are taken up by each node, as by default.

![seconds until all are connected](scale.svg)

${table(all)}
`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const all: Measured[] = [];
  for (const nodes of SIZES)
    for (const loss of LOSSES)
      for (const rule of RULES) {
        const begunMs = performance.now();
        const result = await meet({ nodes, loss, rule, seed: 1 });
        all.push({ nodes, loss, rule, realMs: performance.now() - begunMs, ...result });
        console.log(table(all.slice(-1)).split('\n').at(-1));
      }
  writeFileSync(PAGE, page(all));
  writeFileSync(new URL('./scale.svg', PAGE), plot(all));
}
