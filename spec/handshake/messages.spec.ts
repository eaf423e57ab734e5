import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/errors.ts';
import { genDigest } from '../../src/handshake/digest.ts';
import {
  DistFlag,
  expandMandatory25,
  flagNames,
  MANDATORY_FLAGS,
  offeredFlags,
} from '../../src/handshake/flags.ts';
import * as m from '../../src/handshake/messages.ts';
import { isHost, isNodeName } from '../../src/handshake/name.ts';
import { flagSet } from '../support/flag-set.ts';
import { flagTable, mandatoryTotal, type RecordedFrame, transcripts } from './transcripts.ts';

const frames = transcripts.flatMap((t) => t.frames.map((frame) => ({ transcript: t.name, frame })));

/** Decodes with the decoder of that message, and encodes what came out. */
function again(frame: RecordedFrame): { decoded: unknown; encoded: Uint8Array } {
  const body = Buffer.from(frame.frame, 'hex').subarray(2);
  switch (frame.msg) {
    case 'send_name': {
      const decoded = m.decodeName(body);
      return { decoded, encoded: m.encodeName(decoded) };
    }
    case 'send_status': {
      if (frame.dir === 'initiator->acceptor') {
        const wanted = m.decodeStatusReply(body);
        return { decoded: { status: String(wanted) }, encoded: m.encodeStatusReply(wanted) };
      }
      const decoded = m.decodeStatus(body);
      return { decoded, encoded: m.encodeStatus(decoded) };
    }
    case 'send_challenge': {
      const decoded = m.decodeChallenge(body);
      return { decoded, encoded: m.encodeChallenge(decoded) };
    }
    case 'send_complement': {
      const decoded = m.decodeComplement(body);
      return { decoded, encoded: m.encodeComplement(decoded) };
    }
    case 'send_challenge_reply': {
      const decoded = m.decodeChallengeReply(body);
      return { decoded, encoded: m.encodeChallengeReply(decoded) };
    }
    case 'send_challenge_ack': {
      const decoded = m.decodeChallengeAck(body);
      return { decoded: { digest: decoded }, encoded: m.encodeChallengeAck(decoded) };
    }
    default:
      throw new Error(`no such message: ${frame.msg}`);
  }
}

const readers = [
  m.decodeName,
  m.decodeStatus,
  m.decodeStatusReply,
  m.decodeChallenge,
  m.decodeComplement,
  m.decodeChallengeReply,
  m.decodeChallengeAck,
];

describe('handshake messages', () => {
  it('read what was recorded and write the same bytes', () => {
    let seen = 0;
    for (const { transcript, frame } of frames) {
      if (frame.msg === 'malformed' || frame.status === 'maybe') continue;
      const { decoded, encoded } = again(frame);
      const fields = decoded as Record<string, unknown>;
      for (const key of ['version', 'creation', 'name', 'challenge'] as const)
        if (frame[key] !== undefined && !(key === 'creation' && frame.version === 5))
          expect([transcript, key, fields[key]]).toEqual([transcript, key, frame[key]]);
      if (frame.flags !== undefined) expect(fields.flags).toBe(BigInt(frame.flags));
      if (frame.status !== undefined) expect(`${fields.status}`).toBe(frame.status.replace(':', ''));
      const trailing = (frame.trailing ?? '').length;
      expect(Buffer.from(m.framed(encoded)).toString('hex').slice(4)).toBe(
        frame.frame.slice(4, frame.frame.length - trailing),
      );
      if (trailing === 0) expect(Buffer.from(m.framed(encoded)).toString('hex')).toBe(frame.frame);
      seen++;
    }
    expect(seen).toBeGreaterThan(250);
  });

  it('refuse every truncation with a DecodeError', () => {
    for (const { frame } of frames) {
      // Version 5 names and status words end with the frame: a shorter one is another one.
      if (frame.msg === 'malformed' || frame.version === 5 || frame.msg === 'send_status') continue;
      const whole = frame.frame.length / 2 - (frame.trailing ?? '').length / 2;
      for (let cut = 2; cut < whole; cut++) {
        const short = { ...frame, frame: frame.frame.slice(0, cut * 2) };
        expect(() => again(short), `${frame.msg} cut at ${cut}`).toThrow(DecodeError);
      }
    }
  });

  it('turn any bytes into a message or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(...'NnsracX'), (bytes, tag) => {
        if (bytes.length > 0) bytes[0] = tag.charCodeAt(0);
        for (const read of readers) {
          try {
            read(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }),
    );
  });

  it('refuse a status that nobody knows, naming it', () => {
    expect(() => m.decodeStatus(Buffer.from('smaybe'))).toThrow('unknown status "maybe"');
    expect(() => m.decodeStatus(Buffer.from(`s${'x'.repeat(5000)}`))).toThrow(/^.{0,100}$/);
  });

  it('refuse names that are not UTF-8', () => {
    const body = Buffer.from(m.encodeName({ version: 6, flags: 0n, creation: 1, name: 'a@b' }));
    body[15] = 0xff;
    expect(() => m.decodeName(body)).toThrow('the name is not UTF-8');
  });
});

