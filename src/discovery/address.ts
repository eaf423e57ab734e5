import type { NetworkInterface } from '../env/index.ts';

/** IP addresses as far as discovery reads them: which family, whether a group, on which interface. */
export type Family = 'IPv4' | 'IPv6';

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** The family of an address in its usual text form; an IPv6 address may name its zone (`fe80::1%eth0`). */
export function familyOf(address: string): Family | undefined {
  if (IPV4.test(address)) return 'IPv4';
  const [bare = '', zone, ...rest] = address.split('%');
  if (zone === '' || rest.length > 0 || !bare.includes(':')) return undefined;
  // The platform's URL parser knows every spelling of an IPv6 address.
  return URL.canParse(`http://[${bare}]/`) ? 'IPv6' : undefined;
}

/** The interface that an IPv6 address names behind its `%`. */
export const zoneOf = (address: string): string | undefined => address.split('%')[1];

/** Whether an address is a multicast group: 224.0.0.0/4 or ff00::/8. */
export function isGroup(address: string): boolean {
  if (familyOf(address) === 'IPv6') return /^ff[0-9a-f]{2}:/i.test(address);
  const first = Number(address.split('.')[0]);
  return first >= 224 && first <= 239;
}

/** The address that means all interfaces. */
export const anyAddress = (family: Family): string => (family === 'IPv4' ? '0.0.0.0' : '::');

export const isAny = (address: string): boolean => address === '0.0.0.0' || /^[0:]+$/.test(address);

/** The interface of this name or address. Every address of 127.0.0.0/8 belongs to the loopback interface. */
export function findInterface(
  interfaces: readonly NetworkInterface[],
  nameOrAddress: string,
): NetworkInterface | undefined {
  const bare = nameOrAddress.split('%')[0];
  return (
    interfaces.find((one) => one.address === bare) ??
    interfaces.find((one) => one.name === nameOrAddress) ??
    (bare?.startsWith('127.') && familyOf(bare) === 'IPv4'
      ? interfaces.find((one) => one.internal && one.family === 'IPv4')
      : undefined)
  );
}

/** For people: `interfaces here: lo 127.0.0.1, eth0 10.0.0.5`. */
export function listInterfaces(interfaces: readonly NetworkInterface[]): string {
  if (interfaces.length === 0) return 'this machine has no network interface that is up';
  return `interfaces here: ${interfaces.map((one) => `${one.name} ${one.address}`).join(', ')}`;
}
