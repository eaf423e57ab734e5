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
