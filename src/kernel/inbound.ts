import type { Connection } from '../connection/connection.ts';
import { BEAMISH } from '../connection/greeting.ts';
import type { ControlSink } from '../dist/sink.ts';
import type { DecodeError } from '../errors.ts';
import { Unreadable } from '../payload/unreadable.ts';
import type { ProcessSystem } from '../process/system.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type Atom, atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import { type Tuple, tuple } from '../term/tuple.ts';
import type { Spawner } from './spawner.ts';

const DECODE_ERROR = atom('decode_error');
/** The greatest operation that is counted by itself; OTP 29 goes up to 37. */
const MAX_OPERATION = 255;

export interface InboundOptions {
  readonly connection: Connection;
  readonly processes: ProcessSystem;
  readonly spawner: Spawner;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
}

/**
 * The way in: control messages of one link become signals of the process system, in the order of the wire. One
 * object per link; it holds nothing but where to pass things on.
 */
export class Inbound implements ControlSink {
  readonly #connection: Connection;
  readonly #processes: ProcessSystem;
  readonly #spawner: Spawner;
  readonly #telemetry: Telemetry;
  readonly #logger: Logger;
  /** Messages that came, for rates. */
  received = 0;

  constructor({ connection, processes, spawner, telemetry, logger }: InboundOptions) {
    this.#connection = connection;
    this.#processes = processes;
    this.#spawner = spawner;
    this.#telemetry = telemetry;
    this.#logger = logger;
  }

  send(_from: Pid | undefined, to: Pid, message: unknown): void {
    this.received++;
    if (message instanceof Unreadable) this.#refuse(message);
    else this.#processes.deliver(to, message);
  }

  regSend(_from: Pid, toName: Atom, message: unknown): void {
    this.received++;
    if (message instanceof Unreadable) this.#refuse(message);
    else if (toName !== BEAMISH || !this.#connection.hello(message))
      this.#processes.deliverName(toName, message);
  }

  aliasSend(_from: Pid, alias: Ref, message: unknown): void {
    this.received++;
    if (message instanceof Unreadable) this.#refuse(message);
    else this.#processes.deliverAlias(alias, message);
  }

  /** A message that only a newer release can read. Nobody gets it; whoever called, or is called, hears why. */
  #refuse(message: Unreadable): void {
    const { error, partial } = message;
    this.#note(error);
    const { requests } = this.#processes;
    if (!requests.failOf(partial, error)) requests.refuseUnread(partial, reasonFor(error));
  }

  /** An exit reason that only a newer release can read: the signal counts all the same. */
  #reason(reason: unknown): unknown {
    if (!(reason instanceof Unreadable)) return reason;
    this.#note(reason.error);
    return reasonFor(reason.error);
  }

  #note(error: DecodeError): void {
    this.#telemetry.count('connection.unreadable');
    this.#logger.oncePerMinute(
      'connection',
      'unreadable message',
      `a message from ${this.#connection.peerName} cannot be read: ${error.message}`,
    );
  }

  link(from: Pid, to: Pid): void {
    this.#processes.signals.linkFrom(from, to);
  }

  unlink(from: Pid, to: Pid): void {
    this.#processes.signals.unlinkFrom(undefined, from, to);
  }

  unlinkId(id: bigint, from: Pid, to: Pid): void {
    this.#processes.signals.unlinkFrom(id, from, to);
  }

  unlinkIdAck(id: bigint, from: Pid, to: Pid): void {
    this.#processes.signals.unlinkAckFrom(id, from, to);
  }

  exit(from: Pid, to: Pid, reason: unknown): void {
    this.#processes.signals.exitFrom(from, to, this.#reason(reason));
  }

  exit2(from: Pid, to: Pid, reason: unknown): void {
    this.#processes.signals.exit2From(from, to, this.#reason(reason));
  }

  monitor(from: Pid, target: Pid | Atom, ref: Ref): void {
    this.#processes.signals.monitorFrom(from, target, ref);
  }

  demonitor(from: Pid, _target: Pid | Atom, ref: Ref): void {
    this.#processes.signals.demonitorFrom(from, ref);
  }

  monitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void {
    this.#processes.signals.monitorExitFrom(from, to, ref, this.#reason(reason));
  }

  groupLeader(from: Pid, to: Pid): void {
    const process = this.#processes.lookup(to);
    if (process !== undefined) process.extra.groupLeader = from;
  }

  spawnRequest(request: Ref, from: Pid, groupLeader: Pid, mfa: Tuple, options: unknown, args: unknown): void {
    // No list of arguments: the spawner answers `badarg`.
    if (args instanceof Unreadable) this.#note(args.error);
    this.#spawner.requested(this.#connection, { request, from, groupLeader, mfa, options, args });
  }

  spawnReply(request: Ref, _to: Pid, flags: number, result: Pid | Atom): void {
    this.#spawner.replied(request, flags, result);
  }

  unknown(operation: number): void {
    this.#telemetry.count('connection.ignored.unknown_operation');
    // Each has a counter of its own, and stays countable: any integer may come.
    const which = operation >= 0 && operation <= MAX_OPERATION ? operation : 'other';
    this.#telemetry.count(`connection.ignored.operation_${which}`);
  }

  tick(): void {}
}

/** `{decode_error, Why}` */
function reasonFor(error: DecodeError): Tuple {
  return tuple(DECODE_ERROR, error.message);
}
