import { describe, expect, it } from 'vitest';
import { initialTransition, transition } from 'xstate';
import {
  BURST_AT_MS,
  type GossipMachineEvent,
  gossipMachine,
  reopenPauseMs,
} from '../../src/gossip/index.ts';

/** Names of our own actions, and the delayed events that were armed: `+id delay`, cancelled: `-id`. */
function wishes(actions: readonly { type: string; params?: unknown }[]): string[] {
  return actions.map((action) => {
    const params = action.params as { id?: string; delay?: number; sendId?: string } | undefined;
    if (action.type === 'xstate.raise')
      return `+${params?.id?.replace('xstate.after.', '')} ${params?.delay}`;
    if (action.type === 'xstate.cancel') return `-${params?.sendId?.replace('xstate.after.', '')}`;
    return action.type;
  });
}

/** Walks the machine without running anything; keeps the wishes of the last step. */
class Walk {
  snapshot;
  last: string[];

  constructor() {
    const [snapshot, actions] = initialTransition(gossipMachine);
    this.snapshot = snapshot;
    this.last = wishes(actions);
  }

  step(event: GossipMachineEvent['type'] | `xstate.after.${string}`): this {
    const [snapshot, actions] = transition(gossipMachine, this.snapshot, {
      type: event,
    } as GossipMachineEvent);
    this.snapshot = snapshot;
    this.last = wishes(actions);
    return this;
  }
}

const BURST_TIMER = 'xstate.after.burstGap.gossip.open.heartbeats.bursting';
const BEAT_TIMER = 'xstate.after.heartbeatPause.gossip.open.heartbeats.beating';
const REOPEN_TIMER = 'xstate.after.reopenPause.gossip.backingOff';
const LOOP_TIMER = 'xstate.after.loopProof.gossip.open.loop.unproven';

const SILENCE = 'loopSilence.gossip.open.loop.proven';

const opened = (): Walk => new Walk().step('opened');
const beating = (): Walk => {
  const walk = opened();
  for (let i = 1; i < BURST_AT_MS.length; i++) walk.step(BURST_TIMER);
  return walk;
};

