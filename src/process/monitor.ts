import type { Atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import { At } from './destination.ts';
import type { Process } from './process.ts';

/** One monitor. Where both sides live here, both hold this object. */
export class Monitor {
  readonly ref: Ref;
  /** Who is told: a process here, or a pid elsewhere. */
  readonly watcher: Process | Pid;
  /** Who is watched: a process here, or an address elsewhere. */
  readonly target: Process | Pid | At;
  /** How it was named: told again in the `DOWN` message. */
  readonly by: Pid | At;

  constructor(ref: Ref, watcher: Process | Pid, target: Process | Pid | At, by: Pid | At) {
    this.ref = ref;
    this.watcher = watcher;
    this.target = target;
    this.by = by;
  }

  /** The pid, or the bare name, as the wire has it. */
  get from(): Pid | Atom {
    return this.by instanceof At ? this.by.name : this.by;
  }
}
