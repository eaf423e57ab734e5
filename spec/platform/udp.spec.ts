import { afterEach, describe, expect, it } from 'vitest';
import type { DatagramSocket, RemoteInfo } from '../../src/env/index.ts';
import { ConnectionError } from '../../src/errors.ts';
import { datagrams } from '../../src/platform/udp.ts';

/** A socket that keeps what it hears and lets a test wait for the n-th datagram. */
async function listener(options: { port?: number; host?: string; family?: 'IPv4' | 'IPv6' } = {}) {
  const heard: { text: string; from: RemoteInfo }[] = [];
  const waiters: { count: number; resolve: () => void }[] = [];
  const socket = await datagrams.open(
    {
      family: options.family ?? 'IPv4',
      port: options.port ?? 0,
      ...(options.host === undefined ? {} : { host: options.host }),
    },
    {
      message(bytes, from) {
        heard.push({ text: Buffer.from(bytes).toString(), from });
        for (const waiter of waiters) if (heard.length >= waiter.count) waiter.resolve();
      },
      error(error) {
        throw error;
      },
    },
  );
  opened.push(socket);
  const count = (wanted: number): Promise<void> =>
    new Promise((resolve) => {
      if (heard.length >= wanted) resolve();
      else waiters.push({ count: wanted, resolve });
    });
  return { socket, heard, count };
}

const opened: DatagramSocket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});

describe('UDP on the platform', () => {
  it('carries a datagram and tells where it came from', async () => {
    const a = await listener({ host: '127.0.0.1' });
    const b = await listener({ host: '127.0.0.1' });
    await a.socket.send(Buffer.from('hello'), { host: '127.0.0.1', port: b.socket.port });
    await b.count(1);
    expect(b.heard).toEqual([{ text: 'hello', from: { host: '127.0.0.1', port: a.socket.port } }]);
    expect(a.socket.host).toBe('127.0.0.1');
  });

  it('shares a port, and multicast on the loopback interface reaches every socket of it', async () => {
    const a = await listener();
    const b = await listener({ port: a.socket.port });
    for (const { socket } of [a, b]) {
      socket.addMembership('230.1.1.251', '127.0.0.1');
      socket.setMulticastInterface('127.0.0.1');
      socket.setMulticastTtl(1);
      socket.setMulticastLoopback(true);
    }
    await a.socket.send(Buffer.from('to all'), { host: '230.1.1.251', port: a.socket.port });
    await Promise.all([a.count(1), b.count(1)]);
    expect(a.heard[0]?.text).toBe('to all');
    expect(b.heard[0]?.text).toBe('to all');
    b.socket.dropMembership('230.1.1.251', '127.0.0.1');
    expect(() => b.socket.dropMembership('230.1.1.251', '127.0.0.1')).toThrow();
  });

  it('refuses an address of no local interface with a ConnectionError and its cause', async () => {
    const failure = await datagrams
      .open({ family: 'IPv4', host: '192.0.2.1', port: 0 }, { message() {}, error() {} })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ConnectionError);
    expect((failure as ConnectionError).cause).toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it('rejects a send the system refuses, and one after close', async () => {
    const a = await listener();
    await expect(
      a.socket.send(Buffer.alloc(70_000), { host: '127.0.0.1', port: a.socket.port }),
    ).rejects.toMatchObject({ code: 'EMSGSIZE' });
    a.socket.close();
    a.socket.close();
    await expect(
      a.socket.send(Buffer.from('late'), { host: '127.0.0.1', port: a.socket.port }),
    ).rejects.toBeInstanceOf(ConnectionError);
  });
});
