import { EncodeError, ExitError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import { Pid, type Ref } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { At } from './destination.ts';
import { enterMonitor, enterWatcher, leaveMonitor, leaveWatcher, Monitor } from './monitor.ts';
import { NumberTable } from './number-table.ts';
import type { PendingCall } from './pending-call.ts';
import { DEAD, type Process } from './process.ts';
import { describeReason, KILL, KILLED, NOCATCH, NOCONNECTION, NOPROC, NORMAL, UNDEF } from './reasons.ts';
import type { ProcessSystem } from './system.ts';
import { Down, Exit } from './system-messages.ts';
import { Ties } from './ties.ts';

/**
 * Links, monitors and exit signals: the rules of the Erlang reference manual (Processes; Links, Monitors, Signals).
 *
 * A signal between processes of this node takes effect at once, and so before any later one; a signal that becomes a
 * message (a trapped exit, a `DOWN`) lines up in the mailbox behind the messages that its sender sent earlier.
 * To and from other nodes, signals ride the same link as messages. A link that is being taken away stays on the books
 * until the other node has acknowledged; exits that cross it meanwhile are ignored (erl_dist_protocol, Link Protocol).
 */
export class Signals {
  readonly #system: ProcessSystem;
  readonly #ties = new Map<string, Ties>();
  /** The monitors that processes of ours have, until they are taken away or their `DOWN` has come. */
  readonly #monitors = new NumberTable<Monitor>();
  #lastUnlinkId = 0n;

  constructor(system: ProcessSystem) {
    this.#system = system;
  }

  // ---- links ----

  /** `process` calls link/1. */
  link(process: Process, given: Pid): void {
    const system = this.#system;
    const to = system.genuine(given);
    if (to.node === system.node) {
      const other = system.lookup(to);
      if (other === process) return;
      if (other === undefined) {
        this.receiveExit(process, to, NOPROC, 'link');
        return;
      }
      process.links ??= new Set();
      process.links.add(other);
      other.links ??= new Set();
      other.links.add(process);
      return;
    }
    if (this.#remoteLinkOf(process, to) === 0n) return;
    this.#addRemoteLink(process, to);
    system.sink.link(process.pid, to);
  }

  /** A process elsewhere was started linked to ours. */
  linked(process: Process, to: Pid): void {
    if (this.#remoteLinkOf(process, to) === undefined) this.#addRemoteLink(process, to);
  }

  /** `process` calls unlink/1. */
  unlink(process: Process, given: Pid): void {
    const system = this.#system;
    const to = system.genuine(given);
    if (to.node === system.node) {
      const other = system.lookup(to);
      if (other !== undefined && process.links?.delete(other)) other.links?.delete(process);
      return;
    }
    if (this.#remoteLinkOf(process, to) !== 0n) return;
    this.#lastUnlinkId += 1n;
    process.extra.remoteLinks!.set(to, this.#lastUnlinkId);
    system.sink.unlink(this.#lastUnlinkId, process.pid, to);
  }

  /** LINK from another node. One that crosses our own unlink is undone by that: the other side sees it later. */
  linkFrom(from: Pid, to: Pid): void {
    const process = this.#system.lookup(to);
    if (process === undefined) {
      this.#system.sink.exit(to, from, NOPROC);
      return;
    }
    if (this.#remoteLinkOf(process, from) === undefined) this.#addRemoteLink(process, from);
  }

  /** UNLINK (`id` undefined, of old nodes) or UNLINK_ID, which is acknowledged in any case. */
  unlinkFrom(id: bigint | undefined, from: Pid, to: Pid): void {
    const process = this.#system.lookup(to);
    if (process !== undefined && this.#remoteLinkOf(process, from) === 0n)
      this.#dropRemoteLink(process, from);
    if (id !== undefined) this.#system.sink.unlinkAck(id, to, from);
  }

  unlinkAckFrom(id: bigint, from: Pid, to: Pid): void {
    const process = this.#system.lookup(to);
    if (process !== undefined && this.#remoteLinkOf(process, from) === id)
      this.#dropRemoteLink(process, from);
  }

  /** EXIT of a link partner elsewhere. */
  exitFrom(from: Pid, to: Pid, reason: unknown): void {
    const process = this.#system.lookup(to);
    if (process === undefined || this.#remoteLinkOf(process, from) !== 0n) return;
    this.#dropRemoteLink(process, from);
    this.receiveExit(process, from, reason, 'link');
  }

  /** EXIT2 of a process elsewhere. */
  exit2From(from: Pid, to: Pid, reason: unknown): void {
    const process = this.#system.lookup(to);
    if (process !== undefined) this.receiveExit(process, from, reason, 'exit2');
  }

  #remoteLinkOf(process: Process, to: Pid): bigint | undefined {
    return process.extras?.remoteLinks?.get(to);
  }

  #addRemoteLink(process: Process, to: Pid): void {
    const extra = process.extra;
    extra.remoteLinks ??= new Map();
    extra.remoteLinks.set(to, 0n);
    this.ties(to.node).linked.add(process);
  }

  #dropRemoteLink(process: Process, to: Pid): void {
    const links = process.extras!.remoteLinks!;
    links.delete(to);
    for (const other of links.keys()) if (other.node === to.node) return;
    this.#ties.get(to.node)?.linked.delete(process);
  }

  // ---- exits ----

  /** `from` calls exit/2. */
  exit(from: Process, to: Pid, reason: unknown): void {
    const system = this.#system;
    if (to.node !== system.node) {
      system.sink.exit2(from.pid, to, reason);
      return;
    }
    const process = system.lookup(to);
    if (process !== undefined) this.receiveExit(process, from.pid, reason, 'exit2');
  }

  /**
   * An exit signal arrives. Only exit/2 kills with `kill`: a link partner that ended with that very reason can be
   * trapped like any other.
   */
  receiveExit(process: Process, from: Pid, reason: unknown, kind: 'link' | 'exit2'): void {
    if (reason === KILL && kind === 'exit2') {
      this.#system.end(process, KILLED, undefined);
    } else if (process.trapExit) {
      process.post(new Exit(from, reason));
    } else if (reason !== NORMAL || (kind === 'exit2' && from === process.pid)) {
      this.#system.terminate(process, reason, undefined);
    }
  }

  // ---- monitors ----

  /** `process` calls monitor/2. */
  monitor(process: Process, given: Pid | At): Ref {
    const system = this.#system;
    const to = given instanceof At ? given : system.genuine(given);
    const number = system.refs.next();
    const ref = system.refs.ref(number);
    if (to.node !== system.node) {
      this.#watchElsewhere(new Monitor(ref, number, process, to, to), process, to);
      system.sink.monitor(process.pid, to, ref);
      return ref;
    }
    const target = to instanceof At ? system.named(to.name.name) : system.lookup(to);
    if (target === undefined) process.post(new Down(ref, to, NOPROC));
    else this.#watchHere(new Monitor(ref, number, process, target, to), process, target);
    return ref;
  }

  /** `process` has started `target`, and monitors it from the beginning. */
  monitorStarted(process: Process, target: Process): Ref {
    const number = this.#system.refs.next();
    const ref = this.#system.refs.ref(number);
    this.#watchHere(new Monitor(ref, number, process, target, target.pid), process, target);
    return ref;
  }

  /** A process elsewhere was started monitored by ours, under this reference. */
  monitored(process: Process, to: Pid, ref: Ref): void {
    const number = this.#system.refs.numberOf(ref)!;
    this.#watchElsewhere(new Monitor(ref, number, process, to, to), process, to);
  }

  #watchHere(monitor: Monitor, process: Process, target: Process): void {
    this.#monitors.add(monitor);
    enterMonitor(process, monitor);
    enterWatcher(target, monitor);
  }

  #watchElsewhere(monitor: Monitor, process: Process, to: Pid | At): void {
    this.#monitors.add(monitor);
    enterMonitor(process, monitor);
    this.ties(to.node).monitors.add(monitor);
  }

  /** `process` calls demonitor/1. False when there was no such monitor, or its `DOWN` has come. */
  demonitor(process: Process, ref: Ref): boolean {
    const monitor = this.#monitorOf(ref, process);
    if (monitor === undefined) return false;
    this.#forget(monitor, process);
    this.#unwatch(monitor);
    return true;
  }

  /** The monitor that a process of ours has under this reference. */
  #monitorOf(ref: Ref, process: Process | undefined): Monitor | undefined {
    const number = this.#system.refs.numberOf(ref);
    const monitor = number === undefined ? undefined : this.#monitors.get(number);
    return monitor !== undefined && monitor.watcher === process ? monitor : undefined;
  }

  /** Takes our monitor away at the side that watches. */
  #forget(monitor: Monitor, watcher: Process): void {
    this.#monitors.delete(monitor.number);
    leaveMonitor(watcher, monitor);
  }

  /** Takes our monitor away at the side that is watched. */
  #unwatch(monitor: Monitor): void {
    const { target } = monitor;
    if (!(target instanceof Pid) && !(target instanceof At)) {
      leaveWatcher(target, monitor);
      return;
    }
    this.#ties.get(target.node)?.monitors.delete(monitor);
    this.#system.sink.demonitor((monitor.watcher as Process).pid, target, monitor.ref);
  }

  /** MONITOR_P from another node. */
  monitorFrom(from: Pid, target: Pid | Atom, ref: Ref): void {
    const system = this.#system;
    const process = target instanceof Pid ? system.lookup(target) : system.named(target.name);
    if (process === undefined) {
      system.sink.monitorExit(target, from, ref, NOPROC);
      return;
    }
    const ties = this.ties(from.node);
    // Said twice: the second would be on no book once the first has ended, and stay with the process for ever.
    if (ties.watcher(ref) !== undefined) return;
    const by = target instanceof Pid ? target : new At(system.node, target);
    const monitor = new Monitor(ref, 0, from, process, by);
    enterWatcher(process, monitor);
    ties.watchers.set(ref.key, monitor);
  }

  /** DEMONITOR_P from another node. */
  demonitorFrom(from: Pid, ref: Ref): void {
    this.#takeWatcher(from.node, ref);
  }

  /** MONITOR_P_EXIT: somebody we monitor elsewhere ended. */
  monitorExitFrom(from: Pid | Atom, to: Pid, ref: Ref, reason: unknown): void {
    const system = this.#system;
    const call = system.requests.callOf(ref);
    if (call !== undefined) {
      system.requests.fail(call, reason);
      return;
    }
    const process = system.lookup(to);
    const monitor = this.#monitorOf(ref, process);
    if (process === undefined || monitor === undefined) return;
    const { by, target } = monitor;
    // Those of our own processes end otherwise, and a name stays a name, whoever of that node answered for it.
    if (!(target instanceof Pid) && !(target instanceof At)) return;
    if (from instanceof Pid && by instanceof Pid && from !== by) return;
    this.#forget(monitor, process);
    this.#ties.get(target.node)?.monitors.delete(monitor);
    process.post(new Down(ref, monitor.by, reason));
  }

  /**
   * Tells the one watcher with this reference that we are down for it, as a refusal of its request; we live on.
   * False when `watcher` has no such monitor on us.
   */
  refuse(watcher: Pid, ref: Ref, reason: unknown): boolean {
    const monitor = this.#takeWatcher(watcher.node, ref);
    if (monitor === undefined) return false;
    this.#system.sink.monitorExit(monitor.from, watcher, ref, reason);
    return true;
  }

  #takeWatcher(node: string, ref: Ref): Monitor | undefined {
    const ties = this.#ties.get(node);
    const monitor = ties?.watcher(ref);
    if (ties === undefined || monitor === undefined) return undefined;
    ties.watchers.delete(ref.key);
    leaveWatcher(monitor.target as Process, monitor);
    return monitor;
  }

  // ---- ends ----

  /** Tells everybody tied to a process that has ended. The state is DEAD already. */
  announceEnd(process: Process, reason: unknown): void {
    const system = this.#system;
    const { links } = process;
    if (links !== undefined) {
      process.links = undefined;
      for (const other of links) {
        other.links?.delete(process);
        if (other.state !== DEAD) this.receiveExit(other, process.pid, reason, 'link');
      }
    }
    const remoteLinks = process.extras?.remoteLinks;
    if (remoteLinks !== undefined) {
      for (const [pid, unlinkId] of remoteLinks) {
        this.#ties.get(pid.node)?.linked.delete(process);
        if (unlinkId === 0n) tell(reason, (told) => system.sink.exit(process.pid, pid, told));
      }
    }
    for (let monitor = process.watchers; monitor !== undefined; monitor = process.watchers) {
      leaveWatcher(process, monitor);
      this.#tellWatcher(monitor, reason);
    }
    for (let monitor = process.monitors; monitor !== undefined; monitor = process.monitors) {
      this.#forget(monitor, process);
      this.#unwatch(monitor);
    }
  }

  #tellWatcher(monitor: Monitor, reason: unknown): void {
    const { watcher, ref } = monitor;
    if (watcher instanceof Pid) {
      this.#ties.get(watcher.node)?.watchers.delete(ref.key);
      tell(reason, (told) => this.#system.sink.monitorExit(monitor.from, watcher, ref, told));
      return;
    }
    this.#forget(monitor, watcher);
    if (watcher.state !== DEAD) watcher.post(new Down(ref, monitor.by, reason));
  }

  // ---- other nodes ----

  ties(node: string): Ties {
    let ties = this.#ties.get(node);
    if (ties === undefined) {
      ties = new Ties();
      this.#ties.set(node, ties);
    }
    return ties;
  }

  tiesOf(node: string): Ties | undefined {
    return this.#ties.get(node);
  }

  /** Settles everything tied to a node whose connection is lost, each once: what is taken off the books first. */
  nodeDown(node: string): void {
    const ties = this.#ties.get(node);
    if (ties === undefined) return;
    this.#ties.delete(node);
    for (const monitor of ties.watchers.values()) leaveWatcher(monitor.target as Process, monitor);
    for (const call of ties.calls) this.#system.requests.fail(call, NOCONNECTION);
    for (const monitor of ties.monitors) {
      const watcher = monitor.watcher as Process;
      this.#forget(monitor, watcher);
      watcher.post(new Down(monitor.ref, monitor.by, NOCONNECTION));
    }
    for (const process of ties.linked) {
      for (const [pid, unlinkId] of process.extras?.remoteLinks ?? []) {
        if (pid.node !== node) continue;
        process.extras!.remoteLinks!.delete(pid);
        if (unlinkId === 0n && process.state !== DEAD) this.receiveExit(process, pid, NOCONNECTION, 'link');
      }
    }
  }
}

/** Tells another node an exit reason; one that cannot travel (it may hold anything that was thrown) goes as text. */
function tell(reason: unknown, send: (reason: unknown) => void): void {
  try {
    send(reason);
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    send(tuple(NOCATCH, describeReason(reason)));
  }
}

/**
 * The error of a call whose target ended, never was, cannot be reached, or refused it and lives on. On the wire the last
 * is a DOWN like the first, so what stands for both says both.
 */
export function callError(
  call: PendingCall,
  destination: string,
  reason: unknown,
  cause?: unknown,
): ExitError {
  const method = call.method === undefined ? 'request' : `call of ${call.method}`;
  const message = `${method} failed: ${whatHappened(destination, reason)} (${describeReason(reason)})`;
  return new ExitError(reason, destination, message, cause === undefined ? {} : { cause });
}

function whatHappened(destination: string, reason: unknown): string {
  if (reason === NOPROC) return `${destination} does not exist`;
  if (reason === NOCONNECTION) return `there is no connection to the node of ${destination}`;
  // A crash in Erlang for want of a function has a stack there.
  if (reason instanceof Tuple && reason.elements[0] === UNDEF && !Array.isArray(reason.elements[1]))
    return `${destination} does not know it`;
  return `${destination} exited, or refused it`;
}
