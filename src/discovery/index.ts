export { Discovery, type DiscoveryOptions } from './discovery.ts';
export { type DnsOptions, dns } from './dns.ts';
export { type EpmdStrategyOptions, epmd } from './epmd.ts';
export { gossip } from './gossip.ts';
export { GOSSIP_DEFAULTS, type GossipOptions } from './gossip-options.ts';
export { type HostAt, type HostsOptions, hosts } from './hosts.ts';
export type {
  SelfNode,
  Strategy,
  StrategyContext,
  StrategyHandle,
  Topology,
  Whereabouts,
} from './strategy.ts';
