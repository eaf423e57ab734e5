/**
 * A message that was written as MessagePack before it is known where it goes, without the mark 0xC1: it waits for its
 * link and is still what the sender meant at the time of sending. @internal
 */
export class PackedMessage {
  readonly wire: Uint8Array;

  constructor(wire: Uint8Array) {
    this.wire = wire;
  }
}
