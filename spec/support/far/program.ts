/**
 * One node in an operating system process of its own. Argument: node options as JSON. Prints `up`. Its process `blaster`
 * answers `{Pid, Bytes}` with a binary of that size to the pid. Ends on SIGTERM.
 */
import { atom, type Pid, startNode, type Tuple } from '../../../src/index.ts';
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
console.log('up');
process.once('SIGTERM', () => void node.stop().then(() => process.exit(0)));
