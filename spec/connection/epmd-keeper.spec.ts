import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import { ConnectionError, DecodeError, NameTakenError } from '../../src/errors.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { KeeperProcess, makeKeeper, type TestKeeper } from '../support/epmd/keepers.ts';
import { freePort } from '../support/ports.ts';

const env = platformEnv();
const LOOPBACK = '127.0.0.1';
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function keeperOn(...args: Parameters<typeof makeKeeper>): TestKeeper {
  const made = makeKeeper(...args);
  stops.push(() => made.keeper.stop());
  return made;
}

function keeperProcess(epmdPort: number, name: string, port: number): KeeperProcess {
  const made = new KeeperProcess(epmdPort, name, port);
  stops.push(() => made.kill());
  return made;
}

/** Resolves when a node of this name registers next. */
function nextRegistration(name: string): Promise<void> {
  return new Promise((resolve) => {
    const listener = (message: unknown): void => {
      if ((message as { name: string }).name !== name) return;
      unsubscribe('beamish:epmd.registered', listener);
      resolve();
    };
    subscribe('beamish:epmd.registered', listener);
  });
}

const node = (name: string, port = 9100) => ({ name, port, hidden: false });

describe('a keeper in mode auto', () => {
  it('becomes the port mapper when none answers, and registers its node there', async () => {
    const port = await freePort();
    const { keeper } = keeperOn(port);
    const { creation } = await keeper.start(node('one', 9101));
    expect(creation).toBeGreaterThanOrEqual(4);
    expect(keeper.role).toBe('owner');
    expect(await keeper.names()).toEqual([{ name: 'one', port: 9101 }]);
    expect(await keeper.lookup('one', LOOPBACK)).toMatchObject({
      name: 'one',
      port: 9101,
      nodeType: 77,
      highestVersion: 6,
      lowestVersion: 5,
    });
  });

  it('registers with the port mapper that answers', async () => {
    const port = await freePort();
    const owner = keeperOn(port);
    await owner.keeper.start(node('one', 9101));
    const guest = keeperOn(port);
    await guest.keeper.start({ ...node('two', 9102), hidden: true });
    expect(guest.keeper.role).toBe('guest');
    expect(await owner.keeper.lookup('two', LOOPBACK)).toMatchObject({ port: 9102, nodeType: 72 });
    expect(await guest.keeper.names()).toEqual([
      { name: 'two', port: 9102 },
      { name: 'one', port: 9101 },
    ]);
  });

  it('agrees on one port mapper when many nodes start at the same moment', async () => {
    const port = await freePort();
    const keepers = Array.from({ length: 8 }, () => keeperOn(port).keeper);
    await Promise.all(keepers.map((keeper, index) => keeper.start(node(`n${index}`, 9100 + index))));
    expect(keepers.map((keeper) => keeper.role).sort()).toEqual([...Array(7).fill('guest'), 'owner']);
    expect(await keepers[0]!.names()).toHaveLength(8);
  });

  it('tells clearly that a name is taken, and leaves nothing behind', async () => {
    const port = await freePort();
    await keeperOn(port).keeper.start(node('one'));
    const second = keeperOn(port).keeper;
    const failure = await second.start(node('one')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NameTakenError);
    expect((failure as Error).message).toBe(
      `the name "one" is already registered with EPMD at 127.0.0.1, port ${port}: another node of this name runs on this machine`,
    );
    expect(second.role).toBe('none');
  });

  it('takes over when the owner stops, under the creation that its node has', async () => {
    const port = await freePort();
    const owner = keeperOn(port).keeper;
    await owner.start(node('one', 9101));
    const guest = keeperOn(port);
    await guest.keeper.start(node('two', 9102));
    const again = nextRegistration('two');
    await owner.stop();
    await again;
    expect(guest.keeper.role).toBe('owner');
    expect(await guest.keeper.names()).toEqual([{ name: 'two', port: 9102 }]);
    expect(guest.telemetry.counter('epmd.lost')).toBe(1);
    expect(guest.records.filter((record) => record.level === 'warning')).toEqual([]);
  });

  it('holds look-ups of unknown names for 1 s at its start, and for 3 s after a take-over', async () => {
    const port = await freePort();
    const delays: number[] = [];
    const clock = {
      ...env.clock,
      setTimeout: (fn: () => void, ms: number) => {
        delays.push(ms);
        return env.clock.setTimeout(fn, ms);
      },
    };
    const owner = keeperOn(port).keeper;
    await owner.start(node('one', 9101));
    const next = keeperOn(port, 'auto', { clock });
    await next.keeper.start(node('two', 9102));
    expect(delays).not.toContain(1_000);
    const again = nextRegistration('two');
    await owner.stop();
    await again;
    expect(delays).toContain(3_000);
    expect(delays).not.toContain(1_000);
    // A name that is still missing is found when it comes back within that time, by somebody who asked before.
    const client = new EpmdClient({ streams: env.streams, clock: env.clock, host: LOOPBACK, port });
    const found = client.lookup('late', LOOPBACK);
    const late = keeperOn(port, 'auto', { clock }).keeper;
    await late.start(node('late', 9103));
    expect(await found).toMatchObject({ port: 9103 });
    const first = keeperOn(await freePort(), 'auto', { clock }).keeper;
    await first.start(node('first'));
    expect(delays.filter((ms) => ms === 3_000)).toHaveLength(1);
    expect(delays).toContain(1_000);
  });

  it('is found again within a second each time the owner is killed, by those who insist without a failure', async () => {
    const port = await freePort();
    const processes = ['a', 'b', 'c', 'd'].map((name, index) => keeperProcess(port, name, 9201 + index));
    const first = await Promise.all(processes.map((each) => each.registered()));
    // Never the owner, so it lives through every take-over and its name ought to be found at any time.
    const watched = keeperOn(port, 'external').keeper;
    await watched.start(node('watched', 9300));

    let isPolling = true;
    const failures: string[] = [];
    const insist = async (): Promise<void> => {
      while (isPolling) {
        const found = await watched.lookup('watched', LOOPBACK).catch((error: Error) => error.message);
        if (typeof found !== 'object') failures.push(String(found));
      }
    };
    // One look-up at a time without any retry, as a BEAM node does it.
    const client = new EpmdClient({ streams: env.streams, clock: env.clock, host: LOOPBACK, port });
    let foundMs = env.clock.nowMs();
    let longestGapMs = 0;
    const ask = async (): Promise<void> => {
      while (isPolling) {
        const found = await client.lookup('watched', LOOPBACK).catch(() => undefined);
        const nowMs = env.clock.nowMs();
        if (found !== undefined) {
          longestGapMs = Math.max(longestGapMs, nowMs - foundMs);
          foundMs = nowMs;
        }
      }
    };
    const polling = [insist(), ask()];

    let alive = processes;
    for (let round = 1; round <= 3; round++) {
      const owner = alive.find((each) => each.reports.at(-1)?.role === 'owner')!;
      alive = alive.filter((each) => each !== owner);
      const counts = alive.map((each) => each.reports.length + 1);
      const again = nextRegistration('watched');
      await owner.kill('SIGKILL');
      const reports = await Promise.all(alive.map((each, index) => each.registered(counts[index])));
      expect(reports.filter((report) => report.role === 'owner')).toHaveLength(1);
      await again;
    }
    isPolling = false;
    await Promise.all(polling);
    expect(failures).toEqual([]);
    expect(longestGapMs).toBeLessThan(1_000);
    for (const [index, each] of processes.entries())
      expect(new Set(each.reports.map((report) => report.creation))).toEqual(
        new Set([first[index]!.creation]),
      );
    expect(new Set((await watched.names()).map((known) => known.name))).toEqual(
      new Set(['watched', ...alive.map((each) => each.name)]),
    );
  });

  it('lets its operating system process end once it is stopped', async () => {
    const process = keeperProcess(await freePort(), 'one', 9101);
    await process.registered();
    await process.kill('SIGTERM');
  });
});

