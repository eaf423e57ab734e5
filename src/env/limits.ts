/**
 * Every limit of a node, with its unit in its name. Past one: a clear error, a counter, and the connection closed
 * where the peer caused it; the node lives.
 */
export interface Limits {
  /** Longest frame on a connection, and longest inflated term. @default 134_217_728 (128 MiB) */
  readonly frameBytes: number;
  /** Deepest nesting of a term that comes; what leaves is nested 1,024 deep at most, whatever this says. @default 1024 */
  readonly termDepth: number;
  /** Longest handshake message. @default 65_536 */
  readonly handshakeBytes: number;
  /** Sockets that have not proven the cookie yet. @default 128 */
  readonly unauthenticatedSockets: number;
  /** Node names that wait to be connected by discovery. @default 1024 */
  readonly connectQueueNames: number;
  /** Attempts to connect that discovery has under way at a time. @default 16 */
  readonly connectAttempts: number;
  /** Longest gossip datagram that is looked at. @default 1500 */
  readonly datagramBytes: number;
  /** New names a second that discovery takes from gossip. @default 200 */
  readonly newNamesPerSecond: number;
  /** A link with more unsent bytes makes `send` return false. @default 1_048_576 (1 MiB) */
  readonly highWaterBytes: number;
  /** A link with more unsent bytes is closed rather than eat the heap. @default 67_108_864 (64 MiB) */
  readonly unsentBytes: number;
  /** Unfinished messages in fragments, of one link; those that stood still are dropped first. @default 16_384 */
  readonly fragmentedMessages: number;
  /** Bytes that the unfinished messages of one link hold together. @default 536_870_912 (512 MiB) */
  readonly fragmentedBytes: number;
  /** Signals that wait for one link to be made; more are dropped. @default 100_000 */
  readonly waitingSignals: number;
}

export const DEFAULT_LIMITS: Limits = {
  frameBytes: 128 * 1024 * 1024,
  termDepth: 1024,
  handshakeBytes: 65_536,
  unauthenticatedSockets: 128,
  connectQueueNames: 1024,
  // Enough for a mesh of dozens to form at once; few enough that a storm of forged names costs 16 sockets.
  connectAttempts: 16,
  datagramBytes: 1500,
  newNamesPerSecond: 200,
  highWaterBytes: 1024 * 1024,
  unsentBytes: 64 * 1024 * 1024,
  fragmentedMessages: 16_384,
  fragmentedBytes: 512 * 1024 * 1024,
  waitingSignals: 100_000,
};
