import { messageOf, OptionsError } from '../errors.ts';
import { isNodeName } from '../gossip/index.ts';
import type { Strategy, StrategyContext } from './strategy.ts';
import { checkInterval, checkKeys } from './strategy-options.ts';

export interface DnsOptions {
  /** Name to look up: of a Kubernetes headless service, for instance. */
  readonly query: string;
  /** The part of the node names before the `@`. */
  readonly basename: string;
  /** `addresses`: A and AAAA records, nodes are `basename@address`; `services`: SRV records, `basename@target`. @default "addresses" */
  readonly records?: 'addresses' | 'services';
  /** Pause between two look-ups, in ms. @default 5000 */
  readonly interval?: number;
  /**
   * Disconnects nodes whose record is gone, as libcluster does. Off by default: an answer that is short of some records,
   * which DNS gives now and then, would cut live connections. @default false
   */
  readonly disconnectRemoved?: boolean;
}

const KNOWN = ['query', 'basename', 'records', 'interval', 'disconnectRemoved'];

/**
 * Polls DNS and takes each record for a node. A look-up that fails is counted (`dns.failed`) and made again after
 * the interval: while a service has no ready pod, its name does not exist.
 *
 * @throws OptionsError naming the option, its value and what would do
 */
export function dns(options: DnsOptions): Strategy {
  checkKeys('dns', options, KNOWN);
  const { query, basename, records = 'addresses', disconnectRemoved = false } = options;
  if (typeof query !== 'string' || query === '')
    throw new OptionsError('dns.query', `dns query ${JSON.stringify(query)}: a DNS name would do`);
  if (typeof basename !== 'string' || !isNodeName(`${basename}@host`))
    throw new OptionsError(
      'dns.basename',
      `dns basename ${JSON.stringify(basename)}: the part of the node names before the @ would do, like "app"`,
    );
  if (records !== 'addresses' && records !== 'services')
    throw new OptionsError(
      'dns.records',
      `dns records ${JSON.stringify(records)}: "addresses" or "services" would do`,
    );
  if (typeof disconnectRemoved !== 'boolean')
    throw new OptionsError(
      'dns.disconnectRemoved',
      `dns disconnectRemoved ${JSON.stringify(disconnectRemoved)}: true or false would do`,
    );
  const intervalMs = checkInterval('dns', options.interval);

  const look = async (context: StrategyContext, before: ReadonlySet<string>): Promise<void> => {
    const { env, telemetry, logger, found, gone } = context;
    let names = before;
    try {
      const answers =
        records === 'services'
          ? (await env.resolver.services(query)).map(({ host }) => host.replace(/\.$/, ''))
          : await env.resolver.addresses(query);
      names = new Set(answers.map((host) => `${basename}@${host}`));
      for (const name of names) found(name);
      if (disconnectRemoved) for (const name of before) if (!names.has(name)) gone(name);
    } catch (error) {
      telemetry.count('dns.failed');
      const reason = messageOf(error);
      logger.oncePerMinute('discovery', `dns.${context.topology}`, `dns: no answer for ${query}: ${reason}`);
    }
    // The next look waits for this answer, so that a slow server never has two questions of ours.
    env.clock.setTimeout(() => void look(context, names), intervalMs);
  };

  return {
    kind: 'dns',
    start(context) {
      void look(context, new Set());
      // The timer ends with the context.
      return { stop() {} };
    },
  };
}
