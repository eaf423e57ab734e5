/**
 * One node in a network namespace. Argument: node options as JSON, `gossip` among them. Speaks JSON lines: `up`, `nodeup`,
 * `nodedown`, `log`, and `message` with the size of what its process `sink` gets. Lines on stdin: "counters" is answered
 * with `counters`; "debug on" and "debug off" switch discovery's lines; "blast NODE BYTES" sends a binary to the sink there; "hold BYTES" stops reading, and says `held`, once so
 * much more has come, and "go" reads on; "register NAME" names a new process in the whole cluster, and `registered` says
 * whether it could; "names" is answered with `names`, who has which, and who is a member; "ping NODE" with
 * `pong`, and how long it took. Ends on SIGTERM, or when stdin ends.
 */
import { createInterface } from 'node:readline';
import type { Stream } from '../../../src/env/streams.ts';
import { at, gossip, startNode } from '../../../src/index.ts';
import { platformEnv } from '../../../src/platform/index.ts';
import { watchedStreams } from '../watched-streams.ts';

const say = (event: Record<string, unknown>): void => console.log(JSON.stringify(event));
const { gossip: gossipOptions, ...options } = JSON.parse(process.argv[2] ?? '{}');

let holdAfterBytes = Number.POSITIVE_INFINITY;
let held: Stream | undefined;
const env = platformEnv();
const streams = watchedStreams(
  env.streams,
  (bytes, stream) => {
    holdAfterBytes -= bytes;
    if (holdAfterBytes > 0 || held !== undefined) return;
    held = stream;
    stream.pause();
    say({ event: 'held' });
  },
  () => held !== undefined,
);

const node = await startNode({
  ...options,
  discovery: gossip(gossipOptions),
  env: { ...env, streams, log: { write: ({ message }) => say({ event: 'log', message }) } },
});
node.on('nodeup', (name) => say({ event: 'nodeup', name }));
node.on('nodedown', (name) => say({ event: 'nodedown', name }));
node.spawn(
  async (self) => {
    for await (const message of self) say({ event: 'message', bytes: (message as Uint8Array).length });
  },
  [],
  { name: 'sink' },
);
say({ event: 'up', name: node.name });
for (const name of node.nodes('connected')) say({ event: 'nodeup', name });

const register = async (name: string): Promise<void> => {
  const pid = node.spawn(async (self) => {
    for await (const _ of self);
  });
  say({ event: 'registered', name, done: await node.global.register(name, pid, { ifTaken: 'false' }) });
};
const ping = async (name: string): Promise<void> => {
  const sinceMs = performance.now();
  await node.ping(name);
  say({ event: 'pong', name, ms: performance.now() - sinceMs });
};
const stop = async (): Promise<void> => {
  await node.stop();
  process.exit(0);
};
process.once('SIGTERM', () => void stop());
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const [command, ...words] = line.split(' ');
  if (command === 'counters') say({ event: 'counters', counters: node.inspect().counters });
  if (command === 'debug') node.debug('discovery', words[0] === 'on');
  if (command === 'blast') node.send(at(words[0]!, 'sink'), new Uint8Array(Number(words[1])));
  if (command === 'hold') holdAfterBytes = Number(words[0]);
  if (command === 'register') void register(words[0]!);
  if (command === 'ping') void ping(words[0]!);
  if (command === 'names')
    say({
      event: 'names',
      holders: Object.fromEntries(
        node.global.registered().map((name) => [name, node.global.whereis(name)?.node]),
      ),
      members: node.global.members(),
    });
  if (command === 'go') {
    const stream = held;
    holdAfterBytes = Number.POSITIVE_INFINITY;
    held = undefined;
    stream?.resume();
  }
});
lines.on('close', () => void stop());
