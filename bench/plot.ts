/** Curves as a picture: one panel for each thing that was measured, both axes logarithmic. */

export interface Panel {
  readonly title: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 360;
const HEIGHT = 280;
const LEFT = 64;
const RIGHT = 20;
const TOP = 44;
const BOTTOM = 48;

/**
 * @param title - what people hear who do not see it
 * @param across - what grows to the right, the same in all panels
 */
export function plot(title: string, across: string, panels: readonly Panel[]): string {
  const drawn = panels.map(
    (panel, i) => `<g transform="translate(${i * WIDTH} 0)">\n${drawPanel(panel, across)}\n</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * panels.length} ${HEIGHT}" font-family="sans-serif" font-size="12">\n<title>${title}</title>\n${drawn.join('\n')}\n</svg>\n`;
}

function drawPanel({ title, points }: Panel, across: string): string {
  const xs = decades(points.map(([x]) => x));
  const ys = decades(points.map(([, y]) => y));
  const x = (value: number) => LEFT + share(value, xs) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - share(value, ys) * (HEIGHT - TOP - BOTTOM);
  const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ');
  return [
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#868e96"/>`,
    ...ticks(xs).map((at) => text(x(at), HEIGHT - BOTTOM + 18, short(at), 'middle')),
    ...ticks(ys).map((at) => text(LEFT - 8, y(at) + 4, short(at), 'end')),
    text(WIDTH / 2, HEIGHT - 10, across, 'middle'),
    text(12, 24, title, 'start'),
    `<polyline fill="none" stroke="#0b7285" stroke-width="2" points="${path}"/>`,
    ...points.map(
      ([px, py]) => `<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3" fill="#0b7285"/>`,
    ),
  ].join('\n');
}

interface Decades {
  readonly from: number;
  readonly to: number;
}

/** The powers of ten that hold all values; two at least, so that what stays the same looks flat. */
function decades(values: readonly number[]): Decades {
  const from = Math.floor(Math.log10(Math.min(...values)));
  return { from, to: Math.max(from + 2, Math.ceil(Math.log10(Math.max(...values)))) };
}

const share = (value: number, { from, to }: Decades): number => (Math.log10(value) - from) / (to - from);

function ticks({ from, to }: Decades): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
}

function short(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000}M`;
  return value >= 1_000 ? `${value / 1_000}k` : String(value >= 1 ? value : Number(value.toPrecision(1)));
}

function text(x: number, y: number, words: string, anchor: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#495057">${words}</text>`;
}
