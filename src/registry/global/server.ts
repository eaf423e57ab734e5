/**
 * The process `global_name_server`: an actor like any other, which tells the machine what happens and grants its wishes.
 * It hears of nodes as any process may, monitors who holds names and locks, and talks to its namesakes by messages. Locker
 * and registrar are two processes of their own, linked to it: their pids are on the wire, and their end is the end of the
 * locks they hold.
 *
 * It can end, and is started again by its supervisor. What it knew of the other nodes is gone then: it parts with each
 * and connects again, and so joins anew. The names of this node's own processes are still in the table.
 */
import { actor } from '../../actor/actor.ts';
import type { ActorSelf } from '../../actor/actor-self.ts';
import { CallTimeoutError, messageOf } from '../../errors.ts';
import type { Deferred } from '../../process/deferred.ts';
import { At } from '../../process/destination.ts';
import { mfa } from '../../process/mfa.ts';
import type { Process } from '../../process/process.ts';
import type { AnyActor } from '../../process/protocol.ts';
import { GEN_CAST } from '../../process/requests.ts';
import type { Self } from '../../process/self.ts';
import type { ProcessSystem } from '../../process/system.ts';
import { Down, NodeDown, NodeUp } from '../../process/system-messages.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Atom, atom } from '../../term/atom.ts';
import { Pid, type Ref } from '../../term/identifiers.ts';
import { inspectTerm } from '../../term/print.ts';
import { Tuple, tuple } from '../../term/tuple.ts';
import { isVisible } from '../node-up.ts';
import { FAILED } from './joins.ts';
import { type GlobalEvent, GlobalMachine, MALFORMED, MS_PER_NAME } from './machine.ts';
import { GLOBAL_NAME_SERVER } from './messages.ts';
import type { NameTable } from './names.ts';
import type { Change } from './registrar.ts';
import { RESOLVE_LIMIT_MS, type Resolvers } from './resolvers.ts';
import type { Clash, GlobalConflict, Role, Wish } from './wishes.ts';

/** What the name server needs of the network beside messages: what net_kernel does for OTP's. */
export interface Net {
  /** Rejects when the node cannot be reached. */
  connect(node: string): Promise<void>;
  disconnect(node: string): void;
  isConnected(node: string): boolean;
  /** Connected nodes, without hidden ones. */
  visible(): readonly string[];
}

/** What the name server tells this node's users. */
export interface Audience {
  registered(name: unknown, pid: Pid): void;
  unregistered(name: unknown, pid: Pid): void;
  conflict(conflict: GlobalConflict): void;
  /** A name server has begun its life. */
  serving(view: ServerView): void;
}

/** What can be seen of a name server's mind. */
export interface ServerView {
  readonly members: () => string[];
  /** Visible nodes that are connected and not in sync yet. */
  readonly unsynced: () => string[];
  readonly isQuiet: () => boolean;
}

export interface ServerOptions {
  readonly processes: ProcessSystem;
  readonly logger: Logger;
  readonly net: Net;
  readonly table: NameTable;
  readonly resolvers: Resolvers;
  readonly audience: Audience;
  readonly preventOverlappingPartitions: boolean;
  /** How long a member may take to answer, and to end a join: then it is given up, and the rest of the cluster goes on. */
  readonly answerLimitMs: number;
}

/** Casts of the protocol. */
const CASTS = ['init_connect', 'exchange', 'resolved', 'new_nodes', 'in_sync', 'lock_set'] as const;
const LATE_CASTS = ['async_del_name', 'async_del_lock'] as const;
/** Calls of the protocol. */
const CALLS = [
  'register',
  'unregister',
  'register_ext',
  'set_lock',
  'del_lock',
  'get_known',
  'get_synced',
  'get_protocol_version',
  'get_names_ext',
] as const;

export function globalNameServer(options: ServerOptions): AnyActor {
  return actor(GLOBAL_NAME_SERVER, (self) => new Server(self, options).handlers());
}

