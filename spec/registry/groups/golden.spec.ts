/**
 * What scopes of real nodes said to each other, with our machine in the place of each of them: it hears what that one heard,
 * joins and leaves what that one did, and must say the same.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DistDecoder } from '../../../src/dist/decode.ts';
import { type ScopeEvent, ScopeMachine, type ScopeWish } from '../../../src/registry/groups/scope-machine.ts';
import { Atom } from '../../../src/term/atom.ts';
import { TermDecoder } from '../../../src/term/etf/decode.ts';
import { Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { Tuple } from '../../../src/term/tuple.ts';
import { recorder } from '../../dist/recorder.ts';

interface Step {
  readonly step: string;
  readonly result: string | null;
}
interface Frame {
  readonly conn: number;
  readonly from: string;
  readonly kind: string;
  readonly hex: string;
}
const golden = JSON.parse(readFileSync(new URL('../../golden/pg.json', import.meta.url), 'utf8')) as {
  readonly scenarios: readonly { readonly name: string; readonly events: readonly (Step | Frame)[] }[];
};

/** What travelled between scope processes, in the order of the capture. */
interface Spoken {
  readonly from: string;
  readonly pid: Pid;
  readonly to: Pid | string;
  readonly message: unknown;
}
type Line =
  | Spoken
  | { readonly link: 'made anew' }
  | { readonly from: string; readonly pid: Pid; readonly monitors: Pid }
  | { readonly from: string; readonly ends: Pid; readonly tells: Pid };

function linesOf(name: string): Line[] {
  const scenario = golden.scenarios.find((one) => one.name === name)!;
  const lines: Line[] = [];
  const decoders = new Map<string, { decoder: DistDecoder; calls: unknown[][] }>();
  let conn = 0;
  for (const event of scenario.events) {
    if ('step' in event) continue;
    if (event.conn !== conn) {
      conn = event.conn;
      lines.push({ link: 'made anew' });
    }
    const key = `${event.conn} ${event.from}`;
    let end = decoders.get(key);
    if (end === undefined) {
      const { sink, calls } = recorder();
      const peer = `${event.from}@127.0.0.1`;
      const headers = event.kind !== 'pass_through';
      const fragments = { frameBytes: 1 << 20, fragmentedMessages: 10, fragmentedBytes: 1 << 20 };
      const decoder = new DistDecoder({ peer, terms: new TermDecoder(), sink, headers, fragments });
      end = { decoder, calls: calls as unknown as unknown[][] };
      decoders.set(key, end);
    }
    const bytes = Buffer.from(event.hex, 'hex');
    end.decoder.frame(bytes, 4, bytes.length);
    for (const [method, ...args] of end.calls.splice(0)) {
      const { from } = event;
      if (method === 'regSend' || method === 'send') {
        const [pid, to, message] = args as [Pid, Pid | Atom, unknown];
        if (isScopeMessage(message))
          lines.push({ from, pid, to: to instanceof Atom ? to.name : to, message });
      } else if (method === 'monitor' && args[1] instanceof Pid)
        lines.push({ from, pid: args[0] as Pid, monitors: args[1] });
      else if (method === 'monitorExit' && args[0] instanceof Pid)
        lines.push({ from, ends: args[0], tells: args[1] as Pid });
    }
  }
  return lines;
}

const NAMES = ['discover', 'sync', 'join', 'leave', 'update', 'local_data'];

/** The tuple a scope process gets, without the wrapping of a cast. */
function bare(message: unknown): Tuple | undefined {
  if (!(message instanceof Tuple)) return undefined;
  const [first, second] = message.elements;
  return first instanceof Atom && first.name === '$gen_cast' ? (second as Tuple) : message;
}

function kindOf(message: unknown): string | undefined {
  const name = bare(message)?.elements[0];
  return name instanceof Atom ? name.name : undefined;
}

function isScopeMessage(message: unknown): boolean {
  return NAMES.includes(kindOf(message) ?? '') && bare(message)?.elements[1] instanceof Pid;
}

/** As text; the groups of a sync, and the pids in it, stand in no particular order. */
function textOf(message: unknown): string {
  const tuple = bare(message)!;
  const [name, peer, groups] = tuple.elements;
  if ((name as Atom).name !== 'sync') return inspectTerm(message);
  const sorted = (groups as Tuple[]).map(({ elements: [group, pids] }) =>
    [inspectTerm(group), ...(pids as Pid[]).map(String).sort()].join(' '),
  );
  return `sync ${peer} ${sorted.sort().join(', ')}`;
}

