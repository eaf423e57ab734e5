/**
 * One node in a network namespace. Argument: node options as JSON, `gossip` among them. Speaks JSON lines: `up`, `nodeup`,
 * `nodedown`, `log`; a line "counters" on stdin is answered with `counters`. Ends on SIGTERM, or when stdin ends.
 */
import { createInterface } from 'node:readline';
import { gossip, startNode } from '../../../src/index.ts';
import { platformEnv } from '../../../src/platform/index.ts';

const say = (event: Record<string, unknown>): void => console.log(JSON.stringify(event));
const { gossip: gossipOptions, ...options } = JSON.parse(process.argv[2] ?? '{}');

const node = await startNode({
  ...options,
  discovery: gossip(gossipOptions),
  env: { ...platformEnv(), log: { write: ({ message }) => say({ event: 'log', message }) } },
});
node.on('nodeup', (name) => say({ event: 'nodeup', name }));
node.on('nodedown', (name) => say({ event: 'nodedown', name }));
say({ event: 'up', name: node.name });
for (const name of node.nodes('connected')) say({ event: 'nodeup', name });

const stop = async (): Promise<void> => {
  await node.stop();
  process.exit(0);
};
process.once('SIGTERM', () => void stop());
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line === 'counters') say({ event: 'counters', counters: node.inspect().counters });
});
lines.on('close', () => void stop());
