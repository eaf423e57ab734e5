/**
 * A discovery strategy of one's own: nodes are the lines of a file, looked at every second.
 *
 *     node --import tsx examples/own-strategy.ts
 *
 * You will see: left@127.0.0.1 is connected to right@127.0.0.1
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Strategy, startNode } from '../src/index.ts';

const fromFile = (path: string): Strategy => ({
  kind: 'file',
  start({ env, found, failed }) {
    const look = async (): Promise<void> => {
      try {
        for (const name of (await readFile(path, 'utf8')).split('\n')) if (name !== '') found(name);
        env.clock.setTimeout(look, 1_000);
      } catch (error) {
        // It is started again after a pause; nothing else of the node is touched.
        failed(error);
      }
    };
    void look();
    // Timers and sockets taken from `env` end with the strategy.
    return { stop() {} };
  },
});

const directory = mkdtempSync(join(tmpdir(), 'beamish-'));
const file = join(directory, 'nodes');
const common = { cookie: 'example', epmd: { port: Number(process.env.ERL_EPMD_PORT ?? 4369) } };
try {
  writeFileSync(file, 'right@127.0.0.1\n');
  await using right = await startNode({ ...common, name: 'right@127.0.0.1' });
  await using left = await startNode({ ...common, name: 'left@127.0.0.1', discovery: fromFile(file) });
  await new Promise<void>((resolve) => {
    left.on('nodeup', (name) => {
      console.log(`${left.name} is connected to ${name}`);
      resolve();
    });
    if (left.nodes('connected').includes(right.name)) resolve();
  });
} finally {
  rmSync(directory, { recursive: true });
}
