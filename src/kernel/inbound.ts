import type { Connection } from '../connection/connection.ts';
import type { ControlSink } from '../dist/sink.ts';
import type { ProcessSystem } from '../process/system.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import type { Tuple } from '../term/tuple.ts';
import type { Spawner } from './spawner.ts';

/**
 * The way in: control messages of one link become signals of the process system, in the order of the wire. One
 * object per link; it holds nothing but where to pass things on.
 */
export class Inbound implements ControlSink {
  readonly #connection: Connection;
  readonly #processes: ProcessSystem;
  readonly #spawner: Spawner;
  readonly #telemetry: Telemetry;
  /** Messages that came, for rates. */
  received = 0;

  constructor(connection: Connection, processes: ProcessSystem, spawner: Spawner, telemetry: Telemetry) {
    this.#connection = connection;
    this.#processes = processes;
    this.#spawner = spawner;
    this.#telemetry = telemetry;
  }

  send(_from: Pid | undefined, to: Pid, message: unknown): void {
    this.received++;
    this.#processes.deliver(to, message);
  }

  regSend(_from: Pid, toName: Atom, message: unknown): void {
    this.received++;
    this.#processes.deliverName(toName, message);
  }

  aliasSend(_from: Pid, alias: Ref, message: unknown): void {
    this.received++;
    this.#processes.deliverAlias(alias, message);
  }

  link(from: Pid, to: Pid): void {
    this.#processes.signalLink(from, to);
  }

  unlink(from: Pid, to: Pid): void {
    this.#processes.signalUnlink(from, to);
  }

  unlinkId(id: bigint, from: Pid, to: Pid): void {
    this.#processes.signalUnlinkId(id, from, to);
  }

  unlinkIdAck(id: bigint, from: Pid, to: Pid): void {
    this.#processes.signalUnlinkAck(id, from, to);
  }

  exit(from: Pid, to: Pid, reason: unknown): void {
    this.#processes.signalExit(from, to, reason);
  }

  exit2(from: Pid, to: Pid, reason: unknown): void {
    this.#processes.signalExit2(from, to, reason);
  }

  monitor(from: Pid, target: Pid | Atom, ref: Ref): void {
    this.#processes.signalMonitor(from, target, ref);
  }

  demonitor(from: Pid, target: Pid | Atom, ref: Ref): void {
    this.#processes.signalDemonitor(from, target, ref);
  }

  monitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void {
    this.#processes.signalMonitorExit(from, to, ref, reason);
  }

  groupLeader(from: Pid, to: Pid): void {
    const process = this.#processes.lookup(to);
    if (process !== undefined) process.extra.groupLeader = from;
  }

  spawnRequest(request: Ref, from: Pid, groupLeader: Pid, mfa: Tuple, options: unknown, args: unknown): void {
    this.#spawner.requested(this.#connection, { request, from, groupLeader, mfa, options, args });
  }

  spawnReply(request: Ref, _to: Pid, flags: number, result: Pid | Atom): void {
    this.#spawner.replied(request, flags, result);
  }

  unknown(operation: number): void {
    this.#telemetry.count('connection.ignored.unknown_operation');
    this.#telemetry.count(`connection.ignored.operation_${operation}`);
  }

  tick(): void {}
}
