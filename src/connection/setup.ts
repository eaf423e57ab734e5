import type { BufferPool } from '../codec/buffer-pool.ts';
import type { Clock } from '../env/clock.ts';
import type { Limits } from '../env/limits.ts';
import type { Random } from '../env/random.ts';
import type { DistFlags } from '../handshake/flags.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Tls } from './tls.ts';

/** What all connections of a node share. */
export interface ConnectionSetup {
  readonly name: string;
  /** Known once the port mapper has answered, before the first connection. */
  readonly creation: number;
  readonly flags: DistFlags;
  /** Undefined: without TLS. */
  readonly tls: Tls | undefined;
  readonly cookieFor: (peer: string) => string;
  readonly netTickTimeMs: number;
  /** Checks per `netTickTimeMs`. */
  readonly netTickIntensity: number;
  readonly busyWaitMs: number;
  readonly binaries: 'text' | 'bytes';
  /** `msgpack`: payloads to peers that say they read it, and from them. */
  readonly payload: 'msgpack' | 'etf';
  readonly limits: Limits;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** Buffers for what is sent; each connection has its own without it. */
  readonly buffers?: BufferPool;
  /** Whether the processes have more to do than this turn of the event loop allows. */
  isBehind(): boolean;
}
