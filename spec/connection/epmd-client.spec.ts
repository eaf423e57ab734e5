import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import { ConnectionError, DecodeError, LimitError, NameTakenError } from '../../src/errors.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { fromHex, golden } from '../epmd/golden.ts';

const { streams, clock } = platformEnv();
const LOOPBACK = '127.0.0.1';
const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A port mapper that does one thing with every request. */
async function scripted(answer: (socket: Socket, request: Buffer) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (request) => answer(socket, request));
  }).listen(0, LOOPBACK);
  await once(server, 'listening');
  stops.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as { port: number };
  return { client: new EpmdClient({ streams, clock, host: LOOPBACK, port, timeoutMs: 5_000 }), port };
}

const captured = (name: string): Buffer =>
  fromHex(golden.requests.find((request) => request.name === name)?.response ?? '');
const node = { name: 'one', port: 9101, hidden: false };

describe('the EPMD client', () => {
  it('sends the registration that a node of OTP 25 sends', async () => {
    let received = '';
    const { client } = await scripted((socket, request) => {
      received = request.toString('hex');
      socket.write(fromHex('76006b03d52e'));
    });
    const { creation, registration } = await client.register({ name: 'beta', port: 9101, hidden: false });
    expect(received).toBe('001178238d4d00000600050004626574610000');
    expect(creation).toBe(0x6b03d52e);
    await registration.close();
    expect(await registration.lost).toBeUndefined();
  });

  it('reads an answer that comes byte by byte', async () => {
    const { client } = await scripted((socket) => {
      const bytes = [...captured('port_please2 ext')];
      const next = (): void => {
        const byte = bytes.shift();
        if (byte === undefined) socket.end();
        else socket.write(Buffer.of(byte), () => setImmediate(next));
      };
      next();
    });
    expect(await client.lookup('ext', LOOPBACK)).toMatchObject({ name: 'ext', port: 9105 });
  });

  it('tells that nobody of that name is known from nobody answering', async () => {
    const { client } = await scripted((socket) => socket.end(fromHex('7701')));
    expect(await client.lookup('ghost', LOOPBACK)).toBeUndefined();
    const silent = await scripted((socket) => socket.end());
    await expect(silent.client.lookup('ghost', LOOPBACK)).rejects.toThrow(/closed the connection without/);
  });

  it('lists names until the port mapper closes', async () => {
    const { client } = await scripted((socket) => socket.end(captured('names, several registered')));
    expect(await client.names()).toHaveLength(9);
  });

  it('tells when the registration is lost', async () => {
    const sockets: Socket[] = [];
    const { client } = await scripted((socket) => {
      sockets.push(socket);
      socket.write(fromHex('76006b03d52e'));
    });
    const { registration } = await client.register(node);
    sockets[0]!.resetAndDestroy();
    expect(await registration.lost).toBeInstanceOf(ConnectionError);
    await registration.close();
  });

  it('closes the connection that the port mapper leaves open after a refusal', async () => {
    let closed: Promise<unknown> | undefined;
    const { client, port } = await scripted((socket) => {
      closed = once(socket, 'close');
      socket.write(captured('alive2, name already registered'));
    });
    const failure = await client.register(node).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NameTakenError);
    expect((failure as Error).message).toContain(
      `"one" is already registered with EPMD at 127.0.0.1, port ${port}`,
    );
    await closed;
  });

  it('gives up on a port mapper that says nothing', async () => {
    const { client } = await scripted(() => {});
    await expect(client.lookup('one', LOOPBACK, { timeoutMs: 30 })).rejects.toThrow(/no answer within 30 ms/);
  });

  it('gives up when it is told to', async () => {
    const controller = new AbortController();
    const { client } = await scripted(() => controller.abort(new Error('enough')));
    await expect(client.register(node, { signal: controller.signal })).rejects.toThrow('enough');
  });

  it('refuses what is no answer of a port mapper', async () => {
    const { client } = await scripted((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(client.register(node)).rejects.toThrow(DecodeError);
    await expect(client.lookup('one', LOOPBACK)).rejects.toThrow(DecodeError);
  });

  it('refuses an answer without an end', async () => {
    const { client } = await scripted((socket) => socket.write(Buffer.alloc(2_000_000, 'x')));
    await expect(client.names()).rejects.toThrow(LimitError);
  });
});
