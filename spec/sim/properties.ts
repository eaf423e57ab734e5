/**
 * What must be true of a cluster whatever happens, each as a function of a seed that rejects when it is not. They are run
 * over a budget of seeds by `properties.spec.ts`, and over deliberate bugs by `mutants.spec.ts`, which must be caught.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gossip, hosts, type Strategy } from '../../src/index.ts';
import {
  all,
  checkConvergence,
  converged,
  type FaultKind,
  type FaultPlan,
  groupsAgree,
  namesAgree,
  noOrphans,
  randomPlan,
  SeededRandom,
  SimCluster,
  type SimNodeOptions,
  simEnv,
} from '../../src/testing/index.ts';
import { ChildrenBook } from './books/children.ts';
import { linksAlternate, oneLinkPerPair } from './books/links.ts';
import { MonitorBook } from './books/monitors.ts';
import { NamesBook } from './books/names.ts';
import { PostBook } from './books/post.ts';

export type Property = (seed: number) => Promise<void>;

/** For `using`: a cluster that a property leaves behind when it fails would go on listening to the program. */
function endsHere(cluster: SimCluster): SimCluster & Disposable {
  return Object.assign(cluster, { [Symbol.dispose]: () => cluster.dispose() });
}

const randomOf = (seed: number, label: string): SeededRandom => new SeededRandom(seed).fork(label);

function assert(holds: boolean, what: () => string): asserts holds {
  if (!holds) throw new Error(what());
}

/** Nodes a, b, c, ... on a machine each. */
const names = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => {
    const letter = String.fromCharCode(97 + at);
    return `${letter}@${letter}.sim`;
  });

/** Every form of the datagrams in turn. A strategy can serve several nodes. */
function strategyOf(seed: number): Strategy {
  const forms = [
    () => gossip(),
    () => gossip({ secret: 'sim' }),
    () => gossip({ secret: 'sim', seal: 'secretbox' }),
    () => gossip({ secret: 'sim', seal: 'secretbox', wire: 'both' }),
  ];
  return forms[seed % forms.length]!();
}

/** Short enough to make a simulation quick, long against what datagrams and handshakes take. */
const TICK_MS = 8_000;
/** Up to this share of lost segments a peer that is silent for TICK_MS is as good as dead. */
const CALM_LOSS = 0.05;

/**
 * The weather outlasts the faults. Where a third of all segments is lost, a living peer may be silent for seconds (each
 * loss in a row doubles the wait for the next try), and giving it up is right: there silence means death only later.
 */
function tickTimeIn(plan: FaultPlan): number {
  return (plan.link?.loss ?? 0) <= CALM_LOSS ? TICK_MS : 60_000;
}

/** Any faults at all, then peace: the cluster finds itself, nothing of the dead is left, and it stays so. */
async function membershipConverges(seed: number): Promise<void> {
  const random = randomOf(seed, 'membership');
  const discovery = strategyOf(seed);
  const isBrief = random.chance(0.5);
  const restMs = 2 * (isBrief ? TICK_MS : 60_000);
  const plan = randomPlan(random, { nodes: [2, 9], steps: [1, 16], restMs });
  const netTickTime = isBrief ? tickTimeIn(plan) : 60_000;
  await checkConvergence(plan, {
    node: { discovery, netTickTime },
    always: [linksAlternate(), oneLinkPerPair()],
    eventually: converged,
    withinMs: 200_000,
    quietMs: 20_000,
    // Signals may be under way at any one instant, on lossy links for seconds; what is left behind stays left behind.
    finally: (cluster) => cluster.until(noOrphans, { withinMs: 20_000 }),
  });
}

/** Nodes that start together dial each other at the same moment; no time-out is needed to get out of that. */
async function allMeetAtOnce(seed: number): Promise<void> {
  const random = randomOf(seed, 'meet');
  const members = names(random.between(2, 7));
  using cluster = endsHere(new SimCluster({ seed, latencyMs: random.between(1, 20) }));
  const discovery = strategyOf(seed);
  await Promise.all(members.map((name) => cluster.start(name, { discovery })));
  await cluster.until(converged, { withinMs: 1_000 });
}

