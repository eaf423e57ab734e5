import { CallTimeoutError, NameTakenError, OptionsError } from '../../errors.ts';
import { checkKnown } from '../../option-checks.ts';
import { show } from '../../process/checks.ts';
import { type AnyPid, At } from '../../process/destination.ts';
import { deadError } from '../../process/ends.ts';
import { guardedController } from '../../process/guarded-abort.ts';
import type { Process } from '../../process/process.ts';
import { describePid, describeThrown, NORMAL } from '../../process/reasons.ts';
import type { Self } from '../../process/self.ts';
import type { ProcessSystem } from '../../process/system.ts';
import { atom } from '../../term/atom.ts';
import { encodeTerm } from '../../term/etf/codec.ts';
import { Pid } from '../../term/identifiers.ts';
import { inspectTerm } from '../../term/print.ts';
import { Tuple, tuple } from '../../term/tuple.ts';
import { bossOf } from './lock-nodes.ts';
import { delLock, GLOBAL_NAME_SERVER, type Lock, setLock } from './messages.ts';

export interface LockOptions {
  /** Where to lock. @default this node and all visible nodes that are connected */
  readonly nodes?: readonly string[];
  /** How often to try again after a refusal. @default Infinity */
  readonly retries?: number;
  /** Gives up when aborted: rejects with the signal's reason, and nothing is locked. */
  readonly signal?: AbortSignal;
  /**
   * The process of this node that holds the lock: when it ends, the lock is free.
   * @default for `trans` a process that lives as long as the transaction, else one that lives as long as the node
   */
  readonly holder?: AnyPid;
}

const LOCK_OPTIONS = ['nodes', 'retries', 'signal', 'holder'] as const;

/** First pause after a refusal, at random up to this; it doubles with each further one. */
const FIRST_PAUSE_MS = 16;
const LONGEST_PAUSE_MS = 1_000;

/**
 * Locks for users: `global:set_lock/3`, `del_lock/2` and `trans/4`. A lock is `{Resource, Requester}`: who asks for a
 * resource under the same requester gets it too. It is set by and for a process, which every node that is locked monitors.
 */
export class UserLocks {
  readonly #processes: ProcessSystem;
  readonly #visible: () => readonly string[];
  readonly #answerLimitMs: number;
  /** Holds what has no other holder. */
  #keeper: Process | undefined;

  /** @param answerLimitMs - how long a node may take to answer: then it does not count */
  constructor(processes: ProcessSystem, visible: () => readonly string[], answerLimitMs: number) {
    this.#processes = processes;
    this.#answerLimitMs = answerLimitMs;
    this.#visible = visible;
  }

  /** True when it is set on all the nodes; false after the last retry. @throws EncodeError for an id that has no term */
  async set(id: unknown, options: LockOptions = {}): Promise<boolean> {
    checkKnown(options, '', LOCK_OPTIONS);
    encodeTerm(id);
    const holder = this.#holder(options.holder);
    return await this.#acquire(lockOf(id, holder.pid), this.#nodes(options), holder, options);
  }

  /** Frees it on these nodes, where this holder has it. */
  async delete(id: unknown, options: LockOptions = {}): Promise<void> {
    checkKnown(options, '', LOCK_OPTIONS);
    encodeTerm(id);
    const holder = this.#holder(options.holder);
    await this.#release(lockOf(id, holder.pid), this.#nodes(options), holder);
  }

