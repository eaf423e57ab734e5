/**
 * What scopes of real nodes said to each other, with our machine in the place of each of them: it hears what that one heard,
 * joins and leaves what that one did, and must say the same.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DistDecoder } from '../../../src/dist/decode.ts';
import { Atom } from '../../../src/term/atom.ts';
import { TermDecoder } from '../../../src/term/etf/decode.ts';
import { Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { Tuple } from '../../../src/term/tuple.ts';
import { ScopeMachine, type ScopeWish } from '../../../src/registry/groups/scope-machine.ts';
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
type Line =
  | { readonly step: string; readonly result: string | null }
  | { readonly from: string; readonly pid: Pid; readonly to: Pid | string; readonly message: unknown }
  | { readonly from: string; readonly pid: Pid; readonly monitors: Pid }
  | { readonly from: string; readonly ends: Pid; readonly tells: Pid };

function linesOf(name: string): Line[] {
  const scenario = golden.scenarios.find((one) => one.name === name)!;
  const lines: Line[] = [];
  const decoders = new Map<string, { decoder: DistDecoder; calls: unknown[][] }>();
  let conn = 0;
  for (const event of scenario.events) {
    if ('step' in event) {
      lines.push(event);
      continue;
    }
    if (event.conn !== conn) {
      conn = event.conn;
      lines.push({ step: 'a new connection', result: null });
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

function isScopeMessage(message: unknown): boolean {
  const name = bare(message)?.elements[0];
  return name instanceof Atom && NAMES.includes(name.name) && bare(message)?.elements[1] instanceof Pid;
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

/**
 * Plays the scopes of one node. `others`: messages that one of ours would not send in its place.
 * @returns what it said that was not recorded, and the machine of each scope process
 */
function play(name: string, side: string): { unsaid: string[]; machines: Map<Pid, ScopeMachine>; compared: number } {
  const machines = new Map<Pid, ScopeMachine>();
  const scopeNames = new Map<Pid, string>();
  const watched = new Map<Pid, Set<Pid>>();
  /** What our machines have said and the capture has not come to. */
  const said: { pid: Pid; text: string }[] = [];
  let compared = 0;
  const lines = linesOf(name);

  const perform = (pid: Pid, wishes: readonly ScopeWish[]): void => {
    for (const wish of wishes) {
      if (wish.type === 'ignore') throw new Error(`ignored: ${wish.why}`);
      if (wish.type === 'send') said.push({ pid, text: `${wish.to instanceof Pid ? wish.to : scopeNames.get(pid)} ${textOf(wish.message)}` });
      if (wish.type === 'monitor' && wish.pid.node !== pid.node)
        said.push({ pid, text: `monitors ${wish.pid}` });
      if (wish.type === 'monitor') watched.set(pid, (watched.get(pid) ?? new Set()).add(wish.pid));
    }
  };
  const step = (pid: Pid, event: Parameters<ScopeMachine['step']>[0]): void =>
    perform(pid, machines.get(pid)!.step(event));

  /** A scope process seen for the first time: it starts, with the members that its first sync will tell of. */
  const started = (pid: Pid, at: number, nodes: readonly string[]): void => {
    const machine = new ScopeMachine();
    machines.set(pid, machine);
    const own = lines.slice(at).filter((line) => 'pid' in line && line.pid === pid);
    const byName = own.find((line) => 'to' in line && typeof line.to === 'string');
    scopeNames.set(pid, (byName as { to: string }).to);
    const sync = own.find((line) => 'message' in line && (bare(line.message)!.elements[0] as Atom).name === 'sync');
    machine.step({ type: 'start', self: pid, nodes: [] });
    for (const { elements } of (bare((sync as { message: unknown } | undefined)?.message)?.elements[2] ?? []) as Tuple[])
      machine.step({ type: 'join', group: elements[0], pids: elements[1] as Pid[] });
    for (const node of nodes) step(pid, { type: 'nodeup', node });
  };

  for (const [at, line] of lines.entries()) {
    if ('step' in line) {
      if (line.step !== 'a new connection') continue;
      // The link is lost: both sides hear of the end of every scope process over there.
      expect(said).toEqual([]);
      for (const [pid, machine] of machines)
        for (const peer of machine.peers()) step(pid, { type: 'down', pid: peer });
      for (const pid of machines.keys()) step(pid, { type: 'nodeup', node: 'peer' });
      continue;
    }
    if (line.from !== side) {
      if ('message' in line) {
        const target = line.to;
        for (const [pid, machine] of machines)
          if (pid === target || (scopeNames.get(pid) === target && !gone(pid, at)))
            perform(pid, machine.step({ type: 'message', message: bare(line.message) }));
      } else if ('ends' in line && machines.has(line.tells)) step(line.tells, { type: 'down', pid: line.ends });
      continue;
    }
    if ('ends' in line) continue;
    const isScope = 'message' in line || machines.has(line.pid);
    if (!isScope) continue;
    if (!machines.has(line.pid)) started(line.pid, at, ['peer']);
    const machine = machines.get(line.pid)!;
    const text = 'message' in line ? `${line.to} ${textOf(line.message)}` : `monitors ${line.monitors}`;
    if (!said.some((one) => one.pid === line.pid && one.text === text) && 'message' in line) {
      // Nothing that was heard brings it about: the test program did something.
      const [kind, , ...rest] = bare(line.message)!.elements as [Atom, Pid, ...unknown[]];
      const list = (value: unknown) => (value instanceof Pid ? [value] : (value as Pid[]));
      if (kind.name === 'join') step(line.pid, { type: 'join', group: rest[0], pids: list(rest[1]) });
      else if (kind.name === 'leave') {
        const [pids, groups] = [list(rest[0]), rest[1] as unknown[]];
        const all = machine.whichLocal().flatMap((group) => machine.localMembers(group));
        const exits = pids.length === 1 && all.filter((pid) => pid === pids[0]).length === groups.length;
        if (exits && groups.length > 1) step(line.pid, { type: 'down', pid: pids[0]! });
        else step(line.pid, { type: 'leave', group: groups[0], pids });
      }
    }
    const index = said.findIndex((one) => one.pid === line.pid);
    expect([at, said[index]?.text]).toEqual([at, text]);
    said.splice(index, 1);
    compared += 1;
  }
  return { unsaid: said.map(({ text }) => text), machines, compared };

  /** Whether this scope process has been followed by another. */
  function gone(pid: Pid, at: number): boolean {
    return lines.slice(0, at).some((line) => 'ends' in line && line.ends === pid);
  }
}

describe('recorded scopes', () => {
  it.each([
    ['otp25_scope_life', 'alpha', 20],
    ['otp25_scope_life', 'beta', 20],
    ['otp25_late_scope', 'alpha', 4],
    ['otp25_late_scope', 'beta', 4],
    ['otp25_otp27', 'alpha', 8],
    ['otp25_otp27', 'beta', 8],
    ['otp25_otp23', 'alpha', 8],
    ['otp25_otp23', 'beta', 8],
    ['scripted_participant_otp29', 'fake', 4],
  ])('%s: %s', (name, side, least) => {
    const { unsaid, compared } = play(name, side);
    expect(unsaid).toEqual([]);
    expect(compared).toBeGreaterThanOrEqual(least);
  });
});
