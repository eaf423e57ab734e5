import { describe, expect, it } from 'vitest';
import { HandshakeDriver, type HandshakeOwner } from '../../src/connection/handshake-driver.ts';
import type { Clock } from '../../src/env/clock.ts';
import type { Stream } from '../../src/env/streams.ts';
import { LimitError } from '../../src/errors.ts';
import { DistFlag } from '../../src/handshake/flags.ts';
import { ALPHA, acceptor, BETA, initiator } from '../handshake/pair.ts';

/** Both halves on streams that are joined by a list, and a clock whose timers are fired by hand. */
function pair(
  options: { status?: 'ok' | 'nok' | 'alive'; wanted?: boolean; asksName?: boolean; names?: boolean } = {},
) {
  const events: string[] = [];
  const timers = new Map<number, { fn: () => void; ms: number }>();
  const queue: (() => void)[] = [];
  let lastTimer = 0;
  const clock = {
    setTimeout: (fn: () => void, ms: number) => {
      timers.set(++lastTimer, { fn, ms });
      return lastTimer;
    },
    clearTimeout: (handle: unknown) => timers.delete(handle as number),
  } as unknown as Clock;
  const to = (peer: () => HandshakeDriver): Stream =>
    ({
      write: (bytes: Uint8Array) => {
        expect(bytes[0]! * 256 + bytes[1]!).toBe(bytes.length - 2);
        queue.push(() => peer().frame(bytes.subarray(2)));
        return true;
      },
    }) as unknown as Stream;
  const owner = (who: string): HandshakeOwner => ({
    decide: (name) => {
      events.push(`${who} decides on ${name}`);
      return options.status ?? 'ok';
    },
    giveName: (host) => (options.names ? { name: `X1@${host}`, creation: 77 } : undefined),
    stillWanted: () => options.wanted ?? true,
    up: ({ peer, replacesOld }) => events.push(`${who} up with ${peer.name}${replacesOld ? ' anew' : ''}`),
    failed: ({ error, status }) => events.push(`${who} failed at ${error.stage}, ${status ?? error.message}`),
  });
  const caller = options.asksName
    ? initiator({ local: { ...ALPHA, name: '127.0.0.1', flags: ALPHA.flags | DistFlag.NAME_ME } })
    : initiator();
  const one: HandshakeDriver = new HandshakeDriver(
    caller,
    to(() => two),
    clock,
    owner('alpha'),
  );
  const two: HandshakeDriver = new HandshakeDriver(
    acceptor(),
    to(() => one),
    clock,
    owner('beta'),
  );
  const start = (): void => {
    two.start();
    one.start();
  };
  const run = (): void => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) next();
  };
  return { one, two, start, run, queue, events, timers };
}

describe('the driver of a handshake', () => {
  it('carries frames between two machines until both are up, and leaves no timer', () => {
    const { start, run, events, timers } = pair();
    start();
    run();
    expect(events).toEqual([
      `beta decides on ${ALPHA.name}`,
      `beta up with ${ALPHA.name}`,
      `alpha up with ${BETA.name}`,
    ]);
    expect(timers.size).toBe(0);
  });

  it('answers `alive` with whether the call is still wanted', () => {
    const wanted = pair({ status: 'alive' });
    wanted.start();
    wanted.run();
    expect(wanted.events).toContain(`beta up with ${ALPHA.name} anew`);
    const unwanted = pair({ status: 'alive', wanted: false });
    unwanted.start();
    unwanted.run();
    expect(unwanted.events).toContain('alpha failed at is_pending, alive');
    expect(unwanted.events).toContain('beta failed at recv_status_reply, alive');
    expect(unwanted.timers.size).toBe(0);
  });

  it('refuses with `nok` both ways', () => {
    const { start, run, events, timers } = pair({ status: 'nok' });
    start();
    run();
    expect(events.slice(1)).toEqual(['beta failed at mark_pending, nok', 'alpha failed at recv_status, nok']);
    expect(timers.size).toBe(0);
  });

  it('gives a name to who asks for one', () => {
    const { start, run, events, timers } = pair({ asksName: true, names: true });
    start();
    run();
    expect(events).toEqual(['beta up with X1@127.0.0.1', `alpha up with ${BETA.name}`]);
    expect(timers.size).toBe(0);
  });

  it('refuses a name where its owner has none: who asks is not allowed', () => {
    const { start, run, events } = pair({ asksName: true });
    start();
    run();
    expect(events).toEqual([
      'beta failed at mark_pending, not_allowed',
      'alpha failed at recv_status, not_allowed',
    ]);
  });

  it('keeps one timer of seven seconds for each step', () => {
    const { start, queue, events, timers } = pair();
    start();
    expect([...timers.values()].map(({ ms }) => ms)).toEqual([7_000, 7_000]);
    for (let step = 0; step < 3; step++) {
      queue.shift()!();
      expect(timers.size).toBe(2);
    }
    for (const { fn } of [...timers.values()]) fn();
    expect(events.slice(1)).toEqual([
      'beta failed at recv_challenge_reply, ' +
        'handshake with alpha@127.0.0.1 (127.0.0.1:5000) failed at recv_challenge_reply: no answer within 7000 ms',
      'alpha failed at recv_challenge_ack, ' +
        'handshake with beta@127.0.0.1 failed at recv_challenge_ack: no answer within 7000 ms',
    ]);
  });

  it('says at which step the peer’s bytes could not be read, and hears nothing more', () => {
    const { one, two, start, run, events, timers } = pair();
    start();
    two.unreadable(new LimitError('handshakeBytes', 'too long'), '127.0.0.1:5000');
    expect(events).toEqual([
      'beta failed at recv_name, handshake with 127.0.0.1:5000 failed at recv_name: too long',
    ]);
    two.unreadable(new LimitError('handshakeBytes', 'too long'), '127.0.0.1:5000');
    two.timeout();
    two.closed();
    run();
    one.timeout();
    one.closed();
    expect(events).toHaveLength(2);
    expect(timers.size).toBe(0);
  });
});
