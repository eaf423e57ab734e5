export {
  type GossipFormat,
  type Heard,
  type IgnoredCause,
  MAX_DATAGRAM_BYTES,
  plainFormat,
} from './datagram.ts';
export { encryptedFormat } from './encrypted.ts';
export { FRESH_WINDOW_MS, Freshness, type Judgement, MAX_SENDERS } from './freshness.ts';
export {
  BURST_AT_MS,
  type GossipMachineContext,
  type GossipMachineEvent,
  gossipMachine,
  loopSilenceMs,
  MAX_HEARTBEAT_PAUSE_MS,
  reopenPauseMs,
  SLOWEST_AT_NODES,
  shortestPauseMs,
} from './machine.ts';
export { isNodeName } from './node-name.ts';
export { NONCE_BYTES, type SealedFormat, type SealedHeartbeat, sealedFormat } from './sealed.ts';
export { GossipWire, type Moment, type Speaker, type Wire, type Word } from './wire.ts';
