import type { Pid, Ref } from '../term/identifiers.ts';
import type { Mfa } from './mfa.ts';
import type { Process } from './process.ts';
import type { AnyActor } from './protocol.ts';

/** Who asks another node to spawn, and what ties the two from the first moment. */
export interface SpawnTies {
  readonly parent: Process;
  readonly link: boolean;
  readonly monitor: boolean;
  /** Told the reference of the monitor, once that stands. */
  readonly monitored?: (ref: Ref) => void;
}

/** Spawns on other nodes. `kernel/` supplies it. */
export interface RemoteSpawner {
  /**
   * Resolves to the new process's pid; ties stand by then.
   * @throws NotSpawnableError, ConnectionError, EncodeError, or the signal's reason
   */
  spawnOn(
    node: string,
    what: AnyActor | Mfa,
    args: readonly unknown[],
    options: { readonly signal?: AbortSignal | undefined; readonly ties?: SpawnTies | undefined },
  ): Promise<Pid>;
}
