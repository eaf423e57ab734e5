/**
 * The module `erlang` as other nodes see it with `exports: { erlang: true }`: the questions that shells, monitors and
 * tools ask of a node, and nothing that changes it. Wrong arguments are `badarg`, wrong arities `undef`, as in OTP.
 */
import type { Host } from '../env/host.ts';
import { UNDEF } from '../process/reasons.ts';
import { type Atom, atom } from '../term/atom.ts';
import { AtomMap, atoms } from '../term/atom-map.ts';
import { Pid, Port, Ref } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { badarg, nameOf } from './erlang-arguments.ts';
import { ErlangError } from './erpc.ts';
import type { ExportedModules } from './exports.ts';
import { isProcessFact, ProcessFacts } from './process-info.ts';
import { Statistics } from './statistics.ts';
import { type SystemView, systemInfo } from './system-info.ts';

export interface ErlangView extends SystemView {
  /** The nodes connected at this moment; one object for each connection. */
  readonly peers: () => Iterable<ConnectedNode>;
}

interface ConnectedNode {
  readonly name: string;
  readonly hidden: boolean;
}

type Function = (...args: readonly unknown[]) => unknown;

export function erlangModule(view: ErlangView): ExportedModules[string] {
  const { processes, host, peers } = view;
  const facts = new ProcessFacts(processes);
  const nodes = new Nodes(atom(processes.node), peers);
  const statistics = new Statistics({
    clock: processes.clock,
    runnable: () => processes.scheduler.waiting,
  });

  const local = (pid: unknown): Pid => (pid instanceof Pid && processes.isLocal(pid) ? pid : badarg());

  const processInfo = (subject: unknown, ...items: readonly unknown[]): unknown => {
    const pid = local(subject);
    if (items.length === 0) return facts.all(pid);
    const [asked] = items;
    const one = (item: unknown, isListed: boolean): unknown => {
      if (item instanceof Tuple && item.length === 2 && item.at(0) === atom('dictionary'))
        return facts.entry(pid, item.at(1));
      const name = nameOf(item);
      // Of a process that is gone, too.
      if (!isProcessFact(name)) return badarg();
      const fact = facts.one(pid, name);
      return isListed && Array.isArray(fact) ? tuple(item, []) : fact;
    };
    if (!Array.isArray(asked)) return one(asked, false);
    const told = asked.map((item) => one(item, true));
    return processes.isAlive(pid) ? told : undefined;
  };

  const functions: Readonly<Record<string, readonly [arities: readonly number[], Function]>> = {
    node: [[0, 1], (...args) => (args.length === 0 ? atom(processes.node) : nodeOf(args[0]))],
    nodes: [[0, 1, 2], (...args) => nodes.list(...args)],
    processes: [[0], () => processes.processes()],
    registered: [[0], () => processes.registered().map((name) => atom(name))],
    whereis: [[1], (name) => processes.whereis(nameOf(name))],
    is_process_alive: [[1], (pid) => processes.isAlive(local(pid))],
    process_info: [[1, 2], processInfo],
    // A node of ours has none.
    ports: [[0], () => []],
    memory: [[0, 1], (...args) => memory(host, ...args)],
    statistics: [[1], (item) => statistics.of(item)],
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

function nodeOf(what: unknown): Atom {
  return what instanceof Pid || what instanceof Ref || what instanceof Port ? atom(what.node) : badarg();
}

/** erlang:nodes/0,1,2 of one node. */
class Nodes {
  readonly #here: Atom;
  readonly #peers: ErlangView['peers'];
  /** Numbers of the connections that anybody has asked for. */
  readonly #ids = new WeakMap<ConnectedNode, number>();
  #lastId = 0;

  constructor(here: Atom, peers: ErlangView['peers']) {
    this.#here = here;
    this.#peers = peers;
  }

  /** @returns names, or `{Name, Info}` where a second argument says what is to be told of each */
  list(...args: readonly unknown[]): readonly unknown[] {
    const kinds = args.length === 0 ? [atom('visible')] : Array.isArray(args[0]) ? args[0] : [args[0]];
    const wanted = new Set(
      kinds.map((kind) => nameOf(kind, ['visible', 'hidden', 'connected', 'this', 'known'])),
    );
    const all = wanted.has('connected') || wanted.has('known');
    const peers = [...this.#peers()].filter(({ hidden }) => all || wanted.has(hidden ? 'hidden' : 'visible'));
    const withHere = wanted.has('this') || wanted.has('known');
    if (args.length < 2) return [...peers.map(({ name }) => atom(name)), ...(withHere ? [this.#here] : [])];
    const told = infoOptions(args[1]);
    const info = (type: string, id: () => unknown) =>
      atoms({
        ...(told.has('connection_id') && { connection_id: id() }),
        ...(told.has('node_type') && { node_type: atom(type) }),
      });
    return [
      ...peers.map((peer) =>
        tuple(
          atom(peer.name),
          info(peer.hidden ? 'hidden' : 'visible', () => this.#idOf(peer)),
        ),
      ),
      ...(withHere
        ? [
            tuple(
              this.#here,
              info('this', () => undefined),
            ),
          ]
        : []),
    ];
  }

  /** Another one once a node has been connected anew. */
  #idOf(peer: ConnectedNode): number {
    const id = this.#ids.get(peer) ?? ++this.#lastId;
    this.#ids.set(peer, id);
    return id;
  }
}

/** `#{connection_id => true, node_type => true}`, of which each may be missing, or false. */
function infoOptions(given: unknown): ReadonlySet<string> {
  const told = new Set<string>();
  // A map with nothing in it has no kind of keys.
  const isEmpty =
    typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === Object.prototype;
  if (!(given instanceof AtomMap || isEmpty)) return badarg();
  for (const [name, value] of Object.entries(given)) {
    if (!(given instanceof AtomMap) || (name !== 'connection_id' && name !== 'node_type')) return badarg();
    if (value === true) told.add(name);
    else if (value !== false) return badarg();
  }
  return told;
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
  const size = (item: unknown): Tuple => tuple(item, sizes[nameOf(item, Object.keys(sizes))]);
  if (args.length === 0) return Object.keys(sizes).map((name) => size(atom(name)));
  const [asked] = args;
  return Array.isArray(asked) ? asked.map(size) : size(asked).at(1);
}
