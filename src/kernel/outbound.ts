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

/** What the control tuple of an exit signal takes at most: two pids or a name, and a reference. */
const CONTROL_BYTES = 4096;

/**
 * The way out: signals of local processes to other nodes. On a live link each is one frame appended to the link's
 * outbox; for a node that is not connected the signal waits while the link is made (`Connections`).
 */
export class Outbound implements SignalSink {
  readonly #connections: Connections;
  readonly #frameBytes: number;
  /** Told of an unlink that no peer will acknowledge. */
  unlinked: (id: bigint, from: Pid, to: Pid) => void = () => {};

  /** @param frameBytes longest frame (`limits.frameBytes`): longer messages are refused before a link stands, too */
  constructor(connections: Connections, frameBytes: number) {
    this.#connections = connections;
    this.#frameBytes = frameBytes;
  }

  send(from: Pid, to: Pid, message: unknown): boolean {
    const link = this.#connections.up(to.node);
    if (link === undefined) {
      const encoded = this.#snapshot(message);
      return this.#connections.whenUp(to.node, (made) => made.sendTo(from, to, encoded), encoded.wire.length);
    }
    return link.sendTo(from, to, message);
  }

  sendName(from: Pid, node: string, name: Atom, message: unknown): boolean {
    const link = this.#connections.up(node);
    if (link === undefined) {
      const encoded = this.#snapshot(message);
      return this.#connections.whenUp(
        node,
        (made) => made.sendToName(from, name, encoded),
        encoded.wire.length,
      );
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
      const encoded = this.#snapshot(message);
      return this.#connections.whenUp(
        alias.node,
        (made) => made.sendToAlias(from, alias, encoded),
        encoded.wire.length,
      );
    }
    return link.sendToAlias(from, alias, message);
  }

  link(from: Pid, to: Pid): void {
    this.#signal(to.node, (link) => link.encoder.link(link.writer, from, to));
  }

  unlink(id: bigint, from: Pid, to: Pid): void {
    this.#ifKnown(to.node, (link) => {
      link.encoder.unlinkId(link.writer, id, from, to);
      // Old peers get UNLINK and do not acknowledge it: the link is gone at once, or it could not be made again.
      if (!hasFlag(link.peer.flags, DistFlag.UNLINK_ID)) this.unlinked(id, to, from);
    });
  }

  unlinkAck(id: bigint, from: Pid, to: Pid): void {
    this.#ifUp(to.node, (link) => link.encoder.unlinkIdAck(link.writer, id, from, to));
  }

  exit(from: Pid, to: Pid, reason: unknown): void {
    const sent = this.#sendable(reason);
    this.#ifKnown(to.node, (link) => link.encoder.exit(link.writer, from, to, sent));
  }

  exit2(from: Pid, to: Pid, reason: unknown): void {
    const encoded = this.#snapshot(reason);
    this.#signal(to.node, (link) => link.encoder.exit2(link.writer, from, to, encoded));
  }

  monitor(from: Pid, target: Pid | RemoteName, ref: Ref): void {
    const what = target instanceof Pid ? target : target.name;
    this.#signal(target.node, (link) => link.encoder.monitor(link.writer, from, what, ref));
  }

  demonitor(from: Pid, target: Pid | RemoteName, ref: Ref): void {
    const what = target instanceof Pid ? target : target.name;
    this.#ifKnown(target.node, (link) => link.encoder.demonitor(link.writer, from, what, ref));
  }

  monitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void {
    const sent = this.#sendable(reason);
    this.#ifUp(to.node, (link) => link.encoder.monitorExit(link.writer, from, to, ref, sent));
  }

  groupLeader(leader: Pid, to: Pid): void {
    this.#signal(to.node, (link) => link.encoder.groupLeader(link.writer, leader, to));
  }

  /** Signals that only make sense on a link that lives: without it both sides have settled already. */
  #ifUp(node: string, write: (link: Connection) => void): void {
    const link = this.#connections.up(node);
    if (link !== undefined) link.signal(write);
  }

  /** Signals that undo one which may still wait for its link: then they must wait behind it. */
  #ifKnown(node: string, write: (link: Connection) => void): void {
    if (this.#connections.isConnecting(node)) this.#connections.whenUp(node, (made) => made.signal(write));
    else this.#ifUp(node, write);
  }

  #signal(node: string, write: (link: Connection) => void): void {
    const link = this.#connections.up(node);
    if (link !== undefined) link.signal(write);
    else this.#connections.whenUp(node, (made) => made.signal(write));
  }

  /**
   * A message that waits is encoded now: the sender hears of an `EncodeError` at once, and may change its value
   * later without changing what was sent.
   */
  #snapshot(message: unknown): EncodedTerm {
    const writer = new ByteWriter(256);
    encodeInto(writer, message);
    if (writer.position > this.#frameBytes)
      throw new EncodeError(
        `the message takes ${writer.position} bytes, a frame at most ${this.#frameBytes} (limits.frameBytes)`,
      );
    return new EncodedTerm(writer.toBytes());
  }

  /** Exit signals always travel: a reason that has no term, or too long a one, is replaced by one that says so. */
  #sendable(reason: unknown): unknown {
    try {
      const encoded = this.#snapshot(reason);
      // Room for the control tuple, whose parts are short.
      if (encoded.wire.length > this.#frameBytes - CONTROL_BYTES)
        throw new EncodeError('the exit reason leaves no room in its frame');
      return encoded;
    } catch (error) {
      if (!(error instanceof EncodeError)) throw error;
      return tuple(atom('encode_error'), error.message, inspectTerm(reason).slice(0, 500));
    }
  }
}
