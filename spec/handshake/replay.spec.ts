import { describe, expect, it } from 'vitest';
import { LengthFramer } from '../../src/codec/framer.ts';
import {
  Acceptor,
  type AcceptorAction,
  type AcceptorEvent,
  type Decision,
} from '../../src/handshake/acceptor.ts';
import { DistFlag, offeredFlags } from '../../src/handshake/flags.ts';
import { Initiator, type InitiatorAction, type InitiatorEvent } from '../../src/handshake/initiator.ts';
import type { CloseAction, UpAction } from '../../src/handshake/machine.ts';
import type { StatusWord } from '../../src/handshake/messages.ts';
import { bodies, message, type Transcript, transcripts } from './transcripts.ts';

interface Replay {
  readonly sent: Buffer[];
  end: UpAction | CloseAction | undefined;
}

/** Feeds a machine the peer's recorded messages; the recorded status answers what it asks. */
function replay(
  machine: {
    start(): readonly (InitiatorAction | AcceptorAction)[];
    step(event: InitiatorEvent & AcceptorEvent): readonly (InitiatorAction | AcceptorAction)[];
  },
  received: readonly Uint8Array[],
  decision: Decision | { readonly type: 'decide'; readonly wanted: boolean },
): Replay {
  const result: Replay = { sent: [], end: undefined };
  const perform = (actions: readonly (InitiatorAction | AcceptorAction)[]): void => {
    for (const action of actions) {
      if (action.type === 'send') result.sent.push(Buffer.from(action.body));
      else if (action.type === 'ask') perform(machine.step(decision as never));
      else if (action.type !== 'arm') {
        expect(result.end, 'nothing follows an end').toBeUndefined();
        result.end = action;
      }
    }
  };
  perform(machine.start());
  for (const body of received) perform(machine.step({ type: 'frame', body }));
  if (result.end === undefined) perform(machine.step({ type: 'closed' }));
  expect(result.end).toBeDefined();
  expect(machine.step({ type: 'timeout' })).toEqual([]);
  expect(machine.step({ type: 'frame', body: Buffer.from('sok') })).toEqual([]);
  return result;
}

function initiatorOf(t: Transcript): Initiator {
  const name = message(t, 'send_name')!;
  const fake = /fake\d+/.exec(JSON.stringify(t))?.[0];
  return new Initiator({
    local: {
      name: name.name!,
      creation: message(t, 'send_complement')?.creation ?? name.creation ?? 0,
      flags: BigInt(name.flags!),
    },
    peer:
      t.name === 'scripted acceptor: other node name in challenge'
        ? 'fake7@127.0.0.1'
        : (message(t, 'send_challenge')?.name ?? `${fake ?? 'beta'}@127.0.0.1`),
    cookieFor: () => t.cookies.initiator,
    challenge: message(t, 'send_challenge_reply')?.challenge ?? 0,
    version: name.version!,
  });
}

function acceptorOf(t: Transcript): Acceptor {
  const challenge = message(t, 'send_challenge');
  const dynamic = (BigInt(message(t, 'send_name')?.flags ?? '0') & DistFlag.NAME_ME) !== 0n;
  return new Acceptor({
    local: {
      name: challenge?.name ?? 'beta@127.0.0.1',
      creation: challenge?.creation ?? 1,
      flags: challenge === undefined || dynamic ? offeredOtp25 : BigInt(challenge.flags!),
    },
    address: '127.0.0.1:5000',
    cookieFor: () => t.cookies.acceptor,
    challenge: challenge?.challenge ?? 0,
  });
}

const offeredOtp25 = offeredFlags(false) | DistFlag.DIST_HDR_ATOM_CACHE | DistFlag.FRAGMENTS;

function decisionOf(t: Transcript): Decision {
  const status = t.frames.find((f) => f.msg === 'send_status' && f.dir === 'acceptor->initiator');
  if (status?.status === 'named:')
    return { type: 'decide', status: 'named', name: status.name!, creation: status.creation! };
  // One scripted acceptor says a word that no decision has.
  const word = status?.status === 'maybe' ? 'ok' : status?.status;
  return { type: 'decide', status: (word ?? 'ok') as StatusWord };
}

const isUp = (t: Transcript): boolean => t.frames.at(-1)?.msg === 'send_challenge_ack';
const released = (peer: string): boolean => peer.startsWith('Erlang/OTP');

