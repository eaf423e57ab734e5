import type { Atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import { At } from './destination.ts';
import type { Process } from './process.ts';

/**
 * One monitor. Where both sides live here, both hold this object: the watcher in the list of its monitors, the watched in
 * that of its watchers. The lists are rings through the monitors themselves, so that watching and ceasing to costs no more
 * objects than this one, whatever else is watched. Both are in the order of making.
 */
export class Monitor {
  readonly ref: Ref;
  /** Number of the reference, if it was made here; else 0. */
  readonly number: number;
  /** Who is told: a process here, or a pid elsewhere. */
  readonly watcher: Process | Pid;
  /** Who is watched: a process here, or an address elsewhere. */
  readonly target: Process | Pid | At;
  /** How it was named: told again in the `DOWN` message. */
  readonly by: Pid | At;
  /** The watcher's next and previous monitor. */
  next: Monitor = this;
  previous: Monitor = this;
  /** The watched one's next and previous watcher. */
  nextWatcher: Monitor = this;
  previousWatcher: Monitor = this;

  constructor(ref: Ref, number: number, watcher: Process | Pid, target: Process | Pid | At, by: Pid | At) {
    this.ref = ref;
    this.number = number;
    this.watcher = watcher;
    this.target = target;
    this.by = by;
  }

  /** The pid, or the bare name, as the wire has it. */
  get from(): Pid | Atom {
    return this.by instanceof At ? this.by.name : this.by;
  }
}

/** Enters a monitor with its watcher, as the latest. */
export function enterMonitor(process: Process, monitor: Monitor): void {
  const first = process.monitors;
  if (first === undefined) {
    process.monitors = monitor;
    return;
  }
  const last = first.previous;
  last.next = monitor;
  monitor.previous = last;
  monitor.next = first;
  first.previous = monitor;
}

/** Takes out a monitor that is entered with its watcher. */
export function leaveMonitor(process: Process, monitor: Monitor): void {
  const { next, previous } = monitor;
  if (process.monitors === monitor) process.monitors = next === monitor ? undefined : next;
  previous.next = next;
  next.previous = previous;
  monitor.next = monitor;
  monitor.previous = monitor;
}

/** Enters a monitor with the process it watches, as the latest. */
export function enterWatcher(process: Process, monitor: Monitor): void {
  const first = process.watchers;
  if (first === undefined) {
    process.watchers = monitor;
    return;
  }
  const last = first.previousWatcher;
  last.nextWatcher = monitor;
  monitor.previousWatcher = last;
  monitor.nextWatcher = first;
  first.previousWatcher = monitor;
}

/** Takes out a monitor that is entered with the process it watches. */
export function leaveWatcher(process: Process, monitor: Monitor): void {
  const { nextWatcher, previousWatcher } = monitor;
  if (process.watchers === monitor) process.watchers = nextWatcher === monitor ? undefined : nextWatcher;
  previousWatcher.nextWatcher = nextWatcher;
  nextWatcher.previousWatcher = previousWatcher;
  monitor.nextWatcher = monitor;
  monitor.previousWatcher = monitor;
}

/** What a process watches, the oldest first. */
export function monitorsOf(process: Process): Monitor[] {
  const all: Monitor[] = [];
  const first = process.monitors;
  if (first === undefined) return all;
  for (let monitor = first; ; monitor = monitor.next) {
    all.push(monitor);
    if (monitor.next === first) return all;
  }
}

/** Who watches a process, the oldest first. */
export function watchersOf(process: Process): Monitor[] {
  const all: Monitor[] = [];
  const first = process.watchers;
  if (first === undefined) return all;
  for (let monitor = first; ; monitor = monitor.nextWatcher) {
    all.push(monitor);
    if (monitor.nextWatcher === first) return all;
  }
}
