import type { NetworkInterface } from '../env/index.ts';
import { OptionsError } from '../errors.ts';
import { MAX_HEARTBEAT_PAUSE_MS, type Wire } from '../gossip/index.ts';
import { show } from '../option-checks.ts';
import {
  anyAddress,
  type Family,
  familyOf,
  findInterface,
  isAny,
  isGroup,
  listInterfaces,
  zoneOf,
} from './address.ts';
import { checkKeys } from './strategy-options.ts';

/** Options of `gossip()`: those of libcluster's strategy, under TypeScript names. */
export interface GossipOptions {
  /** UDP port, the same on all nodes. @default 45892 */
  readonly port?: number;
  /**
   * Address to bind. On Linux a socket bound to one address hears no multicast: to choose an interface, use
   * `multicastIf`. @default "0.0.0.0"
   */
  readonly ifAddr?: string;
  /**
   * Group or groups to join and to send to; with `broadcastOnly`, broadcast addresses to send to. An IPv6 group may name its
   * interface (`ff02::fb%eth0`), whatever `multicastIf` says for the others.
   * @default both of libcluster's: "230.1.1.251" (to 3.2) and "233.252.1.32" (since 3.3); with `broadcastOnly`
   *   "255.255.255.255"
   */
  readonly multicastAddr?: string | readonly string[];
  /** Address or name of the local interface that carries the multicast. @default the system's choice */
  readonly multicastIf?: string;
  /** Hops a datagram may make, 0 to 255; 1 stays on the local network. @default 1 */
  readonly multicastTtl?: number;
  /** Broadcast instead of multicast. @default false */
  readonly broadcastOnly?: boolean;
  /**
   * Encrypts the datagrams; the same on all nodes. A text counts as UTF-8. Of a list the first writes and all read:
   * to change the secret, give every node `[old, new]`, then `[new, old]`, then `new`. @default none
   */
  readonly secret?: string | Uint8Array | readonly (string | Uint8Array)[];
  /**
   * `"secretbox"`: datagrams that are authenticated as well, refuse replays, and tell the node's port, so that it is reached
   * without a port mapper. BEAM nodes do not read them. Needs `secret`. @default none
   */
  readonly seal?: 'secretbox';
  /**
   * Which datagrams are sent and heard: `"libcluster"`, `"sealed"`, or `"both"`, to move a cluster node by node. (A cluster
   * that gossips in plain is moved by two topologies side by side: the plain one and the sealed one.)
   * @default "sealed" with `seal`, otherwise "libcluster"
   */
  readonly wire?: Wire;
  /**
   * Longest pause between two heartbeats, in ms, 1,000 to 600,000. The shortest grows with the number of connected nodes,
   * to four fifths of it. Above the default, libcluster's nodes hear of this one later than they expect. @default 5000
   */
  readonly heartbeatPause?: number;
}

/** Defaults of `gossip()`. */
export const GOSSIP_DEFAULTS = {
  port: 45_892,
  ifAddr: '0.0.0.0',
  multicastAddr: ['230.1.1.251', '233.252.1.32'],
  broadcastAddr: ['255.255.255.255'],
  multicastTtl: 1,
  broadcastOnly: false,
  heartbeatPause: MAX_HEARTBEAT_PAUSE_MS,
} as const;

/** What is opened, joined and sent to: one socket for each family of the addresses. */
export interface GossipPlan {
  readonly port: number;
  readonly ttl: number;
  readonly broadcast: boolean;
  readonly sockets: readonly SocketPlan[];
}

export interface SocketPlan {
  readonly family: Family;
  readonly host: string;
  /** Interface for multicast in the form that the platform wants; absent: the system's choice. */
  readonly interfaceAddress: string | undefined;
  readonly targets: readonly string[];
}

/** What a group is joined on: its zone, or else what carries the socket's multicast. */
export const interfaceOf = (group: string, { interfaceAddress }: SocketPlan): string | undefined => {
  const zone = zoneOf(group);
  return zone === undefined ? interfaceAddress : onZone(zone);
};

/** IPv6 names an interface by its zone. */
const onZone = (name: string): string => `::%${name}`;

const KNOWN = [
  'port',
  'ifAddr',
  'multicastAddr',
  'multicastIf',
  'multicastTtl',
  'broadcastOnly',
  'secret',
  'seal',
  'wire',
  'heartbeatPause',
] as const;

