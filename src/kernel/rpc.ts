import { CallTimeoutError, ConnectionError, ExitError, HandshakeError, OptionsError } from '../errors.ts';
import { checkArgs, checkWaiting } from '../process/checks.ts';
import { Mfa } from '../process/mfa.ts';
import type { Process } from '../process/process.ts';
import type { CallOptions } from '../process/protocol.ts';
import { describeReason, NOCONNECTION, UNDEF } from '../process/reasons.ts';
import type { RemoteSpawner } from '../process/remote-spawner.ts';
import { DEFAULT_CALL_TIMEOUT_MS } from '../process/requests.ts';
import type { ProcessSystem } from '../process/system.ts';
import { Down } from '../process/system-messages.ts';
import { atom } from '../term/atom.ts';
import { inspectTerm } from '../term/print.ts';
import { Tuple } from '../term/tuple.ts';
import { withDeadline } from './deadline.ts';
import { ERPC, EXECUTE_CALL, exitReason, invoke, type Outcome, readErpcReason } from './erpc.ts';
import type { Exports } from './exports.ts';

/** One call, for messages: `math:add/2 on depot@127.0.0.1`. */
interface Target {
  readonly node: string;
  readonly mfa: Mfa;
  readonly text: string;
}

/**
 * Calls of functions on other nodes, as `erpc` makes them: `erpc:execute_call(Ref, Module, Function, Args)` is spawned
 * there with a monitor, and its exit reason is the answer. The caller is a process of its own, so that giving up is
 * its end: the monitor goes with it, and the function there runs on, unheard.
 */
export class Rpc {
  readonly #processes: ProcessSystem;
  readonly #spawner: RemoteSpawner;
  readonly #exports: Exports;

  constructor(processes: ProcessSystem, spawner: RemoteSpawner, exports: Exports) {
    this.#processes = processes;
    this.#spawner = spawner;
    this.#exports = exports;
  }

  /** See `Node.rpc`. */
  async call(
    node: string,
    module: string,
    fn: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<unknown> {
    checkWaiting(options);
    const target = makeTarget(node, module, fn, args);
    const late = (timeoutMs: number) =>
      new CallTimeoutError(`no answer from ${target.text} within ${timeoutMs} ms`, timeoutMs);
    const limits = { ...options, timeout: options.timeout ?? DEFAULT_CALL_TIMEOUT_MS };
    const outcome = await withDeadline(this.#processes.clock, limits, late, (signal) =>
      node === this.#processes.node ? this.#here(target) : this.#there(target, signal),
    );
    if (outcome.kind === 'return') return outcome.value;
    throw failure(target, outcome);
  }

  /** See `Node.multicall`. */
  async multicall(
    nodes: readonly string[],
    module: string,
    fn: string,
    args: readonly unknown[],
    options: CallOptions,
  ): Promise<PromiseSettledResult<unknown>[]> {
    if (!Array.isArray(nodes))
      throw new OptionsError('nodes', `nodes: expected an array of node names, got ${typeof nodes}`);
    checkWaiting(options);
    return await Promise.allSettled(nodes.map((node) => this.call(node, module, fn, args, options)));
  }

  #here({ mfa }: Target): Promise<Outcome> {
    return new Promise((resolve) => {
      const rpc = async (self: Parameters<typeof invoke>[1]): Promise<void> => {
        resolve(await invoke(this.#exports, self, mfa.module, mfa.function, mfa.args));
      };
      const process = this.#processes.start(rpc, []);
      this.#processes.whenEnded(process, (reason) => resolve({ kind: 'signal', reason }));
    });
  }

  #there(target: Target, signal: AbortSignal): Promise<Outcome> {
    const { node, mfa } = target;
    const processes = this.#processes;
    return new Promise((resolve, reject) => {
      const rpc = async (): Promise<void> => {
        const ref = processes.makeRef();
        const call = new Mfa(ERPC, EXECUTE_CALL, [ref, mfa.module, mfa.function, mfa.args]);
        try {
          const ties = { parent: process, link: false, monitor: true };
          await this.#spawner.spawnOn(node, call, [], { signal, ties });
          const down = (await process.receive((message) => message instanceof Down, { signal })) as Down;
          resolve(readErpcReason(ref, down.reason));
        } catch (error) {
          reject(unreachable(target, error));
        }
      };
      const process: Process = processes.start(rpc, []);
      processes.whenEnded(process, (reason) => resolve({ kind: 'signal', reason }));
    });
  }
}

function makeTarget(node: string, module: string, fn: string, args: readonly unknown[]): Target {
  for (const [option, value] of Object.entries({ node, module, function: fn }))
    if (typeof value !== 'string' || value === '')
      throw new OptionsError(option, `${option}: expected a name as text, got ${inspectTerm(value)}`);
  checkArgs(args);
  const mfa = new Mfa(atom(module), atom(fn), args);
  return {
    node,
    mfa,
    text: `${inspectTerm(mfa.module)}:${inspectTerm(mfa.function)}/${args.length} on ${node}`,
  };
}

/** A node that cannot be reached, or was lost before it had begun, is `noconnection`, as for every call. */
function unreachable(target: Target, error: unknown): unknown {
  if (!(error instanceof ConnectionError || error instanceof HandshakeError)) return error;
  return new ExitError(
    NOCONNECTION,
    target.text,
    `${target.text} cannot be called (noconnection): ${error.message}`,
    { cause: error },
  );
}

/** Whether a stack begins in this very function: it is what is not there, and not something that it calls. */
function isOf({ module, function: fn, args }: Mfa, stack: unknown): boolean {
  const top = Array.isArray(stack) ? stack[0] : undefined;
  if (!(top instanceof Tuple)) return false;
  const { 0: where, 1: called, 2: given } = top.elements;
  const arity = Array.isArray(given) ? given.length : given;
  return where === module && called === fn && arity === args.length;
}

function failure(target: Target, outcome: Exclude<Outcome, { kind: 'return' }>): ExitError {
  const reason = exitReason(outcome);
  const { text } = target;
  const message = (): string => {
    switch (outcome.kind) {
      case 'error':
        if (outcome.reason === UNDEF && isOf(target.mfa, outcome.stack))
          return `there is no function ${text} that may be called (undef)`;
        return `${text} failed: ${describeReason(reason)}`;
      case 'throw':
        return `${text} threw ${describeReason(outcome.value)}`;
      case 'exit':
        return `${text} exited with ${describeReason(outcome.reason)}`;
      case 'signal':
        return outcome.reason === NOCONNECTION
          ? `the connection was lost while ${text} ran (noconnection)`
          : `${text} was ended with ${describeReason(outcome.reason)}`;
    }
  };
  return new ExitError(reason, text, message());
}
