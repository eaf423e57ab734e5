import { existsSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { Host, NetworkInterface } from '../env/host.ts';
import { accountCookie } from './cookie-file.ts';

/** This machine and account. */
export const host: Host = {
  hostname: () => hostname().split('.', 1)[0] ?? '',
  variable: (name) => process.env[name],
  cookie: () => accountCookie((name) => process.env[name]),
  interfaces: () =>
    Object.entries(networkInterfaces()).flatMap(([name, addresses]): NetworkInterface[] =>
      (addresses ?? []).map(({ address, family, netmask, internal }) => ({
        name,
        address,
        family,
        netmask,
        internal,
      })),
    ),
  // The list above leaves out what is down; Linux names all of them here.
  hasInterface: (name) => /^(?!\.+$)[^/\s]+$/.test(name) && existsSync(`/sys/class/net/${name}`),
  memory: () => {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    return { residentBytes: rss, heapBytes: heapTotal, heapUsedBytes: heapUsed, externalBytes: external };
  },
  output: (text) => {
    const { stdout } = process;
    // A reader of our output that has gone away is no reason to end the program. The callback is told first, and the
    // error is emitted in a later turn.
    stdout.write(text, (error) => {
      if (error && !stdout.listeners('error').includes(ignore)) stdout.once('error', ignore);
    });
  },
};

function ignore(): void {}
