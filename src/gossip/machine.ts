/**
 * The discovery machine: when the gossip socket is opened, when heartbeats are sent, and what is concluded when
 * none of our own comes back. It decides and does nothing itself: the driver in `discovery/` provides the actions
 * and the random delays. Heartbeats of others do not pass through here; there may be hundreds a second.
 */
import { assign, setup } from 'xstate';

/** The first heartbeats, in ms after the socket was opened: a new node should not wait to be noticed. */
export const BURST_AT_MS: readonly number[] = [0, 100, 300, 700, 1_500];
/** Each later pause is drawn anew, as libcluster does: its bounds. */
export const MIN_HEARTBEAT_PAUSE_MS = 1;
export const MAX_HEARTBEAT_PAUSE_MS = 5_000;
/** From this many connected nodes on, heartbeats are as slow as they get. */
export const SLOWEST_AT_NODES = 100;
/** Share of the longest pause that the shortest then is; the rest stays random, so that nodes do not fall in step. */
const SLOWEST_SHARE = 0.8;

/**
 * The rule for heartbeats: pauses are uniform between a shortest and a longest. The longest is fixed (5 s, so that a libcluster peer hears
 * us no less often than its own kind); the shortest grows in proportion to the connected nodes, from 1 ms with none to
 * four fifths of the longest at 100. So a lonely node speaks every 2.5 s on average, and one of a hundred every 4.5 s.
 */
export const shortestPauseMs = (connectedNodes: number, longestMs: number): number =>
  Math.max(
    MIN_HEARTBEAT_PAUSE_MS,
    Math.round(longestMs * SLOWEST_SHARE * Math.min(1, connectedNodes / SLOWEST_AT_NODES)),
  );
/** How long our own datagrams may take to come back through the group before it counts as deaf. */
export const LOOP_PROOF_MS = 2_000;
/**
 * How long none of our own may come back from groups that were heard, before they are joined anew: three heartbeats and the
 * time of the proof. An interface that was taken away and came back with the same address looks the same as before, and so
 * does a changed route, but the system has forgotten what was joined there.
 */
export const loopSilenceMs = (longestPauseMs: number): number => 3 * longestPauseMs + LOOP_PROOF_MS;
/** Pause before groups that stay deaf are joined anew: whatever was in the way may be gone. */
export const DEAF_RETRY_MS = 60_000;
/**
 * How often the machine's interfaces are looked at: as often as most heartbeats come, so that a network that comes up is
 * joined within seconds, however long the pauses between heartbeats or attempts are.
 */
export const NETWORK_LOOK_MS = 2_000;
/** Pauses between attempts to open the socket: doubling from the first to the longest. */
export const FIRST_REOPEN_PAUSE_MS = 250;
export const LONGEST_REOPEN_PAUSE_MS = 10_000;

export interface GossipMachineContext {
  /** Heartbeats of the burst sent since the socket was opened. */
  readonly burstSent: number;
  /** Failures to open the socket, or to keep it, since it last worked. */
  readonly failures: number;
}

export type GossipMachineEvent =
  /** The socket is bound and has joined its groups. */
  | { readonly type: 'opened' }
  /** It could not be opened, or broke. It is closed already. */
  | { readonly type: 'failed' }
  /** One of our own datagrams came back. The driver tells of one for each heartbeat. */
  | { readonly type: 'heard_own' }
  /** The machine's interfaces or their addresses are not what they were when the socket was opened, or was to be. */
  | { readonly type: 'network_changed' }
  | { readonly type: 'stop' };

export const reopenPauseMs = (failures: number): number =>
  Math.min(FIRST_REOPEN_PAUSE_MS * 2 ** Math.max(0, failures - 1), LONGEST_REOPEN_PAUSE_MS);

/** The interfaces are looked at again and again. */
const WATCHING = {
  after: { networkLook: { target: 'watching', reenter: true, actions: 'lookAtNetwork' } },
} as const;

