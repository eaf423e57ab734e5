import { ByteWriter } from '../codec/writer.ts';
import type { Connection } from '../connection/connection.ts';
import { EncodeError } from '../errors.ts';
import { DistFlag, hasFlag } from '../handshake/flags.ts';
import type { RemoteName, SignalSink } from '../process/signal-sink.ts';
import { type Atom, atom } from '../term/atom.ts';
import { EncodedTerm } from '../term/encoded-term.ts';
import { encodeInto } from '../term/etf/encode.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { tuple } from '../term/tuple.ts';
import type { Connections } from './connections.ts';

/**
 * The way out: signals of local processes to other nodes. On a live link each is one frame appended to the link's
 * outbox; for a node that is not connected the signal waits while the link is made (`Connections`).
 */
export class Outbound implements SignalSink {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  send(from: Pid, to: Pid, message: unknown): boolean {
    const link = this.#connections.up(to.node);
    if (link === undefined) {
      const encoded = snapshot(message);
      return this.#wait(to.node, (made) => made.sendTo(from, to, encoded));
    }
    return link.sendTo(from, to, message);
  }

  sendName(from: Pid, node: string, name: Atom, message: unknown): boolean {
    const link = this.#connections.up(node);
    if (link === undefined) {
      const encoded = snapshot(message);
      return this.#wait(node, (made) => made.sendToName(from, name, encoded));
    }
    return link.sendToName(from, name, message);
  }

  hasAlias(node: string): boolean {
    const link = this.#connections.up(node);
    return link !== undefined && hasFlag(link.peer.flags, DistFlag.ALIAS);
  }

  sendAlias(from: Pid, alias: Ref, message: unknown): boolean {
    const link = this.#connections.up(alias.node);
    if (link === undefined) {
      const encoded = snapshot(message);
      return this.#wait(alias.node, (made) => made.sendToAlias(from, alias, encoded));
    }
    return link.sendToAlias(from, alias, message);
  }

  link(from: Pid, to: Pid): void {
    this.#signal(to.node, (link) => link.encoder.link(link.writer, from, to));
  }

  unlink(id: bigint, from: Pid, to: Pid): void {
    this.#ifUp(to.node, (link) => link.encoder.unlinkId(link.writer, id, from, to));
  }

  unlinkAck(id: bigint, from: Pid, to: Pid): void {
    this.#ifUp(to.node, (link) => link.encoder.unlinkIdAck(link.writer, id, from, to));
  }

  exit(from: Pid, to: Pid, reason: unknown): void {
    const sent = sendable(reason);
    this.#ifUp(to.node, (link) => link.encoder.exit(link.writer, from, to, sent));
  }

  exit2(from: Pid, to: Pid, reason: unknown): void {
    const encoded = snapshot(reason);
    this.#signal(to.node, (link) => link.encoder.exit2(link.writer, from, to, encoded));
  }

  monitor(from: Pid, target: Pid | RemoteName, ref: Ref): void {
    const what = target instanceof Pid ? target : target.name;
    this.#signal(target.node, (link) => link.encoder.monitor(link.writer, from, what, ref));
  }

  demonitor(from: Pid, target: Pid | RemoteName, ref: Ref): void {
    const what = target instanceof Pid ? target : target.name;
    // While the link is being made the monitor itself still waits, and so must this.
    if (this.#connections.isConnecting(target.node))
      this.#signal(target.node, (link) => link.encoder.demonitor(link.writer, from, what, ref));
    else this.#ifUp(target.node, (link) => link.encoder.demonitor(link.writer, from, what, ref));
  }

  monitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void {
    const sent = sendable(reason);
    this.#ifUp(to.node, (link) => link.encoder.monitorExit(link.writer, from, to, ref, sent));
  }

  /** Signals that only make sense on a link that lives: without it both sides have settled already. */
  #ifUp(node: string, write: (link: Connection) => void): void {
    const link = this.#connections.up(node);
    if (link !== undefined) link.signal(write);
  }

  #signal(node: string, write: (link: Connection) => void): void {
    const link = this.#connections.up(node);
    if (link !== undefined) link.signal(write);
    else this.#wait(node, (made) => made.signal(write));
  }

  #wait(node: string, write: (link: Connection) => void): boolean {
    return this.#connections.whenUp(node, write);
  }
}

/**
 * A message that waits is encoded now: the sender hears of an `EncodeError` at once, and may change its value later
 * without changing what was sent.
 */
function snapshot(message: unknown): EncodedTerm {
  const writer = new ByteWriter(256);
  encodeInto(writer, message);
  return new EncodedTerm(writer.toBytes());
}

/** Exit signals always travel: a reason that has no term is replaced by one that says so. */
function sendable(reason: unknown): unknown {
  try {
    return snapshot(reason);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return tuple(atom('encode_error'), error.message, inspectTerm(reason));
  }
}
