import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DistDecoder } from '../../src/dist/decode.ts';
import { DecodeError, EncodeError } from '../../src/errors.ts';
import { atom } from '../../src/term/atom.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { encodeInto } from '../../src/term/etf/encode.ts';
import { internPid, Ref } from '../../src/term/identifiers.ts';
import { tuple } from '../../src/term/tuple.ts';
import { decodeFrame, encoder, golden, recorder, written } from './recorder.ts';

const us = internPid('a@h', 1, 2, 3);
const them = internPid('b@h', 4, 5, 6);
const ref = new Ref('a@h', 3, [7, 8, 9]);
const name = atom('svc');
const mfa = tuple(atom('m'), atom('f'), 1);
const message = tuple(atom('hi'), [1.5, 'text']);

/** A frame of this control tuple and payload, written term by term. */
function frame(control: readonly unknown[], ...payload: unknown[]): Buffer {
  const w = new ByteWriter();
  w.u32(0);
  w.u8(112);
  w.u8(131);
  encodeInto(w, tuple(...control));
  for (const term of payload) {
    w.u8(131);
    encodeInto(w, term);
  }
  w.setU32(0, w.position - 4);
  return Buffer.from(w.toBytes());
}

const cookie = atom('');
const token = tuple(1, 2, 3);

describe('every operation is read', () => {
  it.each([
    [frame([2, cookie, them], message), ['send', undefined, them, message]],
    [frame([12, cookie, them, token], message), ['send', undefined, them, message]],
    [frame([22, us, them], message), ['send', us, them, message]],
    [frame([23, us, them, token], message), ['send', us, them, message]],
    [frame([6, us, atom('any'), name], message), ['regSend', us, name, message]],
    [frame([16, us, cookie, name, token], message), ['regSend', us, name, message]],
    [frame([33, us, ref], message), ['aliasSend', us, ref, message]],
    [frame([34, us, ref, token], message), ['aliasSend', us, ref, message]],
    [frame([37, 4, us, ref], message), ['aliasSend', us, ref, message]],
    [frame([37, 6, us, ref, token], message), ['aliasSend', us, ref, message]],
    [frame([37, 9, us, name], message), ['regSend', us, name, message]],
    [frame([37, 1, us, them], message), ['send', us, them, message]],
    [frame([37, 17, us, them], message), ['exit2', us, them, message]],
    [frame([37, 21, us, ref], message), ['unknown', 37]],
    [frame([1, us, them]), ['link', us, them]],
    [frame([4, us, them]), ['unlink', us, them]],
    [frame([35, 1, us, them]), ['unlinkId', 1n, us, them]],
    [frame([36, 2n ** 64n - 1n, us, them]), ['unlinkIdAck', 2n ** 64n - 1n, us, them]],
    [frame([3, us, them, message]), ['exit', us, them, message]],
    [frame([13, us, them, token, message]), ['exit', us, them, message]],
    [frame([24, us, them], message), ['exit', us, them, message]],
    [frame([25, us, them, token], message), ['exit', us, them, message]],
    [frame([8, us, them, message]), ['exit2', us, them, message]],
    [frame([18, us, them, token, message]), ['exit2', us, them, message]],
    [frame([26, us, them], message), ['exit2', us, them, message]],
    [frame([27, us, them, token], message), ['exit2', us, them, message]],
    [frame([19, us, them, ref]), ['monitor', us, them, ref]],
    [frame([19, us, atom('true'), ref]), ['monitor', us, atom('true'), ref]],
    [frame([20, us, name, ref]), ['demonitor', us, name, ref]],
    [frame([21, them, us, ref, message]), ['monitorExit', them, us, ref, message]],
    [frame([28, name, us, ref], message), ['monitorExit', name, us, ref, message]],
    [frame([7, us, them]), ['groupLeader', us, them]],
    [frame([29, ref, us, them, mfa, []], [1]), ['spawnRequest', ref, us, them, mfa, [], [1]]],
    [frame([30, ref, us, them, mfa, [], token], [1]), ['spawnRequest', ref, us, them, mfa, [], [1]]],
    [frame([31, ref, us, 3, them]), ['spawnReply', ref, us, 3, them]],
    [frame([32, ref, us, 0, atom('badopt'), token]), ['spawnReply', ref, us, 0, atom('badopt')]],
    [frame([5]), ['unknown', 5]],
    [frame([99, us]), ['unknown', 99]],
    [Buffer.alloc(4), ['tick']],
  ])('%#', (bytes, call) => {
    expect(decodeFrame(bytes, 'a@h')).toEqual([call]);
  });
});

