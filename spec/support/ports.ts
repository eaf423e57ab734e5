import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * A TCP port of the loopback interface that was free a moment ago. For programs that cannot be told to take any
 * free port themselves (`epmd`, `erl`); whoever can listen on port 0 should do that instead.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  await new Promise((resolve) => server.close(resolve));
  return address.port;
}

/** A UDP port of the loopback interface that was free a moment ago: for gossip that nobody else hears. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
