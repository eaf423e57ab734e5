/**
 * What name servers of real nodes said to each other, with our machine in the place of each of them: it hears what that one
 * heard and is asked what its users asked, and must say the same. Tags of joins are its own: they are put in the place of the
 * recorded ones.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DistDecoder } from '../../../src/dist/decode.ts';
import { type GlobalEvent, GlobalMachine, MALFORMED } from '../../../src/registry/global/machine.ts';
import { readNames } from '../../../src/registry/global/messages.ts';
import { NameTable } from '../../../src/registry/global/names.ts';
import type { Wish } from '../../../src/registry/global/wishes.ts';
import { Atom } from '../../../src/term/atom.ts';
import { TermDecoder } from '../../../src/term/etf/decode.ts';
import { Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { Tuple } from '../../../src/term/tuple.ts';
import { SeededRandom } from '../../../src/testing/seeded-random.ts';
import { recorder } from '../../dist/recorder.ts';

type Event =
  | { readonly step: string; readonly result: string | null }
  | { readonly conn: number; readonly from: string; readonly kind: string; readonly hex: string }
  | { readonly conn: number; readonly from: string; readonly tcp: string };
const golden = JSON.parse(readFileSync(new URL('../../golden/global.json', import.meta.url), 'utf8')) as {
  readonly scenarios: readonly { readonly name: string; readonly events: readonly Event[] }[];
};

/** What travelled between the name servers, in the order of the capture. */
type Line =
  | { readonly kind: 'up' }
  | { readonly kind: 'end' }
  | { readonly kind: 'cast'; readonly from: string; readonly message: Tuple }
  | { readonly kind: 'info'; readonly from: string; readonly message: Tuple }
  | {
      readonly kind: 'call';
      readonly from: string;
      readonly pid: Pid;
      readonly ref: string;
      readonly request: Tuple;
    }
  | { readonly kind: 'reply'; readonly from: string; readonly ref: string; readonly reply: unknown }
  | { readonly kind: 'down'; readonly from: string; readonly pid: Pid };

const headOf = (message: unknown): string | undefined =>
  message instanceof Tuple && message.elements[0] instanceof Atom ? message.elements[0].name : undefined;

function linesOf(name: string): Line[] {
  const lines: Line[] = [];
  const ends = new Map<string, { decoder: DistDecoder; calls: unknown[][] }>();
  const calls = new Set<string>();
  let conn = -1;
  for (const event of golden.scenarios.find((one) => one.name === name)!.events) {
    if ('step' in event) continue;
    if (event.conn !== conn && 'hex' in event) {
      conn = event.conn;
      lines.push({ kind: 'up' });
    }
    if ('tcp' in event) {
      if (lines.at(-1)?.kind !== 'end') lines.push({ kind: 'end' });
      continue;
    }
    const { from } = event;
    const key = `${event.conn} ${from}`;
    let end = ends.get(key);
    if (end === undefined) {
      const { sink, calls: told } = recorder();
      const fragments = { frameBytes: 1 << 20, fragmentedMessages: 10, fragmentedBytes: 1 << 20 };
      const peer = `${from}@127.0.0.1`;
      const decoder = new DistDecoder({ peer, terms: new TermDecoder(), sink, headers: true, fragments });
      end = { decoder, calls: told as unknown as unknown[][] };
      ends.set(key, end);
    }
    const bytes = Buffer.from(event.hex, 'hex');
    end.decoder.frame(bytes, 4, bytes.length);
    for (const [method, ...args] of end.calls.splice(0)) {
      if (method === 'regSend') {
        const [, to, message] = args as [Pid, Atom, unknown];
        if (to.name !== 'global_name_server' || !(message instanceof Tuple)) continue;
        const [, first, request] = message.elements;
        if (headOf(message) === '$gen_cast') lines.push({ kind: 'cast', from, message: first as Tuple });
        else if (headOf(message) === '$gen_call') {
          const [pid, tag] = (first as Tuple).elements as [Pid, unknown];
          calls.add(inspectTerm(tag));
          lines.push({ kind: 'call', from, pid, ref: inspectTerm(tag), request: request as Tuple });
        } else lines.push({ kind: 'info', from, message });
      } else if (method === 'send' || method === 'aliasSend') {
        const [, , message] = args as [Pid, unknown, unknown];
        const [tag, reply] = message instanceof Tuple ? message.elements : [];
        if (calls.has(inspectTerm(tag))) lines.push({ kind: 'reply', from, ref: inspectTerm(tag), reply });
        // Lockers of old peers talk to each other.
        else if (headOf(message) === 'lock_set')
          lines.push({ kind: 'info', from, message: message as Tuple });
      } else if (method === 'monitorExit' && args[0] instanceof Pid)
        lines.push({ kind: 'down', from, pid: args[0] });
    }
  }
  return lines;
}

