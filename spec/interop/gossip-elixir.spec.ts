import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { gossip, startNode } from '../../src/index.ts';
import { freeGossipPort } from '../discovery/seeker.ts';
import { describeBeam, type Epmd, startEpmd } from '../support/beam.ts';
import { elixirAvailable, spawnElixir } from '../support/elixir.ts';

const GOSSIPER = fileURLToPath(new URL('./fixtures/gossiper.exs', import.meta.url));
const COOKIE = 'gossip_cookie';
const hasElixir = elixirAvailable('an Elixir node that gossips');

describeBeam('an Elixir node that gossips like libcluster', () => {
  let epmd: Epmd;

  beforeAll(async () => {
    epmd = await startEpmd();
  });

  afterAll(() => epmd?.stop());

  /** Starts an Elixir node; resolves with its lines once its socket is open. */
  async function elixir(name: string, port: number, group: string, secret: string) {
    const child = await spawnElixir({
      name,
      cookie: COOKIE,
      script: GOSSIPER,
      args: [String(port), group, secret],
      epmdPort: epmd.port,
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
