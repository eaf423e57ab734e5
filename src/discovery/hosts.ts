import { OptionsError } from '../errors.ts';
import { isNodeName } from '../gossip/index.ts';
import type { Strategy } from './strategy.ts';

export interface HostsOptions {
  /** Pause between two looks at the list, in ms. @default 5000 */
  readonly interval?: number;
}

/** Default of `interval` for strategies that ask again and again, in ms; libcluster polls at the same pace. */
export const POLL_INTERVAL_MS = 5_000;

/**
 * A fixed list of nodes. A node of the list that is not connected is tried again, with growing pauses, for ever.
 *
 * @throws OptionsError for a name that is no node name
 */
export function hosts(names: readonly string[], options: HostsOptions = {}): Strategy {
  for (const name of names)
    if (typeof name !== 'string' || !isNodeName(name))
      throw new OptionsError(
        'hosts',
        `hosts: ${JSON.stringify(name)} is no node name; one like "app@10.0.0.5" would do`,
      );
  const intervalMs = checkInterval('hosts', options.interval);
  const wanted = [...names];
  return {
    kind: 'hosts',
    start({ env: { clock }, found }) {
      const look = (): void => {
        clock.setTimeout(look, intervalMs);
        for (const name of wanted) found(name);
      };
      look();
      // The timer ends with the context.
      return { stop() {} };
    },
  };
}

/** @throws OptionsError */
export function checkInterval(strategy: string, interval: number | undefined): number {
  if (interval === undefined) return POLL_INTERVAL_MS;
  if (!Number.isFinite(interval) || interval < 1)
    throw new OptionsError(
      `${strategy}.interval`,
      `${strategy} interval ${String(interval)}: a number of milliseconds from 1 would do`,
    );
  return interval;
}
