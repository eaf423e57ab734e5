import type { Connection } from '../connection/connection.ts';
import { ConnectionError, ExitError, NotSpawnableError } from '../errors.ts';
import type { AnyActor } from '../process/protocol.ts';
import type { ProcessSystem } from '../process/system.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import type { Connections } from './connections.ts';

/** Module, function and arguments to run on another node: what `spawn/4` takes there. */
export class Mfa {
  readonly module: Atom;
  readonly function: Atom;
  readonly args: readonly unknown[];

  constructor(module: Atom, fn: Atom, args: readonly unknown[]) {
    this.module = module;
    this.function = fn;
    this.args = args;
  }
}

/** Names a function of a BEAM node for `spawnOn`. */
export function mfa(module: string, fn: string, args: readonly unknown[] = []): Mfa {
  return new Mfa(atom(module), atom(fn), args);
}

const LINK = atom('link');
const MONITOR = atom('monitor');
const BADOPT = atom('badopt');
const UNDEF = atom('undef');
const SYSTEM_LIMIT = atom('system_limit');
const START = atom('start');
const START_LINK = atom('start_link');
/** Option of a request from another Beamish node: refuse an actor that is not listed instead of letting it die. */
const BEAMISH_ACTOR = atom('beamish_actor');

/** The process that is spawned for a function that no actor answers to. */
function undefinedFunction(_self: unknown, mfa: Tuple, args: readonly unknown[]): never {
  const [module, fn] = mfa;
  const what = `${inspectTerm(module)}:${inspectTerm(fn)}/${args.length}`;
  throw new ExitError(
    tuple(UNDEF, [tuple(module, fn, args, [])]),
    what,
    `no actor listed in \`actors\` answers to ${what}`,
  );
}

interface Pending {
  readonly node: string;
  resolve(pid: Pid): void;
  reject(error: unknown): void;
}

/**
 * SPAWN_REQUEST and SPAWN_REPLY, both ways. A listed actor is to others the module of its name with the functions
 * `start` and `start_link`. As on a BEAM, any other function can be asked for: the process it gets ends with `undef`.
 */
export class Spawner {
  readonly #processes: ProcessSystem;
  readonly #connections: Connections;
  readonly #actors: ReadonlyMap<string, AnyActor>;
  readonly #pending = new Map<string, Pending>();

  constructor(processes: ProcessSystem, connections: Connections, actors: readonly AnyActor[]) {
    this.#processes = processes;
    this.#connections = connections;
    this.#actors = new Map(actors.map((actor) => [actor.name, actor]));
  }

  // ---- asked by others

  requested(link: Connection, request: Ref, from: Pid, what: Tuple, options: unknown, args: unknown): void {
    const processes = this.#processes;
    const reply = (flags: number, result: Pid | Atom) =>
      link.signal(() => link.encoder.spawnReply(link.writer, request, from, flags, result));
    const [module, fn] = what;
    if (
      !Array.isArray(options) ||
      !Array.isArray(args) ||
      !(module instanceof Atom) ||
      !(fn instanceof Atom)
    ) {
      reply(0, BADOPT);
      return;
    }
    let linked = false;
    let monitored = false;
    let fromBeamish = false;
    for (const option of options) {
      if (option === LINK) linked = true;
      else if (option === MONITOR) monitored = true;
      else if (option === BEAMISH_ACTOR) fromBeamish = true;
      // Sizes and priorities tune a BEAM's scheduler and heap; here they have no meaning and do no harm.
      else if (!(option instanceof Tuple && option.at(0) !== MONITOR)) {
        reply(0, BADOPT);
        return;
      }
    }
    const actor = fn === START || fn === START_LINK ? this.#actors.get(module.name) : undefined;
    if (actor === undefined && fromBeamish) {
      reply(0, UNDEF);
      return;
    }
    let pid: Pid;
    try {
      pid =
        actor !== undefined ? processes.spawn(actor, args) : processes.spawn(undefinedFunction, [what, args]);
    } catch (error) {
      // This node is stopping.
      if (!(error instanceof ExitError)) throw error;
      reply(0, error.reason instanceof Atom ? error.reason : SYSTEM_LIMIT);
      return;
    }
    reply((linked ? 1 : 0) | (monitored ? 2 : 0), pid);
    if (linked) processes.signalLink(from, pid);
    if (monitored) processes.signalMonitor(from, pid, request);
  }

  // ---- asked by us

  /** Resolves to the new process's pid. Rejects with NotSpawnableError or ConnectionError. */
  async spawnOn(
    nodeName: string,
    what: AnyActor | Mfa,
    args: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<Pid> {
    const isActor = !(what instanceof Mfa);
    const module = isActor ? atom(what.name) : what.module;
    const fn = isActor ? START : what.function;
    const list = isActor ? args : what.args;
    await this.#connections.connect(nodeName, signal);
    const link = this.#connections.up(nodeName);
    if (link === undefined) throw new ConnectionError(`${nodeName} went away`);
    const from = this.#processes.outside.pid;
    const request = this.#processes.makeRef();
    return await new Promise<Pid>((resolve, reject) => {
      const onAbort = () => settle(() => reject(signal?.reason));
      const settle = (then: () => void) => {
        this.#pending.delete(request.key);
        signal?.removeEventListener('abort', onAbort);
        then();
      };
      this.#pending.set(request.key, {
        node: nodeName,
        resolve: (pid) => settle(() => resolve(pid)),
        reject: (error) =>
          settle(() =>
            reject(
              error instanceof Atom
                ? new NotSpawnableError(
                    `${nodeName} refuses to spawn ${inspectTerm(module)}:${inspectTerm(fn)}/${list.length}: ${error.name}` +
                      (isActor
                        ? `; it must be a Beamish node that lists "${what.name}" in its \`actors\``
                        : ''),
                  )
                : error,
            ),
          ),
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      let sent = false;
      try {
        const triple = tuple(module, fn, list.length);
        const options = isActor ? [BEAMISH_ACTOR] : [];
        link.signal(() => {
          sent = link.encoder.spawnRequest(link.writer, request, from, from, triple, options, list);
        });
      } catch (error) {
        this.#pending.get(request.key)?.reject(error);
        return;
      }
      if (!sent)
        this.#pending
          .get(request.key)
          ?.reject(new NotSpawnableError(`${nodeName} does not understand requests to spawn`));
    });
  }

  replied(request: Ref, result: Pid | Atom): void {
    const pending = this.#pending.get(request.key);
    if (pending === undefined) return;
    if (result instanceof Pid) pending.resolve(result);
    else pending.reject(result);
  }

  /** Requests to a node whose link is gone will not be answered. */
  nodeDown(nodeName: string): void {
    for (const pending of [...this.#pending.values()])
      if (pending.node === nodeName)
        pending.reject(new ConnectionError(`the connection to ${nodeName} was lost before it answered`));
  }
}
