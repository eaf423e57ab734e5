import { Pid } from '../term/identifiers.ts';
import type { At } from './destination.ts';
import { monitorsOf, watchersOf } from './monitor.ts';
import { ENDING, type Process, READY, STARTING } from './process.ts';

/** What can be seen of a process, at one moment. */
export interface ProcessInfo {
  readonly pid: Pid;
  readonly label: string;
  readonly names: readonly string[];
  readonly status: 'starting' | 'waiting' | 'running' | 'ending';
  /** The process that takes it down: its supervisor, or where the node keeps all that have none. */
  readonly parent: Pid | undefined;
  readonly messageQueueLength: number;
  readonly links: readonly Pid[];
  readonly monitors: readonly (Pid | At)[];
  readonly monitoredBy: readonly Pid[];
  readonly trapExit: boolean;
}

export function infoOf(process: Process): ProcessInfo {
  const { pid, label, system, state, links, extras } = process;
  const isWaiting = state === READY || extras?.waiter !== undefined;
  return {
    pid,
    label,
    names: [...(extras?.names ?? [])],
    status: state === STARTING ? 'starting' : state === ENDING ? 'ending' : isWaiting ? 'waiting' : 'running',
    parent: process.supervised ? extras?.parent : system.rootKeeper,
    messageQueueLength: process.mailbox?.length ?? 0,
    links: [...[...(links ?? [])].map((other) => other.pid), ...(extras?.remoteLinks?.keys() ?? [])],
    monitors: monitorsOf(process).map((monitor) => monitor.by),
    monitoredBy: watchersOf(process).map(({ watcher }) => (watcher instanceof Pid ? watcher : watcher.pid)),
    trapExit: process.trapExit,
  };
}
