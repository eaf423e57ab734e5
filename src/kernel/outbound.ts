import type { Connection } from '../connection/connection.ts';
import { EncodeError } from '../errors.ts';
import { DistFlag, hasFlag } from '../handshake/flags.ts';
import { cut } from '../process/reasons.ts';
import type { RemoteName, SignalSink } from '../process/signal-sink.ts';
import { type Atom, atom } from '../term/atom.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import { inspectTerm } from '../term/print.ts';
import { tuple } from '../term/tuple.ts';
import type { Connections } from './connections.ts';
import type { Drains } from './drains.ts';
import type { Snapshots } from './snapshot.ts';

const ENCODE_ERROR = atom('encode_error');

export interface OutboundOptions {
  readonly connections: Connections;
  readonly drains: Drains;
  readonly snapshots: Snapshots;
  /** A message that waited for its link, and then proved to be none that the peer reads: its sender has gone on. */
  notSent(message: unknown, error: EncodeError): void;
}

/**
 * The way out: signals of local processes to other nodes. On a live link each is one frame appended to the link's
 * outbox; for a node that is not connected the signal waits while the link is made (`Connections`), and a message in
 * it is kept as what it was at the time of sending (`Snapshots`).
 *
 * What may be in a message depends on the peer: a `Date` travels to a Beamish node and is an `EncodeError` on a link to
 * a BEAM. While a link is being made nobody knows what will answer; a message that then cannot be written is dropped,
 * counted and logged, and a call in it fails.
 */
export class Outbound implements SignalSink {
  readonly #connections: Connections;
  readonly #drains: Drains;
  readonly #snapshots: Snapshots;
  readonly #notSent: (message: unknown, error: EncodeError) => void;
  /** Told of an unlink that no peer will acknowledge. */
  unlinked: (id: bigint, from: Pid, to: Pid) => void = () => {};

  constructor({ connections, drains, snapshots, notSent }: OutboundOptions) {
    this.#connections = connections;
    this.#drains = drains;
    this.#snapshots = snapshots;
    this.#notSent = notSent;
  }

  send(from: Pid, to: Pid, message: unknown): boolean {
    const link = this.#connections.up(to.node);
    if (link !== undefined) return link.sendTo(from, to, message);
    return this.#later(to.node, message, (made, sent) => made.sendTo(from, to, sent));
  }

  sendName(from: Pid, node: string, name: Atom, message: unknown): boolean {
    const link = this.#connections.up(node);
    if (link !== undefined) return link.sendToName(from, name, message);
    return this.#later(node, message, (made, sent) => made.sendToName(from, name, sent));
  }

  drained(node: string, signal: AbortSignal, other: AbortSignal | undefined): Promise<void> {
    return this.#drains.wait(node, signal, other);
  }

  hasAlias(node: string): boolean {
    const link = this.#connections.up(node);
    return link !== undefined && hasFlag(link.peer.flags, DistFlag.ALIAS);
  }

  sendAlias(from: Pid, alias: Ref, message: unknown): boolean {
    const link = this.#connections.up(alias.node);
    if (link !== undefined) return link.sendToAlias(from, alias, message);
    return this.#later(alias.node, message, (made, sent) => made.sendToAlias(from, alias, sent));
  }

  /** The sender hears of what can travel nowhere at once, and may change its value later without changing what was sent. */
  #later(node: string, message: unknown, write: (made: Connection, message: unknown) => unknown): boolean {
    const snapshot = this.#snapshots.take(message);
    const writeKept = (made: Connection): void => {
      const kept = snapshot.on(made);
      try {
        write(made, kept);
      } catch (error) {
        if (error instanceof EncodeError) this.#notSent(kept, error);
        throw error;
      }
    };
    return this.#connections.whenUp(node, writeKept, snapshot.bytes);
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
    const { node } = to;
    const write: WriteReason = (link, told) => link.encoder.exit(link.writer, from, to, told);
    if (!this.#connections.isConnecting(node)) {
      this.#ifUp(node, (link) => tell(link, reason, reason, write));
      return;
    }
    const snapshot = this.#snapshots.takeOr(reason, (error) => substitute(reason, error));
    this.#connections.whenUp(node, (made) => made.signal(() => tell(made, snapshot.on(made), reason, write)));
  }

  exit2(from: Pid, to: Pid, reason: unknown): void {
    const { node } = to;
    const write: WriteReason = (link, told) => link.encoder.exit2(link.writer, from, to, told);
    const link = this.#connections.up(node);
    if (link !== undefined) {
      link.signal(() => write(link, reason));
      return;
    }
    const snapshot = this.#snapshots.take(reason);
    this.#connections.whenUp(node, (made) => made.signal(() => tell(made, snapshot.on(made), reason, write)));
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
    this.#ifUp(to.node, (link) =>
      tell(link, reason, reason, (up, told) => up.encoder.monitorExit(up.writer, from, to, ref, told)),
    );
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
}

type WriteReason = (link: Connection, reason: unknown) => unknown;

/** Exit signals always travel: a reason that cannot, or is too long, is replaced by one that says so. */
function tell(link: Connection, reason: unknown, meant: unknown, write: WriteReason): void {
  try {
    write(link, reason);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    write(link, substitute(meant, error));
  }
}

/** `{encode_error, Why, Reason}`, the reason as text. */
function substitute(reason: unknown, error: EncodeError): unknown {
  return tuple(ENCODE_ERROR, error.message, cut(inspectTerm(reason), 500));
}
