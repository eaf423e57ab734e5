import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import type { EpmdKeeper } from '../../src/connection/epmd-keeper.ts';
import { NameTakenError } from '../../src/errors.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { describeBeam, otpRelease, startBeam, startEpmd } from '../support/beam.ts';
import { makeKeeper } from '../support/epmd/keepers.ts';
import { freePort } from '../support/ports.ts';

const run = promisify(execFile);
const { streams, clock } = platformEnv();
const LOOPBACK = '127.0.0.1';
const stops: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function keeperOn(port: number, name: string, nodePort: number): Promise<EpmdKeeper> {
  const { keeper } = makeKeeper(port);
  stops.push(() => keeper.stop());
  await keeper.start({ name, port: nodePort, hidden: false });
  return keeper;
}

async function beamOn(epmdPort: number, name: string) {
  const beam = await startBeam({ name: `${name}@${LOOPBACK}`, cookie: 'lab', epmdPort });
  stops.push(() => beam.kill());
  return beam;
}

/** What the `epmd` program of OTP prints about the port mapper on this port. */
async function epmdNames(port: number): Promise<string> {
  const { stdout } = await run('epmd', ['-names'], {
    env: { ...process.env, ERL_EPMD_PORT: String(port) },
  });
  return stdout;
}

/** Resolves when the embedded port mapper of this process has counted one more event of this name. */
function nextEvent(name: string): Promise<void> {
  return new Promise((resolve) => {
    const listener = (): void => {
      unsubscribe(`beamish:${name}`, listener);
      resolve();
    };
    subscribe(`beamish:${name}`, listener);
  });
}

describeBeam('the embedded port mapper and a BEAM', () => {
  it('registers a real node, finds it, and forgets it when it ends', async () => {
    const port = await freePort();
    const keeper = await keeperOn(port, 'ours', 9100);
    const beam = await beamOn(port, 'theirs');
    const found = await keeper.lookup('theirs', LOOPBACK);
    expect(found).toMatchObject({ nodeType: 77, protocol: 0, highestVersion: 6, lowestVersion: 5 });
    expect(await beam.eval('erl_epmd:names({127,0,0,1})')).toBe(
      `{ok,[{"ours",9100},{"theirs",${found!.port}}]}`,
    );
    expect(await beam.eval('erl_epmd:port_please("ours", {127,0,0,1})')).toBe('{port,9100,6}');
    expect(await beam.eval('erl_epmd:port_please("nobody", {127,0,0,1})')).toBe('noport');
    const gone = nextEvent('epmd.server.unregistered');
    await beam.kill();
    await gone;
    expect(await keeper.lookup('theirs', LOOPBACK)).toBeUndefined();
  });

  it('is listed by the epmd program', async () => {
    const port = await freePort();
    await keeperOn(port, 'ours', 9100);
    expect(await epmdNames(port)).toBe(
      `epmd: up and running on port ${port} with data:\nname ours at port 9100\n`,
    );
  });

  it('gives a real node its creation, and the next one when it comes again', async () => {
    const port = await freePort();
    await keeperOn(port, 'ours', 9100);
    const first = await beamOn(port, 'theirs');
    const creation = Number(await first.eval('erts_internal:get_creation()'));
    const gone = nextEvent('epmd.server.unregistered');
    await first.kill();
    await gone;
    const second = await beamOn(port, 'theirs');
    expect(Number(await second.eval('erts_internal:get_creation()'))).toBe(creation + 1);
  });

  it('refuses a real node whose name is taken', async () => {
    const port = await freePort();
    await keeperOn(port, 'ours', 9100);
    await expect(beamOn(port, 'ours')).rejects.toThrow(/in use|already|ended before/);
  });

  // The nodes of OTP 23 do not register again once their port mapper is lost.
  it.skipIf(otpRelease() === 23)('gets its real nodes back after a take-over', async () => {
    const port = await freePort();
    const owner = await keeperOn(port, 'first', 9100);
    const next = await keeperOn(port, 'second', 9101);
    const beam = await beamOn(port, 'theirs');
    const creation = await beam.eval('erts_internal:get_creation()');
    const back = new Promise<void>((resolve) => {
      const listener = (message: unknown): void => {
        if ((message as { name: string }).name !== 'theirs') return;
        unsubscribe('beamish:epmd.server.registered', listener);
        resolve();
      };
      subscribe('beamish:epmd.server.registered', listener);
    });
    await owner.stop();
    // A look-up at this moment waits for the name: two seconds are the pause of erl_epmd.
    expect(await next.lookup('theirs', LOOPBACK)).toBeDefined();
    await back;
    expect(next.role).toBe('owner');
    expect(await beam.eval('erts_internal:get_creation()')).toBe(creation);
  });
});

describeBeam('our node and the port mapper of OTP', () => {
  it('registers, looks up and lists', async () => {
    const epmd = await startEpmd();
    stops.push(() => epmd.stop());
    const keeper = await keeperOn(epmd.port, 'ours', 9100);
    const beam = await beamOn(epmd.port, 'theirs');
    expect(keeper.role).toBe('guest');
    expect(await keeper.lookup('theirs', LOOPBACK)).toMatchObject({ name: 'theirs', highestVersion: 6 });
    expect((await keeper.names()).map((known) => known.name).sort()).toEqual(['ours', 'theirs']);
    expect(await beam.eval('erl_epmd:port_please("ours", {127,0,0,1})')).toBe('{port,9100,6}');
    expect(await epmdNames(epmd.port)).toContain('name ours at port 9100\n');
    await keeper.stop();
    expect(await epmdNames(epmd.port)).not.toContain('name ours');
  });

  it('tells that a name is taken by a real node', async () => {
    const epmd = await startEpmd();
    stops.push(() => epmd.stop());
    await beamOn(epmd.port, 'theirs');
    await expect(keeperOn(epmd.port, 'theirs', 9100)).rejects.toThrow(NameTakenError);
  });

  it('becomes the port mapper when the real one ends', async () => {
    const epmd = await startEpmd();
    const keeper = await keeperOn(epmd.port, 'ours', 9100);
    const owner = nextEvent('epmd.registered');
    await epmd.stop();
    await owner;
    expect(keeper.role).toBe('owner');
    const client = new EpmdClient({ streams, clock, host: LOOPBACK, port: epmd.port });
    expect(await client.names()).toEqual([{ name: 'ours', port: 9100 }]);
  });
});
