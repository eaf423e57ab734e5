import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type CallEvent,
  type ClusterEvent,
  HOST,
  MEMBER_NAMES,
  type MemberEvent,
  type MemberName,
  type Order,
} from './events.ts';
import { type ClusterState, INITIAL_STATE, reduce } from './state.ts';

const MEMBER_FILE = fileURLToPath(new URL('./member.ts', import.meta.url));
/** Longer than a node's orderly stop takes; a member that still runs then is killed. */
const STOP_LIMIT_MS = 8_000;

/** Time, level and node at the start of a node's log line; the view shows time and node in its own way. */
const LOG_STAMP = /^\d{4}-\S+ (\w+) \S+@\S+ /;

export interface ClusterPorts {
  readonly gossipPort: number;
  readonly epmdPort: number;
}

/** Starts, orders, kills and stops the members, and keeps the state that their events make. */
export class Cluster {
  readonly ports: ClusterPorts;
  readonly cookie: string;
  readonly #children = new Map<MemberName, ChildProcess>();
  readonly #listeners = new Set<(event: ClusterEvent, atMs: number) => void>();
  readonly #startMs = performance.now();
  readonly #waits = new Set<(error: Error) => void>();
  #state = INITIAL_STATE;
  #lastId = 0;

  constructor(ports: ClusterPorts, cookie: string) {
    this.ports = ports;
    this.cookie = cookie;
  }

  get state(): ClusterState {
    return this.#state;
  }

  /** Milliseconds since this object was made: the time of its events. */
  nowMs(): number {
    return performance.now() - this.#startMs;
  }

  /** Calls back after every event, when `state` has it. */
  onEvent(listener: (event: ClusterEvent, atMs: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: ClusterEvent): void {
    const atMs = this.nowMs();
    this.#state = reduce(this.#state, event, atMs);
    for (const listener of [...this.#listeners]) listener(event, atMs);
  }

  runs(name: MemberName): boolean {
    return this.#children.has(name);
  }

  start(name: MemberName): void {
    if (this.runs(name)) return;
    const child = fork(MEMBER_FILE, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#children.set(name, child);
    this.emit({ type: 'starting', node: name, osPid: child.pid ?? 0 });
    // What has come over the channel before the end counts: `exit` may overtake it, `close` does not.
    child.once('close', (code, signal) => {
      this.#children.delete(name);
      this.emit({ type: 'gone', node: name, how: signal ?? `exit code ${code}` });
    });
    child.on('error', (error) => this.emit({ type: 'stderr', node: name, text: error.message }));
    child.on('message', (event) => this.emit(event as MemberEvent));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) =>
        this.emit({ type: 'stderr', node: name, text: line.replace(LOG_STAMP, '$1 ') }),
      );
    }
    this.#order(name, { type: 'begin', name, cookie: this.cookie, ...this.ports });
  }

  /** Kills a member as the system would: it has no chance to say good-bye. */
  kill(name: MemberName): void {
    const child = this.#children.get(name);
    if (child === undefined) return;
    this.emit({ type: 'killed', node: name });
    child.kill('SIGKILL');
  }

  /** Lets `from` call the actor of `to`, by name, and resolves with how it went. */
  async say(from: MemberName, to: MemberName, text: string, withinMs: number): Promise<CallEvent> {
    this.#lastId += 1;
    const id = this.#lastId;
    let result: CallEvent | undefined;
    const off = this.onEvent((event) => {
      if (event.type === 'called' && event.id === id) result = event;
    });
    try {
      this.#order(from, { type: 'say', id, to, text });
      await this.until(() => result !== undefined, withinMs, `an answer to ${from} from ${to}`);
    } finally {
      off();
    }
    return result as CallEvent;
  }

  /** Resolves as soon as the state satisfies the condition; rejects when it has not in time. */
  until(condition: (state: ClusterState) => boolean, withinMs: number, what: string): Promise<void> {
    if (condition(this.#state)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waits.delete(fail);
        off();
      };
      const fail = (error: Error): void => {
        end();
        reject(error);
      };
      const off = this.onEvent(() => {
        if (!condition(this.#state)) return;
        end();
        resolve();
      });
      const timer = setTimeout(() => fail(new Error(`waited ${withinMs} ms in vain for ${what}`)), withinMs);
      this.#waits.add(fail);
    });
  }

  /** Ends every wait that is under way; what waits afterwards waits as usual. */
  giveUp(): void {
    for (const fail of [...this.#waits]) fail(new Error('given up'));
  }

  /** Asks every member to stop, and kills what has not within the limit. Resolves with those that had to be killed. */
  async stop(): Promise<MemberName[]> {
    const stragglers: MemberName[] = [];
    for (const name of this.#children.keys()) this.#order(name, { type: 'stop' });
    const allGone = (): boolean => this.#children.size === 0;
    await this.until(allGone, STOP_LIMIT_MS, 'the members to stop').catch(() => {
      stragglers.push(...this.#children.keys());
      this.abandon();
    });
    await this.until(allGone, STOP_LIMIT_MS, 'the members to end');
    return stragglers;
  }

  /** Kills every member at once: for the way out of a crash. */
  abandon(): void {
    for (const child of this.#children.values()) child.kill('SIGKILL');
  }

  #order(name: MemberName, order: Order): void {
    const child = this.#children.get(name);
    // A member that ends while it is ordered about is told by its `gone`.
    if (child?.connected === true) child.send(order, () => {});
  }
}

/** Ports that nobody uses now: one for gossip datagrams, one for the port mapper. */
export async function freePorts(): Promise<ClusterPorts> {
  const udp = createSocket('udp4').bind(0, HOST);
  const tcp = createServer().listen(0, HOST);
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  const gossipPort = udp.address().port;
  const address = tcp.address();
  const epmdPort = typeof address === 'object' && address !== null ? address.port : 0;
  await Promise.all([
    new Promise<void>((resolve) => udp.close(() => resolve())),
    new Promise((resolve) => tcp.close(resolve)),
  ]);
  return { gossipPort, epmdPort };
}

/** The members that are up, in order. */
export function upMembers(state: ClusterState): MemberName[] {
  return MEMBER_NAMES.filter((name) => state.members[name].status === 'up');
}
