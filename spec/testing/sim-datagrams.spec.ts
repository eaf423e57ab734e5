import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { type SimEnv, SimNetwork, type SimNetworkOptions, simEnv } from '../../src/testing/index.ts';

const GROUP = '230.1.1.251';

/** A socket that keeps the texts it hears. */
async function socketOf(network: SimNetwork, env: SimEnv, host?: string) {
  const heard: string[] = [];
  const socket = await network.clock.run(
    env.datagrams.open(
      { family: 'IPv4', port: 4_000, ...(host === undefined ? {} : { host }) },
      {
        message: (bytes, from) => heard.push(`${Buffer.from(bytes)} from ${from.host}:${from.port}`),
        error: () => {},
      },
    ),
  );
  return { socket, heard };
}

async function world(options: SimNetworkOptions = {}) {
  const network = new SimNetwork({ latencyMs: 5, ...options });
  const envs = ['a@one', 'b@one', 'c@two'].map((name) => simEnv(network, name));
  const [a, b, c] = envs as [SimEnv, SimEnv, SimEnv];
  const sockets = [
    await socketOf(network, a),
    await socketOf(network, b),
    await socketOf(network, c),
  ] as const;
  const say = (text: string, host: string, port = 4_000) =>
    network.clock.run(sockets[0].socket.send(Buffer.from(text), { host, port }));
  return { network, envs, sockets, say, heard: () => sockets.map(({ heard }) => heard.length) };
}

describe('datagrams over a simulated network', () => {
  it('to a group reach its members on all machines, the sender among them', async () => {
    const { network, sockets, say, heard } = await world();
    for (const { socket } of sockets) socket.addMembership(GROUP);
    await say('hello', GROUP);
    await network.clock.advance(0);
    expect(heard()).toEqual([1, 0, 0]);
    await network.clock.advance(5);
    expect(heard()).toEqual([1, 1, 1]);
    expect(sockets[2].heard).toEqual(['hello from 10.0.0.1:4000']);
    sockets[2].socket.dropMembership(GROUP);
    sockets[0].socket.setMulticastLoopback(false);
    await say('again', GROUP);
    await network.clock.advance(5);
    expect(heard()).toEqual([1, 1, 1]);
  });

  it('stay on the machine with a TTL of 0 or on the loopback interface', async () => {
    const { network, sockets, say, heard } = await world();
    for (const { socket } of sockets) socket.addMembership(GROUP);
    sockets[0].socket.setMulticastTtl(0);
    await say('near', GROUP);
    await network.clock.advance(5);
    expect(heard()).toEqual([1, 1, 0]);
    sockets[0].socket.setMulticastTtl(1);
    sockets[0].socket.setMulticastInterface('127.0.0.1');
    await say('nobody joined there', GROUP);
    await network.clock.advance(5);
    expect(heard()).toEqual([1, 1, 0]);
    for (const { socket } of sockets) socket.addMembership(GROUP, '127.0.0.1');
    await say('loopback', GROUP);
    await network.clock.advance(5);
    expect(heard()).toEqual([2, 2, 0]);
    expect(sockets[1].heard[1]).toBe('loopback from 127.0.0.1:4000');
  });

  it('do not reach a socket that is bound to one address, when they go to a group', async () => {
    const { network, envs, say } = await world();
    const bound = await socketOf(network, envs[1]!, '10.0.0.1');
    bound.socket.addMembership(GROUP);
    await say('hello', GROUP);
    await network.clock.advance(5);
    expect(bound.heard).toEqual([]);
  });

  it('to one address reach the latest socket there; by broadcast they reach all', async () => {
    const { network, say, heard } = await world();
    await say('direct', '10.0.0.1');
    await network.clock.advance(5);
    expect(heard()).toEqual([0, 1, 0]);
    await say('by name', 'two');
    await say('to nobody', '10.9.9.9');
    await network.clock.advance(5);
    expect(heard()).toEqual([0, 1, 1]);
    await say('all', '255.255.255.255');
    await network.clock.advance(5);
    expect(heard()).toEqual([1, 2, 2]);
  });

  it('are lost and doubled in the shares that were asked for', async () => {
    const { network, say, sockets } = await world({ loss: 0.2, duplicate: 0.1 });
    for (let sent = 0; sent < 1_000; sent++) await say('x', 'two');
    await network.clock.advance(100);
    expect(Math.abs(sockets[2].heard.length - 880)).toBeLessThan(60);
  });

  it('overtake each other when the latency varies', async () => {
    const { network, say, sockets } = await world({ latencyMs: [1, 100] });
    for (let sent = 0; sent < 50; sent++) await say(`${sent}`, 'two');
    await network.clock.advance(100);
    const order = sockets[2].heard.map((text) => Number.parseInt(text, 10));
    expect(order).toHaveLength(50);
    expect(order).not.toEqual([...order].sort((one, other) => one - other));
  });

  it('are lost across a cut, also when it came while they were under way', async () => {
    const { network, say, heard } = await world();
    network.cut('a@one', 'c@two');
    await say('into the cut', 'two');
    await network.clock.advance(5);
    network.heal();
    await say('under way', 'two');
    network.cut('a@one', 'c@two');
    await network.clock.advance(5);
    network.heal();
    await network.clock.advance(1_000);
    expect(heard()).toEqual([0, 0, 0]);
  });

  it('fail as on a real system', async () => {
    const { network, envs, sockets } = await world();
    const [{ socket }] = sockets;
    const to = { host: 'two', port: 4_000 };
    await expect(socket.send(Buffer.alloc(70_000), to)).rejects.toMatchObject({ code: 'EMSGSIZE' });
    expect(() => socket.addMembership('10.0.0.1')).toThrow('EINVAL');
    expect(() => socket.addMembership(GROUP, '10.9.9.9')).toThrow('ENODEV');
    expect(() => socket.dropMembership(GROUP)).toThrow('EADDRNOTAVAIL');
    socket.close();
    socket.close();
    await expect(socket.send(Buffer.from('late'), to)).rejects.toBeInstanceOf(ConnectionError);
    await expect(socketOf(network, envs[0]!, '192.0.2.1')).rejects.toMatchObject({
      cause: { code: 'EADDRNOTAVAIL' },
    });
  });
});

describe('names on a simulated network', () => {
  it('are those of its machines, and the records that were given', async () => {
    const { network, envs } = await world();
    const { resolver } = envs[0]!;
    const record = { host: 'two', port: 4369, priority: 0, weight: 1 };
    network.setAddresses('app.internal', ['10.0.0.1', '10.0.0.2']);
    network.setServices('_app._tcp', [record]);
    expect(await network.clock.run(resolver.lookup('two'))).toEqual(['10.0.0.2']);
    expect(await network.clock.run(resolver.addresses('app.internal'))).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(await network.clock.run(resolver.services('_app._tcp'))).toEqual([record]);
    await expect(network.clock.run(resolver.lookup('nowhere'))).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(network.clock.run(resolver.services('x'))).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
