/**
 * The module `erlang` as other nodes see it with `exports: { erlang: true }`: the questions that shells, monitors and
 * tools ask of a node, and nothing that changes it. Wrong arguments are `badarg`, wrong arities `undef`, as in OTP.
 */
import type { Host } from '../env/host.ts';
import { UNDEF } from '../process/reasons.ts';
import type { ProcessSystem } from '../process/system.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { charlist } from '../term/list.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { ErlangError } from './erpc.ts';
import type { ExportedModules } from './exports.ts';
import { ProcessFacts } from './process-info.ts';

export interface ErlangView {
  readonly processes: ProcessSystem;
  readonly host: Host;
  /** The nodes connected at this moment. */
  readonly peers: () => Iterable<{ readonly name: string; readonly hidden: boolean }>;
}

const BADARG = atom('badarg');
const WORD_BYTES = 8;
/** As many as OTP may have at most. */
const PROCESS_LIMIT = 134_217_727;

type Function = (...args: readonly unknown[]) => unknown;

export function erlangModule(view: ErlangView): ExportedModules[string] {
  const { processes, peers } = view;
  const facts = new ProcessFacts(processes);
  const here = atom(processes.node);

  const nodes = (...args: readonly unknown[]): unknown => {
    const kinds = args.length === 0 ? [atom('visible')] : Array.isArray(args[0]) ? args[0] : [args[0]];
    const wanted = new Set(
      kinds.map((kind) => oneOf(kind, ['visible', 'hidden', 'connected', 'this', 'known'])),
    );
    const names: Atom[] = [];
    if (wanted.has('this') || wanted.has('known')) names.push(here);
    const all = wanted.has('connected') || wanted.has('known');
    for (const { name, hidden } of peers())
      if (all || wanted.has(hidden ? 'hidden' : 'visible')) names.push(atom(name));
    return names;
  };

  const processInfo = (pid: unknown, ...items: readonly unknown[]): unknown => {
    if (!(pid instanceof Pid) || !processes.isLocal(pid)) throw new ErlangError(BADARG);
    if (items.length === 0) return facts.all(pid);
    const [asked] = items;
    const one = (item: unknown, isListed: boolean): unknown => {
      if (item instanceof Tuple && item.length === 2 && item.at(0) === atom('dictionary'))
        return facts.entry(pid, item.at(1));
      const fact = facts.one(pid, oneOf(item));
      if (fact === null) throw new ErlangError(BADARG);
      return isListed && Array.isArray(fact) ? tuple(item, []) : fact;
    };
    if (!Array.isArray(asked)) return one(asked, false);
    const told = asked.map((item) => one(item, true));
    return processes.isAlive(pid) ? told : undefined;
  };

  const functions: Readonly<Record<string, readonly [arities: readonly number[], Function]>> = {
    node: [[0], () => here],
    nodes: [[0, 1], nodes],
    processes: [[0], () => processes.processes()],
    registered: [[0], () => processes.registered().map((name) => atom(name))],
    whereis: [[1], (name) => processes.whereis(oneOf(name))],
    is_process_alive: [
      [1],
      (pid) => {
        if (!(pid instanceof Pid) || !processes.isLocal(pid)) throw new ErlangError(BADARG);
        return processes.isAlive(pid);
      },
    ],
    process_info: [[1, 2], processInfo],
    memory: [[0, 1], (...args) => memory(view.host, ...args)],
    system_info: [[1], (item) => systemInfo(view, item)],
  };
  return Object.fromEntries(
    Object.entries(functions).map(([name, [arities, run]]) => [
      name,
      (...args: readonly unknown[]) => {
        if (!arities.includes(args.length)) throw new ErlangError(UNDEF);
        return run(...args);
      },
    ]),
  );
}

/** The name of an atom, which may have to be one of some. */
function oneOf(value: unknown, known?: readonly string[]): string {
  // Some atoms are words of JavaScript.
  const name = value instanceof Atom ? value.name : typeof value === 'boolean' ? String(value) : undefined;
  if (name === undefined || (known !== undefined && !known.includes(name))) throw new ErlangError(BADARG);
  return name;
}

/**
 * `total` is `processes` and `system` together, as in OTP: here the engine's heap, and what the program takes beside it.
 */
function memory(host: Host, ...args: readonly unknown[]): unknown {
  const { residentBytes, heapBytes, heapUsedBytes, externalBytes } = host.memory();
  const total = Math.max(residentBytes, heapBytes + externalBytes);
  const sizes: Readonly<Record<string, number>> = {
    total,
    processes: heapBytes,
    processes_used: heapUsedBytes,
    system: total - heapBytes,
    atom: 0,
    atom_used: 0,
    binary: externalBytes,
    code: 0,
    ets: 0,
  };
  const size = (item: unknown): Tuple => tuple(item, sizes[oneOf(item, Object.keys(sizes))]);
  if (args.length === 0) return Object.keys(sizes).map((name) => size(atom(name)));
  const [asked] = args;
  return Array.isArray(asked) ? asked.map(size) : size(asked).at(1);
}

/** The keys that shells and tools ask for; any other is `badarg`, as one that OTP does not know. */
function systemInfo({ processes, host }: ErlangView, item: unknown): unknown {
  if (item instanceof Object && !(item instanceof Atom)) return wordSize(item);
  switch (oneOf(item)) {
    case 'process_count':
      return processes.count;
    case 'process_limit':
      return PROCESS_LIMIT;
    case 'port_count':
    case 'ets_count':
      return 0;
    case 'port_limit':
    case 'ets_limit':
      return 65_536;
    case 'atom_limit':
      return 1_048_576;
    case 'creation':
      return processes.creation;
    case 'wordsize':
      return WORD_BYTES;
    // One thread runs all processes.
    case 'schedulers':
    case 'schedulers_online':
      return 1;
    case 'dirty_cpu_schedulers':
    case 'dirty_cpu_schedulers_online':
    case 'dirty_io_schedulers':
      return 0;
    case 'logical_processors':
    case 'logical_processors_available':
    case 'logical_processors_online':
      return atom('unknown');
    case 'smp_support':
    case 'threads':
      return item !== atom('smp_support');
    case 'multi_scheduling':
      return atom('disabled');
    case 'thread_pool_size':
      return 0;
    // The release whose distribution protocol is spoken here.
    case 'otp_release':
      return charlist('25');
    case 'compat_rel':
      return 25;
    case 'machine':
      return charlist('Beamish');
    case 'version':
      return charlist('13.0');
    case 'system_version':
      return charlist(
        `Beamish on Node.js [speaks the distribution of Erlang/OTP 25] [host:${host.hostname()}]\n`,
      );
    case 'system_architecture':
      return charlist('javascript');
    case 'build_type':
      return atom('opt');
    case 'heap_type':
      return atom('shared');
    default:
      throw new ErlangError(BADARG);
  }
}

/** `{wordsize, internal}` and `{wordsize, external}`. */
function wordSize(item: object): number {
  const [what, kind] = Symbol.iterator in item ? [...(item as Iterable<unknown>)] : [];
  if (what === atom('wordsize') && (kind === atom('internal') || kind === atom('external')))
    return WORD_BYTES;
  throw new ErlangError(BADARG);
}