describe('the gossip machine', () => {
  it('opens the socket first and sends nothing before it is open', () => {
    const walk = new Walk();
    expect(walk.snapshot.value).toBe('opening');
    expect(walk.last).toEqual(['openSocket']);
  });

  it('sends the burst at 0, 100, 300, 700 and 1500 ms and then beats', () => {
    const walk = opened();
    let atMs = 0;
    const sentAtMs: number[] = [];
    for (let i = 0; i < 10; i++) {
      if (walk.last.includes('sendHeartbeat')) sentAtMs.push(atMs);
      const gap = walk.last.find((wish) => wish.startsWith('+burstGap'));
      if (walk.snapshot.matches({ open: { heartbeats: 'beating' } }) || gap === undefined) break;
      atMs += Number(gap.split(' ')[1]);
      walk.step(BURST_TIMER);
    }
    expect(sentAtMs).toEqual([0, 100, 300, 700, 1_500]);
    expect(walk.snapshot.value).toMatchObject({ open: { heartbeats: 'beating' } });
    expect(walk.last.some((wish) => wish.startsWith('+heartbeatPause'))).toBe(true);
  });

  it('arms no timer for the past, of which some releases of Node.js warn on the console', () => {
    const walk = opened();
    for (let i = 0; i < BURST_AT_MS.length; i++) {
      expect(walk.last.filter((wish) => / -\d/.test(wish))).toEqual([]);
      walk.step(BURST_TIMER);
    }
  });

  it('sends one heartbeat at the end of each pause and arms the next', () => {
    const walk = beating();
    for (let i = 0; i < 3; i++) {
      walk.step(BEAT_TIMER);
      expect(walk.last.filter((wish) => wish === 'sendHeartbeat')).toHaveLength(1);
      expect(walk.last).toContain('+heartbeatPause.gossip.open.heartbeats.beating 5000');
    }
  });

  it('backs off with doubling pauses while the socket cannot be opened, up to a limit', () => {
    const walk = new Walk();
    const pauses: number[] = [];
    for (let i = 0; i < 9; i++) {
      walk.step('failed');
      expect(walk.snapshot.matches('backingOff')).toBe(true);
      pauses.push(Number(walk.last.find((wish) => wish.startsWith('+reopenPause'))?.split(' ')[1]));
      walk.step(REOPEN_TIMER);
      expect(walk.last).toContain('openSocket');
    }
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
    expect(pauses).toEqual(pauses.map((_, index) => reopenPauseMs(index + 1)));
  });

  it('keeps the growing pauses of a socket that opens and breaks at once, and forgets them after a whole burst', () => {
    const walk = opened().step('failed').step(REOPEN_TIMER).step('opened').step('failed');
    expect(walk.snapshot.context.failures).toBe(2);
    expect(beating().snapshot.context.failures).toBe(0);
  });

  it('closes the socket and cancels its timers when it breaks or is to stop', () => {
    for (const event of ['failed', 'stop'] as const) {
      const walk = beating().step(event);
      expect(walk.last).toContain('closeSocket');
      expect(walk.last).toContain('-heartbeatPause.gossip.open.heartbeats.beating');
    }
  });

  it('opens the socket anew, with a new burst, when the interfaces change', () => {
    const walk = beating().step('network_changed');
    expect(walk.last.filter((wish) => !wish.startsWith('-'))).toEqual(['closeSocket', 'openSocket']);
    walk.step('opened');
    expect(walk.snapshot.context.burstSent).toBe(1);
    expect(new Walk().step('failed').step('network_changed').last).toContain('openSocket');
  });

  it('looks at the interfaces every two seconds, open or not, and a look delays nothing else', () => {
    for (const [walk, state] of [
      [beating(), 'open.network.watching'],
      [new Walk().step('failed'), 'backingOff.watching'],
    ] as const) {
      const before = walk.snapshot.value;
      walk.step(`xstate.after.networkLook.gossip.${state}`);
      expect(walk.last).toEqual([
        `-networkLook.gossip.${state}`,
        'lookAtNetwork',
        `+networkLook.gossip.${state} 2000`,
      ]);
      expect(walk.snapshot.value).toEqual(before);
    }
  });

  it('calls a group deaf after two seconds without an own datagram, and takes it back when one comes', () => {
    const walk = opened();
    expect(walk.last).toContain('+loopProof.gossip.open.loop.unproven 2000');
    walk.step(LOOP_TIMER);
    expect(walk.last).toContain('reportDeaf');
    walk.step('heard_own');
    expect(walk.last).toEqual(['-deafRetry.gossip.open.loop.deaf', 'reportHearing', `+${SILENCE} 17000`]);
    expect(walk.snapshot.value).toMatchObject({ open: { loop: 'proven' } });
    const proven = opened().step('heard_own');
    // The driver, which knows whether it has called them deaf, says so then, too: after they were joined anew.
    expect(proven.last).toEqual([
      '-loopProof.gossip.open.loop.unproven',
      'reportHearing',
      `+${SILENCE} 17000`,
    ]);
  });

  it('joins anew the groups that fall silent after they were heard, and from time to time those that stay deaf', () => {
    const heard = beating().step('heard_own').step('heard_own');
    expect(heard.last).toEqual([`-${SILENCE}`, `+${SILENCE} 17000`]);
    heard.step(`xstate.after.${SILENCE}`);
    expect(heard.last.filter((wish) => !wish.startsWith('-'))).toEqual([
      'closeSocket',
      'reportSilence',
      'openSocket',
    ]);
    expect(heard.step('opened').snapshot.value).toMatchObject({ open: { loop: 'unproven' } });
    const deaf = beating().step(LOOP_TIMER);
    expect(deaf.last).toContain('+deafRetry.gossip.open.loop.deaf 60000');
    deaf.step('xstate.after.deafRetry.gossip.open.loop.deaf');
    expect(deaf.last.filter((wish) => !wish.startsWith('-'))).toEqual(['closeSocket', 'openSocket']);
  });

  it('stops for good from every state', () => {
    const all = [new Walk(), new Walk().step('failed'), opened(), beating(), opened().step(LOOP_TIMER)];
    for (const walk of all) {
      walk.step('stop');
      expect(walk.snapshot.status).toBe('done');
      expect(walk.snapshot.value).toBe('stopped');
      expect(walk.last).toContain('closeSocket');
      for (const event of ['opened', 'failed', 'heard_own', 'network_changed', 'stop', BEAT_TIMER] as const)
        expect(walk.step(event).last).toEqual([]);
    }
  });
});
