import { scryptSync } from 'node:crypto';
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import {
  encryptedFormat,
  GossipWire,
  MAX_DATAGRAM_BYTES,
  NONCE_BYTES,
  plainFormat,
  type SealedHeartbeat,
  sealedFormat,
} from '../../src/gossip/index.ts';

const ours = sealedFormat(['ours']);
const both = sealedFormat(['next', 'ours']);
const theirs = sealedFormat(['theirs']);
const BEAT: SealedHeartbeat = { node: 'a@10.0.0.1', port: 4_000, creation: 7, sequence: 9, wallMs: 1e12 };
const nonce = (fill = 1): Uint8Array => new Uint8Array(NONCE_BYTES).fill(fill);
const PRELUDE = 'beamish1::';

/** A body of anybody who holds this key: for what our own writer never writes. */
function box(body: unknown, secretKey: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(PRELUDE),
    nonce(),
    nacl.secretbox(body instanceof Uint8Array ? body : encode(body), nonce(), secretKey),
  ]);
}

describe('sealed datagrams', () => {
  it('say what was sealed, whatever the secret', () => {
    const whole = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        fc.domain(),
        whole(65_535),
        whole(0xffff_ffff),
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        fc.uint8Array({ minLength: NONCE_BYTES, maxLength: NONCE_BYTES }),
        (host, port, creation, sequence, wallMs, random) => {
          const heartbeat = { node: `app@${host}`, port, creation, sequence, wallMs };
          const datagram = ours.seal(heartbeat, random);
          expect(datagram.length).toBeLessThan(MAX_DATAGRAM_BYTES / 2);
          expect(ours.open(datagram)).toEqual(heartbeat);
        },
      ),
    );
  });

  it('are opened with any of several secrets and sealed with the first: a secret changes node by node', () => {
    expect(both.open(ours.seal(BEAT, nonce()))).toEqual(BEAT);
    expect(ours.open(both.seal(BEAT, nonce()))).toEqual({ ignored: 'undecryptable' });
    const order = sealedFormat(['ours', 'next']);
    expect(both.open(order.seal(BEAT, nonce()))).toEqual(BEAT);
    expect(order.open(both.seal(BEAT, nonce()))).toEqual(BEAT);
  });

  it('under another secret, with any bit changed, or cut anywhere, are refused', () => {
    const datagram = ours.seal(BEAT, nonce());
    expect(theirs.open(datagram)).toEqual({ ignored: 'undecryptable' });
    for (let at = 0; at < datagram.length; at++) {
      const changed = Buffer.from(datagram);
      changed[at] = changed[at]! ^ (1 << (at % 8));
      expect(ours.open(changed)).toHaveProperty('ignored');
      expect(ours.open(datagram.subarray(0, at))).toHaveProperty('ignored');
    }
  });

  it('tell nothing of what they say to those without the secret', () => {
    const text = Buffer.from(ours.seal(BEAT, nonce())).toString('latin1');
    for (const word of ['10.0.0.1', 'node', 'port']) expect(text).not.toContain(word);
  });

  it('of another version, or of the wrong shape, are refused although the seal is right', () => {
    const key = keyOf('ours');
    const cases: readonly [unknown, string][] = [
      [{ ...BEAT, version: 2 }, 'version'],
      [BEAT, 'version'],
      [{ ...BEAT, version: 1, node: 7 }, 'nameless'],
      [{ ...BEAT, version: 1, node: 'no name' }, 'name'],
      [{ ...BEAT, version: 1, port: 65_536 }, 'malformed'],
      [{ ...BEAT, version: 1, creation: -1 }, 'malformed'],
      [{ ...BEAT, version: 1, sequence: 0.5 }, 'malformed'],
      [{ ...BEAT, version: 1, wallMs: 'now' }, 'malformed'],
      [[1, 2], 'version'],
      [null, 'malformed'],
      ['heartbeat', 'malformed'],
      [Uint8Array.of(0xc1), 'malformed'],
      [new Uint8Array(0), 'malformed'],
    ];
    for (const [body, ignored] of cases) expect(ours.open(box(body, key))).toEqual({ ignored });
    const more = { version: 1, ...BEAT, later: ['x'] };
    expect(ours.open(box(more, key))).toEqual(BEAT);
  });

  it('of random bytes are ignored and never throw, sealed or not', () => {
    const key = keyOf('ours');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_600 }), (bytes) => {
        expect(ours.open(bytes)).toHaveProperty('ignored');
        expect(ours.open(Buffer.concat([Buffer.from(PRELUDE), bytes]))).toHaveProperty('ignored');
        expect(ours.open(box(bytes, key))).toHaveProperty('ignored');
      }),
    );
  });

  it('are told apart from the other forms, both ways', () => {
    const sealed = ours.seal(BEAT, nonce());
    expect(plainFormat.decode(sealed)).toEqual({ ignored: 'sealed' });
    expect(encryptedFormat('ours').decode(sealed)).toEqual({ ignored: 'sealed' });
    expect(ours.open(plainFormat.encode('a@b', nonce()))).toEqual({ ignored: 'unsealed' });
  });

  it('keep their bytes from release to release', () => {
    expect(Buffer.from(ours.seal(BEAT, nonce(7))).toString('hex')).toMatchInlineSnapshot(
      `"6265616d697368313a3a0707070707070707070707070707070707070707070707071ec5f7ccc7906755d50125e84da9f46bbbb2b1a5ef8f8c2e4309709814c9d85391f91ffc18776fafe03d3edbc5e706d504313bab4f0ba3ecfe482c5d2f256dd607e88e5543eaa74b53666fbf1cea3abbbf83364cd590"`,
    );
    expect(decode(openBox(ours.seal(BEAT, nonce(7)), keyOf('ours')))).toEqual({ version: 1, ...BEAT });
  });
});