/** Two nodes dial each other within a round trip, again and again: both calls end in the same one link, at once. */
async function callsThatCrossMeet(seed: number): Promise<void> {
  const random = randomOf(seed, 'cross');
  const [one, two] = names(2) as [string, string];
  const latencyMs = random.between(5, 50);
  using cluster = endsHere(new SimCluster({ seed, latencyMs }));
  const a = await cluster.start(one);
  const b = await cluster.start(two);
  for (let round = 0; round < 5; round++) {
    // The port mapper, the socket and the handshake take a few round trips.
    const beganMs = cluster.nowMs;
    const calls = [a.connect(two)];
    await cluster.advance(random.between(0, 4 * latencyMs));
    calls.push(b.connect(one));
    await cluster.run(Promise.all(calls));
    const tookMs = cluster.nowMs - beganMs;
    assert(tookMs <= 16 * latencyMs, () => `${tookMs} ms at ${latencyMs} ms one way, round ${round}`);
    await cluster.until(converged, { withinMs: 4 * latencyMs });
    a.disconnect(two);
    await cluster.until(() => a.nodes('connected').length + b.nodes('connected').length === 0, {
      withinMs: 1_000,
    });
  }
}

/** All nodes of a cluster crash at the same moment and come back under their old names, again and again. */
async function allRestartedAtOnce(seed: number): Promise<void> {
  const random = randomOf(seed, 'restarts');
  const plan = randomPlan(random, { nodes: [2, 6], steps: [1, 3], faults: ['restartAll'], restMs: 90_000 });
  await checkConvergence(plan, { node: { discovery: strategyOf(seed) }, quietMs: 100_000, withinMs: 60_000 });
}

/** However long a partition was, whole or of one direction, both sides meet again soon after it has healed. */
async function partitionsHeal(seed: number): Promise<void> {
  const random = randomOf(seed, 'partition');
  const faults = ['partition', 'partitionOneWay', 'hold'] as const;
  await checkConvergence(
    randomPlan(random, { nodes: [2, 5], steps: 1, faults, restMs: 300_000, weather: random.chance(0.5) }),
    {
      node: { discovery: strategyOf(seed), netTickTime: TICK_MS },
      always: linksAlternate(),
      // The longest rest of a minute, the pause before the next heartbeat, the attempt itself.
      withinMs: 90_000,
    },
  );
}

/** While the machine's port mapper is gone nobody finds anybody; when it is back, all meet again. */
async function theMapperReturns(seed: number): Promise<void> {
  const random = randomOf(seed, 'mapper');
  const members = ['a', 'b', 'c'].slice(0, random.between(2, 3)).map((name) => `${name}@one.sim`);
  using cluster = endsHere(new SimCluster({ seed, latencyMs: [1, 30] }));
  await cluster.startEpmd('one.sim');
  const node: SimNodeOptions = { netTickTime: TICK_MS, epmd: { mode: 'external' } };
  await Promise.all(members.map((name) => cluster.start(name, node)));
  await cluster.until(converged, { withinMs: 30_000 });
  cluster.crashEpmd('one.sim');
  for (const name of members) for (const other of members) if (name < other) cluster.reset(name, other);
  await cluster.advance(random.between(20_000, 300_000));
  await cluster.startEpmd('one.sim');
  await cluster.until(converged, { withinMs: 90_000 });
}

/** Who crashed is missed within netTickTime and a quarter by everybody, and nobody ever sees it again. */
async function theDeadStayOut(seed: number): Promise<void> {
  const random = randomOf(seed, 'dead');
  const members = names(random.between(2, 6));
  using cluster = endsHere(
    new SimCluster({
      seed,
      latencyMs: [1, 100],
      loss: random.fraction() * 0.3,
      duplicate: 0.1,
    }),
  );
  const node: SimNodeOptions = { discovery: strategyOf(seed), netTickTime: TICK_MS };
  await Promise.all(members.map((name) => cluster.start(name, node)));
  await cluster.until(converged, { withinMs: 60_000 });
  const dead = members[random.between(0, members.length - 1)]!;
  cluster.crash(dead, { silently: random.chance(0.5) });
  // What was sent in the last moment may be sent again for a while; then it is silent.
  await cluster.until(converged, { withinMs: TICK_MS * 1.25 + 15_000 });
  const before = cluster.timeline.events.length;
  const failures = (): number[] =>
    cluster.nodes().map((one) => one.inspect().counters['discovery.connect_failed'] ?? 0);
  await cluster.advance(100_000);
  const failed = failures();
  await cluster.advance(100_000);
  assert(failures().join() === failed.join(), () => `somebody still tries to connect to ${dead}`);
  const seen = cluster.timeline.events
    .slice(before)
    .find(({ event, peer }) => event === 'nodeup' && peer === dead);
  assert(seen === undefined, () => `${seen!.node} saw ${dead} again, which is dead\n${cluster.timeline}`);
  for (const survivor of cluster.nodes()) {
    const { discovery } = survivor.inspect();
    const held = discovery?.held ?? 0;
    assert(held < members.length, () => `${survivor.name} holds ${held} names to connect`);
  }
}

