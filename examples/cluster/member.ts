/**
 * One member of the cluster: an OS process with a node, an actor under a registered name, and the habit of calling
 * the others' actors. The parent orders and listens; it is not part of the cluster.
 */
import { at, gossip, type Node, startNode } from '../../src/index.ts';
import {
  type BeginOrder,
  HOST,
  MEMBER_NAMES,
  type MemberEvent,
  type MemberName,
  nodeName,
  type Order,
  SPEAKERS,
} from './events.ts';
import { type Speaker, SpeakerActor } from './speakers.ts';
import { TRANSFORMS } from './transforms.ts';

/** Each member says a word to another one about this often. */
const SMALL_TALK_INTERVAL_MS = 1_500;
const CALL_TIMEOUT_MS = 2_000;

/** Lewis Carroll, whose beamish boy lent this project its name. */
const WORDS =
  'brillig slithy toves gyre gimble wabe mimsy borogoves mome raths outgrabe vorpal frabjous galumphing beamish'.split(
    ' ',
  );

function tell(event: MemberEvent): void {
  if (process.connected) process.send?.(event);
}

async function begin(order: BeginOrder): Promise<Node> {
  const { name, cookie, gossipPort, epmdPort } = order;
  const node = await startNode({
    name: nodeName(name),
    cookie,
    epmd: { port: epmdPort },
    // The loopback interface and a port of our own: nothing else on this machine or its network hears us.
    discovery: gossip({ port: gossipPort, multicastIf: HOST }),
  });
  node.on('nodeup', (peer) => tell({ type: 'nodeup', node: name, peer }));
  node.on('nodedown', (peer, reason) => tell({ type: 'nodedown', node: name, peer, reason: String(reason) }));
  node.spawn(SpeakerActor, [TRANSFORMS[name], (text) => tell({ type: 'greeted', node: name, text })], {
    name: SPEAKERS[name].actor,
  });
  return node;
}

/** Calls the actor of another member by its name, over there, and tells how it went. */
async function say(node: Node, self: MemberName, to: MemberName, text: string, id?: number): Promise<void> {
  const startMs = performance.now();
  const speaker = node.client(at<Speaker>(nodeName(to), SPEAKERS[to].actor), { timeout: CALL_TIMEOUT_MS });
  const outcome = await speaker.say(text).then(
    (reply) => ({ ok: true, reply }),
    (error: unknown) => ({ ok: false, reply: error instanceof Error ? error.message : String(error) }),
  );
  const tookMs = performance.now() - startMs;
  tell({ type: 'called', node: self, to, text, ...outcome, tookMs, ...(id === undefined ? {} : { id }) });
}

function smallTalk(node: Node, self: MemberName): NodeJS.Timeout {
  let turn = 0;
  return setInterval(() => {
    const peers = MEMBER_NAMES.filter((name) => node.nodes('connected').includes(nodeName(name)));
    const to = peers[turn % peers.length];
    turn += 1;
    if (to !== undefined) void say(node, self, to, WORDS[turn % WORDS.length] ?? '');
  }, SMALL_TALK_INTERVAL_MS);
}

let started: Promise<{ node: Node; name: MemberName; talk: NodeJS.Timeout }> | undefined;

async function stop(): Promise<void> {
  if (started === undefined) return process.disconnect();
  const { node, talk } = await started;
  clearInterval(talk);
  await node.stop();
  // With the node stopped, this channel is the last thing that keeps the process alive.
  if (process.connected) process.disconnect();
}

process.on('message', (order: Order) => {
  if (order.type === 'begin') {
    started = begin(order).then((node) => {
      tell({ type: 'up', node: order.name });
      return { node, name: order.name, talk: smallTalk(node, order.name) };
    });
  } else if (order.type === 'say') {
    void started?.then(({ node, name }) => say(node, name, order.to, order.text, order.id));
  } else {
    void stop();
  }
});
// A member whose parent has died leaves as well.
process.on('disconnect', () => void stop());
// Ctrl-C reaches the whole process group; the parent decides when members stop.
process.on('SIGINT', () => {});