describe('every operation is written, in the form that the peer knows', () => {
  const e = encoder();
  const old = encoder({
    DIST_MONITOR: false,
    DIST_MONITOR_NAME: false,
    SEND_SENDER: false,
    EXIT_PAYLOAD: false,
    UNLINK_ID: false,
    SPAWN: false,
    ALIAS: false,
  });
  const monitored = encoder({ EXIT_PAYLOAD: false });

  it.each([
    ['send', written((w) => e.send(w, them, message)), frame([2, cookie, them], message)],
    ['sendSender', written((w) => e.sendSender(w, us, them, message)), frame([22, us, them], message)],
    ['sendSender', written((w) => old.sendSender(w, us, them, message)), frame([2, cookie, them], message)],
    ['regSend', written((w) => e.regSend(w, us, name, message)), frame([6, us, cookie, name], message)],
    ['aliasSend', written((w) => e.aliasSend(w, us, ref, message)), frame([33, us, ref], message)],
    ['link', written((w) => e.link(w, us, them)), frame([1, us, them])],
    ['unlinkId', written((w) => e.unlinkId(w, 9n, us, them)), frame([35, 9, us, them])],
    ['unlinkId', written((w) => old.unlinkId(w, 9n, us, them)), frame([4, us, them])],
    ['unlinkIdAck', written((w) => e.unlinkIdAck(w, 9n, us, them)), frame([36, 9, us, them])],
    ['exit', written((w) => e.exit(w, us, them, message)), frame([24, us, them], message)],
    ['exit', written((w) => old.exit(w, us, them, message)), frame([3, us, them, message])],
    ['exit2', written((w) => e.exit2(w, us, them, message)), frame([26, us, them], message)],
    ['exit2', written((w) => old.exit2(w, us, them, message)), frame([8, us, them, message])],
    ['monitor', written((w) => e.monitor(w, us, them, ref)), frame([19, us, them, ref])],
    ['demonitor', written((w) => e.demonitor(w, us, name, ref)), frame([20, us, name, ref])],
    ['monitorExit', written((w) => e.monitorExit(w, us, them, ref, 1)), frame([28, us, them, ref], 1)],
    [
      'monitorExit',
      written((w) => monitored.monitorExit(w, us, them, ref, 1)),
      frame([21, us, them, ref, 1]),
    ],
    ['groupLeader', written((w) => e.groupLeader(w, us, them)), frame([7, us, them])],
    [
      'spawnRequest',
      written((w) => e.spawnRequest(w, ref, us, us, mfa, [atom('link')], [1])),
      frame([29, ref, us, us, mfa, [atom('link')]], [1]),
    ],
    ['spawnReply', written((w) => e.spawnReply(w, ref, them, 1, us)), frame([31, ref, them, 1, us])],
    ['tick', written((w) => e.tick(w)), Buffer.alloc(4)],
  ])('%s', (_, bytes, expected) => {
    expect(bytes.toString('hex')).toBe(expected.toString('hex'));
  });

  it('answers false and writes nothing where the peer has no such operation', () => {
    const w = new ByteWriter();
    expect([
      old.aliasSend(w, us, ref, 1),
      old.unlinkIdAck(w, 1n, us, them),
      old.monitor(w, us, them, ref),
      old.demonitor(w, us, name, ref),
      old.monitorExit(w, us, them, ref, 1),
      old.spawnRequest(w, ref, us, us, mfa, [], []),
      old.spawnReply(w, ref, us, 0, them),
    ]).toEqual(new Array(7).fill(false));
    expect(w.position).toBe(0);
  });

  it('takes the whole frame back when something has no term, or the frame is too long', () => {
    const w = new ByteWriter();
    e.link(w, us, them);
    const before = w.position;
    expect(() => e.sendSender(w, us, them, { f: () => 1 })).toThrow(EncodeError);
    expect(() => e.exit(w, us, them, Symbol('s'))).toThrow(EncodeError);
    expect(() => old.exit(w, us, them, Symbol('s'))).toThrow(EncodeError);
    expect(() => encoder({}, 100).send(w, them, 'x'.repeat(100))).toThrow('limits.frameBytes');
    expect(w.position).toBe(before);
  });
});

