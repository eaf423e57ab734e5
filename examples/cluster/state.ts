import {
  type CallEvent,
  type ClusterEvent,
  MEMBER_NAMES,
  type MemberName,
  memberOf,
  nodeName,
} from './events.ts';

/** What the view shows, and what the story waits for: plain data, made from events alone. */
export interface ClusterState {
  readonly members: Readonly<Record<MemberName, Member>>;
  /** Newest last, at most `MAX_LINES`. */
  readonly calls: readonly CallLine[];
  /** The latest text that the user sent, with its answer. */
  readonly answered: CallLine | undefined;
  readonly log: readonly LogLine[];
  readonly steps: readonly Step[];
  /** Nodes that came from outside, by full name. */
  readonly guests: readonly string[];
  /** Milliseconds of the latest successful calls, newest last. */
  readonly latenciesMs: readonly number[];
}

export interface Member {
  readonly status: 'down' | 'starting' | 'up';
  readonly osPid: number | undefined;
  /** Calls that it made and that were answered. */
  readonly calls: number;
  /** Full names of the nodes it is connected to. */
  readonly peers: readonly string[];
  /** When the parent killed it, while it is down. */
  readonly killedAtMs: number | undefined;
}

export interface CallLine {
  readonly atMs: number;
  readonly from: MemberName;
  readonly to: MemberName;
  readonly text: string;
  readonly reply: string;
  readonly ok: boolean;
  readonly tookMs: number;
  /** Asked for by the story or the user; the others are small talk. */
  readonly ordered: boolean;
}

export interface LogLine {
  readonly atMs: number;
  readonly tone: 'plain' | 'good' | 'bad' | 'dim';
  readonly text: string;
}

export interface Step {
  readonly title: string;
  readonly outcome: 'running' | 'done' | 'failed';
  readonly detail: string;
}

const MAX_LINES = 200;
const MAX_LATENCIES = 40;

const ABSENT: Member = { status: 'down', osPid: undefined, calls: 0, peers: [], killedAtMs: undefined };

export const INITIAL_STATE: ClusterState = {
  members: { ada: ABSENT, ben: ABSENT, cyd: ABSENT },
  calls: [],
  answered: undefined,
  log: [],
  steps: [],
  guests: [],
  latenciesMs: [],
};

/** The state after an event. */
export function reduce(state: ClusterState, event: ClusterEvent, atMs: number): ClusterState {
  switch (event.type) {
    case 'starting':
      return logged(
        withMember(state, event.node, { ...ABSENT, status: 'starting', osPid: event.osPid }),
        atMs,
        'dim',
        `${event.node} starts as OS process ${event.osPid}`,
      );
    case 'up':
      return logged(withMember(state, event.node, { status: 'up' }), atMs, 'plain', `${event.node} is up`);
    case 'killed':
      return logged(
        withMember(state, event.node, { killedAtMs: atMs }),
        atMs,
        'bad',
        `SIGKILL to ${event.node}`,
      );
    case 'gone': {
      const { killedAtMs } = state.members[event.node];
      const next = withMember(state, event.node, { ...ABSENT, killedAtMs });
      return logged(withGuests(next), atMs, 'bad', `${event.node}: the process is gone (${event.how})`);
    }
    case 'nodeup':
      return nodeUp(state, event.node, event.peer, atMs);
    case 'nodedown':
      return nodeDown(state, event.node, event.peer, event.reason, atMs);
    case 'called':
      return called(state, event, atMs);
    case 'answered':
      return { ...state, answered: callLine(event.call, atMs) };
    case 'greeted':
      return logged(state, atMs, 'good', `a guest greets ${event.node}: ${event.text}`);
    case 'stderr':
      return logged(state, atMs, 'dim', `${event.node}: ${event.text}`);
    case 'note':
      return logged(state, atMs, 'plain', event.text);
    case 'step': {
      const { title, outcome, detail } = event;
      const others = state.steps.filter((step) => step.title !== title);
      return { ...state, steps: [...others, { title, outcome, detail }] };
    }
    default:
      return event satisfies never;
  }
}

/** Whether both ends of a pair say that they are connected. */
export function linked(state: ClusterState, a: MemberName, b: MemberName): boolean {
  return state.members[a].peers.includes(nodeName(b)) && state.members[b].peers.includes(nodeName(a));
}

/** All pairs of members, once each. */
export const PAIRS: readonly (readonly [MemberName, MemberName])[] = MEMBER_NAMES.flatMap((a, i) =>
  MEMBER_NAMES.slice(i + 1).map((b) => [a, b] as const),
);

/** The latest answered call between two members, either way round. */
export function latestCall(state: ClusterState, a: MemberName, b: MemberName): CallLine | undefined {
  return state.calls.findLast(
    (call) => call.ok && ((call.from === a && call.to === b) || (call.from === b && call.to === a)),
  );
}

function nodeUp(state: ClusterState, node: MemberName, peer: string, atMs: number): ClusterState {
  const { peers } = state.members[node];
  const next = withGuests(withMember(state, node, { peers: [...peers.filter((p) => p !== peer), peer] }));
  const other = memberOf(peer);
  if (other === undefined)
    return logged(next, atMs, 'good', `${peer} has joined from outside, through ${node}`);
  // Each link is told twice, once by each end; it is news when the second end has told.
  return linked(next, node, other) ? logged(next, atMs, 'good', `${other} and ${node} are connected`) : next;
}

function nodeDown(
  state: ClusterState,
  node: MemberName,
  peer: string,
  reason: string,
  atMs: number,
): ClusterState {
  const { peers } = state.members[node];
  const next = withGuests(withMember(state, node, { peers: peers.filter((p) => p !== peer) }));
  const other = memberOf(peer);
  const killedAtMs = other === undefined ? undefined : state.members[other].killedAtMs;
  const after = killedAtMs === undefined ? '' : `, ${Math.round(atMs - killedAtMs)} ms after the kill`;
  return logged(next, atMs, 'bad', `${node} notices: nodedown ${peer} (${reason})${after}`);
}

function called(state: ClusterState, event: CallEvent, atMs: number): ClusterState {
  const { node: from, ok, tookMs } = event;
  const calls = [...state.calls, callLine(event, atMs)].slice(-MAX_LINES);
  if (!ok) return { ...state, calls };
  return {
    ...withMember(state, from, { calls: state.members[from].calls + 1 }),
    calls,
    latenciesMs: [...state.latenciesMs, tookMs].slice(-MAX_LATENCIES),
  };
}

function callLine({ node: from, to, text, reply, ok, tookMs, id }: CallEvent, atMs: number): CallLine {
  return { atMs, from, to, text, reply, ok, tookMs, ordered: id !== undefined };
}

function withMember(state: ClusterState, name: MemberName, change: Partial<Member>): ClusterState {
  return { ...state, members: { ...state.members, [name]: { ...state.members[name], ...change } } };
}

function withGuests(state: ClusterState): ClusterState {
  const peers = MEMBER_NAMES.flatMap((name) => state.members[name].peers);
  return { ...state, guests: [...new Set(peers.filter((peer) => memberOf(peer) === undefined))] };
}

function logged(state: ClusterState, atMs: number, tone: LogLine['tone'], text: string): ClusterState {
  return { ...state, log: [...state.log, { atMs, tone, text }].slice(-MAX_LINES) };
}