const isWhole = (value: unknown, min: number, max: number): boolean =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

/** Checks all that can be checked without the machine. @throws OptionsError */
export function checkGossipOptions(options: GossipOptions): void {
  checkKeys('gossip', options, KNOWN);
  const { port, ifAddr, multicastIf, multicastTtl, broadcastOnly, secret, heartbeatPause } = options;
  if (port !== undefined && !isWhole(port, 1, 65_535))
    throw new OptionsError(
      'gossip.port',
      `gossip port ${show(port)}: a whole number from 1 to 65535 would do`,
    );
  if (multicastTtl !== undefined && !isWhole(multicastTtl, 0, 255))
    throw new OptionsError(
      'gossip.multicastTtl',
      `gossip multicastTtl ${show(multicastTtl)}: a whole number from 0 to 255 would do (1: the local network)`,
    );
  if (heartbeatPause !== undefined && !isWhole(heartbeatPause, 1_000, 600_000))
    throw new OptionsError(
      'gossip.heartbeatPause',
      `gossip heartbeatPause ${show(heartbeatPause)}: a whole number of milliseconds from 1000 to 600000 would do`,
    );
  if (broadcastOnly !== undefined && typeof broadcastOnly !== 'boolean')
    throw new OptionsError(
      'gossip.broadcastOnly',
      `gossip broadcastOnly ${show(broadcastOnly)}: true or false would do`,
    );
  if (ifAddr !== undefined && (typeof ifAddr !== 'string' || familyOf(ifAddr) === undefined))
    throw new OptionsError(
      'gossip.ifAddr',
      `gossip ifAddr ${show(ifAddr)}: an IP address of this machine would do, or "0.0.0.0" for all`,
    );
  if (
    ifAddr !== undefined &&
    !isAny(ifAddr) &&
    targetsOf(options).every((target) => familyOf(String(target)) !== familyOf(ifAddr))
  )
    throw new OptionsError(
      'gossip.ifAddr',
      `gossip ifAddr ${show(ifAddr)} is of another family than every multicastAddr; an ${familyOf(ifAddr)} group would do beside it`,
    );
  if (multicastIf !== undefined && (typeof multicastIf !== 'string' || multicastIf === ''))
    throw new OptionsError(
      'gossip.multicastIf',
      `gossip multicastIf ${show(multicastIf)}: the address or the name of a local interface would do`,
    );
  // The value of a secret is never shown.
  if (secret !== undefined && !isSecret(secret) && !isListOfSecrets(secret))
    throw new OptionsError('gossip.secret', 'gossip secret: a string or bytes would do, or a list of them');
  checkWire(options);
  const targets = targetsOf(options);
  if (targets.length === 0)
    throw new OptionsError(
      'gossip.multicastAddr',
      'gossip multicastAddr is an empty list: at least one address is needed',
    );
  for (const target of targets) checkTarget(target, options.broadcastOnly ?? GOSSIP_DEFAULTS.broadcastOnly);
}

const isSecret = (value: unknown): boolean => typeof value === 'string' || value instanceof Uint8Array;

const isListOfSecrets = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isSecret);

function checkWire({ seal, wire, secret }: GossipOptions): void {
  if (seal !== undefined && seal !== 'secretbox')
    throw new OptionsError('gossip.seal', `gossip seal ${show(seal)}: "secretbox" would do`);
  if (seal !== undefined && secret === undefined)
    throw new OptionsError('gossip.seal', 'gossip seal "secretbox" needs a secret');
  if (wire === undefined) return;
  if (wire !== 'libcluster' && wire !== 'sealed' && wire !== 'both')
    throw new OptionsError(
      'gossip.wire',
      `gossip wire ${show(wire)}: "libcluster", "sealed" or "both" would do`,
    );
  if ((wire === 'libcluster') !== (seal === undefined))
    throw new OptionsError(
      'gossip.wire',
      `gossip wire "${wire}" ${seal === undefined ? 'needs seal "secretbox"' : 'and a seal exclude each other; "both" would do'}`,
    );
}

/** All secrets, the one that writes first; none: plain. */
export function secretsOf({ secret }: GossipOptions): readonly (string | Uint8Array)[] {
  if (secret === undefined) return [];
  return typeof secret === 'string' || secret instanceof Uint8Array ? [secret] : [...secret];
}

