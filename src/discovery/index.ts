export { CONNECT_LIMITS, type ConnectLimits } from './connect-queue.ts';
export { Discovery, type DiscoveryOptions } from './discovery.ts';
export { type DnsOptions, dns } from './dns.ts';
export { gossip } from './gossip.ts';
export { GOSSIP_DEFAULTS, type GossipOptions } from './gossip-options.ts';
export { type HostsOptions, hosts } from './hosts.ts';
export type { SelfNode, Strategy, StrategyContext, StrategyHandle } from './strategy.ts';
