import type { Connection } from '../connection/connection.ts';
import { ConnectionError, ExitError, NotSpawnableError } from '../errors.ts';
import { deadError } from '../process/ends.ts';
import { Mfa } from '../process/mfa.ts';
import type { Process } from '../process/process.ts';
import type { AnyActor } from '../process/protocol.ts';
import { NOPROC, UNDEF } from '../process/reasons.ts';
import type { RemoteSpawner, SpawnTies } from '../process/remote-spawner.ts';
import type { Self } from '../process/self.ts';
import type { ProcessSystem } from '../process/system.ts';
import { Atom, atom } from '../term/atom.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { type Tuple, tuple } from '../term/tuple.ts';
import type { Connections } from './connections.ts';
import { erpcFunction, reportFailedCast } from './erpc.ts';
import type { Exports } from './exports.ts';
import { BEAMISH_ACTOR, LINK, MONITOR, readSpawnOptions } from './spawn-options.ts';

const BADARG = atom('badarg');
const BADOPT = atom('badopt');
const NOTSUP = atom('notsup');
const ABANDONED = atom('abandoned');
const SYSTEM_LIMIT = atom('system_limit');
const START = atom('start');
const START_LINK = atom('start_link');

/** Exit reason of the process that is spawned for a function that nothing here answers to: as OTP's, and no crash. */
function undefinedFunction(mfa: Tuple, args: readonly unknown[]): () => Promise<unknown> {
  const [module, fn] = mfa;
  return async () => tuple(UNDEF, [tuple(module, fn, args, [])]);
}

/** The process of an rpc: its exit reason is the answer, and so is not logged as a crash. */
async function rpc(
  self: Self,
  served: (self: Self) => Promise<unknown>,
  processes: ProcessSystem,
): Promise<void> {
  processes.exit(self.pid, await served(self));
}

/** Flags of SPAWN_REPLY: what of the request's options was done. */
const LINKED = 1;
const MONITORED = 2;

/** What a refusal means, for people. */
const REFUSALS: Readonly<Record<string, string>> = {
  notsup: 'it does not understand requests to spawn',
  badarg: 'the module, function or arguments are not what a process can be started with',
  badopt: 'it does not know an option of the request',
  undef: 'it must be a Beamish node that lists the actor in its `actors`',
  system_limit: 'it has no room for more processes',
  shutdown: 'it is stopping',
};

/** SPAWN_REQUEST as it came; of what it asks for nothing is checked yet but the tuple's shape. */
export interface SpawnRequest {
  readonly request: Ref;
  readonly from: Pid;
  readonly groupLeader: Pid;
  readonly mfa: Tuple;
  readonly options: unknown;
  readonly args: unknown;
}

interface Pending {
  readonly node: string;
  readonly ties: SpawnTies | undefined;
  /** Nobody waits any more: what was tied is untied when the answer comes. */
  abandoned: boolean;
  resolve(pid: Pid): void;
  reject(error: unknown): void;
}

/**
 * SPAWN_REQUEST and SPAWN_REPLY, both ways. A listed actor is to others the module of its name with the functions
 * `start` and `start_link`; erpc's own functions lead to `exports`. As on a BEAM, any other function can be asked for: the process it gets ends with `undef`.
 */
export class Spawner implements RemoteSpawner {
  readonly #processes: ProcessSystem;
  readonly #connections: Connections;
  readonly #actors: ReadonlyMap<string, AnyActor>;
  readonly #exports: Exports;
  readonly #pending = new Map<string, Pending>();

  constructor(
    processes: ProcessSystem,
    connections: Connections,
    actors: readonly AnyActor[],
    exports: Exports,
  ) {
    this.#processes = processes;
    this.#connections = connections;
    this.#exports = exports;
    this.#actors = new Map(actors.map((actor) => [actor.name, actor]));
  }

  // ---- asked by others

  requested(link: Connection, asked: SpawnRequest): void {
    const processes = this.#processes;
    const { request, from, groupLeader, mfa: what, options, args } = asked;
    const reply = (flags: number, result: Pid | Atom) =>
      link.signal(() => link.encoder.spawnReply(link.writer, request, from, flags, result));
    const [module, fn] = what;
    if (!(module instanceof Atom && fn instanceof Atom && Array.isArray(args))) {
      reply(0, BADARG);
      return;
    }
    const wanted = readSpawnOptions(options);
    if (wanted === undefined) {
      reply(0, BADOPT);
      return;
    }
    const { linked, monitored, fromBeamish } = wanted;
    const actor = fn === START || fn === START_LINK ? this.#actors.get(module.name) : undefined;
    if (actor === undefined && fromBeamish) {
      reply(0, UNDEF);
      return;
    }
    const served =
      erpcFunction(this.#exports, module, fn, args, (mfa, reason) =>
        reportFailedCast(processes, mfa, reason),
      ) ?? undefinedFunction(what, args);
    let process: Process;
    try {
      process =
        actor !== undefined ? processes.start(actor, args) : processes.start(rpc, [served, processes]);
    } catch (error) {
      // This node is stopping.
      if (!(error instanceof ExitError)) throw error;
      reply(0, error.reason instanceof Atom ? error.reason : SYSTEM_LIMIT);
      return;
    }
    if (linked) process.extra.parent = from;
    process.extra.groupLeader = groupLeader;
    // The reply leaves first: whatever the process does to its parent comes after it.
    reply((linked ? LINKED : 0) | (monitored ? MONITORED : 0), process.pid);
    if (linked) processes.signals.linkFrom(from, process.pid);
    if (monitored) processes.signals.monitorFrom(from, process.pid, request);
  }

