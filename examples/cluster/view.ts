/**
 * The live view as a function: state in, rows out. It knows no terminal; `screen.ts` puts its rows on one.
 */
import { MEMBER_NAMES, type MemberName, SPEAKERS } from './events.ts';
import type { Editor } from './input.ts';
import type { JoinLines } from './join.ts';
import { type CallLine, type ClusterState, type LogLine, latestCall, linked, type Step } from './state.ts';
import { clean, cut, fit, type Row, rowWidth, type Style, span, widthOf } from './text.ts';

export interface ViewInput {
  readonly state: ClusterState;
  readonly nowMs: number;
  readonly columns: number;
  readonly rows: number;
  readonly join: JoinLines;
  readonly subtitle: string;
  readonly editor: Editor;
}

export interface View {
  readonly rows: readonly Row[];
  /** Rows that the terminal should treat as one line with the row after them, so that it is copied as one. */
  readonly continued: ReadonlySet<number>;
  readonly cursor: { readonly row: number; readonly column: number };
}

/** A flash in the picture lasts this long. */
const FLASH_MS = 350;
const BOX_WIDTH = 26;
const MIN_GAP = 8;
/** Below this the panels would be titles only. */
const MIN_PANEL_ROWS = 4;
const HINT =
  'type a line: it goes to an actor on another node    @ben hi    /kill cyd    /start cyd    /quit';

/** Draws everything: never more rows or columns than there are. */
export function draw(input: ViewInput): View {
  const { columns } = input;
  const rowsLeft = Math.max(1, input.rows);
  const graphFits = columns >= 3 * BOX_WIDTH + 2 * MIN_GAP && rowsLeft >= 24;
  const head = [header(input), [], ...(graphFits ? graph(input) : list(input)), []];
  const join = joinRows(input);
  const foot = [[], ...join.rows, latestAnswer(input), prompt(input)];
  const continued = new Set<number>();
  const space = rowsLeft - head.length;
  let rows: Row[];
  if (space >= foot.length + MIN_PANEL_ROWS) {
    const body = panels(input, space - foot.length);
    for (const i of join.continued) continued.add(head.length + body.length + 1 + i);
    rows = [...head, ...body, ...foot];
  } else if (space >= MIN_PANEL_ROWS + 2) {
    rows = [...head, ...panels(input, space - 2), latestAnswer(input), prompt(input)];
  } else {
    // On a very low screen: as much of the top as there is room for, and always the line one types on.
    rows = [...head.slice(0, rowsLeft - 1), prompt(input)];
  }
  return {
    rows: rows.map((row) => fit(row, columns)),
    continued,
    cursor: { row: rows.length - 1, column: Math.min(columns - 1, promptCursor(input)) },
  };
}

function header({ state, subtitle, nowMs, columns }: ViewInput): Row {
  const left = [span(' beamish ', 'bold'), span('three OS processes, one cluster', 'dim')];
  const guests =
    state.guests.length === 0 ? [] : [span(`guests: ${clean(state.guests.join(' '))}   `, 'warm')];
  const right = [...guests, span(`${subtitle}   ${clock(nowMs)} `, 'dim')];
  const gap = columns - rowWidth(left) - rowWidth(right);
  return gap >= 2 ? [...left, span(' '.repeat(gap)), ...right] : left;
}

/** Three boxes in a row, a line for each link, one of them below from the first to the last. */
function graph(input: ViewInput): Row[] {
  const { columns } = input;
  const gap = Math.min(26, Math.floor((columns - 2 - 3 * BOX_WIDTH) / 2));
  const boxes = MEMBER_NAMES.map((name) => box(input, name));
  const [ada, ben, cyd] = MEMBER_NAMES;
  const rows: Row[] = [];
  for (let y = 0; y < 5; y += 1) {
    const between = (a: MemberName, b: MemberName): Row =>
      y === 2 ? wire(input, a, b, gap) : [span(' '.repeat(gap))];
    rows.push([
      span(' '),
      ...(boxes[0]?.[y] ?? []),
      ...between(ada, ben),
      ...(boxes[1]?.[y] ?? []),
      ...between(ben, cyd),
      ...(boxes[2]?.[y] ?? []),
    ]);
  }
  const style = linkStyle(input, ada, cyd);
  const half = Math.floor(BOX_WIDTH / 2);
  const length = 2 * (BOX_WIDTH + gap) - 1;
  rows.push([
    span(' '.repeat(1 + half)),
    span('╰', style),
    ...wire(input, ada, cyd, length),
    span('╯', style),
  ]);
  return rows;
}

