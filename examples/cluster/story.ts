import { type Cluster, upMembers } from './cluster.ts';
import { MEMBER_NAMES, type MemberName, nodeName } from './events.ts';
import { linked, PAIRS } from './state.ts';
import { TRANSFORMS } from './transforms.ts';

/** Far more than each step takes; on a machine under load, starting three Node.js processes is the longest. */
const START_LIMIT_MS = 40_000;
const LINK_LIMIT_MS = 20_000;
const NOTICE_LIMIT_MS = 15_000;
const CALL_LIMIT_MS = 5_000;

const VICTIM: MemberName = 'cyd';
const SURVIVORS = MEMBER_NAMES.filter((name) => name !== VICTIM);
const SAMPLE_TEXT = 'Hello from one process to another';

interface StoryStep {
  readonly title: string;
  /** Resolves with what was seen; rejects when it was not seen in time. */
  run(cluster: Cluster): Promise<string>;
}

/**
 * The whole story, in order. Every step waits for events with a limit, and checks what it saw.
 */
export const STORY: readonly StoryStep[] = [
  {
    title: 'start three OS processes',
    async run(cluster) {
      for (const name of MEMBER_NAMES) cluster.start(name);
      await cluster.until((state) => upMembers(state).length === 3, START_LIMIT_MS, 'three nodes to come up');
      return MEMBER_NAMES.map((name) => `${name}=${cluster.state.members[name].osPid}`).join(' ');
    },
  },
  {
    title: 'they find each other by gossip and connect',
    async run(cluster) {
      const startMs = cluster.nowMs();
      await untilMeshed(cluster);
      return `${PAIRS.length} links, ${Math.round(cluster.nowMs() - startMs)} ms after the last start`;
    },
  },
  {
    title: "each calls the others' actors by name",
    async run(cluster) {
      const calls = PAIRS.flatMap(([a, b]) => [
        ask(cluster, a, b, 'brillig'),
        ask(cluster, b, a, 'slithy toves'),
      ]);
      const tookMs = (await Promise.all(calls)).map((call) => call.tookMs).sort((a, b) => a - b);
      return `${tookMs.length} calls, ${tookMs[0]?.toFixed(2)} to ${tookMs.at(-1)?.toFixed(2)} ms`;
    },
  },
  {
    title: 'text goes to an actor on another node',
    async run(cluster) {
      const { reply } = await ask(cluster, 'ada', 'ben', SAMPLE_TEXT);
      return `"${SAMPLE_TEXT}" comes back as "${reply}"`;
    },
  },
  {
    title: `${VICTIM} is killed, and the others notice`,
    async run(cluster) {
      const startMs = cluster.nowMs();
      cluster.kill(VICTIM);
      await cluster.until(
        (state) =>
          state.members[VICTIM].status === 'down' &&
          SURVIVORS.every((name) => !state.members[name].peers.includes(nodeName(VICTIM))),
        NOTICE_LIMIT_MS,
        `${SURVIVORS.join(' and ')} to notice`,
      );
      return `nodedown on ${SURVIVORS.join(' and ')} within ${Math.round(cluster.nowMs() - startMs)} ms`;
    },
  },
  {
    title: 'a call to the dead one fails, the living go on',
    async run(cluster) {
      const failed = await cluster.say('ada', VICTIM, 'are you there?', CALL_LIMIT_MS);
      if (failed.ok) throw new Error(`${VICTIM} is dead and yet it answered`);
      await ask(cluster, 'ada', 'ben', 'still here');
      return failed.reply;
    },
  },
  {
    title: `${VICTIM} starts again and is found again`,
    async run(cluster) {
      cluster.start(VICTIM);
      await cluster.until((state) => upMembers(state).length === 3, START_LIMIT_MS, `${VICTIM} to come up`);
      await untilMeshed(cluster);
      const { reply } = await ask(cluster, 'ben', VICTIM, SAMPLE_TEXT);
      return `OS process ${cluster.state.members[VICTIM].osPid} answers: ${reply}`;
    },
  },
];

/** The last step, when the user has seen enough. */
export const FAREWELL: StoryStep = {
  title: 'all stop, and every process ends by itself',
  async run(cluster) {
    // Who was killed a moment ago may not be gone yet, and is not asked to stop.
    const killed = MEMBER_NAMES.filter((name) => {
      const { status, killedAtMs } = cluster.state.members[name];
      return status !== 'down' && killedAtMs !== undefined;
    });
    const exits: string[] = [];
    const off = cluster.onEvent((event) => {
      if (event.type === 'gone' && !killed.includes(event.node)) exits.push(event.how);
    });
    const stragglers = await cluster.stop();
    off();
    if (stragglers.length > 0) throw new Error(`${stragglers.join(' and ')} had to be killed`);
    const bad = exits.filter((how) => how !== 'exit code 0');
    if (bad.length > 0) throw new Error(`a member ended with ${bad.join(', ')}`);
    return `${exits.length} processes, exit code 0`;
  },
};

/**
 * Tells steps one after the other. Resolves with true when all were seen; the first that is not ends the story.
 *
 * @param pauseMs - between steps, for people who watch
 */
export async function tellStory(
  cluster: Cluster,
  steps: readonly StoryStep[],
  pauseMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const stopped = (): boolean => signal?.aborted === true;
  for (const { title, run } of steps) {
    if (stopped()) return false;
    cluster.emit({ type: 'step', title, outcome: 'running', detail: '' });
    try {
      const detail = await run(cluster);
      cluster.emit({ type: 'step', title, outcome: 'done', detail });
    } catch (error) {
      if (stopped()) return false;
      const detail = error instanceof Error ? error.message : String(error);
      cluster.emit({ type: 'step', title, outcome: 'failed', detail });
      return false;
    }
    if (pauseMs > 0) await pause(pauseMs, signal);
  }
  return true;
}

async function untilMeshed(cluster: Cluster): Promise<void> {
  await cluster.until(
    (state) => PAIRS.every(([a, b]) => linked(state, a, b)),
    LINK_LIMIT_MS,
    'every pair to be connected',
  );
}

/** A call that must succeed, with exactly the answer that the actor over there is known to give. */
async function ask(cluster: Cluster, from: MemberName, to: MemberName, text: string) {
  const call = await cluster.say(from, to, text, CALL_LIMIT_MS);
  const expected = TRANSFORMS[to](text);
  if (!call.ok) throw new Error(`${from} could not call ${to}: ${call.reply}`);
  if (call.reply !== expected) throw new Error(`${to} answered "${call.reply}", expected "${expected}"`);
  return call;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
}