describe('a keeper in the other modes', () => {
  it('external: fails at once when no port mapper runs', async () => {
    const { keeper } = keeperOn(await freePort(), 'external');
    await expect(keeper.start(node('one'))).rejects.toThrow(ConnectionError);
    await expect(keeper.start(node('one'))).rejects.toThrow(/stops/);
  });

  it('external: never becomes the port mapper, and comes back when another one appears', async () => {
    const port = await freePort();
    const owner = keeperOn(port);
    await owner.keeper.start(node('one'));
    const { keeper } = keeperOn(port, 'external');
    await keeper.start(node('two', 9102));
    await owner.keeper.stop();
    const again = nextRegistration('two');
    const next = keeperOn(port);
    await next.keeper.start(node('three'));
    await again;
    expect(keeper.role).toBe('guest');
    expect(await next.keeper.lookup('two', LOOPBACK)).toMatchObject({ port: 9102 });
  });

  it('embedded: is an error when there is a port mapper already', async () => {
    const port = await freePort();
    const first = keeperOn(port, 'embedded').keeper;
    await first.start(node('one'));
    expect(first.role).toBe('owner');
    await expect(keeperOn(port, 'embedded').keeper.start(node('two'))).rejects.toThrow(/EADDRINUSE/);
  });

  it('off: registers nowhere and draws its creation itself', async () => {
    const port = await freePort();
    const { keeper } = keeperOn(port, 'off');
    const { creation } = await keeper.start(node('one'));
    expect(creation).toBeGreaterThanOrEqual(4);
    expect(keeper.role).toBe('none');
    await expect(keeper.names()).rejects.toThrow(ConnectionError);
  });
});