/** Frozen for less than three quarters of netTickTime, a node is not given up. */
async function theFrozenAreNotGivenUp(seed: number): Promise<void> {
  const random = randomOf(seed, 'frozen');
  const members = names(random.between(2, 5));
  using cluster = endsHere(new SimCluster({ seed, latencyMs: [1, 50] }));
  const node: SimNodeOptions = { discovery: strategyOf(seed), netTickTime: TICK_MS };
  await Promise.all(members.map((name) => cluster.start(name, node)));
  await cluster.until(converged, { withinMs: 60_000 });
  for (let turn = 0; turn < 6; turn++) {
    const frozen = members[random.between(0, members.length - 1)]!;
    cluster.pause(frozen);
    await cluster.advance(random.between(0, TICK_MS * 0.75 - 200));
    cluster.resume(frozen);
    // Both sides have a whole time of silence before them again.
    await cluster.advance(random.between(TICK_MS * 1.5, TICK_MS * 2));
  }
  const lost = cluster.timeline.events.find(({ event }) => event === 'nodedown');
  assert(
    lost === undefined,
    () => `${lost!.node} gave up ${lost!.detail} before its time\n${cluster.timeline}`,
  );
  // For longer than the whole time it is given up, or else no one would ever be.
  cluster.pause(members[0]!);
  await cluster.advance(TICK_MS * 1.25 + 1_000);
  const missed = cluster.timeline.events.filter(({ event }) => event === 'nodedown').length;
  assert(missed === members.length - 1, () => `${missed} nodedowns of ${members.length - 1}`);
}

/** Faults that end links and lives, but not so many that nothing gets through. */
const TRAFFIC_FAULTS: readonly FaultKind[] = [
  'crash',
  'restart',
  'stop',
  'partition',
  'partitionOneWay',
  'hold',
  'heal',
  'heal',
  'pause',
  'resume',
  'reset',
  'halfOpen',
];

/**
 * Under faults, with actors on every node that write to all others: what one writes to another that stays connected
 * arrives once and in order; nothing reaches a later life; every monitor tells exactly once; supervisors keep their
 * children.
 */
async function promisesAreKept(seed: number): Promise<void> {
  const random = randomOf(seed, 'traffic');
  const post = new PostBook();
  const monitors = new MonitorBook();
  const children = new ChildrenBook(randomOf(seed, 'children'));
  const plan = randomPlan(random, {
    nodes: [2, 4],
    steps: [2, 10],
    faults: TRAFFIC_FAULTS,
    restMs: 2 * TICK_MS,
    weather: random.chance(0.5),
  });
  await checkConvergence(plan, {
    node: { discovery: strategyOf(seed), netTickTime: TICK_MS, limits: { waitingSignals: 1_000 } },
    started: (node, cluster) => {
      const others = plan.nodes.filter((name) => name !== node.name);
      post.begin(node, cluster, others);
      monitors.begin(node, cluster, plan.nodes);
      children.begin(node);
    },
    always: [post.inOrder, monitors.atMostOnce, linksAlternate()],
    eventually: [
      all(converged, (cluster) => {
        // Peace for the actors too; what is under way arrives.
        post.finish();
        monitors.finish();
        children.finish();
        return cluster.nowMs > 0;
      }),
      noOrphans,
    ],
    quietMs: 30_000,
    withinMs: 200_000,
    finally: (cluster) => {
      post.check(cluster);
      monitors.check(cluster);
      children.check(cluster);
    },
  });
}

/**
 * Processes of every node want the same names, lose them to each other when parts of the cluster meet, and are members of
 * one group: in peace all nodes know the same names and members, no name has two holders, and each loser was told once.
 */
