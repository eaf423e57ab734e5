import { describe, expect, it } from 'vitest';
import {
  type CallEvent,
  type ClusterEvent,
  MEMBER_NAMES,
  nodeName,
} from '../../../examples/cluster/events.ts';
import { EMPTY_EDITOR } from '../../../examples/cluster/input.ts';
import { joinLines } from '../../../examples/cluster/join.ts';
import { plainLines } from '../../../examples/cluster/plain.ts';
import { type ClusterState, INITIAL_STATE, linked, PAIRS, reduce } from '../../../examples/cluster/state.ts';
import { plain, rowWidth } from '../../../examples/cluster/text.ts';
import { draw, type View } from '../../../examples/cluster/view.ts';

const JOIN = joinLines({ gossipPort: 40_111, epmdPort: 40_123 }, 'jabberwock');

function after(events: readonly ClusterEvent[], start: ClusterState = INITIAL_STATE): ClusterState {
  return events.reduce((state, event, i) => reduce(state, event, 1_000 + i), start);
}

const STARTED: ClusterEvent[] = MEMBER_NAMES.flatMap((node, i) => [
  { type: 'starting', node, osPid: 4_711 + i },
  { type: 'up', node },
]);
const MESHED: ClusterEvent[] = MEMBER_NAMES.flatMap((node) =>
  MEMBER_NAMES.filter((peer) => peer !== node).map(
    (peer): ClusterEvent => ({ type: 'nodeup', node, peer: nodeName(peer) }),
  ),
);
const CALLED: CallEvent = {
  type: 'called',
  node: 'ada',
  to: 'ben',
  text: 'brillig',
  reply: 'gillirb',
  ok: true,
  tookMs: 0.42,
};
const LOST: ClusterEvent[] = [
  { type: 'killed', node: 'cyd' },
  { type: 'gone', node: 'cyd', how: 'SIGKILL' },
  { type: 'nodedown', node: 'ada', peer: nodeName('cyd'), reason: 'connection_closed' },
  { type: 'nodedown', node: 'ben', peer: nodeName('cyd'), reason: 'connection_closed' },
];

function show(state: ClusterState, columns = 120, rows = 34): { text: string; view: View } {
  const view = draw({
    state,
    nowMs: 65_000,
    columns,
    rows,
    join: JOIN,
    subtitle: 'gossip udp 40111',
    editor: EMPTY_EDITOR,
  });
  return { text: view.rows.map(plain).join('\n'), view };
}

describe('the state of the example cluster', () => {
  it('counts a pair as linked when both ends say so', () => {
    const half = after([...STARTED, { type: 'nodeup', node: 'ada', peer: nodeName('ben') }]);
    expect(linked(half, 'ada', 'ben')).toBe(false);
    const whole = after([{ type: 'nodeup', node: 'ben', peer: nodeName('ada') }], half);
    expect(linked(whole, 'ada', 'ben')).toBe(true);
    expect(whole.log.at(-1)?.text).toBe('ada and ben are connected');
  });

  it('tells how long the others took to notice a kill', () => {
    const state = after([...STARTED, ...MESHED, ...LOST]);
    expect(PAIRS.filter(([a, b]) => linked(state, a, b))).toEqual([['ada', 'ben']]);
    expect(state.log.at(-1)?.text).toBe(
      'ben notices: nodedown cyd@127.0.0.1 (connection_closed), 3 ms after the kill',
    );
  });

  it('knows guests from members', () => {
    const joined = after([...STARTED, { type: 'nodeup', node: 'ada', peer: 'you@127.0.0.1' }]);
    expect(joined.guests).toEqual(['you@127.0.0.1']);
    const left = after([{ type: 'nodedown', node: 'ada', peer: 'you@127.0.0.1', reason: 'x' }], joined);
    expect(left.guests).toEqual([]);
  });

  it('does not grow without end', () => {
    const state = after([...STARTED, ...Array.from({ length: 1_000 }, () => CALLED)]);
    expect(state.calls.length).toBeLessThanOrEqual(200);
    expect(state.members.ada.calls).toBe(1_000);
  });
});