export const gossipMachine = setup({
  types: {
    context: {} as GossipMachineContext,
    events: {} as GossipMachineEvent,
  },
  actions: {
    /** Driver: open, then send `opened` or `failed`. */
    openSocket: () => {},
    /** Driver: close whatever is open or being opened. */
    closeSocket: () => {},
    /** Driver: one datagram to each group. */
    sendHeartbeat: () => {},
    /** Driver: say which groups and interface are deaf and what to try. */
    reportDeaf: () => {},
    /** Driver: say that the groups are heard after all, if they were called deaf. */
    reportHearing: () => {},
    /** Driver: say that groups which were heard have fallen silent and are joined anew. */
    reportSilence: () => {},
    /** Driver: send `network_changed` if the interfaces are not what they were when a socket was last opened, or tried. */
    lookAtNetwork: () => {},
    beginBurst: assign({ burstSent: 0 }),
    countBurst: assign({ burstSent: ({ context }) => context.burstSent + 1 }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    /** Only after the whole burst: a socket that opens and breaks at once keeps its growing pauses. */
    forgetFailures: assign({ failures: 0 }),
  },
  guards: {
    burstIsOver: ({ context }) => context.burstSent >= BURST_AT_MS.length,
  },
  delays: {
    // After the last of the burst there is no gap: `always` has left the state before this counts. It is armed all the same.
    burstGap: ({ context: { burstSent } }) =>
      Math.max(0, (BURST_AT_MS[burstSent] ?? 0) - (BURST_AT_MS[burstSent - 1] ?? 0)),
    /** Driver: a uniform draw. */
    heartbeatPause: MAX_HEARTBEAT_PAUSE_MS,
    /** Driver: the same with jitter. */
    reopenPause: ({ context }) => reopenPauseMs(context.failures),
    loopProof: LOOP_PROOF_MS,
    /** Driver: by the longest pause of its options. */
    loopSilence: loopSilenceMs(MAX_HEARTBEAT_PAUSE_MS),
    deafRetry: DEAF_RETRY_MS,
    networkLook: NETWORK_LOOK_MS,
  },
}).createMachine({
  id: 'gossip',
  context: { burstSent: 0, failures: 0 },
  initial: 'opening',
  states: {
    opening: {
      entry: 'openSocket',
      on: {
        opened: { target: 'open', actions: 'beginBurst' },
        // Of two families one may be open, and break, while the other still opens.
        failed: { target: 'backingOff', actions: ['countFailure', 'closeSocket'] },
        stop: 'stopped',
      },
    },
    backingOff: {
      after: { reopenPause: 'opening' },
      on: { network_changed: 'opening', stop: 'stopped' },
      // A state of its own, so that a look does not begin the pause anew.
      initial: 'watching',
      states: { watching: WATCHING },
    },
    open: {
      type: 'parallel',
      exit: 'closeSocket',
      on: {
        failed: { target: 'backingOff', actions: 'countFailure' },
        network_changed: 'opening',
        stop: 'stopped',
      },
      states: {
        network: { initial: 'watching', states: { watching: WATCHING } },
        heartbeats: {
          initial: 'bursting',
          states: {
            bursting: {
              entry: ['sendHeartbeat', 'countBurst'],
              always: { guard: 'burstIsOver', target: 'beating', actions: 'forgetFailures' },
              after: { burstGap: { target: 'bursting', reenter: true } },
            },
            beating: {
              after: { heartbeatPause: { target: 'beating', reenter: true, actions: 'sendHeartbeat' } },
            },
          },
        },
        loop: {
          initial: 'unproven',
          states: {
            unproven: {
              on: { heard_own: { target: 'proven', actions: 'reportHearing' } },
              after: { loopProof: 'deaf' },
            },
            deaf: {
              entry: 'reportDeaf',
              on: { heard_own: { target: 'proven', actions: 'reportHearing' } },
              after: { deafRetry: '#gossip.opening' },
            },
            proven: {
              on: { heard_own: { target: 'proven', reenter: true } },
              after: { loopSilence: { target: '#gossip.opening', actions: 'reportSilence' } },
            },
          },
        },
      },
    },
    stopped: {
      type: 'final',
      entry: 'closeSocket',
    },
  },
});