/** Where we knowingly part from the release that was recorded: it refuses what we take, or the other way round. */
const OTP_27_DEMANDS_MORE = /^otp2[79]_otp23$/;
const OTP_25_SPEAKS_NO_5 = /version-5 style 'n' name message/;
const CONTROL_CHARACTER = "scripted initiator: name 'x@127.0.0.1\\x00'";

describe('recorded handshakes', () => {
  const called = transcripts.filter((t) => message(t, 'send_name') !== undefined);

  it.each(called.map((t) => [t.name, t] as const))('%s: our initiator does as the recorded one', (_, t) => {
    const wanted = t.frames.some((f) => f.status === 'true');
    const { sent, end } = replay(initiatorOf(t), bodies(t, 'acceptor'), { type: 'decide', wanted });
    const recorded = bodies(t, 'initiator');
    if (released(t.initiator) && !OTP_27_DEMANDS_MORE.test(t.name))
      expect(sent.map((b) => b.toString('hex'))).toEqual(recorded.map((b) => b.toString('hex')));
    const upExpected = isUp(t) && t.name !== 'scripted acceptor: wrong digest in challenge_ack';
    expect(end!.type, end!.type === 'close' ? end!.error.message : '').toBe(upExpected ? 'up' : 'close');
    if (end?.type === 'up') {
      expect(end.peer.name).toBe(message(t, 'send_challenge')!.name);
      expect(end.peer.creation).toBe(message(t, 'send_challenge')!.creation ?? 0);
      expect(end.given?.name).toBe(t.frames.find((f) => f.status === 'named:')?.name);
    }
  });

  it.each(called.map((t) => [t.name, t] as const))('%s: our acceptor does as the recorded one', (_, t) => {
    const { sent, end } = replay(acceptorOf(t), bodies(t, 'initiator'), decisionOf(t));
    if (released(t.acceptor) && !OTP_25_SPEAKS_NO_5.test(t.name) && t.name !== CONTROL_CHARACTER)
      expect(sent.map((b) => b.toString('hex'))).toEqual(bodies(t, 'acceptor').map((b) => b.toString('hex')));
    const upExpected = isUp(t) && t.name !== 'scripted acceptor: wrong digest in challenge_ack';
    if (released(t.acceptor))
      expect(end!.type, end!.type === 'close' ? end!.error.message : '').toBe(upExpected ? 'up' : 'close');
    if (end?.type === 'up') {
      const named = t.frames.find((f) => f.status === 'named:');
      expect(end.peer.name).toBe(named?.name ?? message(t, 'send_name')!.name);
      expect(end.replacesOld).toBe(t.frames.some((f) => f.status === 'true'));
      if (t.flags?.common !== undefined)
        expect(end.peer.hidden).toBe((BigInt(t.flags.common) & DistFlag.PUBLISHED) === 0n);
    }
  });

  const whole = transcripts.filter((t) => t.name.startsWith('otp') && isUp(t));

  it.each(whole.map((t) => [t.name, t] as const))('%s: comes up however the stream is cut', (_, t) => {
    const first = t.first_distribution_frame!;
    for (const side of ['initiator', 'acceptor'] as const) {
      const peer = side === 'initiator' ? 'acceptor' : 'initiator';
      const handshake = t.frames
        .filter((f) => f.dir.startsWith(peer))
        .map((f) => Buffer.from(f.frame, 'hex'));
      const after = first.from === peer ? Buffer.from(first.hex, 'hex') : Buffer.alloc(4);
      const stream = Buffer.concat([...handshake, after]);
      for (let cut = 0; cut <= stream.length; cut++) {
        const machine = side === 'initiator' ? initiatorOf(t) : acceptorOf(t);
        const framer = new LengthFramer(2, 65_535, 'handshakeBytes');
        let up = false;
        const left: Buffer[] = [];
        const perform = (actions: readonly (InitiatorAction | AcceptorAction)[]): void => {
          for (const action of actions) {
            if (action.type === 'ask') perform(machine.step(decisionOf(t) as never));
            if (action.type === 'close') throw action.error;
            if (action.type !== 'up') continue;
            up = true;
            framer.prefixBytes = 4;
          }
        };
        perform(machine.start());
        for (const chunk of [stream.subarray(0, cut), stream.subarray(cut)]) {
          framer.push(chunk);
          while (framer.next()) {
            const body = framer.buffer.subarray(framer.start, framer.end);
            if (up) left.push(body);
            else perform(machine.step({ type: 'frame', body }));
          }
        }
        expect(up, `${side} cut at ${cut}`).toBe(true);
        expect(Buffer.concat(left)).toEqual(after.subarray(4));
      }
    }
  });
});