describe('the live view', () => {
  it('shows members, links with their latest round trip, calls and the join lines', () => {
    const { text } = show(after([...STARTED, ...MESHED, CALLED]));
    expect(text).toMatch(/● ada +process 4711 +│ +│ ● ben +process 4712 +│ +│ ● cyd +process 4713/);
    expect(text).toMatch(/│━+ 0\.4 ms ━+│/);
    expect(text).toMatch(/╰━{20,}╯/);
    expect(text).toContain('ada → ben brillig ⇒ gillirb  0.42 ms');
    expect(text).toContain('01:05');
    expect(text).toContain('ERL_EPMD_PORT=40123 erl -name you@127.0.0.1 -setcookie jabberwock');
  });

  it('keeps the answer to the user in sight, above the line one types on', () => {
    const call = { ...CALLED, text: 'mine', reply: 'enim', id: 7 };
    const small = Array.from({ length: 100 }, () => CALLED);
    const { view } = show(after([...STARTED, ...MESHED, call, { type: 'answered', call }, ...small]));
    expect(plain(view.rows.at(-2) ?? [])).toBe(' ▸ ada → ben mine ⇒ enim  0.42 ms');
  });

  it('shows a killed member and its broken links', () => {
    const { text } = show(after([...STARTED, ...MESHED, ...LOST]));
    expect(text).toMatch(/✖ cyd +killed/);
    expect(text).toMatch(/│━+│/);
    expect(text).toMatch(/│╌+│/);
    expect(text).toMatch(/╰╌+╯/);
  });

  it('fits any screen: exact columns, no more rows than there are, the cursor inside', () => {
    const state = after([...STARTED, ...MESHED, CALLED, ...LOST]);
    for (const columns of [20, 47, 80, 95, 96, 132, 250]) {
      for (const rows of [1, 2, 5, 8, 12, 16, 24, 30, 60]) {
        const { view } = show(state, columns, rows);
        expect(view.rows.length).toBeLessThanOrEqual(rows);
        for (const row of view.rows) expect(rowWidth(row)).toBe(columns);
        expect(view.cursor.row).toBe(view.rows.length - 1);
        expect(view.cursor.column).toBeLessThan(columns);
      }
    }
  });

  it('marks the rows of a line to paste as one line', () => {
    const { view } = show(after(STARTED), 80, 40);
    let pasted = '';
    view.rows.forEach((row, y) => {
      if (view.continued.has(y)) pasted += plain(row);
      else if (view.continued.has(y - 1)) pasted += `${plain(row)}\n`;
    });
    expect(pasted).toBe(`${JOIN.erl}\n${JOIN.iex}\n`);
  });

  it('keeps the end of a long input line in sight', () => {
    const editor = { before: 'x'.repeat(100), after: 'end' };
    const view = draw({
      state: INITIAL_STATE,
      nowMs: 0,
      columns: 40,
      rows: 30,
      join: JOIN,
      subtitle: '',
      editor,
    });
    expect(plain(view.rows.at(-1) ?? [])).toBe(` › ${'x'.repeat(36)}`);
    expect(view.cursor.column).toBe(39);
  });
});

describe('plain lines', () => {
  it('tell steps and what the user asked for, not the small talk', () => {
    const lines = (event: ClusterEvent): string[] => {
      const before = after(STARTED);
      return plainLines(event, before, reduce(before, event, 2_000), 2_000);
    };
    expect(lines(CALLED)).toEqual([]);
    expect(lines({ ...CALLED, id: 1 })).toEqual(['   2.00s      ada → ben: "brillig" ⇒ "gillirb" (0.42 ms)']);
    expect(lines({ type: 'step', title: 'meet', outcome: 'done', detail: 'x' })).toEqual([
      '   2.00s  ok     meet: x',
    ]);
    expect(lines({ type: 'gone', node: 'cyd', how: 'SIGKILL' })).toEqual([
      '   2.00s      cyd: the process is gone (SIGKILL)',
    ]);
  });
});