describe("a keeper's look-up", () => {
  it('does not ask again when somebody answered nonsense', async () => {
    let requests = 0;
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => {
        requests++;
        socket.end('HTTP/1.1 400 Bad Request');
      });
    }).listen(0, LOOPBACK);
    await once(server, 'listening');
    stops.push(async () => server.close());
    const { keeper } = keeperOn((server.address() as { port: number }).port, 'off');
    await expect(keeper.lookup('one', LOOPBACK)).rejects.toThrow(DecodeError);
    expect(requests).toBe(1);
  });

  it('ends when its signal is aborted, also between two attempts', async () => {
    const { keeper } = keeperOn(await freePort(), 'off');
    const controller = new AbortController();
    const looking = keeper.lookup('one', LOOPBACK, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(looking).rejects.toThrow('enough');
    const slow = keeper.lookup('one', LOOPBACK, { signal: AbortSignal.timeout(100) });
    await expect(slow).rejects.toThrow(/timeout/);
  });
});

describe('a keeper that stops', () => {
  it('gives name and port back before it says so, and may be stopped again', async () => {
    const port = await freePort();
    const owner = keeperOn(port).keeper;
    await owner.start(node('one'));
    const guest = keeperOn(port).keeper;
    await guest.start(node('two'));
    await guest.stop();
    expect(await owner.names()).toEqual([{ name: 'one', port: 9100 }]);
    await Promise.all([owner.stop(), owner.stop()]);
    const server = createServer().listen(port, LOOPBACK);
    await once(server, 'listening');
    server.close();
    await expect(owner.lookup('one', LOOPBACK)).rejects.toThrow(/stops/);
  });

  it('while it starts leaves nothing behind', async () => {
    const port = await freePort();
    const { keeper } = keeperOn(port);
    const starting = keeper.start(node('one')).catch((error: unknown) => error);
    await keeper.stop();
    expect(await starting).toBeInstanceOf(ConnectionError);
    const client = new EpmdClient({ streams: env.streams, clock: env.clock, host: LOOPBACK, port });
    await expect(client.names()).rejects.toThrow(/ECONNREFUSED/);
  });

  it('is not held up by a port mapper that has frozen', async () => {
    const frozen = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write(Buffer.from('760000001000', 'hex')));
    }).listen(0, LOOPBACK);
    await once(frozen, 'listening');
    stops.push(async () => frozen.close());
    const { port } = frozen.address() as { port: number };
    const { keeper } = keeperOn(port);
    expect(await keeper.start(node('one'))).toEqual({ creation: 4096 });
    const startedMs = env.clock.nowMs();
    await keeper.stop();
    expect(env.clock.nowMs() - startedMs).toBeLessThan(3_000);
  });
});