  /** Runs `fn` while the lock is held. */
  async trans<T>(
    id: unknown,
    fn: (signal: AbortSignal) => T | Promise<T>,
    options: LockOptions = {},
  ): Promise<T> {
    checkKnown(options, '', LOCK_OPTIONS);
    encodeTerm(id);
    const processes = this.#processes;
    const isOwn = options.holder === undefined;
    const nodes = this.#nodes(options);
    const holder = isOwn ? processes.start(hold, []) : this.#holder(options.holder);
    const lost = guardedController((error) =>
      processes.logger.error(
        'registry',
        `a listener of the signal of a lock threw: ${describeThrown(error)}`,
      ),
    );
    const forget = processes.whenEnded(holder, () =>
      lost.abort(new Error(`the holder of the lock, ${describePid(holder.pid)}, has ended`)),
    );
    const lock = lockOf(id, holder.pid);
    try {
      if (!(await this.#acquire(lock, nodes, holder, options)))
        throw new NameTakenError(
          id,
          `the lock on ${inspectTerm(lock.elements[0])} is held by another on one of ${nodes.join(', ')}, after ${options.retries} retries`,
        );
      lost.signal.throwIfAborted();
      return await fn(lost.signal);
    } finally {
      forget();
      try {
        await this.#release(lock, nodes, holder);
      } finally {
        if (isOwn) processes.end(holder, NORMAL, undefined);
      }
    }
  }

  async #acquire(
    lock: Lock,
    nodes: readonly string[],
    holder: Process,
    { retries = Number.POSITIVE_INFINITY, signal }: LockOptions,
  ): Promise<boolean> {
    if (!(retries >= 0))
      throw new OptionsError('retries', `retries: expected a number from 0, got ${inspectTerm(retries)}`);
    for (let tries = 0; ; tries++) {
      signal?.throwIfAborted();
      // Nobody would hold it: the nodes free it as soon as they look for its holder.
      if (!holder.alive) throw deadError(holder);
      if (await this.#try(lock, nodes, holder)) {
        if (signal?.aborted !== true) return true;
        await this.#release(lock, nodes, holder);
        signal.throwIfAborted();
      }
      if (tries >= retries) return false;
      await this.#pause(tries, holder, signal);
    }
  }

  /** The boss first, so that two who want the same meet there; then all others at once. */
  async #try(lock: Lock, nodes: readonly string[], holder: Process): Promise<boolean> {
    const boss = bossOf(nodes);
    const others = nodes.filter((node) => node !== boss);
    const locked: string[] = [];
    for (const group of [[boss], others]) {
      // Who is silent may come to it later, and would keep the lock: what is sent now it reads after that.
      const replies = await this.#ask(group, setLock(lock), holder, (node) => {
        if (holder.alive) void this.#ask([node], delLock(lock), holder).catch(ignore);
      });
      for (const [node, reply] of replies) if (reply === true) locked.push(node);
      if (replies.every(([, reply]) => reply === true)) continue;
      await this.#release(lock, locked, holder);
      return false;
    }
    return true;
  }

  async #release(lock: Lock, nodes: readonly string[], holder: Process): Promise<void> {
    if (nodes.length === 0 || !holder.alive) return;
    await this.#ask(nodes, delLock(lock), holder);
  }

  /** Who answers; a node that is gone, or keeps silent, does not count. */
  async #ask(
    nodes: readonly string[],
    request: Tuple,
    holder: Process,
    silent: (node: string) => void = ignore,
  ): Promise<readonly (readonly [node: string, reply: unknown])[]> {
    const to = (node: string) => new At(node, atom(GLOBAL_NAME_SERVER));
    const options = { timeout: this.#answerLimitMs };
    const answers = await Promise.allSettled(
      nodes.map((node) => this.#processes.call(to(node), request, options, holder)),
    );
    return answers.flatMap((answer, index) => {
      if (answer.status === 'fulfilled') return [[nodes[index]!, answer.value] as const];
      // Our own name server does not come back with the lock.
      const isOwn = nodes[index] === this.#processes.node;
      if (isOwn || (!holder.alive && !(answer.reason instanceof CallTimeoutError))) throw answer.reason;
      if (answer.reason instanceof CallTimeoutError) silent(nodes[index]!);
      return [];
    });
  }

  /** Ends early when the holder does. */
  #pause(tries: number, holder: Process, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random } = this.#processes;
    const mostMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), LONGEST_PAUSE_MS);
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        forget();
        then();
      };
      const onAbort = (): void => settle(() => reject(signal?.reason));
      const timer = clock.setTimeout(() => settle(resolve), random.between(1, mostMs));
      const forget = this.#processes.whenEnded(holder, () => settle(resolve));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #nodes({ nodes }: LockOptions): readonly string[] {
    if (nodes === undefined) return [this.#processes.node, ...this.#visible()];
    return checkNodes(nodes, 1);
  }

  #holder(pid: Pid | undefined): Process {
    if (pid === undefined) {
      if (this.#keeper?.alive !== true) this.#keeper = this.#processes.start(hold, []);
      return this.#keeper;
    }
    const process = pid instanceof Pid ? this.#processes.lookup(pid) : undefined;
    if (process === undefined)
      throw new OptionsError(
        'holder',
        `holder: expected a live process of ${this.#processes.node}, got ${inspectTerm(pid)}`,
      );
    return process;
  }
}

/** `{Resource, Requester}` as OTP has it; any other term is a resource, and its holder the requester. */
function lockOf(id: unknown, holder: Pid): Lock {
  return id instanceof Tuple && id.length === 2 ? (id as Lock) : tuple(id, holder);
}

/** @throws OptionsError unless it is a list of names, this long at least */
export function checkNodes(nodes: unknown, least: 0 | 1): readonly string[] {
  if (Array.isArray(nodes) && nodes.length >= least && nodes.every((one) => typeof one === 'string'))
    return nodes;
  throw new OptionsError(
    'nodes',
    `nodes: expected names of nodes${least === 0 ? '' : ', at least one'}, got ${show(nodes)}`,
  );
}

/** Lives until it is ended. */
async function hold(self: Self): Promise<void> {
  for await (const _message of self);
}

function ignore(): void {}
