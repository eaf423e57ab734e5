import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { gossip, startNode } from '../../src/index.ts';
import { freeGossipPort } from '../discovery/seeker.ts';
import { describeBeam, type Epmd, startEpmd } from '../support/beam.ts';

const GOSSIPER = fileURLToPath(new URL('./fixtures/gossiper.exs', import.meta.url));
const COOKIE = 'gossip_cookie';
const hasElixir = spawnSync('elixir', ['--version'], { stdio: 'ignore' }).status === 0;

if (!hasElixir && process.env.BEAMISH_REQUIRE_BEAM === '1')
  throw new Error(
    'these tests need elixir, which is not installed, and BEAMISH_REQUIRE_BEAM=1 forbids skipping',
  );
if (!hasElixir) console.warn('SKIPPED an Elixir node that gossips: elixir is not installed');

describeBeam('an Elixir node that gossips like libcluster', () => {
  let epmd: Epmd;

  beforeAll(async () => {
    epmd = await startEpmd();
  });

  afterAll(() => epmd?.stop());

  /** Starts an Elixir node; resolves with its lines once its socket is open. */
  async function elixir(name: string, port: number, group: string, secret: string) {
    const args = ['--name', name, '--cookie', COOKIE, GOSSIPER, String(port), group, secret];
    const child: ChildProcess = spawn('elixir', args, {
      env: { ...process.env, ERL_EPMD_PORT: String(epmd.port), LC_ALL: 'C.UTF-8' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(
      () =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null) resolve();
          child.once('exit', () => resolve());
          child.kill('SIGKILL');
        }),
    );
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('open');
    return lines;
  }

  for (const group of ['230.1.1.251', '233.252.1.32'])
    for (const secret of ['', 'sésame'])
      it.runIf(hasElixir)(
        `and a Beamish node are one cluster, by ${group}, ${secret === '' ? 'plain' : 'with a secret'}`,
        async () => {
          const { port } = await freeGossipPort();
          const lines = await elixir('elixir@127.0.0.1', port, group, secret);
          await using node = await startNode({
            name: 'node@127.0.0.1',
            cookie: COOKIE,
            epmd: { mode: 'external', port: epmd.port },
            // With both default groups, whichever the other has.
            discovery: gossip({ port, multicastIf: '127.0.0.1', ...(secret === '' ? {} : { secret }) }),
          });
          await new Promise<void>((resolve) => {
            node.on('nodeup', (name) => {
              if (name === 'elixir@127.0.0.1') resolve();
            });
            if (node.nodes('connected').includes('elixir@127.0.0.1')) resolve();
          });
          expect((await lines.next()).value).toBe('nodeup node@127.0.0.1');
        },
      );
});