describe('the gossip wire', () => {
  const self = { name: 'self@x', port: 1, creation: 1 };
  const peer = { name: 'peer@x', port: 4_001, creation: 2 };
  const at = (wallMs: number) => () => ({ nowMs: wallMs, wallMs });
  const bytes = (count: number) => new Uint8Array(count).fill(3);
  const plain = (speaker = peer) => new GossipWire(speaker, plainFormat, undefined);
  const sealed = (speaker = peer) => new GossipWire(speaker, undefined, ours);
  const mixed = (speaker = peer) => new GossipWire(speaker, encryptedFormat('ours'), ours);

  it('hears a node, its port and its creation once for each datagram', () => {
    const wire = sealed(self);
    const [datagram] = sealed().datagrams(1_000, bytes);
    expect(wire.hear(datagram!, at(1_000))).toEqual({
      type: 'node',
      name: 'peer@x',
      port: 4_001,
      creation: 2,
    });
    expect(wire.hear(datagram!, at(1_001))).toEqual({ type: 'ignored', cause: 'replayed' });
  });

  it('knows its own datagram when it first comes back, and refuses reflections and earlier lives', () => {
    const wire = sealed(self);
    const [earlier] = sealed({ ...self, creation: 99 }).datagrams(500, bytes);
    const [first] = wire.datagrams(1_000, bytes);
    const [second] = wire.datagrams(1_000, bytes);
    expect(wire.hear(first!, at(1_000))).toEqual({ type: 'own' });
    expect(wire.hear(second!, at(1_000))).toEqual({ type: 'own' });
    for (const one of [first, second, earlier])
      expect(wire.hear(one!, at(2_000))).toEqual({ type: 'ignored', cause: 'reflected' });
  });

  it('does not take a recording of its earlier life for a proof that it hears itself', () => {
    const [earlier] = sealed({ ...self, creation: 99 }).datagrams(500, bytes);
    expect(sealed(self).hear(earlier!, at(1_000))).toEqual({ type: 'ignored', cause: 'reflected' });
  });

  it('that hears both forms calls a wrong seal undecryptable, and what has neither form too', () => {
    const [datagram] = new GossipWire(peer, undefined, theirs).datagrams(1_000, bytes);
    for (const one of [datagram!, new Uint8Array(100)])
      expect(mixed(self).hear(one, at(1_000))).toEqual({ type: 'ignored', cause: 'undecryptable' });
  });

  it('goes on above its sequence when only the gossip starts again', () => {
    const hearer = sealed(self);
    for (const wallMs of [1_000, 1_001, 1_050])
      for (const datagram of sealed().datagrams(wallMs, bytes))
        expect(hearer.hear(datagram, at(wallMs))).toMatchObject({ type: 'node' });
  });

  it('moves a cluster from one form to the other without a gap, and keeps strangers out at its end', () => {
    const wires = {
      old: new GossipWire(peer, encryptedFormat('ours'), undefined),
      mixed: mixed(),
      sealed: sealed(),
    };
    const hears = (hearer: GossipWire, speaker: GossipWire) =>
      speaker.datagrams(5_000, bytes).some((one) => hearer.hear(one, at(5_000)).type === 'node');
    const old = () => new GossipWire(self, encryptedFormat('ours'), undefined);
    expect(hears(mixed(self), wires.old)).toBe(true);
    expect(hears(old(), wires.mixed)).toBe(true);
    expect(hears(sealed(self), wires.mixed)).toBe(true);
    expect(hears(mixed(self), wires.sealed)).toBe(true);
    expect(hears(sealed(self), wires.old)).toBe(false);
    expect(hears(old(), wires.sealed)).toBe(false);
    expect(hears(new GossipWire(self, undefined, theirs), wires.sealed)).toBe(false);
    expect(hears(sealed(self), plain())).toBe(false);
  });
});

function keyOf(secret: string): Uint8Array {
  // Written down anew, so that a change of the derivation shows.
  const options = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
  return new Uint8Array(scryptSync(secret, 'beamish gossip secretbox 1', 32, options));
}

function openBox(datagram: Uint8Array, key: Uint8Array): Uint8Array {
  const head = PRELUDE.length + NONCE_BYTES;
  const body = nacl.secretbox.open(datagram.subarray(head), datagram.subarray(PRELUDE.length, head), key);
  if (body === null) throw new Error('the seal does not open');
  return body;
}
