/**
 * A term that was encoded before it is known where it goes: ETF without the version byte, written as it stands. Lets
 * a message wait for its link and still be what the sender meant at the time of sending. @internal
 */
export class EncodedTerm {
  readonly wire: Uint8Array;

  constructor(wire: Uint8Array) {
    this.wire = wire;
  }
}