/** Plays one name server. What it said and should have, how much was compared, and its names before each end. */
function play(name: string, side: string) {
  const lines = linesOf(name);
  const [self, peer] = side === 'alpha' ? ['alpha', 'beta'] : ['beta', 'alpha'];
  const [selfName, peerName] = [`${self}@127.0.0.1`, `${peer}@127.0.0.1`];
  const own = lines.flatMap((line) => ('message' in line && line.from === self ? [line.message] : []));
  const hello = own.find((message) => headOf(message) === 'init_connect')!;
  const locker = (hello.elements[3] as Tuple).elements.at(-1) as Pid;
  const registrar = lines.flatMap((line) =>
    line.kind === 'call' && line.from === self && line.pid !== locker ? [line.pid] : [],
  )[0];
  const table = new NameTable();
  let malformed = 0;
  /** Our tags for theirs. */
  const tags = new Map<unknown, unknown>();
  const said: string[] = [];
  const names: string[][] = [];
  const answers = new Map<string, unknown>();
  let compared = 0;

  const machine = new GlobalMachine({
    self: selfName,
    pids: { server: registrar ?? locker, locker, registrar: registrar ?? locker },
    table,
    random: new SeededRandom(1),
    isAlive: () => true,
    preventOverlappingPartitions: true,
    incarnation: 1,
    joinLimitMs: 30_000,
  });

  /** As text, without what is chosen anew each time: connection ids, and the closures that stand for resolvers. */
  const textOf = (message: Tuple): string => {
    const [head, ...args] = message.elements;
    if (headOf(message) === 'init_connect') return `init_connect ${inspectTerm(args[1])}`;
    if (headOf(message) === 'exchange') {
      const list = readNames(args[1])!.names.map((one) => `${inspectTerm(one.name)} ${one.pid}`);
      return `exchange ${list.sort().join()} ${inspectTerm(args[3])}`;
    }
    const text = args.map((arg) =>
      Array.isArray(arg) ? arg.map(inspectTerm).sort().join() : inspectTerm(arg),
    );
    return `${inspectTerm(head)} ${text.join(' ')}`;
  };
  const mapped = (term: unknown): unknown => {
    if (term instanceof Tuple) return new Tuple(term.elements.map(mapped));
    return tags.has(term) ? tags.get(term) : term;
  };
  const tagOf = (message: Tuple) => (message.elements[1] as Tuple).elements[1];

  const perform = (wishes: readonly Wish[]): void => {
    for (const wish of wishes) {
      if (wish.type === 'cast' || wish.type === 'send' || wish.type === 'send_pid') {
        if (headOf(wish.message) === 'init_connect') {
          // The next hello of the capture is this one.
          const theirs = hellos.shift()!;
          tags.set(tagOf(theirs), tagOf(wish.message as Tuple));
        }
        said.push(textOf(wish.message as Tuple));
      } else if (wish.type === 'count') malformed += 1;
      else if (wish.type === 'call')
        step({
          type: 'replies',
          id: wish.id,
          replies: wish.nodes.filter((one) => one !== selfName).map((node) => [node, true]),
        });
      else if (wish.type === 'resolve') {
        const decided = own.filter((message) => headOf(message) === 'resolved')[names.length]!
          .elements[2] as Tuple[];
        const found = (clash: unknown) =>
          decided.find((op) => inspectTerm(opName(op)) === inspectTerm(clash));
        step({
          type: 'clashes_resolved',
          node: wish.node,
          tag: wish.tag,
          answers: wish.clashes.map((clash) => {
            const op = found(clash.name);
            if (op === undefined) return clash.his;
            return headOf(op) === 'insert' ? clash.ours : new Atom('none');
          }),
        });
      }
    }
  };
  const opName = (op: Tuple) =>
    headOf(op) === 'insert' ? (op.elements[1] as Tuple).elements[0] : op.elements[1];
  const hellos = own.filter((message) => headOf(message) === 'init_connect');
  const step = (event: GlobalEvent): void => perform(machine.step(event));
  const serve = (request: Tuple, from: Pid): unknown => {
    const { reply, wishes } = machine.serve(mapped(request), from);
    perform(wishes);
    return reply;
  };

  const recorded: string[] = [];
  for (const [at, line] of lines.entries()) {
    if (line.kind === 'up') {
      // What it has now it tells at the next exchange.
      const next = lines
        .slice(at)
        .find((one) => one.kind === 'cast' && one.from === self && headOf(one.message) === 'exchange');
      if (next?.kind === 'cast')
        for (const entry of readNames(next.message.elements[2])!.names)
          if (table.get(entry.name) === undefined) table.add(entry);
      step({ type: 'nodeup', node: peerName });
    } else if (line.kind === 'end') {
      names.push(
        [...table.all()].map(({ name, pid }) => `${inspectTerm(name)} of ${pid.node.split('@')[0]}`).sort(),
      );
      for (const { pid } of [...table.all()]) if (pid.node === peerName) step({ type: 'down', pid });
      step({ type: 'nodedown', node: peerName });
    } else if (line.kind === 'down') step({ type: 'down', pid: line.pid });
    else if (line.kind === 'reply') {
      if (line.from !== self) continue;
      compared += 1;
      expect([line.ref, answers.get(line.ref)]).toEqual([line.ref, line.reply]);
    } else if (line.kind === 'call') {
      if (line.from === peer) answers.set(line.ref, serve(line.request, line.pid));
      // Its users' calls go to itself as well, and to itself first. Its locker does as ours does.
      else if (line.pid !== locker) expect(serve(line.request, line.pid)).not.toBe(MALFORMED);
    } else if (line.from === peer) step({ type: line.kind, message: mapped(line.message) });
    else {
      compared += 1;
      recorded.push(textOf(mapped(line.message) as Tuple));
    }
  }
  return { recorded: recorded.sort(), said: said.sort(), malformed, compared, names };
}

