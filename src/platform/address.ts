/** IPv4 peers of a listener on all interfaces come as `::ffff:10.0.0.1`; everybody else expects `10.0.0.1`. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
