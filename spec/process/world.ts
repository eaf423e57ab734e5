import type { Clock, TimerHandle } from '../../src/env/clock.ts';
import type { LogRecord } from '../../src/env/log.ts';
import type { Random } from '../../src/env/random.ts';
import type { SignalSink } from '../../src/process/signal-sink.ts';
import { ProcessSystem, type ProcessSystemOptions } from '../../src/process/system.ts';
import { Telemetry } from '../../src/telemetry/events.ts';
import { Logger } from '../../src/telemetry/logger.ts';
import { atom } from '../../src/term/atom.ts';
import { Pid } from '../../src/term/identifiers.ts';

/** Time that stands still until `advance`. Immediates are real turns of the event loop. */
export class TestClock implements Clock {
  #nowMs = 1_000;
  #last = 0;
  readonly #timers = new Map<number, { dueMs: number; fn: () => void }>();

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    this.#last += 1;
    this.#timers.set(this.#last, { dueMs: this.#nowMs + Math.max(delayMs, 1), fn });
    return this.#last;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#timers.delete(handle as number);
  }

  setImmediate(fn: () => void): void {
    setImmediate(fn);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Lets everything that is under way settle, deadline by deadline. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      let next: [number, { dueMs: number; fn: () => void }] | undefined;
      for (const entry of this.#timers) {
        if (entry[1].dueMs <= untilMs && (next === undefined || entry[1].dueMs < next[1].dueMs)) next = entry;
      }
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.#nowMs = Math.max(this.#nowMs, next[1].dueMs);
      next[1].fn();
      await settled();
    }
    this.#nowMs = untilMs;
  }
}

/** Resolves when microtasks have run dry, and the turns of the event loop that they asked for. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

const random: Random = {
  bytes: (count) => new Uint8Array(count),
  u32: () => 4,
  between: (min) => min,
};

/** The network of a world: hands signals to the other node's system, each in a microtask, in order of sending. */
class Wire implements SignalSink {
  readonly #world: World;
  readonly #node: string;

  constructor(world: World, node: string) {
    this.#world = world;
    this.#node = node;
  }

  #to(node: string, what: string, act: (system: ProcessSystem) => void): boolean {
    this.#world.trace.push(`${this.#node} ${what} ${node}`);
    const link = this.#world.linkBetween(this.#node, node);
    if (link === undefined) return false;
    link.push(() => act(this.#world.system(node)));
    return true;
  }

  send(_from: Pid, to: Pid, message: unknown): boolean {
    return this.#to(to.node, 'SEND', (s) => s.deliver(to, message));
  }
  sendName(_from: Pid, node: string, name: ReturnType<typeof atom>, message: unknown): boolean {
    return this.#to(node, 'REG_SEND', (s) => s.deliverName(name, message));
  }
  hasAlias(): boolean {
    return this.#world.aliases;
  }
  sendAlias(_from: Pid, alias: Parameters<SignalSink['sendAlias']>[1], message: unknown): boolean {
    return this.#to(alias.node, 'ALIAS_SEND', (s) => s.deliverAlias(alias, message));
  }
  link(from: Pid, to: Pid): void {
    if (!this.#to(to.node, 'LINK', (s) => s.signals.linkFrom(from, to))) {
      queueMicrotask(() => this.#world.system(this.#node).signals.exitFrom(to, from, atom('noconnection')));
    }
  }
  unlink(id: bigint, from: Pid, to: Pid): void {
    this.#to(to.node, 'UNLINK_ID', (s) => s.signals.unlinkFrom(id, from, to));
  }
  unlinkAck(id: bigint, from: Pid, to: Pid): void {
    this.#to(to.node, 'UNLINK_ID_ACK', (s) => s.signals.unlinkAckFrom(id, from, to));
  }
  groupLeader(leader: Pid, to: Pid): void {
    this.#to(to.node, 'GROUP_LEADER', (s) => s.setGroupLeader(leader, to));
  }
  exit(from: Pid, to: Pid, reason: unknown): void {
    this.#to(to.node, 'EXIT', (s) => s.signals.exitFrom(from, to, reason));
  }
  exit2(from: Pid, to: Pid, reason: unknown): void {
    this.#to(to.node, 'EXIT2', (s) => s.signals.exit2From(from, to, reason));
  }
  monitor(
    from: Pid,
    target: Parameters<SignalSink['monitor']>[1],
    ref: Parameters<SignalSink['monitor']>[2],
  ): void {
    const wireTarget = target instanceof Pid ? target : target.name;
    if (!this.#to(target.node, 'MONITOR_P', (s) => s.signals.monitorFrom(from, wireTarget, ref))) {
      queueMicrotask(() =>
        this.#world.system(this.#node).signals.monitorExitFrom(wireTarget, from, ref, atom('noconnection')),
      );
    }
  }
  demonitor(
    from: Pid,
    target: Parameters<SignalSink['monitor']>[1],
    ref: Parameters<SignalSink['monitor']>[2],
  ): void {
    this.#to(target.node, 'DEMONITOR_P', (s) => s.signals.demonitorFrom(from, ref));
  }
  monitorExit(...[from, to, ref, reason]: Parameters<SignalSink['monitorExit']>): void {
    this.#to(to.node, 'MONITOR_P_EXIT', (s) => s.signals.monitorExitFrom(from, to, ref, reason));
  }
}

/** Signals on their way in one direction; held ones wait for `release`. */
class Direction {
  readonly #waiting: (() => void)[] = [];
  held = false;
  cut = false;

  push(act: () => void): void {
    this.#waiting.push(act);
    if (!this.held) queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    if (!this.held && !this.cut) this.#waiting.shift()?.();
  }

  release(): void {
    this.held = false;
    while (this.#waiting.length > 0) this.#deliver();
  }
}

/** Nodes in one program, joined without sockets. */
export class World {
  readonly clock = new TestClock();
  readonly trace: string[] = [];
  readonly log: LogRecord[] = [];
  aliases = true;
  readonly #systems = new Map<string, ProcessSystem>();
  readonly #directions = new Map<string, Direction>();

  start(node: string, options: Partial<ProcessSystemOptions> = {}): ProcessSystem {
    const system = new ProcessSystem({
      node,
      creation: 7,
      clock: this.clock,
      random,
      sink: new Wire(this, node),
      telemetry: new Telemetry(node),
      logger: new Logger({ write: (record) => this.log.push(record) }, this.clock, node),
      ...options,
    });
    this.#systems.set(node, system);
    return system;
  }

  system(node: string): ProcessSystem {
    return this.#systems.get(node)!;
  }

  linkBetween(from: string, to: string): Direction | undefined {
    if (!this.#systems.has(to)) return undefined;
    const direction = this.direction(from, to);
    return direction.cut ? undefined : direction;
  }

  direction(from: string, to: string): Direction {
    const key = `${from} ${to}`;
    let direction = this.#directions.get(key);
    if (direction === undefined) {
      direction = new Direction();
      this.#directions.set(key, direction);
    }
    return direction;
  }

  /** Loses the connection as `disconnect` does, but the next signal finds a new one. */
  reconnect(a: string, b: string): void {
    this.disconnect(a, b);
    this.#directions.delete(`${a} ${b}`);
    this.#directions.delete(`${b} ${a}`);
  }

  /** Loses the connection: both sides hear of it, what is on its way is lost. */
  disconnect(a: string, b: string): void {
    this.direction(a, b).cut = true;
    this.direction(b, a).cut = true;
    this.system(a).nodeDown(b, atom('connection_closed'));
    this.system(b).nodeDown(a, atom('connection_closed'));
  }
}
