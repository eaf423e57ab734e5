import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { epmdNames, parseNames } from '../../src/cli/epmd-names.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(answer: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const ANSWER = Buffer.from(
  `0000111d${Buffer.from('name alpha at port 40001\nname with space at port 7\n').toString('hex')}`,
  'hex',
);

describe('the names that a port mapper knows', () => {
  it('are read from its answer, however it is cut', async () => {
    const port = await serve((socket) => {
      socket.write(ANSWER.subarray(0, 9));
      setImmediate(() => socket.end(ANSWER.subarray(9)));
    });
    expect(await epmdNames('127.0.0.1', port, 5_000)).toEqual([
      { name: 'alpha', port: 40_001 },
      { name: 'with space', port: 7 },
    ]);
  });

  it('are none when nobody is registered', () => {
    expect(parseNames(ANSWER.subarray(0, 4))).toEqual([]);
  });

  it('are refused from somebody who is no port mapper', async () => {
    const port = await serve((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(epmdNames('127.0.0.1', port, 5_000)).rejects.toThrow(/no port mapper/);
    expect(parseNames(Buffer.from([0]))).toBeUndefined();
  });

  it('are not waited for without end', async () => {
    const port = await serve(() => {});
    await expect(epmdNames('127.0.0.1', port, 50)).rejects.toThrow(/did not answer within 50 ms/);
  });

  it('cannot be asked where nobody listens', async () => {
    const port = await serve(() => {});
    const [server] = servers.splice(0);
    server?.close();
    if (server !== undefined) await once(server, 'close');
    await expect(epmdNames('127.0.0.1', port, 5_000)).rejects.toThrow(
      `nobody answers as the port mapper at 127.0.0.1:${port}`,
    );
  });
});
