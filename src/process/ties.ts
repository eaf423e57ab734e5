import type { Ref } from '../term/identifiers.ts';
import type { Monitor } from './monitor.ts';
import type { PendingCall } from './pending-call.ts';
import type { Process } from './process.ts';

/** Everything of this node that is tied to one other node: what a lost connection has to settle. */
export class Ties {
  /** Processes here with a link, or an unlink under way, to a process there. */
  readonly linked = new Set<Process>();
  /** Our monitors of theirs. */
  readonly monitors = new Set<Monitor>();
  /** Their monitors of ours, by the reference's key. */
  readonly watchers = new Map<string, Monitor>();
  /** Calls that wait for an answer from there. */
  readonly calls = new Set<PendingCall>();

  watcher(ref: Ref): Monitor | undefined {
    return this.watchers.get(ref.key);
  }
}
