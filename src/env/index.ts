/**
 * The outside world as interfaces. `platform/` implements them on Node.js, `testing/` in memory on a
 * virtual clock. Everything between names neither sockets nor clocks, so that a whole node runs in either.
 */
export type { Clock, TimerHandle } from './clock.ts';
export type {
  DatagramHandlers,
  DatagramOptions,
  DatagramSocket,
  Datagrams,
  RemoteInfo,
} from './datagrams.ts';
export type { Host, HostMemory, NetworkInterface } from './host.ts';
export type { Log, LogArea, LogLevel, LogRecord } from './log.ts';
export type { Random } from './random.ts';
export type { RejectionOwner, Rejections } from './rejections.ts';
export type { Resolver, ServiceRecord } from './resolver.ts';
export type {
  ConnectOptions,
  Listener,
  ListenOptions,
  PeerCertificate,
  Stream,
  StreamHandlers,
  Streams,
  TlsClientOptions,
  TlsIdentity,
  TlsMaterial,
  TlsServerOptions,
  TlsVersion,
} from './streams.ts';

import type { Clock } from './clock.ts';
import type { Datagrams } from './datagrams.ts';
import type { Host } from './host.ts';
import type { Log } from './log.ts';
import type { Random } from './random.ts';
import type { Rejections } from './rejections.ts';
import type { Resolver } from './resolver.ts';
import type { Streams } from './streams.ts';

/** All of the outside world that one node touches. */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly streams: Streams;
  readonly datagrams: Datagrams;
  readonly resolver: Resolver;
  readonly host: Host;
  readonly log: Log;
  /** Absent: a promise rejected for nobody is the program's affair, also when a process made it. */
  readonly rejections?: Rejections;
  /**
   * Messages between processes of the node are encoded and decoded on their way, as if they went to another node: what
   * cannot travel fails here as well. For tests. @default false
   */
  readonly encodesLocal?: boolean;
}
