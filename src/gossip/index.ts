export {
  type GossipFormat,
  type Heard,
  type IgnoredCause,
  MAX_DATAGRAM_BYTES,
  plainFormat,
} from './datagram.ts';
export { encryptedFormat } from './encrypted.ts';
export {
  BURST_AT_MS,
  type GossipMachineContext,
  type GossipMachineEvent,
  gossipMachine,
  MAX_HEARTBEAT_PAUSE_MS,
  MIN_HEARTBEAT_PAUSE_MS,
  reopenPauseMs,
} from './machine.ts';
export { isNodeName } from './node-name.ts';