describe('recorded name servers', () => {
  const TWO = ['n4 of alpha', '{tuple,"name"} of alpha'];
  const CONFLICTS = ['dup of alpha', 'dup_fun of beta', 'dup_notify of alpha'];
  it.each([
    ['otp25_basic', 'alpha', 12, [TWO]],
    ['otp25_basic', 'beta', 46, [TWO]],
    ['otp29_basic', 'alpha', 12, [TWO]],
    ['otp29_basic', 'beta', 46, [TWO]],
    ['otp25_names_before_connect', 'alpha', 7, [['a1 of alpha', 'a2 of alpha', 'b1 of beta']]],
    ['otp25_names_before_connect', 'beta', 7, [['a1 of alpha', 'a2 of alpha', 'b1 of beta']]],
    ['otp25_name_conflicts', 'alpha', 7, [CONFLICTS]],
    ['otp25_name_conflicts', 'beta', 7, [CONFLICTS]],
    ['otp25_otp27_name_conflicts', 'alpha', 7, [CONFLICTS]],
    ['otp25_otp27_name_conflicts', 'beta', 7, [CONFLICTS]],
    ['otp25_otp29_name_conflicts', 'alpha', 7, [CONFLICTS]],
    ['otp25_otp29_name_conflicts', 'beta', 7, [CONFLICTS]],
    // The other one speaks version 5, which we do not.
    ['otp25_otp23_name_conflicts', 'alpha', 6, [['dup of alpha', 'dup_fun of alpha', 'dup_notify of alpha']]],
    ['otp25_netsplit', 'alpha', 14, [['x of alpha'], ['x of alpha']]],
    ['otp25_netsplit', 'beta', 18, [['x of alpha'], ['x of alpha']]],
  ] as const)('%s: in the place of %s', (name, side, count, names) => {
    const played = play(name, side);
    expect(played.said).toEqual(played.recorded);
    expect(played.names).toEqual(names);
    expect([played.malformed, played.compared]).toEqual([0, count]);
  });
});
