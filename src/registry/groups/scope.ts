import { actor } from '../../actor/actor.ts';
import type { ActorSelf } from '../../actor/actor-self.ts';
import type { Clock, TimerHandle } from '../../env/clock.ts';
import { OptionsError } from '../../errors.ts';
import { type AnyPid, At } from '../../process/destination.ts';
import { tellEach } from '../../process/listeners.ts';
import { type Process, READY } from '../../process/process.ts';
import type { AnyActor } from '../../process/protocol.ts';
import type { ProcessSystem } from '../../process/system.ts';
import { NodeDown, NodeUp } from '../../process/system-messages.ts';
import type { Telemetry } from '../../telemetry/events.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { atom } from '../../term/atom.ts';
import { encodeTerm } from '../../term/etf/codec.ts';
import { Pid, type Ref } from '../../term/identifiers.ts';
import { inspectTerm } from '../../term/print.ts';
import { TermMap } from '../../term/term-map.ts';
import { Tuple, tuple } from '../../term/tuple.ts';
import { isVisible } from '../node-up.ts';
import { ScopeMachine, type ScopeWish } from './scope-machine.ts';

/** What a scope needs to know of the node. */
export interface ScopeSurroundings {
  readonly processes: ProcessSystem;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /** Names of connected nodes that are not hidden. */
  visibleNodes(): readonly string[];
  isConnected(node: string): boolean;
}

/** Processes that joined a group, or left it, each as often as it did. */
export interface GroupEvent {
  readonly change: 'join' | 'leave';
  readonly group: unknown;
  readonly pids: readonly Pid[];
}

export type GroupListener = (group: unknown, pids: readonly Pid[]) => unknown;

/** What `monitor` returns: the members of now, and the end of it. */
export interface GroupMonitor {
  readonly members: Pid[];
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * One scope of groups: a table of who is in which group, shared with the scopes of this name on all connected visible
 * nodes, BEAM's `pg` among them. Groups are any terms; they exist while they have members.
 *
 * A join is seen at once by lookups on this node. On other Beamish nodes it is seen by whatever is sent there after
 * `join` has resolved, by any process: it is on the link before, is read before, and lookups take in what has arrived.
 */
export class Scope {
  readonly name: string;
  /** The scope process. What it knows of local members outlives it. @internal */
  readonly actor: AnyActor;
  readonly #around: ScopeSurroundings;
  readonly #machine = new ScopeMachine();
  #process: Process | undefined = undefined;
  #self: ActorSelf | undefined = undefined;
  readonly #monitors = new Map<Pid, Ref>();
  /** For nodes that were asked and may not answer. */
  readonly #timers = new Set<TimerHandle>();
  readonly #listeners = { join: new Set<GroupListener>(), leave: new Set<GroupListener>() };
  readonly #groupListeners = new TermMap<Set<(event: GroupEvent) => unknown>>();
  #waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #failure: unknown = undefined;