describe('genDigest', () => {
  it('gives every digest that was recorded', () => {
    const digests = transcripts.flatMap((t) => t.digests ?? []);
    expect(digests.length).toBe(81);
    for (const { cookie, challenge, digest } of digests)
      expect(Buffer.from(genDigest(cookie, challenge)).toString('hex')).toBe(digest);
  });

  it('takes challenges above 2^31 as unsigned', () => {
    expect(genDigest('c', 0xffffffff)).toEqual(genDigest('c', -1));
    expect(genDigest('c', 0xffffffff)).not.toEqual(genDigest('c', 0x7fffffff));
  });

  it('refuses a cookie beyond Latin-1 without showing it', () => {
    expect(() => genDigest('snow☃', 1)).toThrow('Latin-1');
    expect(() => genDigest('snow☃', 1)).not.toThrow('snow');
  });
});

describe('distribution flags', () => {
  it('have the bits of the recorded table', () => {
    for (const { name, bit } of flagTable)
      expect([name, DistFlag[name as keyof typeof DistFlag]]).toEqual([name, 1n << BigInt(bit)]);
    expect(Object.keys(DistFlag).sort()).toEqual(flagTable.map((row) => row.name).sort());
  });

  it('ask of others what OTP 25 asks, and offer the set that was proven against OTP 25, 27 and 29', () => {
    expect(MANDATORY_FLAGS).toBe(BigInt(mandatoryTotal['25']!));
    expect(offeredFlags(false)).toBe(0xd07df7fbdn);
    expect(offeredFlags(true)).toBe(0xd07df7fbcn);
  });

  it('spell out MANDATORY_25_DIGEST', () => {
    expect(expandMandatory25(0x4000000n)).toBe(0x4000000n | MANDATORY_FLAGS);
    expect(expandMandatory25(0x1n)).toBe(0x1n);
    expect(flagNames(0x1n | (1n << 60n))).toEqual(['PUBLISHED']);
    expect(flagSet(DistFlag.ALIAS)).toMatchObject({ ALIAS: true, SPAWN: false });
  });
});

describe('node names', () => {
  it('have exactly one @ and both parts filled', () => {
    for (const name of ['a@b', 'alpha@127.0.0.1', 'ö@ü']) expect(isNodeName(name), name).toBe(true);
    for (const name of ['', '@', 'a', 'a@', '@b', 'a@b@c', 'a\n@b'])
      expect(isNodeName(name), name).toBe(false);
    expect(isNodeName(`${'x'.repeat(253)}@h`)).toBe(true);
    expect(isNodeName(`${'x'.repeat(254)}@h`)).toBe(false);
    expect(isHost('h')).toBe(true);
    expect(isHost('a@h')).toBe(false);
  });
});
