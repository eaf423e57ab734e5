import { DecodeError } from '../errors.ts';

/**
 * A message that is whole, but of which a part is of a kind that this release does not know: its sender is a newer
 * one. It comes in place of the message, so that it can be refused alone while the link lives.
 */
export class Unreadable {
  readonly error: DecodeError;
  /** The message, with an `UnknownPart` in place of what could not be read. */
  readonly partial: unknown;

  constructor(type: number, partial: unknown) {
    this.error = new DecodeError(
      `unknown MessagePack extension type ${type}; the sender may be a newer version`,
      0,
    );
    this.partial = partial;
  }
}

/** Stands for what could not be read. Never leaves the kernel. */
export class UnknownPart {
  /** Number of the extension type. */
  readonly type: number;

  constructor(type: number) {
    this.type = type;
  }
}