  // ---- asked by us

  async spawnOn(
    nodeName: string,
    what: AnyActor | Mfa,
    args: readonly unknown[],
    options: { readonly signal?: AbortSignal | undefined; readonly ties?: SpawnTies | undefined } = {},
  ): Promise<Pid> {
    const { signal, ties } = options;
    const isActor = !(what instanceof Mfa);
    const module = isActor ? atom(what.name) : what.module;
    const fn = isActor ? START : what.function;
    const list = isActor ? args : what.args;
    await this.#connections.connect(nodeName, signal);
    const link = this.#connections.up(nodeName);
    if (link === undefined) throw new ConnectionError(`${nodeName} went away`);
    signal?.throwIfAborted();
    if (ties !== undefined && !ties.parent.alive) throw deadError(ties.parent);
    const processes = this.#processes;
    const from = ties?.parent.pid ?? processes.outside.pid;
    const leader = (ties && processes.groupLeaderOf(ties.parent)) ?? processes.whereis('user') ?? from;
    const request = this.#processes.makeRef();
    const triple = tuple(module, fn, list.length);
    const asked: unknown[] = isActor ? [BEAMISH_ACTOR] : [];
    if (ties?.link === true) asked.push(LINK);
    if (ties?.monitor === true) asked.push(MONITOR);
    const refused = (reason: Atom): NotSpawnableError => {
      const why = REFUSALS[reason.name];
      const target = `${inspectTerm(module)}:${inspectTerm(fn)}/${list.length}`;
      return new NotSpawnableError(
        `${nodeName} refuses to spawn ${target} (${reason.name})${why === undefined ? '' : `: ${why}`}`,
      );
    };
    return await new Promise<Pid>((resolve, reject) => {
      const settle = (then: () => void) => {
        signal?.removeEventListener('abort', onAbort);
        then();
      };
      const pending: Pending = {
        node: nodeName,
        ties,
        abandoned: false,
        resolve: (pid) => settle(() => resolve(pid)),
        reject: (error) => settle(() => reject(error instanceof Atom ? refused(error) : error)),
      };
      const onAbort = () => {
        pending.abandoned = true;
        reject(signal?.reason);
      };
      let sent = false;
      try {
        link.signal(() => {
          sent = link.encoder.spawnRequest(link.writer, request, from, leader, triple, asked, list);
        });
      } catch (error) {
        reject(error);
        return;
      }
      if (!sent) {
        reject(refused(NOTSUP));
        return;
      }
      this.#pending.set(request.key, pending);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Ties are made before anything else of that link is read: an exit of the new process may be next. */
  replied(request: Ref, flags: number, result: Pid | Atom): void {
    const pending = this.#pending.get(request.key);
    if (pending === undefined) return;
    this.#pending.delete(request.key);
    if (!(result instanceof Pid)) {
      pending.reject(result);
      return;
    }
    if (pending.ties !== undefined) this.#tie(pending.ties, pending.abandoned, request, flags, result);
    pending.resolve(result);
  }

  #tie(ties: SpawnTies, abandoned: boolean, request: Ref, flags: number, child: Pid): void {
    const { parent } = ties;
    const { signals, sink } = this.#processes;
    if (parent.alive && !abandoned) {
      if ((flags & LINKED) !== 0) signals.linked(parent, child);
      if ((flags & MONITORED) !== 0) {
        signals.monitored(parent, child, request);
        ties.monitored?.(request);
      }
      return;
    }
    // As in OTP: the child of a parent that is gone, or has lost interest, hears of it through its link.
    const reason = parent.alive ? ABANDONED : (parent.exit?.reason ?? NOPROC);
    if ((flags & LINKED) !== 0) sink.exit(parent.pid, child, reason);
    if ((flags & MONITORED) !== 0) sink.demonitor(parent.pid, child, request);
  }

  /** Requests to a node whose link is gone will not be answered. */
  nodeDown(nodeName: string): void {
    for (const [key, pending] of [...this.#pending]) {
      if (pending.node !== nodeName) continue;
      this.#pending.delete(key);
      pending.reject(new ConnectionError(`the connection to ${nodeName} was lost before it answered`));
    }
  }
}
