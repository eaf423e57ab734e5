import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * Below the ports that a system hands out by itself (Linux from 32,768, others from 49,152): a port that it gave and
 * got back may be the next one of any listener of the tests beside, and then nobody here could have it.
 */
const CHOICE = { from: 10_000, below: 32_768 } as const;

/**
 * A TCP port of this machine that nobody uses and no other test gets. For programs that cannot be told to take any
 * free port themselves (`epmd`, `erl`); whoever can listen on port 0 should do that instead.
 */
export function freePort(): Promise<number> {
  return choose('tcp', isFreeTcp);
}

/** A UDP port of this machine that nobody uses and no other test gets: for gossip that nobody else hears. */
export function freeUdpPort(): Promise<number> {
  return choose('udp', isFreeUdp);
}

async function choose(protocol: string, isFree: (port: number) => Promise<boolean>): Promise<number> {
  for (;;) {
    const port = randomInt(CHOICE.from, CHOICE.below);
    if ((await claim(`beamish-spec-${protocol}-${port}`)) && (await isFree(port))) return port;
  }
}

/**
 * Holds a name among the test processes of this machine until this one ends: a socket of Linux's abstract names,
 * which leave nothing behind. Elsewhere everything can be claimed, and chance must do.
 */
function claim(name: string): Promise<boolean> {
  if (process.platform !== 'linux') return Promise.resolve(true);
  return new Promise((resolve, reject) => {
    const holder = createServer();
    holder.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    holder.listen(`\0${name}`, () => resolve(true)).unref();
  });
}

function isFreeTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

function isFreeUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind(port, () => socket.close(() => resolve(true)));
  });
}
