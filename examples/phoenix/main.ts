/**
 * A Beamish node in a Phoenix.PubSub: it hears what Elixir broadcasts, and Elixir's subscribers hear it.
 *
 *   node --import tsx examples/phoenix/main.ts
 *
 * You will see (where `elixir` is installed):
 *
 *   the PubSub has two nodes: phoenix@127.0.0.1, typescript@127.0.0.1
 *   phoenix@127.0.0.1 says: I heard typescript say hello
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Atom, atom, startNode, type Tuple, tuple } from '../../src/index.ts';
import { joinPubSub } from './pubsub.ts';

const cookie = 'a secret that both know';
const node = await startNode({ name: 'typescript@127.0.0.1', cookie, hidden: false });
const pubsub = joinPubSub(node, 'MyApp.PubSub');

// Your Phoenix application; here a script that says the same.
const script = fileURLToPath(new URL('./my_app.exs', import.meta.url));
const elixir = spawn('elixir', ['--name', 'phoenix@127.0.0.1', '--cookie', cookie, script, node.name], {
  stdio: 'inherit',
  env: { ...process.env, ERL_EPMD_PORT: String(node.epmdPort) },
});
const closed = once(elixir, 'close').catch(() => console.log('there is no elixir on this machine'));

const stop = pubsub.subscribe('room:lobby', (message) => {
  const [kind, from, what] = (message as Tuple<[Atom, Atom, string]>).elements;
  if (kind !== atom('answer')) return;
  console.log(`${from.name} says: ${what}`);
  stop();
  pubsub.broadcast('room:lobby', atom('bye'));
});
node.groups.scope('Elixir.Phoenix.PubSub').on('join', () => {
  if (pubsub.nodes().length < 2) return;
  console.log(`the PubSub has two nodes: ${pubsub.nodes().sort().join(', ')}`);
  pubsub.broadcast('room:lobby', tuple(atom('said'), 'typescript', 'hello'));
});

await closed;
await node.stop();