function targetsOf(options: GossipOptions): readonly string[] {
  const { multicastAddr, broadcastOnly } = options;
  if (multicastAddr === undefined)
    return broadcastOnly ? GOSSIP_DEFAULTS.broadcastAddr : GOSSIP_DEFAULTS.multicastAddr;
  return [...new Set(Array.isArray(multicastAddr) ? multicastAddr : [multicastAddr])];
}

function checkTarget(target: unknown, broadcastOnly: boolean): void {
  const family = typeof target === 'string' ? familyOf(target) : undefined;
  const refuse = (wanted: string): never => {
    throw new OptionsError('gossip.multicastAddr', `gossip multicastAddr ${show(target)}: ${wanted}`);
  };
  if (family === undefined) refuse('an IP address would do, or a list of them');
  const group = isGroup(target as string);
  if (broadcastOnly && (group || family === 'IPv6'))
    refuse('with broadcastOnly, "255.255.255.255" or the broadcast address of a subnet would do');
  if (!broadcastOnly && !group)
    refuse(
      'a multicast group would do (224.0.0.0 to 239.255.255.255, or ff02::…); for a broadcast address set broadcastOnly',
    );
}

/**
 * The options on this machine.
 * @throws OptionsError when an address or interface that they name is not here
 */
export function planGossip(options: GossipOptions, interfaces: readonly NetworkInterface[]): GossipPlan {
  const { ifAddr = GOSSIP_DEFAULTS.ifAddr, multicastIf } = options;
  if (!isAny(ifAddr) && findInterface(interfaces, ifAddr) === undefined)
    throw new OptionsError(
      'gossip.ifAddr',
      `gossip ifAddr "${ifAddr}" is no address of this machine; "0.0.0.0" would do, or one of its own; ${listInterfaces(interfaces)}`,
    );
  const chosen = multicastIf === undefined ? undefined : findInterface(interfaces, multicastIf);
  if (multicastIf !== undefined && chosen === undefined)
    throw new OptionsError(
      'gossip.multicastIf',
      `gossip multicastIf "${multicastIf}" is no interface of this machine; leave it out, or choose one; ${listInterfaces(interfaces)}`,
    );
  const targets = targetsOf(options);
  const astray = unknownZone(options, interfaces);
  if (astray !== undefined)
    throw new OptionsError(
      'gossip.multicastAddr',
      `gossip multicastAddr "${astray}": "${zoneOf(astray)}" is no interface of this machine; leave it out, or choose one; ${listInterfaces(interfaces)}`,
    );
  const sockets = (['IPv4', 'IPv6'] as const)
    .map((family) => ({ family, targets: targets.filter((target) => familyOf(target) === family) }))
    .filter((plan) => plan.targets.length > 0)
    .map(
      ({ family, targets }): SocketPlan => ({
        family,
        targets,
        host: familyOf(ifAddr) === family ? ifAddr : anyAddress(family),
        interfaceAddress:
          chosen === undefined ? undefined : interfaceFor(family, chosen, multicastIf!, interfaces),
      }),
    );
  return {
    port: options.port ?? GOSSIP_DEFAULTS.port,
    ttl: options.multicastTtl ?? GOSSIP_DEFAULTS.multicastTtl,
    broadcast: options.broadcastOnly ?? GOSSIP_DEFAULTS.broadcastOnly,
    sockets,
  };
}

/** The first group whose zone is the name of no interface here that is up. */
export const unknownZone = (
  options: GossipOptions,
  interfaces: readonly NetworkInterface[],
): string | undefined =>
  targetsOf(options).find((target) => {
    const zone = zoneOf(target);
    return zone !== undefined && !interfaces.some(({ name }) => name === zone);
  });

/** IPv4 names an interface by one of its addresses. */
function interfaceFor(
  family: Family,
  chosen: NetworkInterface,
  asked: string,
  interfaces: readonly NetworkInterface[],
): string {
  if (family === 'IPv6') return onZone(chosen.name);
  if (familyOf(asked) === 'IPv4') return asked;
  const own = interfaces.find((one) => one.name === chosen.name && one.family === 'IPv4');
  if (own !== undefined) return own.address;
  throw new OptionsError(
    'gossip.multicastIf',
    `gossip multicastIf "${asked}" has no IPv4 address, which an IPv4 group needs; choose another; ${listInterfaces(interfaces)}`,
  );
}
