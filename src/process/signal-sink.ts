import type { Atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';

/**
 * What processes need of the network, without knowing it: signals to pids and names of other nodes. `kernel/`
 * supplies it. Every method returns at once. A node that is not connected is connected first and the signal waits;
 * if that fails, `link` and `monitor` are answered with `noconnection` by the supplier, the others are dropped.
 */
export interface SignalSink {
  /** False when the link to that node is above its high-water mark, or the message was dropped. Throws EncodeError. */
  send(from: Pid, to: Pid, message: unknown): boolean;
  sendName(from: Pid, node: string, name: Atom, message: unknown): boolean;
  /**
   * Resolves when the link to that node is below its mark, or gone; rejects with the reason of a signal that is aborted
   * first. When absent: no `send` answers false for its mark.
   */
  drained?(node: string, signal: AbortSignal, other: AbortSignal | undefined): Promise<void>;
  /** Whether that node is connected and takes ALIAS_SEND. When absent: no node does. */
  hasAlias?(node: string): boolean;
  sendAlias(from: Pid, alias: Ref, message: unknown): boolean;
  link(from: Pid, to: Pid): void;
  unlink(id: bigint, from: Pid, to: Pid): void;
  unlinkAck(id: bigint, from: Pid, to: Pid): void;
  /** Exit of a link partner. */
  exit(from: Pid, to: Pid, reason: unknown): void;
  exit2(from: Pid, to: Pid, reason: unknown): void;
  monitor(from: Pid, target: Pid | RemoteName, ref: Ref): void;
  demonitor(from: Pid, target: Pid | RemoteName, ref: Ref): void;
  /** Sets the group leader of a process elsewhere. */
  groupLeader(leader: Pid, to: Pid): void;
  /** Tells a remote watcher: `from` is the pid, or the name it was monitored by. */
  monitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void;
}

export interface RemoteName {
  readonly node: string;
  readonly name: Atom;
}