class Server {
  readonly #self: ActorSelf;
  readonly #o: ServerOptions;
  readonly #machine: GlobalMachine;
  readonly #roles: Readonly<Record<Role, Process>>;
  readonly #monitors = new Map<Pid, Ref>();
  readonly #timers = new Map<number, unknown>();
  /** Users of this node who wait for an outcome, by the number of their request. */
  readonly #waiting = new Map<number, Deferred>();
  /** Nodes of an earlier life's connections, to be connected again. */
  readonly #again = new Set<string>();

  constructor(self: ActorSelf, options: ServerOptions) {
    this.#self = self;
    this.#o = options;
    const { processes, net, table, audience } = options;
    const server = processes.lookup(self.pid)!;
    const role = () => {
      const process = processes.lookup(self.spawn(relay, [self.pid], { link: true }))!;
      // They end with this process, and not before.
      process.supervised = true;
      return process;
    };
    this.#roles = { server, locker: role(), registrar: role() };
    // What is left of an earlier life: others' names come back when we have joined.
    for (const { name, pid } of [...table.all()]) {
      if (pid.node === self.node && processes.isAlive(pid)) continue;
      table.delete(name);
      audience.unregistered(name, pid);
    }
    const { random } = processes;
    this.#machine = new GlobalMachine({
      self: self.node,
      pids: { server: self.pid, locker: this.#roles.locker.pid, registrar: this.#roles.registrar.pid },
      table,
      random,
      isAlive: (pid) => processes.isAlive(pid),
      preventOverlappingPartitions: options.preventOverlappingPartitions,
      joinLimitMs: options.answerLimitMs,
      // Together below 2^53.
      incarnation: (random.u32() & 0xfffff) * 2 ** 32 + processes.creation,
    });
    self.signal.addEventListener('abort', () => this.#stop());
    self.onDown((down) => this.#down(down));
    self.onMessage((message) => this.#message(message));
    self.monitorNodes();
    this.#perform(this.#machine.adopt());
    for (const node of net.visible()) {
      this.#again.add(node);
      net.disconnect(node);
    }
    const machine = this.#machine;
    audience.serving({
      members: () => machine.known,
      unsynced: () => machine.unsynced,
      isQuiet: () => machine.isQuiet,
    });
  }

  // ---- what is told

  handlers(): Record<string, (...args: unknown[]) => unknown> {
    const handlers: Record<string, (...args: unknown[]) => unknown> = {};
    for (const name of [...CASTS, ...LATE_CASTS]) {
      const tag = atom(name);
      handlers[name] = (...args) => this.#step({ type: 'cast', message: new Tuple([tag, ...args]) });
    }
    for (const name of CALLS) handlers[name] = (...args) => this.#serve(atom(name), args);
    handlers.beamish_change = (...args) =>
      this.#fromUser(args, ([kind, name, pid, resolver], request) =>
        this.#step({
          type: 'change',
          request,
          change: { kind: (kind as Atom).name, name, pid, resolver } as Change,
        }),
      );
    handlers.beamish_sync = (...args) =>
      this.#fromUser(args, ([nodes], request) =>
        this.#step({ type: 'sync', request, nodes: (nodes as Atom[]).map(({ name }) => name) }),
      );
    handlers.beamish_withdraw = (request) => this.#withdraw(request as number);
    return handlers;
  }

  #serve(tag: Atom, args: readonly unknown[]): unknown {
    const deferred = this.#self.deferReply();
    if (deferred.from === undefined) {
      this.#o.processes.telemetry.count('global.ignored.malformed');
      return deferred;
    }
    const request = args.length === 0 ? tag : new Tuple([tag, ...args]);
    const { reply, wishes } = this.#machine.serve(request, deferred.from);
    if (reply === MALFORMED) deferred.fail(tuple(atom('badarg'), request));
    else deferred.reply(reply);
    this.#perform(wishes);
    return deferred;
  }

  /** A request of this node's own users; the first argument numbers it. */
  #fromUser(
    [request, ...args]: readonly unknown[],
    then: (args: readonly unknown[], request: number) => void,
  ): unknown {
    const deferred = this.#self.deferReply();
    if (deferred.from?.node !== this.#self.node || typeof request !== 'number') deferred.fail('badarg');
    else {
      this.#waiting.set(request, deferred);
      then(args, request);
    }
    return deferred;
  }

  /** Nobody waits for the outcome any more: what is under way is carried out, and told to nobody. */
  #withdraw(request: number): void {
    this.#waiting.get(request)?.fail('withdrawn');
    this.#waiting.delete(request);
    this.#step({ type: 'withdraw', request });
  }

  #message(message: unknown): void {
    if (message instanceof NodeUp) {
      if (isVisible(message)) this.#step({ type: 'nodeup', node: message.node });
    } else if (message instanceof NodeDown) {
      this.#step({ type: 'nodedown', node: message.node });
      if (this.#again.delete(message.node)) this.#o.net.connect(message.node).catch(ignore);
    } else this.#step({ type: 'info', message });
  }

  #down(down: Down): void {
    const { pid, ref } = down;
    if (!(pid instanceof Pid) || this.#monitors.get(pid)?.key !== ref.key) return;
    this.#monitors.delete(pid);
    this.#step({ type: 'down', pid });
  }

  #step(event: GlobalEvent): void {
    this.#perform(this.#machine.step(event));
  }

  /** From outside of a handler: an error ends the process as it would in one. */
  #later(event: GlobalEvent): void {
    const { server } = this.#roles;
    if (!server.alive) return;
    try {
      this.#step(event);
    } catch (error) {
      this.#o.processes.fail(server, error);
    }
  }

  // ---- what is wished

  #perform(wishes: readonly Wish[]): void {
    for (const wish of wishes) this.#grant(wish);
  }

  #grant(wish: Wish): void {
    const { processes, logger, net, audience } = this.#o;
    switch (wish.type) {
      case 'cast':
        if (net.isConnected(wish.node))
          processes.send(nameServerOf(wish.node), tuple(GEN_CAST, wish.message), this.#roles[wish.from]);
        return;
      case 'send':
        if (net.isConnected(wish.node))
          processes.send(nameServerOf(wish.node), wish.message, this.#roles.server);
        return;
      case 'send_pid':
        processes.send(wish.to, wish.message, this.#roles[wish.from]);
        return;
      case 'call':
        this.#call(wish);
        return;
      case 'arm':
        this.#arm(wish.timer, wish.afterMs);
        return;
      case 'disarm':
        processes.clock.clearTimeout(this.#timers.get(wish.timer));
        this.#timers.delete(wish.timer);
        return;
      case 'monitor':
        this.#monitors.set(wish.pid, this.#self.monitor(wish.pid));
        return;
      case 'demonitor': {
        const ref = this.#monitors.get(wish.pid);
        this.#monitors.delete(wish.pid);
        if (ref !== undefined) this.#self.demonitor(ref);
        return;
      }
      case 'connect':
        net.connect(wish.node).catch(() => this.#later({ type: 'unreachable', node: wish.node }));
        return;
      case 'disconnect':
        net.disconnect(wish.node);
        return;
      case 'resolve':
        this.#self.spawn((self) => this.#resolve(self, wish));
        return;
      case 'settle': {
        const { done, holder } = wish.outcome;
        this.#waiting.get(wish.request)?.reply(tuple(done, holder));
        this.#waiting.delete(wish.request);
        return;
      }
      case 'registered':
        audience.registered(wish.name, wish.pid);
        return;
      case 'unregistered':
        audience.unregistered(wish.name, wish.pid);
        return;
      case 'conflict':
        logger.debug('registry', () => `conflict about ${inspectTerm(wish.name)}, now of ${wish.winner}`);
        audience.conflict({ name: wish.name, pids: wish.pids, winner: wish.winner });
        return;
      case 'count':
        processes.telemetry.count(wish.counter);
        return;
      case 'warn':
        logger.warning('registry', wish.text);
        return;
      default:
        wish satisfies never;
    }
  }

  #call({ id, from, nodes, request }: Extract<Wish, { type: 'call' }>): void {
    const { processes, net } = this.#o;
    const replies: [string, unknown][] = [];
    const silent: string[] = [];
    const limitMs = this.#o.answerLimitMs + MS_PER_NAME * this.#o.table.size;
    let left = nodes.length;
    const answered = (): void => {
      left -= 1;
      if (left > 0) return;
      if (silent.length > 0) this.#later({ type: 'silent', nodes: silent });
      this.#later({ type: 'replies', id, replies });
    };
    for (const node of nodes) {
      // Who is connected and has no name server any more is parted with in time; so a monitor would tell nothing, and without
      // it each member wakes up once per call, not twice.
      const options = { timeout: limitMs, monitor: false };
      const call = () => processes.call(nameServerOf(node), request, options, this.#roles[from]);
      // A member that is just being connected is waited for first: a request that was given up while it waited to be sent
      // would still arrive then, and set a lock that nobody frees, or come too late to be heard at all.
      const answer = net.isConnected(node) ? call() : net.connect(node).then(call);
      answer.then(
        (reply) => {
          replies.push([node, reply]);
          answered();
        },
        (error) => {
          if (error instanceof CallTimeoutError) silent.push(node);
          answered();
        },
      );
    }
  }

  #arm(timer: number, afterMs: number): void {
    const { clock } = this.#o.processes;
    const fire = (): void => {
      if (this.#timers.delete(timer)) this.#later({ type: 'timeout', timer });
    };
    if (afterMs > 0) this.#timers.set(timer, clock.setTimeout(fire, afterMs));
    else {
      this.#timers.set(timer, undefined);
      clock.setImmediate(fire);
    }
  }

  /** Asks for a decision on each clash, where our holder of the name lives. */
  async #resolve(self: Self, { node, tag, clashes }: Extract<Wish, { type: 'resolve' }>): Promise<void> {
    const answers: unknown[] = [];
    for (const clash of clashes) answers.push(await this.#decide(self, clash));
    this.#later({ type: 'clashes_resolved', node, tag, answers });
  }

  async #decide(self: Self, { name, ours, his, resolver }: Clash): Promise<unknown> {
    if (ours.node === self.node) return await this.#o.resolvers.run(resolver, name, his, ours);
    // As erpc does it: the answer is the reason with which the process ends.
    const reference = this.#o.processes.makeRef();
    const call = [reference, atom('global'), atom('resolve_it'), [resolver, name, his, ours]];
    try {
      const pid = await self.spawnOn(ours.node, mfa('erpc', 'execute_call', call), [], { monitor: true });
      const isEnd = (message: unknown): message is Down => message instanceof Down && message.pid === pid;
      const { reason } = await self.receive(isEnd, { timeout: RESOLVE_LIMIT_MS });
      const [ref, kind, value] = reason instanceof Tuple ? reason.elements : [];
      return isRef(ref, reference) && kind === atom('return') ? value : FAILED;
    } catch (error) {
      const text = messageOf(error);
      this.#o.logger.warning(
        'registry',
        `${ours.node} cannot decide the conflict about ${inspectTerm(name)}: ${text}`,
      );
      return FAILED;
    }
  }

  #stop(): void {
    const { clock } = this.#o.processes;
    for (const handle of this.#timers.values()) clock.clearTimeout(handle);
    this.#timers.clear();
  }
}

/** Stands for a pid on the wire; what is said to it is for the name server. */
async function relay(self: Self, server: Pid): Promise<void> {
  for await (const message of self) self.send(server, message);
}

function nameServerOf(node: string): At {
  return new At(node, atom(GLOBAL_NAME_SERVER));
}

function isRef(value: unknown, ref: Ref): boolean {
  return typeof value === 'object' && value !== null && (value as Partial<Ref>).key === ref.key;
}

function ignore(): void {}
