import { promises as dns } from 'node:dns';
import type { Resolver } from '../env/resolver.ts';

/** Name look-ups: `lookup` as the system does them (hosts file included), the others straight from DNS. */
export const resolver: Resolver = {
  async lookup(host) {
    const found = await dns.lookup(host, { all: true });
    return found.map((entry) => entry.address);
  },

  async addresses(name) {
    const [v4, v6] = await Promise.allSettled([dns.resolve4(name), dns.resolve6(name)]);
    // A name with records of one family only answers the other question with ENODATA: not an error.
    if (v4.status === 'rejected' && v6.status === 'rejected') throw v4.reason;
    return [...(v4.status === 'fulfilled' ? v4.value : []), ...(v6.status === 'fulfilled' ? v6.value : [])];
  },

  async services(name) {
    const records = await dns.resolveSrv(name);
    return records.map(({ name: host, port, priority, weight }) => ({ host, port, priority, weight }));
  },
};
