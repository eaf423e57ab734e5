import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import { type EmbeddedEpmdOptions, startEmbeddedEpmd } from '../../src/connection/epmd-server.ts';
import type { Clock } from '../../src/env/clock.ts';
import type { Stream, Streams } from '../../src/env/streams.ts';
import { encodeRequest } from '../../src/epmd/request.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { Telemetry } from '../../src/telemetry/events.ts';
import { Logger } from '../../src/telemetry/logger.ts';

const env = platformEnv();
const LOOPBACK = '127.0.0.1';
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function serverWith(overrides: Partial<EmbeddedEpmdOptions> = {}) {
  const telemetry = new Telemetry('test');
  const warnings: string[] = [];
  const log = { write: ({ message }: { message: string }) => void warnings.push(message) };
  const server = await startEmbeddedEpmd({
    ...env,
    telemetry,
    logger: new Logger(log, env.clock, 'test'),
    addresses: [LOOPBACK],
    port: 0,
    maxSockets: 128,
    ...overrides,
  });
  stops.push(() => server.close());
  const { streams, clock } = env;
  const client = new EpmdClient({ streams, clock, host: LOOPBACK, port: server.port });
  return { server, telemetry, client, warnings };
}

/** Streams as they are, but every accepted one seems to come from another machine. */
const fromOutside: Streams = {
  connect: (options) => env.streams.connect(options),
  listen: (options, onStream) =>
    env.streams.listen(options, (stream) =>
      onStream(
        new Proxy(stream, {
          get: (target, key) => {
            const value = key === 'remoteHost' ? '203.0.113.7' : Reflect.get(target, key, target);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }) as Stream,
      ),
    ),
};

const node = (name: string) => ({ name, port: 9100, hidden: false });

describe('the embedded port mapper on real sockets', () => {
  it('serves several addresses with one directory', async () => {
    const { server, client } = await serverWith({ addresses: [LOOPBACK, '127.0.0.2'] });
    await client.register(node('one'));
    expect(await client.lookup('one', '127.0.0.2')).toMatchObject({ port: 9100 });
    expect(server.registrations()).toMatchObject([{ name: 'one' }]);
  });

  it('warns about a further address that it cannot have, and serves the first', async () => {
    const { client, warnings } = await serverWith({ addresses: [LOOPBACK, '203.0.113.7'] });
    expect(await client.names()).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/cannot be reached from outside: .*203\.0\.113\.7/)]);
  });

  it('takes registrations from this machine only', async () => {
    const { telemetry, client } = await serverWith({ streams: fromOutside });
    await expect(client.register(node('one'))).rejects.toThrow(/without an answer/);
    expect(await client.names()).toEqual([]);
    expect(telemetry.counter('epmd.server.refused.not_local')).toBe(1);
  });

  it("takes the machine's own addresses for this machine", async () => {
    const here = {
      name: 'eth0',
      address: '203.0.113.7',
      family: 'IPv4',
      netmask: '',
      internal: false,
    } as const;
    const { client } = await serverWith({
      streams: fromOutside,
      host: { ...env.host, interfaces: () => [here] },
    });
    const { registration } = await client.register(node('one'));
    await registration.close();
  });

  it('closes a connection that makes no request in a minute', async () => {
    // Only the wait for a request is cut short; the rest runs on the real clock.
    const armed: number[] = [];
    const clock: Clock = {
      ...env.clock,
      setTimeout: (fn, delayMs) => {
        armed.push(delayMs);
        return env.clock.setTimeout(fn, 0);
      },
    };
    const { server, telemetry } = await serverWith({ clock });
    const socket = connect(server.port, LOOPBACK);
    socket.resume();
    await once(socket, 'close');
    expect(armed).toEqual([60_000]);
    expect(telemetry.counter('epmd.server.refused.timeout')).toBe(1);
  });

  it('turns sockets away past its limit', async () => {
    const { server, telemetry, client } = await serverWith({ maxSockets: 1 });
    const { registration } = await client.register(node('one'));
    const first = connect(server.port, LOOPBACK);
    await once(first, 'connect');
    const second = connect(server.port, LOOPBACK);
    second.on('error', () => {});
    second.resume();
    await once(second, 'close');
    expect(telemetry.counter('epmd.server.refused.too_many_sockets')).toBe(1);
    first.destroy();
    await registration.close();
  });

  it('answers a request that comes in single bytes', async () => {
    const { server, client } = await serverWith();
    await client.register(node('one'));
    const socket = connect({ port: server.port, host: LOOPBACK, noDelay: true });
    const parts: Buffer[] = [];
    socket.on('data', (chunk) => parts.push(chunk));
    for (const byte of encodeRequest({ type: 'PORT_PLEASE2_REQ', name: 'one' })) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await once(socket, 'end');
    expect(Buffer.concat(parts).subarray(0, 4).toString('hex')).toBe('7700238c');
  });

  it('frees its port and drops every name when it closes, once or twice', async () => {
    const { server, client } = await serverWith();
    const { registration } = await client.register(node('one'));
    await Promise.all([server.close(), server.close()]);
    await registration.lost;
    const { server: next } = await serverWith({ port: server.port });
    expect(next.port).toBe(server.port);
    expect(next.registrations()).toEqual([]);
  });
});
