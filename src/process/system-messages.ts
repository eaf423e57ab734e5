import type { Pid, Ref } from '../term/identifiers.ts';
import type { At } from './destination.ts';

/** A monitored process ended, is unreachable, or never was. Comes once per monitor. */
export class Down {
  /** What `monitor` returned. */
  readonly ref: Ref;
  /** What was monitored: the pid, or node and name if it was monitored by name. */
  readonly pid: Pid | At;
  /** Exit reason; `noproc` and `noconnection` among them. */
  readonly reason: unknown;

  constructor(ref: Ref, pid: Pid | At, reason: unknown) {
    this.ref = ref;
    this.pid = pid;
    this.reason = reason;
  }
}

/** An exit signal that reached a process with `trapExit` set. */
export class Exit {
  /** The linked process that ended, or the caller of `exit(pid, reason)`. */
  readonly pid: Pid;
  readonly reason: unknown;

  constructor(pid: Pid, reason: unknown) {
    this.pid = pid;
    this.reason = reason;
  }
}

/** A node became connected; told after `monitorNodes()`. */
export class NodeUp {
  readonly node: string;
  /** What `node.on('nodeup', …)` tells: `{ name, creation, hidden }`. */
  readonly info: unknown;

  constructor(node: string, info: unknown) {
    this.node = node;
    this.info = info;
  }
}

/** A node's connection was lost or closed; told after `monitorNodes()`. */
export class NodeDown {
  readonly node: string;
  readonly reason: unknown;

  constructor(node: string, reason: unknown) {
    this.node = node;
    this.reason = reason;
  }
}
