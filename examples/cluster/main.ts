/**
 * Three OS processes on this machine become one cluster: they find each other by gossip on the loopback interface,
 * prove the cookie to each other, call each other's actors by name, lose a member and get it back. On a terminal you
 * watch and take part; elsewhere you read lines.
 *
 *   npm start              the live view; type a text, /kill cyd, /start cyd, /quit
 *   npm start -- --plain   the same as lines, also on a terminal
 *   npm start -- --once    the whole story without input; exits with 1 if a step fails
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Cluster, freePorts } from './cluster.ts';
import { HELP_LINE, readWish } from './input.ts';
import { joinLines } from './join.ts';
import { openLiveView } from './live.ts';
import { plainLines } from './plain.ts';
import { FAREWELL, STORY, tellStory } from './story.ts';
import { Wishes } from './wishes.ts';

const USAGE = 'usage: npm start -- [--once | --plain]';
/** Between steps, when somebody watches. */
const PAUSE_MS = 1_800;

const options = readOptions();
const cluster = new Cluster(await freePorts(), `jabberwock-${randomBytes(3).toString('hex')}`);
const stopping = new AbortController();
let restoreTerminal = (): void => {};

process.on('exit', () => {
  restoreTerminal();
  cluster.abandon();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.on('uncaughtException', (error) => {
  restoreTerminal();
  console.error(error);
  process.exit(1);
});

const told = options.once ? await runOnce() : options.live ? await runLive() : await runPlain();
process.exitCode = told ? 0 : 1;
// The keyboard, if it was listened to, would keep the process alive.
process.stdin.unref?.();

/** Ends the story wherever it is; the farewell follows. */
function stop(): void {
  stopping.abort();
  cluster.giveUp();
}

/** The whole story, then the end. */
async function runOnce(): Promise<boolean> {
  printEvents();
  const told = await tellStory(cluster, STORY, 0, stopping.signal);
  return (await tellStory(cluster, [FAREWELL], 0)) && told;
}

/** The story as lines; then lines from stdin, until there are no more. */
async function runPlain(): Promise<boolean> {
  printEvents();
  const told = await tellStory(cluster, STORY, 0, stopping.signal);
  if (told) {
    const { erl, iex } = joinLines(cluster.ports, cluster.cookie);
    console.log(`\nJoin from another terminal, with Erlang or with Elixir:\n\n${erl}\n\n${iex}\n`);
    console.log(`Type lines (${HELP_LINE}); end with Ctrl-D.\n`);
    await takeLines();
  }
  return (await tellStory(cluster, [FAREWELL], 0)) && told;
}

/** The story on the screen, while the user may type, until the user leaves. */
async function runLive(): Promise<boolean> {
  const view = openLiveView(cluster, new Wishes(cluster));
  restoreTerminal = () => view.close();
  const story = tellStory(cluster, STORY, PAUSE_MS, stopping.signal);
  await Promise.race([view.left, aborted()]);
  stop();
  view.close();
  const failed = cluster.state.steps.some((step) => step.outcome === 'failed');
  for (const { title, detail, outcome } of cluster.state.steps) {
    if (outcome !== 'running') console.log(`${outcome === 'done' ? '✔' : '✘'} ${title}: ${detail}`);
  }
  printEvents('steps');
  const [, ended] = await Promise.all([story, tellStory(cluster, [FAREWELL], 0)]);
  return ended && !failed;
}

async function takeLines(): Promise<void> {
  const wishes = new Wishes(cluster);
  const lines = createInterface({ input: process.stdin });
  stopping.signal.addEventListener('abort', () => lines.close());
  for await (const line of lines) {
    if (stopping.signal.aborted) break;
    const wish = readWish(line);
    if (wish.type === 'quit') break;
    await wishes.grant(wish);
  }
  lines.close();
}

function printEvents(which: 'all' | 'steps' = 'all'): void {
  let before = cluster.state;
  cluster.onEvent((event, atMs) => {
    if (which === 'all' || event.type === 'step') {
      for (const line of plainLines(event, before, cluster.state, atMs)) console.log(line);
    }
    before = cluster.state;
  });
}

function aborted(): Promise<void> {
  return new Promise((resolve) => {
    if (stopping.signal.aborted) resolve();
    else stopping.signal.addEventListener('abort', () => resolve());
  });
}

function readOptions(): { readonly once: boolean; readonly live: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean' },
        plain: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      console.log(USAGE);
      process.exit(0);
    }
    const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    return { once: values.once === true, live: terminal && values.plain !== true };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message.split('\n')[0] : String(error)}\n${USAGE}`);
    process.exit(1);
  }
}