describe('packed payloads', () => {
  const packed = {
    write: (w: ByteWriter, value: unknown): void => {
      w.u8(0xc1);
      w.latin1(String(value));
    },
    read: (buffer: Buffer, start: number, end: number): unknown => buffer.latin1Slice(start + 1, end),
  };

  it('stand in place of the term of a message, and of nothing else', () => {
    const e = encoder();
    e.packed = packed;
    const { sink, calls } = recorder();
    const decoder = new DistDecoder({ peer: 'a@h', terms: new TermDecoder(), packed, sink });
    for (const bytes of [
      written((w) => e.regSend(w, us, name, 'hello')),
      written((w) => e.exit(w, us, them, 'reason')),
    ])
      decoder.frame(bytes, 4, bytes.length);
    expect(calls).toEqual([
      ['regSend', us, name, 'hello'],
      ['exit', us, them, 'reason'],
    ]);
    expect(() =>
      decodeFrame(
        written((w) => e.send(w, us, 'x')),
        'a@h',
      ),
    ).toThrow(DecodeError);
  });
});

describe('malformed frames', () => {
  const wanted = (): never => expect.fail('a sink was called');
  const deaf = new Proxy({} as never, { get: () => wanted });
  const refused = (bytes: Uint8Array): DecodeError => {
    const decoder = new DistDecoder({ peer: 'a@h', terms: new TermDecoder(), sink: deaf });
    try {
      decoder.frame(Buffer.from(bytes), 4, bytes.length);
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
      return error as DecodeError;
    }
    return expect.fail('nothing was thrown');
  };

  it('cut anywhere are refused and reach no sink', () => {
    const frames = golden.probe.steps[1]!.frames.concat(golden.connections[0]!.frames.slice(0, 30));
    for (const { hex } of frames) {
      const bytes = Buffer.from(hex!, 'hex');
      for (let cut = 5; cut < bytes.length; cut++) refused(bytes.subarray(0, cut));
    }
  });

  it.each([
    ['no tuple', Buffer.from('0000000070836101', 'hex'), 'expected a tuple'],
    ['an empty tuple', Buffer.from('00000000708368 00'.replace(' ', ''), 'hex'), 'empty'],
    ['wrong arity', frame([22, us]), 'expected 3 elements in control operation 22, got 2'],
    ['no payload', frame([22, us, them]), 'the payload is missing'],
    ['unlink id 0', frame([35, 0, us, them]), '1..2^64-1'],
    ['unlink id 2^64', frame([35, 2n ** 64n, us, them]), '1..2^64-1'],
    ['a third node', frame([1, them, us]), 'speaks for a process of "b@h"'],
    ['a third node', frame([19, them, us, ref]), 'speaks for a process of "b@h"'],
    ['a pid that is none', frame([22, us, name], 1), 'expected a pid'],
    ['an MFA that is none', frame([29, ref, us, us, 1, []], []), '{Module, Function, Arity}'],
    ['a header frame', Buffer.from('00000000834400', 'hex'), 'distribution header'],
    ['another first byte', Buffer.from('0000000071', 'hex'), 'expected a pass-through frame (112), got 113'],
    ['no version byte', Buffer.from('0000000070', 'hex'), '131'],
  ])('%s', (_, bytes, expected) => {
    expect(refused(bytes).message).toContain(expected);
  });

  it('with a compressed payload are refused', () => {
    const bytes = Buffer.concat([frame([22, us, them]), Buffer.from('8350', 'hex')]);
    expect(refused(bytes).message).toContain('compressed');
  });

  it('count offsets from the start of the frame', () => {
    expect(refused(frame([22, us])).offset).toBe(6);
  });

  it('of random and mutated bytes give a call or a DecodeError, nothing else', () => {
    const valid = golden.connections[0]!.frames.filter((f) => f.hex!.length < 1000);
    fc.assert(
      fc.property(
        fc.nat(valid.length - 1),
        fc.nat(),
        fc.nat(255),
        fc.uint8Array({ maxLength: 6 }),
        (i, at, byte, junk) => {
          const bytes = Buffer.from(valid[i]!.hex!, 'hex');
          bytes[4 + (at % (bytes.length - 4))] = byte;
          bytes.set(junk, 4 + (at % Math.max(1, bytes.length - 10)));
          try {
            expect(decodeFrame(bytes, valid[i]!.from)).toHaveLength(1);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