async function namesAndGroupsAgree(seed: number): Promise<void> {
  const random = randomOf(seed, 'names');
  const book = new NamesBook(randomOf(seed, 'contenders'));
  const plan = randomPlan(random, {
    nodes: [2, 4],
    steps: [2, 8],
    faults: TRAFFIC_FAULTS,
    restMs: 4 * TICK_MS,
    weather: random.chance(0.3),
  });
  await checkConvergence(plan, {
    node: { discovery: strategyOf(seed), netTickTime: tickTimeIn(plan) },
    started: (node) => book.begin(node),
    always: [book.atMostOnce],
    eventually: [
      all(converged, (cluster) => {
        book.finish();
        return cluster.nowMs > 0;
      }),
      namesAgree,
      groupsAgree,
    ],
    quietMs: 60_000,
    withinMs: 200_000,
    finally: (cluster) => book.check(cluster),
  });
}

/** Strangers with another cookie or another secret are never connected, however long they knock. */
async function strangersStayOut(seed: number): Promise<void> {
  const random = randomOf(seed, 'strangers');
  const members = names(random.between(2, 3));
  using cluster = endsHere(
    new SimCluster({ seed, latencyMs: [1, 60], loss: 0.1, duplicate: 0.1, garble: 0.1 }),
  );
  const sealed = random.chance(0.5) ? ({ seal: 'secretbox' } as const) : {};
  const own = gossip({ secret: 'ours', ...sealed });
  const strangers = ['x@x.sim', 'y@y.sim', 'z@z.sim'];
  cluster.always(function noStranger() {
    for (const node of cluster.nodes())
      for (const peer of node.nodes('connected'))
        if (strangers.includes(node.name) || strangers.includes(peer))
          return `${node.name} is connected to ${peer}`;
    return true;
  });
  await Promise.all([
    ...members.map((name) => cluster.start(name, { discovery: own })),
    // One knows where they are and has the wrong cookie; two have the cookie, and the wrong secret or none.
    cluster.start('x@x.sim', { cookie: 'wrong', discovery: hosts(members) }),
    cluster.start('y@y.sim', { discovery: gossip({ secret: 'theirs', ...sealed }) }),
    cluster.start('z@z.sim', { discovery: gossip() }),
  ]);
  await cluster.advance(120_000);
  // Rests double up to a minute: a dozen attempts on each member in two minutes, not hundreds.
  const knocks = cluster.node('x@x.sim').inspect().counters['handshake.failed'] ?? 0;
  assert(knocks >= 1 && knocks <= 20 * members.length, () => `the stranger knocked ${knocks} times`);
  for (const name of members) {
    const seen = cluster.node(name).nodes('connected').length;
    assert(seen === members.length - 1, () => `${name} sees ${seen} nodes of ${members.length - 1}`);
  }
}

/** Somebody on the network repeats, doubles and changes what he hears, of nodes that are gone too: nothing comes of it. */
async function replaysChangeNothing(seed: number): Promise<void> {
  const random = randomOf(seed, 'replays');
  const members = names(3);
  using cluster = endsHere(new SimCluster({ seed, latencyMs: [1, 40], duplicate: 0.3 }));
  const eve = simEnv(cluster.network, 'eve@eve.sim', { isNode: false });
  const heard: Uint8Array[] = [];
  const socket = await cluster.run(
    eve.datagrams.open(
      { family: 'IPv4', port: 45_892 },
      { message: (bytes) => void (heard.length < 500 && heard.push(bytes)), error: () => {} },
    ),
  );
  for (const group of ['230.1.1.251', '233.252.1.32']) socket.addMembership(group);
  socket.setMulticastLoopback(false);
  const isSealed = seed % 2 === 0;
  const discovery = gossip(isSealed ? { secret: 's', seal: 'secretbox' } : { secret: 's' });
  await Promise.all(members.map((name) => cluster.start(name, { discovery, netTickTime: TICK_MS })));
  await cluster.until(converged, { withinMs: 30_000 });
  cluster.crash(members[2]!);
  await cluster.until(converged, { withinMs: 60_000 });
  const before = cluster.timeline.events.length;
  const connected = cluster
    .nodes()
    .map((node) => node.inspect().connections.map(({ name, writes }) => [name, writes >= 0]));
  for (let turn = 0; turn < 300; turn++) {
    const bytes = Uint8Array.from(heard[random.between(0, heard.length - 1)]!);
    if (random.chance(0.3)) bytes[random.between(0, bytes.length - 1)]! ^= random.between(1, 255);
    void socket.send(random.chance(0.1) ? bytes.subarray(0, random.between(0, bytes.length)) : bytes, {
      host: '233.252.1.32',
      port: 45_892,
    });
    await cluster.advance(random.between(0, 100));
  }
  await cluster.advance(20_000);
  const changes = cluster.timeline.events
    .slice(before)
    .filter(({ event }) => event === 'nodeup' || event === 'nodedown' || event === 'start');
  assert(changes.length === 0, () => `a replay had effects: ${JSON.stringify(changes[0])}`);
  const after = cluster
    .nodes()
    .map((node) => node.inspect().connections.map(({ name, writes }) => [name, writes >= 0]));
  assert(JSON.stringify(after) === JSON.stringify(connected), () => 'a replay changed who is connected');
  for (const node of cluster.nodes()) {
    const { counters } = node.inspect();
    if (!isSealed) continue;
    assert((counters['gossip.ignored.replayed'] ?? 0) > 20, () => `${node.name} took replays for new`);
    // Sealed words of the dead are stale: nobody dials for them.
    const dialled = cluster.network.lastDial(node.name, members[2]!);
    const sinceMs = cluster.timeline.events[before - 1]!.atMs;
    assert((dialled?.atMs ?? 0) <= sinceMs, () => `${node.name} dialled a dead node for a replay`);
  }
}

