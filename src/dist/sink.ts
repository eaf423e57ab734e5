import type { Atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import type { Tuple } from '../term/tuple.ts';

/**
 * Where decoded control messages go: one plain call each, no object in between. Calls come in the order of the
 * wire. Names follow erl_dist_protocol, Protocol between Connected Nodes. Trace tokens (the _TT forms) are read
 * and dropped. A message, reason or list of arguments from a newer Beamish node may be an `Unreadable`.
 */
export interface ControlSink {
  /** SEND and SEND_SENDER (`from` is undefined for SEND). */
  send(from: Pid | undefined, to: Pid, message: unknown): void;
  regSend(from: Pid, toName: Atom, message: unknown): void;
  /** ALIAS_SEND, and ALTACT_SIG_SEND with the alias flag. */
  aliasSend(from: Pid, alias: Ref, message: unknown): void;
  link(from: Pid, to: Pid): void;
  /** The old UNLINK: no answer expected. */
  unlink(from: Pid, to: Pid): void;
  unlinkId(id: bigint, from: Pid, to: Pid): void;
  unlinkIdAck(id: bigint, from: Pid, to: Pid): void;
  /** EXIT and PAYLOAD_EXIT: a linked process ended. */
  exit(from: Pid, to: Pid, reason: unknown): void;
  /** EXIT2 and PAYLOAD_EXIT2: somebody called exit/2. */
  exit2(from: Pid, to: Pid, reason: unknown): void;
  monitor(from: Pid, target: Pid | Atom, ref: Ref): void;
  demonitor(from: Pid, target: Pid | Atom, ref: Ref): void;
  /** MONITOR_P_EXIT and PAYLOAD_MONITOR_P_EXIT: `from` (pid, or the name that was monitored) ended. */
  monitorExit(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void;
  groupLeader(from: Pid, to: Pid): void;
  spawnRequest(request: Ref, from: Pid, groupLeader: Pid, mfa: Tuple, options: unknown, args: unknown): void;
  /** `result` is the new pid, or an atom saying why not. `flags` bit 0: linked, bit 1: monitored. */
  spawnReply(request: Ref, to: Pid, flags: number, result: Pid | Atom): void;
  /** An operation this release does not know: counted and ignored. */
  unknown(operation: number): void;
  tick(): void;
}