/** Plays the scopes of one node. Returns what it said that was not recorded, and how much was. */
function play(name: string, side: string): { unsaid: string[]; compared: number } {
  const machines = new Map<Pid, ScopeMachine>();
  const scopeNames = new Map<Pid, string>();
  /** What our machines have said and the capture has not come to. */
  const said: { pid: Pid; text: string }[] = [];
  let compared = 0;
  const lines = linesOf(name);
  const other = side === 'alpha' ? 'beta@127.0.0.1' : 'alpha@127.0.0.1';

  const step = (pid: Pid, event: ScopeEvent): void => {
    for (const wish of machines.get(pid)!.step(event)) {
      if (wish.type === 'ignore') throw new Error(`ignored: ${wish.why}`);
      if (wish.type === 'send')
        said.push({
          pid,
          text: `${wish.to instanceof Pid ? wish.to : scopeNames.get(pid)} ${textOf(wish.message)}`,
        });
      if (wish.type === 'monitor' && wish.pid.node !== pid.node)
        said.push({ pid, text: `monitors ${wish.pid}` });
    }
  };

  /** A scope process starts, with the members that its first sync will tell of. */
  const start = (pid: Pid): void => {
    const own = lines.filter((line) => 'message' in line && line.pid === pid) as Spoken[];
    const byName = own.find(({ to }) => typeof to === 'string');
    // All these captures have a scope "sc"; the other is always called by its name.
    scopeNames.set(pid, (byName?.to as string | undefined) ?? 'sc');
    const machine = new ScopeMachine();
    machines.set(pid, machine);
    machine.step({ type: 'start', self: pid, nodes: [] });
    const sync = own.find(({ message }) => kindOf(message) === 'sync');
    for (const { elements } of (bare(sync?.message)?.elements[2] ?? []) as Tuple[])
      machine.step({ type: 'join', group: elements[0], pids: elements[1] as Pid[] });
  };
  const ours = (line: Line): line is Spoken => 'message' in line && line.from === side;
  const first = lines.find(ours)!;
  // The scope that is there before the link; others start with the first word they say.
  if (name !== 'otp25_late_scope') start(first.pid);

  /** The test program did something that is told in this message. */
  const act = (pid: Pid, message: unknown): void => {
    const [kind, , ...rest] = bare(message)!.elements as [Atom, Pid, ...unknown[]];
    const list = (value: unknown) => (value instanceof Pid ? [value] : (value as Pid[]));
    if (kind.name === 'discover') step(pid, { type: 'nodeup', node: other });
    else if (kind.name === 'join') step(pid, { type: 'join', group: rest[0], pids: list(rest[1]) });
    else if (kind.name === 'leave') {
      const [pids, groups] = [list(rest[0]), rest[1] as unknown[]];
      if (groups.length > 1) step(pid, { type: 'down', pid: pids[0]! });
      else step(pid, { type: 'leave', group: groups[0], pids });
    }
  };

  for (const [at, line] of lines.entries()) {
    if ('link' in line) {
      // Lost, and made anew: both sides hear of the end of every scope process over there.
      expect(said).toEqual([]);
      for (const [pid, machine] of machines)
        for (const peer of machine.peers()) step(pid, { type: 'down', pid: peer });
    } else if (line.from !== side) {
      if ('ends' in line && machines.has(line.tells)) step(line.tells, { type: 'down', pid: line.ends });
      if (!('message' in line)) continue;
      for (const pid of machines.keys())
        if (pid === line.to || scopeNames.get(pid) === line.to)
          step(pid, { type: 'message', message: bare(line.message) });
    } else if ('ends' in line) {
      machines.delete(line.ends);
    } else if ('message' in line || machines.has(line.pid)) {
      if (!machines.has(line.pid)) start(line.pid);
      const text = 'message' in line ? `${line.to} ${textOf(line.message)}` : `monitors ${line.monitors}`;
      const found = said.some((one) => one.pid === line.pid && one.text === text);
      if (!found && 'message' in line) act(line.pid, line.message);
      const mine = said.filter(({ pid }) => pid === line.pid);
      // That the node is up is heard before or after what comes from there.
      const next =
        'message' in line && typeof line.to === 'string' ? mine.find((one) => one.text === text) : mine[0];
      expect([at, next?.text]).toEqual([at, text]);
      said.splice(said.indexOf(next!), 1);
      compared += 1;
    }
  }
  return { unsaid: said.map(({ text }) => text), compared };
}

const textOfTell = ({ change, group, pids }: Extract<ScopeWish, { type: 'tell' }>) =>
  `${change} ${inspectTerm(group)} ${pids.length}`;

describe('recorded scopes', () => {
  it.each([
    ['otp25_scope_life', 'alpha', 29],
    ['otp25_scope_life', 'beta', 22],
    ['otp25_late_scope', 'alpha', 4],
    ['otp25_late_scope', 'beta', 3],
    ['otp25_otp27', 'alpha', 29],
    ['otp25_otp27', 'beta', 22],
    ['otp25_otp23', 'alpha', 29],
    ['otp25_otp23', 'beta', 22],
  ])('%s: in the place of %s', (name, side, count) => {
    const { unsaid, compared } = play(name, side);
    expect(unsaid).toEqual([]);
    expect(compared).toBe(count);
  });

  it('otp29_scope_life: its newer forms are understood', () => {
    const machine = new ScopeMachine();
    const heard: unknown[] = [];
    const lines = linesOf('otp29_scope_life');
    const self = (lines.find((line) => 'to' in line && line.from === 'beta' && line.to === 'sc') as Spoken)
      .pid;
    machine.step({ type: 'start', self, nodes: [] });
    for (const line of lines) {
      if ('link' in line) break;
      if (line.from !== 'alpha') continue;
      const wishes = 'ends' in line ? machine.step({ type: 'down', pid: line.ends }) : [];
      for (const wish of wishes) if (wish.type === 'tell') heard.push(textOfTell(wish));
      if (!('message' in line) || (line.to !== 'sc' && line.to !== self)) continue;
      for (const wish of machine.step({ type: 'message', message: bare(line.message) })) {
        expect(wish.type).not.toBe('ignore');
        if (wish.type === 'tell') heard.push(textOfTell(wish));
      }
    }
    expect(heard).toEqual([
      'join g1 1',
      'join g1 2',
      'join {any,"term"} 1',
      'join g1 1',
      'leave g1 1',
      'leave g1 2',
      // Its first member ends.
      'leave {any,"term"} 1',
      'leave g1 1',
      // The scope process is killed after one more has joined, and another begins.
      'join g1 1',
      'leave g1 1',
      'join g9 1',
    ]);
  });
});
