import { createSocket, type Socket } from 'node:dgram';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DatagramSocket, RemoteInfo } from '../../src/env/index.ts';
import { ConnectionError } from '../../src/errors.ts';
import { LONGEST_PAUSE_MS } from '../../src/platform/datagram-moderation.ts';
import { readingOf } from '../../src/platform/datagram-reading.ts';
import { datagrams } from '../../src/platform/udp.ts';

/** A socket that keeps what it hears and lets a test wait for the n-th datagram. */
async function listener(options: { port?: number; host?: string; family?: 'IPv4' | 'IPv6' } = {}) {
  const heard: { text: string; from: RemoteInfo }[] = [];
  const errors: Error[] = [];
  /** Turns of the event loop that brought something. */
  let goes = 0;
  let going = false;
  const waiters: { count: number; resolve: () => void }[] = [];
  const socket = await datagrams.open(
    {
      family: options.family ?? 'IPv4',
      port: options.port ?? 0,
      ...(options.host === undefined ? {} : { host: options.host }),
    },
    {
      message(bytes, from) {
        if (!going) {
          going = true;
          goes++;
          setImmediate(() => {
            going = false;
          });
        }
        heard.push({ text: Buffer.from(bytes).toString(), from });
        for (const waiter of waiters) if (heard.length >= waiter.count) waiter.resolve();
      },
      error: (error) => void errors.push(error),
    },
  );
  opened.push(socket);
  const count = (wanted: number): Promise<void> =>
    new Promise((resolve) => {
      if (heard.length >= wanted) resolve();
      else waiters.push({ count: wanted, resolve });
    });
  return { socket, heard, errors, goes: () => goes, count };
}

const opened: DatagramSocket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
  vi.useRealTimers();
  vi.restoreAllMocks();
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

describe('a UDP socket that hears many', () => {
  /** Time is ours here, the sockets and the turns of the event loop are real. */
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));

  /** A listener and a speaker; in four seconds of steady datagrams the one has got used to the other. */
  async function steady(whenOpen = () => {}) {
    const ear = await listener({ host: '127.0.0.1' });
    const mouth = await listener({ host: '127.0.0.1' });
    whenOpen();
    let sent = 0;
    const say = async (count: number) => {
      for (let i = 0; i < count; i++, sent++)
        await mouth.socket.send(Buffer.from(`${sent}`), { host: '127.0.0.1', port: ear.socket.port });
    };
    for (let i = 0; i < 40; i++) {
      await say(20);
      vi.advanceTimersByTime(100);
      await ear.count(sent);
    }
    await turns();
    return { ear, say, sent: () => sent };
  }

  /** More of the event loop's turns than reading all that has come takes. */
  async function turns() {
    for (let i = 0; i < 10; i++) await turn();
  }

  it('reads them in goes, and loses none', async () => {
    const { ear, say, sent } = await steady();
    const goes = ear.goes();
    for (let i = 0; i < 3; i++) {
      const before = ear.heard.length;
      await say(30);
      await turns();
      expect(ear.heard).toHaveLength(before);
      vi.advanceTimersByTime(LONGEST_PAUSE_MS);
      await ear.count(sent());
      await turns();
    }
    expect(ear.goes() - goes).toBeLessThan(90 / 5);
    // More than one go of the platform reads: the rest is not left for the next.
    await say(150);
    vi.advanceTimersByTime(LONGEST_PAUSE_MS);
    await ear.count(sent());
    expect(ear.heard.map(({ text }) => Number(text))).toEqual(Array.from({ length: sent() }, (_, i) => i));
    expect(ear.errors).toEqual([]);
  });

  it('still sends, and is closed at once, while it reads nothing', async () => {
    const { ear, say } = await steady();
    const other = await listener({ host: '127.0.0.1' });
    await ear.socket.send(Buffer.from('hello'), { host: '127.0.0.1', port: other.socket.port });
    await other.count(1);
    await say(1);
    const before = ear.heard.length;
    ear.socket.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(LONGEST_PAUSE_MS);
    await turns();
    expect(ear.heard).toHaveLength(before);
    expect(ear.errors).toEqual([]);
  });

  it('hears each as soon as it comes when fewer come', async () => {
    const { ear, say, sent } = await steady();
    for (let i = 0; i < 30; i++) {
      await say(2);
      vi.advanceTimersByTime(100);
      await ear.count(sent());
      await turns();
    }
    for (let i = 0; i < 10; i++) {
      await say(1);
      // No time passes.
      await ear.count(sent());
    }
  });

  it('reads them as they come where the handle is another than expected', async () => {
    const handle = handleType();
    const { recvStart } = handle;
    try {
      const { ear, say, sent } = await steady(() => Object.assign(handle, { recvStart: undefined }));
      for (let i = 0; i < 10; i++) {
        await say(1);
        // No time passes.
        await ear.count(sent());
        await turns();
      }
    } finally {
      Object.assign(handle, { recvStart });
    }
    expect(readingOf({} as Socket)).toBeUndefined();
  });

  it('breaks when it cannot read on', async () => {
    const { ear } = await steady();
    vi.spyOn(handleType(), 'recvStart').mockReturnValue(-9);
    vi.advanceTimersByTime(LONGEST_PAUSE_MS);
    expect(ear.errors.map(({ message }) => message)).toEqual(['cannot read on after a pause: error -9']);
    await expect(
      ear.socket.send(Buffer.from('late'), { host: '127.0.0.1', port: ear.socket.port }),
    ).rejects.toBeInstanceOf(ConnectionError);
  });
});

/** What all handles of UDP sockets inherit from. */
function handleType(): { recvStart(): number; recvStop(): number } {
  const socket = createSocket('udp4');
  const handle = readingOf(socket);
  socket.close();
  if (handle === undefined) throw new Error('this Node.js shows no handle: every socket reads as it comes');
  return Object.getPrototypeOf(handle);
}
