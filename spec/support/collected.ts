import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
setFlagsFromString('--no-expose-gc');

/**
 * Bytes in buffers that somebody still holds. Memory of buffers is freed, and what a turn has touched is let go of, only
 * after the collection: so there are two, in turns of their own.
 */
export async function heldBytes(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return process.memoryUsage().arrayBuffers;
}
