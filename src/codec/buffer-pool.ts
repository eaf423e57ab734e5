import { ownMemory } from './own-memory.ts';

/** What an idle link has. */
const SMALLEST_BYTES = 64 * 1024;
/** The next longer one: growing in small steps would copy each byte once more. */
const LONG_BYTES = 512 * 1024;
/** Longer ones are not kept: what comes seldom need not be fast. */
const LONGEST_BYTES = 4 * 1024 * 1024;
/** All that is kept. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Buffers that are used again. Memory that is fresh from the system costs eight times what copying into it does
 * (320 against 40 µs per MiB), so that bulk data is bound by it.
 */
export class BufferPool {
  readonly #kept: Buffer[] = [];
  #bytes = 0;

  /** A buffer of `bytes` or more, with anything in it. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const at = this.#kept.findLastIndex(({ length }) => length === size);
    if (at < 0) return ownMemory(size);
    const [found] = this.#kept.splice(at, 1);
    this.#bytes -= size;
    return found!;
  }

  /** Gives a buffer back, which nobody reads or writes any more. Others than those of a pool are not kept. */
  give(buffer: Buffer): void {
    const { length } = buffer;
    if (length > LONGEST_BYTES || this.#bytes + length > KEPT_BYTES || sizeFor(length) !== length) return;
    this.#kept.push(buffer);
    this.#bytes += length;
  }
}

/** Few sizes, so that what comes back fits what is asked for: 64 and 512 KiB, 1, 2 and 4 MiB, beyond that the size itself. */
function sizeFor(bytes: number): number {
  if (bytes > LONGEST_BYTES) return bytes;
  if (bytes <= SMALLEST_BYTES) return SMALLEST_BYTES;
  let size = LONG_BYTES;
  while (size < bytes) size *= 2;
  return size;
}
