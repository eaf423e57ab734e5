import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encryptedFormat, isNodeName, MAX_DATAGRAM_BYTES, plainFormat } from '../../src/gossip/index.ts';
import { atom, atoms, encodeTerm } from '../../src/term/index.ts';

const nodeName = fc
  .tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }), fc.domain())
  .map(([name, host]) => `${name}@${host}`)
  .filter(isNodeName);
const iv = fc.uint8Array({ minLength: 16, maxLength: 16 });
const secret = fc.oneof(fc.string(), fc.uint8Array());
const heartbeat = (term: unknown): Buffer => Buffer.concat([Buffer.from('heartbeat::'), encodeTerm(term)]);

describe('gossip datagrams', () => {
  it('carry any node name, plain and under any secret', () => {
    fc.assert(
      fc.property(nodeName, secret, iv, (node, key, entropy) => {
        expect(plainFormat.decode(plainFormat.encode(node, new Uint8Array()))).toEqual({ node });
        const format = encryptedFormat(key);
        const datagram = format.encode(node, entropy);
        expect(format.decode(datagram)).toEqual({ node });
        expect(datagram.length % 16).toBe(0);
        expect(plainFormat.decode(datagram)).toEqual({ ignored: 'foreign' });
        expect(format.decode(plainFormat.encode(node, entropy))).toEqual({ ignored: 'unencrypted' });
      }),
    );
  });

  it('of random bytes are ignored, whatever they are', () => {
    const format = encryptedFormat('secret');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_600 }), (bytes) => {
        expect(plainFormat.decode(bytes)).toHaveProperty('ignored');
        expect(format.decode(bytes)).toHaveProperty('ignored');
        expect(plainFormat.decode(Buffer.concat([Buffer.from('heartbeat::'), bytes]))).toHaveProperty(
          'ignored',
        );
      }),
    );
  });

  it('with a few bytes changed give a well-formed name or are ignored, and never throw', () => {
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(nodeName, iv, change, (node, entropy, changes) => {
        for (const format of [plainFormat, encryptedFormat('secret')]) {
          const bytes = Buffer.from(format.encode(node, entropy));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const heard = format.decode(bytes);
          if ('node' in heard) expect(isNodeName(heard.node)).toBe(true);
        }
      }),
    );
  });

  it('under another secret are undecryptable', () => {
    const datagram = encryptedFormat('ours').encode('a@b', new Uint8Array(16));
    expect(encryptedFormat('theirs').decode(datagram)).toEqual({ ignored: 'undecryptable' });
  });

  it('are undecryptable when their padding is longer than a block, as libcluster takes them', () => {
    const key = createHash('sha256').update('s').digest();
    const sealedWith = (count: number): Buffer => {
      const text = heartbeat(atoms({ node: atom('a@b') }));
      const padded = Buffer.concat([text, Buffer.alloc(count, count)]);
      const cipher = createCipheriv('aes-256-cbc', key, Buffer.alloc(16)).setAutoPadding(false);
      return Buffer.concat([Buffer.alloc(16), cipher.update(padded), cipher.final()]);
    };
    const usual = 16 - (heartbeat(atoms({ node: atom('a@b') })).length % 16);
    expect(encryptedFormat('s').decode(sealedWith(usual))).toEqual({ node: 'a@b' });
    expect(encryptedFormat('s').decode(sealedWith(usual + 16))).toEqual({ ignored: 'undecryptable' });
  });

  it('say why they are ignored', () => {
    expect(plainFormat.decode(Buffer.alloc(MAX_DATAGRAM_BYTES + 1))).toEqual({ ignored: 'oversized' });
    expect(plainFormat.decode(Buffer.alloc(MAX_DATAGRAM_BYTES + 1), MAX_DATAGRAM_BYTES + 1)).toEqual({
      ignored: 'foreign',
    });
    expect(plainFormat.decode(Buffer.alloc(21), 20)).toEqual({ ignored: 'oversized' });
    expect(plainFormat.decode(Buffer.from('hello'))).toEqual({ ignored: 'foreign' });
    expect(plainFormat.decode(Buffer.from('heartbeat::'))).toEqual({ ignored: 'malformed' });
    expect(plainFormat.decode(heartbeat(atoms({ nod: atom('a@b') })))).toEqual({ ignored: 'nameless' });
    expect(plainFormat.decode(heartbeat(new Map([['node', 'a@b']])))).toEqual({ ignored: 'nameless' });
    for (const name of ['ab', '', '@', 'a@', '@b', 'a@b@c', 'a b@c', 'a@b\nc', 'a@b\u0000', 'a\u202e@b'])
      expect(plainFormat.decode(heartbeat(atoms({ node: atom(name) })))).toEqual({ ignored: 'name' });
  });

  it('do not unpack a compressed term that is larger than a datagram may be', () => {
    const bomb = Buffer.concat([
      Buffer.from('heartbeat::'),
      encodeTerm(atoms({ node: atom('a@b'), pad: 'z'.repeat(1_000_000) }), { compressed: 9 }),
    ]);
    expect(bomb.length).toBeLessThan(MAX_DATAGRAM_BYTES);
    expect(plainFormat.decode(bomb)).toEqual({ ignored: 'malformed' });
  });
});