/**
 * What a node, and each of its links, may hold at rest; and what all of them, and the engine's notes on
 * their code, may hold more after some minutes of it.
 */
const MOST_NODE_BYTES = 2_048 * 1_024;
const MOST_LINK_BYTES = 128 * 1_024;
const MOST_GROWN_BYTES = 1_024 * 1_024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory that is in use, once what nobody holds any more is gone. */
function heldBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What a node says and holds grows with the number of its peers at most, not with the square. */
async function costsAreBounded(seed: number): Promise<void> {
  const MINUTES = 5;
  const callbacks: number[] = [];
  const held: number[] = [];
  for (const count of [3, 6, 12]) {
    const members = names(count);
    const heldByNone = heldBytes();
    using cluster = endsHere(new SimCluster({ seed }));
    await Promise.all(members.map((name) => cluster.start(name)));
    await cluster.until(converged, { withinMs: 30_000 });
    await cluster.advance(60_000);
    const cost = () =>
      cluster.nodes().map((node) => {
        const { counters, connections } = node.inspect();
        const written = connections.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
        return { sent: counters['gossip.sent'] ?? 0, written, processes: node.inspect().processes };
      });
    const before = cost();
    const heldBefore = heldBytes();
    const fired = cluster.clock.fired;
    await cluster.advance(MINUTES * 60_000);
    const after = cost();
    const grownBytes = heldBytes() - heldBefore;
    assert(
      grownBytes <= MOST_GROWN_BYTES,
      () => `${count} nodes hold ${grownBytes} bytes more after ${MINUTES} minutes`,
    );
    held.push((heldBefore - heldByNone) / count);
    const sent = after.map((one, at) => one.sent - before[at]!.sent);
    const written = after.map((one, at) => one.written - before[at]!.written);
    for (const [at, one] of after.entries())
      assert(one.processes === before[at]!.processes, () => `processes grow: ${one.processes}`);
    cluster.dispose();
    // Two groups, a heartbeat every 2.5 s on average: 48 a minute, give or take.
    const mostSent = Math.max(...sent) / MINUTES;
    assert(mostSent <= 96, () => `${count} nodes: ${mostSent} datagrams a minute of one node`);
    // A tick of four bytes every quarter of a minute to each peer.
    const mostWritten = Math.max(...written) / MINUTES / (count - 1);
    assert(mostWritten <= 40, () => `${count} nodes: ${mostWritten} bytes a minute to each peer`);
    callbacks.push((cluster.clock.fired - fired) / count / MINUTES);
  }
  const [few, , many] = callbacks;
  assert(many! <= few! * 6, () => `callbacks a node: ${few} grow to ${many}`);
  // A node, and a link with both buffers and its simulated stream for each peer.
  for (const [at, bytes] of held.entries()) {
    const peers = [2, 5, 11][at]!;
    const most = MOST_NODE_BYTES + peers * MOST_LINK_BYTES;
    assert(bytes <= most, () => `${peers + 1} nodes: each holds ${bytes} bytes, expected ${most} at most`);
  }
}

export const PROPERTIES: Readonly<Record<string, Property>> = {
  membershipConverges,
  allMeetAtOnce,
  callsThatCrossMeet,
  allRestartedAtOnce,
  partitionsHeal,
  theMapperReturns,
  theDeadStayOut,
  theFrozenAreNotGivenUp,
  promisesAreKept,
  namesAndGroupsAgree,
  strangersStayOut,
  replaysChangeNothing,
  costsAreBounded,
};