function box(input: ViewInput, name: MemberName): Row[] {
  const member = input.state.members[name];
  const { actor, does } = SPEAKERS[name];
  const edge: Style | undefined = member.status === 'up' ? undefined : 'dim';
  const inner = BOX_WIDTH - 4;
  const line = (row: Row): Row => [span('│ ', edge), ...fit(row, inner), span(' │', edge)];
  // The link between the outer two goes round below the one in the middle.
  const half = Math.floor(BOX_WIDTH / 2) - 1;
  const foot =
    name === 'ben'
      ? '─'.repeat(BOX_WIDTH - 2)
      : `${'─'.repeat(half)}┬${'─'.repeat(half)}`.slice(0, BOX_WIDTH - 2);
  const calls = member.status === 'up' ? `${member.calls} calls answered` : '';
  return [
    [span(`╭${'─'.repeat(BOX_WIDTH - 2)}╮`, edge)],
    line([statusDot(input, name), span(` ${name}`, 'bold'), span(`  ${statusText(input, name)}`, 'dim')]),
    line([span(actor, 'accent'), span(` ${does}`)]),
    line([span(calls, 'dim')]),
    [span(`╰${foot}╯`, edge)],
  ];
}

function statusDot({ state }: ViewInput, name: MemberName) {
  const { status } = state.members[name];
  if (status === 'up') return span('●', 'good');
  return status === 'starting' ? span('◌', 'warm') : span('✖', 'bad');
}

function statusText({ state }: ViewInput, name: MemberName): string {
  const { status, osPid, killedAtMs } = state.members[name];
  if (status === 'up') return `process ${osPid}`;
  if (status === 'starting') return 'starting';
  return killedAtMs === undefined ? 'not running' : 'killed';
}

function linkStyle({ state, nowMs }: ViewInput, a: MemberName, b: MemberName): Style {
  if (!linked(state, a, b)) return 'dim';
  const call = latestCall(state, a, b);
  if (call !== undefined && nowMs - call.atMs < FLASH_MS) return call.ordered ? 'warm' : 'accent';
  return 'good';
}

/** The line between two members, with the latest round trip written on it. */
function wire(input: ViewInput, a: MemberName, b: MemberName, length: number): Row {
  const style = linkStyle(input, a, b);
  if (!linked(input.state, a, b)) return [span('╌'.repeat(length), style)];
  const call = latestCall(input.state, a, b);
  const label = call === undefined ? '' : ` ${call.tookMs.toFixed(1)} ms `;
  const dashes = Math.max(0, length - widthOf(label));
  const left = Math.floor(dashes / 2);
  return [span('━'.repeat(left), style), span(label, 'dim'), span('━'.repeat(dashes - left), style)];
}

/** The members for a narrow or low screen, one row each. */
function list(input: ViewInput): Row[] {
  return MEMBER_NAMES.map((name) => {
    const others = MEMBER_NAMES.filter((other) => other !== name && linked(input.state, name, other));
    return [
      span(' '),
      statusDot(input, name),
      span(` ${name} `, 'bold'),
      span(statusText(input, name).padEnd(16), 'dim'),
      span(SPEAKERS[name].actor.padEnd(8), 'accent'),
      span(others.length === 0 ? 'alone' : `━ ${others.join(' ')}`, others.length === 0 ? 'dim' : 'good'),
    ];
  });
}

/** Calls on the left and what happens on the right; one above the other where it is narrow. */
function panels(input: ViewInput, height: number): Row[] {
  const { columns, state } = input;
  if (columns < 96) {
    const upper = Math.floor(height / 2);
    return [...callPanel(input, upper, columns), ...logPanel(state, height - upper, columns)];
  }
  const leftWidth = Math.floor(columns * 0.52);
  const left = callPanel(input, height, leftWidth);
  const right = logPanel(state, height, columns - leftWidth);
  return left.map((row, i) => [...fit(row, leftWidth), ...(right[i] ?? [])]);
}

function callPanel({ state }: ViewInput, height: number, width: number): Row[] {
  const median = state.latenciesMs.toSorted((a, b) => a - b)[Math.floor(state.latenciesMs.length / 2)];
  const title: Row = [
    span(' calls by name, node to node  ', 'bold'),
    span(sparkline(state.latenciesMs.slice(-20)), 'accent'),
    span(median === undefined ? '' : `  median ${median.toFixed(2)} ms`, 'dim'),
  ];
  const lines = state.calls.slice(-Math.max(0, height - 1)).map((call) => callRow(call, width));
  return filled([title, ...lines], height);
}