  /** @internal */
  constructor(name: string, around: ScopeSurroundings) {
    this.name = name;
    this.#around = around;
    this.actor = actor('pg', (self) => this.#run(self));
  }

  /**
   * Puts processes of this node into a group. Each may be in it several times, and must then leave as often.
   * @throws OptionsError for what is no process of this node; EncodeError for a group that has no term
   */
  async join(group: unknown, pids: AnyPid | readonly AnyPid[]): Promise<void> {
    const list = this.#localPids(pids);
    // It is to travel; its sender hears that it cannot.
    encodeTerm(group);
    await this.#running();
    this.#perform(this.#machine.step({ type: 'join', group, pids: list }));
  }

  /**
   * Takes processes out of a group, each once. One that ends leaves by itself.
   * @returns false when none of them was in it
   * @throws as `join`
   */
  async leave(group: unknown, pids: AnyPid | readonly AnyPid[]): Promise<boolean> {
    const list = this.#localPids(pids);
    encodeTerm(group);
    await this.#running();
    const wishes = this.#machine.step({ type: 'leave', group, pids: list });
    this.#perform(wishes);
    return wishes.length > 0;
  }

  /** Everybody in a group, on all nodes, in no particular order; who joined several times is in it as often. */
  members<T = unknown>(group: unknown): Pid<T>[] {
    this.#catchUp();
    return this.#machine.members(group) as Pid<T>[];
  }

  /** The members of this node. */
  localMembers<T = unknown>(group: unknown): Pid<T>[] {
    this.#catchUp();
    return this.#machine.localMembers(group) as Pid<T>[];
  }

  /** All groups, in no particular order. */
  which(): unknown[] {
    this.#catchUp();
    return this.#machine.which();
  }

  /** Groups with members on this node. */
  whichLocal(): unknown[] {
    this.#catchUp();
    return this.#machine.whichLocal();
  }

  /** Tells of all that join or leave any group, here or elsewhere. Returns a function that ends it. */
  on(event: 'join' | 'leave', listener: GroupListener): () => void {
    if (event !== 'join' && event !== 'leave')
      throw new OptionsError('event', `expected the event "join" or "leave", got ${inspectTerm(event)}`);
    this.#listeners[event].add(listener);
    return () => void this.#listeners[event].delete(listener);
  }

  /** Members of one group, and from then on every change of them, none missed and none told twice. */
  monitor(group: unknown, listener: (event: GroupEvent) => unknown): GroupMonitor {
    const members = this.members(group);
    const listeners = this.#groupListeners.get(group) ?? new Set();
    this.#groupListeners.set(group, listeners);
    // The same function may watch twice.
    const tell = (event: GroupEvent) => listener(event);
    listeners.add(tell);
    const stop = (): void => {
      listeners.delete(tell);
      if (listeners.size === 0 && this.#groupListeners.get(group) === listeners)
        this.#groupListeners.delete(group);
    };
    return { members, stop, [Symbol.dispose]: stop };
  }

  /** The scope process could not be started, or the node stops: nobody can join any more. @internal */
  fail(error: unknown): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  // ---- the scope process

  #run(self: ActorSelf) {
    const { processes, telemetry, visibleNodes } = this.#around;
    this.#self = self;
    this.#process = processes.lookup(self.pid);
    self.signal.addEventListener('abort', () => this.#ended(self));
    self.monitorNodes();
    self.onDown(({ ref, pid }) => {
      if (!(pid instanceof Pid) || this.#monitors.get(pid)?.key !== ref.key) return;
      this.#monitors.delete(pid);
      this.#perform(this.#machine.step({ type: 'down', pid }));
    });
    self.onMessage((message) => {
      if (message instanceof NodeUp) {
        if (isVisible(message)) this.#perform(this.#machine.step({ type: 'nodeup', node: message.node }));
      } else if (message instanceof NodeDown)
        this.#perform(this.#machine.step({ type: 'nodedown', node: message.node }));
      else if (message instanceof Tuple) this.#hear(message);
      else telemetry.count('groups.ignored.malformed');
    });
    self.onGetState(() => tuple(atom('pg'), this.#machine.peers(), this.#machine.which()));
    this.#perform(this.#machine.step({ type: 'start', self: self.pid, nodes: visibleNodes() }));
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    return {
      sync: (...args: readonly unknown[]) => this.#hear(tuple(atom('sync'), ...args)),
      local_data: (...args: readonly unknown[]) => this.#hear(tuple(atom('local_data'), ...args)),
    };
  }

  #ended(self: ActorSelf): void {
    if (this.#self !== self) return;
    this.#self = undefined;
    this.#process = undefined;
    this.#monitors.clear();
    for (const timer of this.#timers) this.#around.clock.clearTimeout(timer);
    this.#timers.clear();
    this.#perform(this.#machine.step({ type: 'stop' }));
  }

  #hear(message: Tuple): void {
    const peer = message.elements[1];
    // Of a link that is gone: watching its process would make the link anew.
    if (peer instanceof Pid && !this.#around.isConnected(peer.node)) {
      this.#around.telemetry.count('groups.ignored.unknown_peer');
      return;
    }
    this.#perform(this.#machine.step({ type: 'message', message }));
  }

  /** Takes in what has arrived already, so that a lookup does not miss what was sent before its cause. */
  #catchUp(): void {
    const process = this.#process;
    if (process === undefined) return;
    while (process.state === READY && (process.mailbox?.length ?? 0) > 0) process.run();
  }

  // ---- wishes

  #perform(wishes: readonly ScopeWish[]): void {
    for (const wish of wishes) {
      switch (wish.type) {
        case 'send':
          this.#send(wish.to, wish.message);
          break;
        case 'monitor':
          if (this.#self !== undefined) this.#monitors.set(wish.pid, this.#self.monitor(wish.pid));
          break;
        case 'demonitor': {
          const ref = this.#monitors.get(wish.pid);
          this.#monitors.delete(wish.pid);
          if (ref !== undefined) this.#self?.demonitor(ref, { flush: true });
          break;
        }
        case 'arm':
          this.#arm(wish.node, wish.afterMs);
          break;
        case 'tell':
          this.#tell(wish);
          break;
        case 'ignore':
          this.#around.telemetry.count(`groups.ignored.${wish.why}`);
          break;
        default:
          wish satisfies never;
      }
    }
  }

  #send(to: Pid | string, message: Tuple): void {
    const node = to instanceof Pid ? to.node : to;
    // It may be gone again: a message would dial it. When it comes back it is discovered anew.
    if (!this.#around.isConnected(node)) return;
    this.#self?.send(to instanceof Pid ? to : new At(to, atom(this.name)), message);
  }

  #arm(node: string, afterMs: number): void {
    const timer = this.#around.clock.setTimeout(() => {
      this.#timers.delete(timer);
      this.#perform(this.#machine.step({ type: 'late', node }));
    }, afterMs);
    this.#timers.add(timer);
  }

  #tell(event: GroupEvent): void {
    const { change, group, pids } = event;
    const { telemetry, logger } = this.#around;
    telemetry.emit(`group.${change}`, () => ({ scope: this.name, group, pids }));
    const who = `a listener for ${change} in the scope ${this.name}`;
    tellEach(logger, 'registry', who, this.#listeners[change], group, pids);
    if (this.#groupListeners.size === 0) return;
    tellEach(logger, 'registry', who, this.#groupListeners.get(group) ?? [], event);
  }

  // ---- callers

  /** Resolves when the scope process runs, and has taken in what arrived for it. */
  async #running(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#self === undefined)
      await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#catchUp();
  }

  #localPids(pids: AnyPid | readonly AnyPid[]): Pid[] {
    const list = (Array.isArray(pids) ? [...pids] : [pids]) as Pid[];
    const { processes } = this.#around;
    for (const pid of list)
      if (!(pid instanceof Pid) || !processes.isLocal(pid))
        throw new OptionsError(
          'pids',
          `only processes of ${processes.node} can join and leave groups here, not ${inspectTerm(pid)}`,
        );
    return list.map((pid) => processes.genuine(pid));
  }
}
