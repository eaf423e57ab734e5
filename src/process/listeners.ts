import type { LogArea } from '../env/log.ts';
import { stackOf } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { isPromise } from './behaviour.ts';

/**
 * Calls each listener. One that throws, or whose promise is rejected, harms neither the others nor who tells: it is
 * logged, with its stack.
 * @param who - names the listener, for the log
 */
export function tellEach<Args extends readonly unknown[]>(
  logger: Logger,
  area: LogArea,
  who: string,
  listeners: Iterable<(...args: Args) => unknown>,
  ...args: Args
): void {
  const failed = (error: unknown): void => {
    logger.error(area, `${who} failed: ${stackOf(error)}`);
  };
  // Whoever begins to listen meanwhile hears of the next event.
  for (const listener of [...listeners])
    try {
      const result = listener(...args);
      if (isPromise(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
}
