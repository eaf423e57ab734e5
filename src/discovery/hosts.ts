import { OptionsError } from '../errors.ts';
import { isNodeName } from '../gossip/index.ts';
import { show } from '../option-checks.ts';
import type { Strategy } from './strategy.ts';
import { checkInterval, checkKeys } from './strategy-options.ts';

export interface HostsOptions {
  /** Pause between two looks at the list, in ms. @default 5000 */
  readonly interval?: number;
}

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
  if (!Array.isArray(nodes))
    throw new OptionsError(
      'hosts',
      `hosts() was given ${show(nodes)}; a list of node names would do, like ["app@10.0.0.5"]`,
    );
  const wanted = nodes.map(checkHost);
  checkKeys('hosts', options, ['interval']);
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
function checkHost(node: unknown): HostAt | { readonly name: string } {
  const given = typeof node === 'object' && node !== null ? node : { name: node };
  checkKeys('hosts', given, ['name', 'port', 'host']);
  const { name, port, host } = given as Record<string, unknown>;
  if (typeof name !== 'string' || !isNodeName(name))
    throw new OptionsError('hosts', `hosts: ${show(name)} is no node name; one like "app@10.0.0.5" would do`);
  if (port === undefined && host === undefined) return { name };
  if (!(Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535))
    throw new OptionsError(
      'hosts',
      `hosts: the port of ${name} is ${show(port)}; a whole number from 1 to 65535 would do`,
    );
  if (host !== undefined && (typeof host !== 'string' || host === ''))
    throw new OptionsError('hosts', `hosts: the host of ${name} is ${show(host)}; an address would do`);
  return { name, port: port as number, ...(host === undefined ? {} : { host }) };
}
