/** From here on a buffer is worth a word to the collector. */
const LARGE_BYTES = 32 * 1024;
/** Bytes of a buffer for each slot of garbage; a slot is 8 bytes. */
const BYTES_PER_SLOT = 16;
/** The longest array that still lives with the young objects, about. */
const MOST_SLOTS = 16_000;
/** Of longer buffers the engine hears enough by themselves. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Memory for bytes that somebody keeps, with anything in it.
 *
 * A large buffer weighs next to nothing on the engine's heap, so that a flood of them brings no scavenge, which would
 * free them cheaply, before their sum starts a collection of the whole heap, on threads that then compete with whoever
 * sends the flood. Garbage of half their size brings the scavenges: in 2.5 GiB of messages of 64 KiB one whole
 * collection instead of 65, and twice the throughput (bench/NOTES.md).
 */
export function ownMemory(bytes: number): Buffer {
  if (bytes >= LARGE_BYTES) {
    let slots = Math.floor(Math.min(bytes, MOST_BYTES) / BYTES_PER_SLOT);
    // Not `new Array`, which the optimizer leaves out when nobody wants it.
    for (; slots > 0; slots -= MOST_SLOTS) Reflect.construct(Array, [Math.min(slots, MOST_SLOTS)]);
  }
  return Buffer.allocUnsafeSlow(bytes);
}
