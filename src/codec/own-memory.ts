import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** From here on buffers are counted. */
const LARGE_BYTES = 32 * 1024;
/**
 * So many bytes of them for each scavenge: it costs up to a third of a millisecond, and they stay in the caches.
 *
 * Not more, since what has just died counts as promoted while it is freed, and a small old generation has 8 MiB of room
 * beyond the young one (`kRegularAllocationLimitGrowingStep`) before the engine marks it all. With 8 MiB nearly every
 * scavenge had it start that, in a program that has collected its whole heap before.
 */
const SCAVENGE_BYTES = 4 * 1024 * 1024;
/** Just below the longest that the C library ever takes from its heap (`DEFAULT_MMAP_THRESHOLD_MAX`). */
const LONGEST_HEAPED_BYTES = 31 * 1024 * 1024;

const MINOR = { type: 'minor' };
type Collect = (options: typeof MINOR) => void;

let collect: Collect | undefined;
let unseenBytes = 0;

/**
 * Memory for bytes that somebody keeps, with anything in it.
 *
 * A large buffer weighs next to nothing on the engine's heap, so that a flood of them brings no scavenge, which would
 * free them cheaply, before their sum starts a collection of the whole heap, on threads that then compete with whoever
 * sends the flood. So the scavenges are asked for: the same memory is filled again while the caches still have it
 * (bench/NOTES.md).
 */
export function ownMemory(bytes: number): Buffer {
  if (bytes >= LARGE_BYTES) {
    unseenBytes += bytes;
    if (unseenBytes >= SCAVENGE_BYTES) {
      unseenBytes = 0;
      collect ??= collector();
      collect(MINOR);
    }
  }
  return Buffer.allocUnsafeSlow(bytes);
}

/**
 * The engine's `gc`, which it gives only to new global scopes, and only under a flag: taken from one that is made for
 * this, so that nothing else in the program gets to see either.
 */
function collector(): Collect {
  // Once the C library has freed one as long as this, it takes what is shorter from its heap, and keeps some freed
  // memory instead of giving it back to the system for every flood: 25 page faults less for each MiB.
  Buffer.allocUnsafeSlow(LONGEST_HEAPED_BYTES);
  const isExposed = globalThis.gc !== undefined;
  try {
    setFlagsFromString('--expose-gc');
    try {
      return runInNewContext('gc') as Collect;
    } finally {
      if (!isExposed) setFlagsFromString('--no-expose-gc');
    }
  } catch {
    // Where this is forbidden, collections of the whole heap have to do.
    return () => {};
  }
}