function callRow(call: CallLine, width: number): Row {
  const head = `${call.from} → ${call.to} `;
  const took = call.ok ? `${call.tookMs.toFixed(2)} ms` : 'failed';
  const room = Math.max(0, width - 4 - widthOf(head) - widthOf(took) - 5);
  const text = cut(clean(call.text), Math.floor(room * 0.5));
  const reply = cut(clean(call.reply), Math.max(0, room - widthOf(text)));
  return [
    span(call.ordered ? ' ▸ ' : '   ', 'warm'),
    span(head, call.ordered ? 'warm' : 'dim'),
    span(text),
    span(' ⇒ ', 'dim'),
    span(reply, call.ok ? (call.ordered ? 'bold' : undefined) : 'bad'),
    span(`  ${took}`, call.ok ? 'dim' : 'bad'),
  ];
}

function logPanel(state: ClusterState, height: number, width: number): Row[] {
  const steps = state.steps.slice(-Math.max(0, Math.ceil((height - 2) * 0.6))).map(stepRow);
  const room = Math.max(0, height - steps.length - 2);
  const lines = room === 0 ? [] : state.log.slice(-room).map((line) => logRow(line, width));
  return filled(
    [[span(' the story so far', 'bold')], ...steps, [span(' what happens', 'bold')], ...lines],
    height,
  );
}

function stepRow({ title, outcome, detail }: Step): Row {
  const sign = { running: span('◐', 'warm'), done: span('✔', 'good'), failed: span('✘', 'bad') }[outcome];
  return [span(' '), sign, span(` ${title}`), span(detail === '' ? '' : `  ${clean(detail)}`, 'dim')];
}

function logRow({ atMs, tone, text }: LogLine, width: number): Row {
  const style = tone === 'plain' ? undefined : tone;
  return [span(` ${clock(atMs)} `, 'dim'), span(cut(clean(text), Math.max(0, width - 8)), style)];
}

function filled(rows: readonly Row[], height: number): Row[] {
  const kept = rows.slice(0, height);
  return [...kept, ...Array.from({ length: height - kept.length }, () => [])];
}

/** The lines to paste. They are broken where the screen ends, and marked so that they are copied whole. */
function joinRows({ join, columns }: ViewInput): { rows: Row[]; continued: number[] } {
  const rows: Row[] = [
    [span(' join from another terminal, with Erlang or with Elixir: paste one of these', 'bold')],
  ];
  const continued: number[] = [];
  for (const line of [join.erl, join.iex]) {
    for (let start = 0; start < line.length; start += columns) {
      if (start + columns < line.length) continued.push(rows.length);
      rows.push([span(line.slice(start, start + columns), 'accent')]);
    }
  }
  return { rows, continued };
}

/** The user's latest text and its answer, kept in sight while small talk scrolls by. */
function latestAnswer({ state, columns }: ViewInput): Row {
  return state.answered === undefined ? [] : callRow(state.answered, columns);
}

const PROMPT = ' › ';

function prompt({ editor, columns }: ViewInput): Row {
  if (editor.before === '' && editor.after === '') return [span(PROMPT, 'warm'), span(HINT, 'dim')];
  const { before, after } = visible(editor, columns);
  return [span(PROMPT, 'warm'), span(before), span(after)];
}

function promptCursor({ editor, columns }: ViewInput): number {
  return widthOf(PROMPT) + widthOf(visible(editor, columns).before);
}

/** The end of a long line is what one types at: what does not fit is cut off on the left. */
function visible(editor: Editor, columns: number): Editor {
  const room = Math.max(1, columns - widthOf(PROMPT) - 1);
  let characters = Array.from(clean(editor.before));
  while (widthOf(characters.join('')) > room) characters = characters.slice(1);
  const before = characters.join('');
  return { before, after: cut(clean(editor.after), room - widthOf(before)) };
}

const BARS = '▁▂▃▄▅▆▇█';

function sparkline(values: readonly number[]): string {
  const top = Math.max(...values, 0.001);
  return values.map((value) => BARS[Math.min(7, Math.floor((value / top) * 7.99))]).join('');
}

/** `01:05`: minutes and seconds. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
