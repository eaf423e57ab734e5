import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HandshakeError } from '../../src/errors.ts';
import { DistFlag } from '../../src/handshake/flags.ts';
import * as m from '../../src/handshake/messages.ts';
import { ALPHA, acceptor, BETA, initiator, join } from './pair.ts';

const word = (body: Uint8Array): string => Buffer.from(body).toString('latin1');

describe('an initiator and an acceptor', () => {
  it('come up with each other when they share a cookie, and on neither side when they do not', () => {
    const cookie = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)) });
    fc.assert(
      fc.property(cookie, cookie, fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b, x, y) => {
        const same = join(
          initiator({ cookieFor: () => a, challenge: x }),
          acceptor({ cookieFor: () => a, challenge: y }),
        );
        expect(same.initiator).toMatchObject({
          type: 'up',
          peer: { name: BETA.name, creation: 9, hidden: false },
        });
        expect(same.acceptor).toMatchObject({
          type: 'up',
          peer: { name: ALPHA.name, creation: 7 },
          replacesOld: false,
        });
        fc.pre(a !== b);
        const other = join(
          initiator({ cookieFor: () => a, challenge: x }),
          acceptor({ cookieFor: () => b, challenge: y }),
        );
        for (const end of [other.initiator, other.acceptor]) {
          expect(end?.type).toBe('close');
          if (end?.type !== 'close') continue;
          expect(end.error).toBeInstanceOf(HandshakeError);
        }
      }),
    );
  });

  it('tell where the cookie failed, and never the cookie', () => {
    const { initiator: i, acceptor: a } = join(
      initiator({ cookieFor: () => 'grandmother' }),
      acceptor({ cookieFor: () => 'grandfather' }),
    );
    expect(a).toMatchObject({
      error: { stage: 'recv_challenge_reply', peer: 'alpha@127.0.0.1 (127.0.0.1:5000)' },
    });
    expect(i).toMatchObject({ error: { stage: 'recv_challenge_ack', peer: 'beta@127.0.0.1' } });
    expect(JSON.stringify([i, a], (_, v) => (v instanceof Error ? v.stack : v))).not.toContain('grand');
  });

  it('ask for the cookie of the peer by its name', () => {
    const asked: string[] = [];
    const cookieFor = (peer: string): string => {
      asked.push(peer);
      return 'shared';
    };
    join(initiator({ cookieFor }), acceptor({ cookieFor }));
    expect(asked).toEqual(['alpha@127.0.0.1', 'beta@127.0.0.1']);
  });

  it('are hidden to each other when one of them is', () => {
    const hidden = { ...ALPHA, flags: ALPHA.flags & ~DistFlag.PUBLISHED };
    const outcome = join(initiator({ local: hidden }), acceptor());
    expect(outcome.initiator).toMatchObject({ type: 'up', peer: { hidden: true } });
    expect(outcome.acceptor).toMatchObject({ type: 'up', peer: { hidden: true } });
  });

  it('go on after ok_simultaneous', () => {
    const outcome = join(initiator(), acceptor(), () => ({ type: 'decide', status: 'ok_simultaneous' }));
    expect(word(outcome.wire[1]!.body)).toBe('sok_simultaneous');
    expect([outcome.initiator?.type, outcome.acceptor?.type]).toEqual(['up', 'up']);
  });

  it.each(['nok', 'not_allowed'] as const)('end on %s, which both are told', (status) => {
    const outcome = join(initiator(), acceptor(), () => ({ type: 'decide', status }));
    expect(outcome.initiator).toMatchObject({ type: 'close', status, error: { stage: 'recv_status' } });
    expect(outcome.acceptor).toMatchObject({ type: 'close', status, error: { stage: 'mark_pending' } });
    expect(outcome.wire).toHaveLength(2);
  });

  it('replace the old connection after alive and true, once the cookie is proven', () => {
    const alive = join(initiator(), acceptor(), () => ({ type: 'decide', status: 'alive' }));
    expect(alive.wire.slice(1, 3).map((x) => word(x.body))).toEqual(['salive', 'strue']);
    expect(alive.acceptor).toMatchObject({ type: 'up', replacesOld: true });
    const wrong = join(initiator({ cookieFor: () => 'no' }), acceptor(), () => ({
      type: 'decide',
      status: 'alive',
    }));
    expect(wrong.acceptor?.type).toBe('close');
  });

  it('end after alive and false', () => {
    const alive = join(initiator(), acceptor(), () => ({ type: 'decide', status: 'alive' }), false);
    expect(alive.wire.map((x) => word(x.body)).at(-1)).toBe('sfalse');
    expect([alive.initiator?.type, alive.acceptor?.type]).toEqual(['close', 'close']);
  });

  it('find a name for a node that asks for one', () => {
    const nameless = { name: '127.0.0.1', creation: 0, flags: (ALPHA.flags & ~1n) | DistFlag.NAME_ME };
    const outcome = join(initiator({ local: nameless }), acceptor(), (host, dynamic) => {
      expect([host, dynamic]).toEqual(['127.0.0.1', true]);
      return { type: 'decide', status: 'named', name: 'X1@127.0.0.1', creation: 77 };
    });
    expect(outcome.initiator).toMatchObject({
      type: 'up',
      given: { name: 'X1@127.0.0.1', creation: 77 },
      peer: { name: BETA.name, hidden: true },
    });
    expect(outcome.acceptor).toMatchObject({
      type: 'up',
      peer: { name: 'X1@127.0.0.1', creation: 77, hidden: true },
    });
  });

  it.each([true, false])('speak version 5 (HANDSHAKE_23 offered: %s)', (modern) => {
    const flags = modern
      ? ALPHA.flags
      : ALPHA.flags & 0xffffffffn & ~(DistFlag.HANDSHAKE_23 | DistFlag.MANDATORY_25_DIGEST);
    const outcome = join(initiator({ version: 5, local: { ...ALPHA, flags } }), acceptor());
    expect(outcome.initiator).toMatchObject({ type: 'up', peer: { version: modern ? 6 : 5 } });
    expect(outcome.acceptor).toMatchObject({
      type: 'up',
      peer: { version: modern ? 6 : 5, creation: modern ? 7 : 0, flags: flags & BETA.flags },
    });
  });
});

