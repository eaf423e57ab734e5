import { DecodeError } from '../errors.ts';
import { EXTENSION } from './extension-types.ts';

/**
 * A message that is whole, but of which a part is of a kind that this release does not know: its sender is a newer
 * one. It comes in place of the message, so that it can be refused alone while the link lives.
 */
export class Unreadable {
  readonly error: DecodeError;
  /** The message, with an `UnknownPart` in place of what could not be read. */
  readonly partial: unknown;

  constructor({ what }: UnknownPart, partial: unknown) {
    this.error = new DecodeError(`unknown ${what}; the sender may be a newer version`, 0);
    this.partial = partial;
  }
}

/**
 * Stands for what could not be read: an extension of an unknown type, or of a known one with something in it that has an
 * open list of kinds and is of none of them. Its bytes were stepped over. One stands for all
 * of a message. Never leaves the kernel.
 */
export class UnknownPart {
  /** Number of the extension type. */
  readonly type: number;
  /** What stands in it, where the type is known: the kind of a typed array, the tag of a term. */
  readonly kind: number | undefined;

  constructor(type: number, kind?: number) {
    this.type = type;
    this.kind = kind;
  }

  /** In words. */
  get what(): string {
    const extension = `MessagePack extension type ${this.type}`;
    if (this.kind === undefined) return extension;
    return this.type === EXTENSION.TERM
      ? `tag ${this.kind} of a term (${extension})`
      : `kind ${this.kind} of typed array (${extension})`;
  }
}
