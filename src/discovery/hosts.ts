import { OptionsError } from '../errors.ts';
import { isNodeName } from '../gossip/index.ts';
import type { Strategy } from './strategy.ts';

export interface HostsOptions {
  /** Pause between two looks at the list, in ms. @default 5000 */
  readonly interval?: number;
}

/** Default of `interval` for strategies that ask again and again, in ms; libcluster polls at the same pace. */
export const POLL_INTERVAL_MS = 5_000;

/** A node of the list whose port is known: no port mapper is asked. */
export interface HostAt {
  readonly name: string;
  readonly port: number;
  /** Address for that port. @default the part of the name behind the `@` */
  readonly host?: string;
}

/**
 * A fixed list of nodes. A node of the list that is not connected is tried again, with growing pauses, for ever.
 *
 * @param nodes names, or names with their ports
 * @throws OptionsError for a name that is no node name, and a port that is none
 */
export function hosts(nodes: readonly (string | HostAt)[], options: HostsOptions = {}): Strategy {
  const wanted = nodes.map((node): HostAt | { readonly name: string } => {
    const host = typeof node === 'string' ? { name: node } : { ...node };
    if (typeof host.name !== 'string' || !isNodeName(host.name))
      throw new OptionsError(
        'hosts',
        `hosts: ${JSON.stringify(host.name)} is no node name; one like "app@10.0.0.5" would do`,
      );
    if ('port' in host && !(Number.isInteger(host.port) && host.port >= 1 && host.port <= 65_535))
      throw new OptionsError(
        'hosts',
        `hosts: the port of ${host.name} is ${String(host.port)}; a whole number from 1 to 65535 would do`,
      );
    return host;
  });
  const intervalMs = checkInterval('hosts', options.interval);
  return {
    kind: 'hosts',
    start({ env: { clock }, found }) {
      const look = (): void => {
        clock.setTimeout(look, intervalMs);
        for (const { name, ...whereabouts } of wanted)
          found(name, 'port' in whereabouts ? { ...whereabouts, certain: true } : undefined);
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