describe('an awkward peer', () => {
  it('that claims our own name is told nok', () => {
    const a = acceptor();
    a.start();
    const body = m.encodeName({ version: 6, ...BETA });
    const actions = a.step({ type: 'frame', body });
    expect(actions).toMatchObject([{ type: 'send' }, { type: 'close', status: 'nok' }]);
    expect(a.step({ type: 'frame', body })).toEqual([]);
  });

  it('without the mandatory flags is told not_allowed, which names them', () => {
    const a = acceptor();
    a.start();
    const body = m.encodeName({
      version: 6,
      name: 'x@y',
      creation: 1,
      flags: ALPHA.flags & ~(DistFlag.MAP_TAG | DistFlag.MANDATORY_25_DIGEST),
    });
    expect(a.step({ type: 'frame', body })).toMatchObject([
      { type: 'send' },
      { type: 'close', status: 'not_allowed', error: { message: expect.stringContaining('MAP_TAG') } },
    ]);
  });

  it('that is silent is given up after 7 s at every step', () => {
    const i = initiator();
    expect(i.start()).toMatchObject([{ type: 'arm', afterMs: 7000 }, { type: 'send' }]);
    expect(i.step({ type: 'timeout' })).toMatchObject([{ type: 'close', error: { stage: 'recv_status' } }]);
    const a = acceptor();
    expect(a.start()).toMatchObject([{ type: 'arm', afterMs: 7000 }]);
    a.step({ type: 'frame', body: m.encodeName({ version: 6, ...ALPHA }) });
    const sent = a.step({ type: 'decide', status: 'ok' });
    expect(sent[0]).toMatchObject({ type: 'arm', afterMs: 7000 });
    expect(a.step({ type: 'timeout' })).toMatchObject([
      {
        type: 'close',
        error: { stage: 'recv_challenge_reply', message: expect.stringContaining('7000 ms') },
      },
    ]);
    expect(a.step({ type: 'decide', status: 'ok' })).toEqual([]);
  });

  it('that speaks before its time is cut off', () => {
    const a = acceptor();
    a.start();
    const body = m.encodeName({ version: 6, ...ALPHA });
    a.step({ type: 'frame', body });
    expect(a.step({ type: 'frame', body })).toMatchObject([
      {
        type: 'close',
        error: { stage: 'mark_pending', message: expect.stringContaining('before its time') },
      },
    ]);
    const i = initiator();
    i.start();
    i.step({ type: 'frame', body: Buffer.from('salive') });
    expect(i.step({ type: 'frame', body: Buffer.from('salive') })).toMatchObject([{ type: 'close' }]);
  });

  it('that gives a name which was not asked for, or at another host, is cut off', () => {
    const named = m.encodeStatus({ status: 'named', name: 'a@elsewhere', creation: 1 });
    const i = initiator();
    i.start();
    expect(i.step({ type: 'frame', body: named })).toMatchObject([{ type: 'close' }]);
    const d = initiator({ local: { name: 'h', creation: 0, flags: ALPHA.flags | DistFlag.NAME_ME } });
    d.start();
    expect(d.step({ type: 'frame', body: named })).toMatchObject([{ type: 'close' }]);
  });

  it('that sends garbage at any step gets a HandshakeError with its stage, never a throw', () => {
    const good = join(initiator(), acceptor(), () => ({ type: 'decide', status: 'alive' })).wire;
    fc.assert(
      fc.property(
        fc.nat(4),
        fc.boolean(),
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(3),
        (steps, ours, bytes, tag) => {
          const junk = Uint8Array.from([...Buffer.from('Nsra'.slice(tag, tag + 1)), ...bytes]);
          const machine = ours ? initiator() : acceptor();
          machine.start();
          const peer = good.filter((x) => x.by === (ours ? 'acceptor' : 'initiator')).slice(0, steps);
          for (const { body } of peer)
            for (const action of machine.step({ type: 'frame', body }))
              if (action.type === 'ask')
                machine.step({ type: 'decide', status: 'alive', wanted: true } as never);
          const { stage } = machine;
          const actions = machine.step({ type: 'frame', body: junk });
          const close = actions.find((action) => action.type === 'close');
          if (close?.type !== 'close') return;
          expect(close.error).toBeInstanceOf(HandshakeError);
          expect(close.error.stage).toBe(stage);
          expect(machine.step({ type: 'frame', body: junk })).toEqual([]);
          expect(machine.step({ type: 'timeout' })).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
