/**
 * One node in an operating system process of its own. Argument: node options as JSON. Prints `up`. Its process `blaster`
 * answers `{Pid, Bytes}` with a binary of that size to the pid, `sum` answers `{Pid, Binary}` with `{MD5, Size}`, and the
 * actor `server` has a method `get`. Ends on SIGTERM.
 */
import { createHash } from 'node:crypto';
import { actor, atom, type Pid, startNode, type Tuple, tuple } from '../../../src/index.ts';
import { platformEnv } from '../../../src/platform/index.ts';

const node = await startNode({
  ...JSON.parse(process.argv[2] ?? '{}'),
  env: { ...platformEnv(), log: { write: ({ message }) => console.error(message) } },
});
node.spawn(
  async (self) => {
    for await (const message of self) {
      const [to, size] = message as Tuple & [Pid, number];
      self.send(to, new Uint8Array(size));
      self.send(to, atom('behind'));
    }
  },
  [],
  { name: 'blaster' },
);
node.spawn(
  async (self) => {
    for await (const message of self) {
      const [to, data] = message as Tuple & [Pid, Uint8Array];
      self.send(to, tuple(createHash('md5').update(data).digest('hex'), data.length));
    }
  },
  [],
  { name: 'sum' },
);
node.spawn(
  actor('server', () => ({ get: () => 1 })),
  [],
  { name: 'server' },
);
console.log('up');
process.once('SIGTERM', () => void node.stop().then(() => process.exit(0)));
