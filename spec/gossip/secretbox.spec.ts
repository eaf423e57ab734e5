import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, it } from 'vitest';
import { SecretboxOpener } from '../../src/gossip/secretbox.ts';

const MAX_BOX_BYTES = 400;
const opener = new SecretboxOpener();
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('the opener of secretboxes', () => {
  it('opens what tweetnacl has sealed, of any length, one after the other', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: MAX_BOX_BYTES - 16 }),
        bytes(24),
        bytes(32),
        (text, nonce, key) => {
          // As it comes from a socket: somewhere inside of a larger piece of memory.
          const box = Buffer.concat([nonce, nacl.secretbox(text, nonce, key)]).subarray(24);
          expect(opener.open(box, nonce, key)).toEqual(text);
        },
      ),
    );
  });

  it('refuses what tweetnacl refuses: any bit changed in box, nonce or key, any cut, and random bytes', () => {
    const [nonce, key] = [new Uint8Array(24).fill(3), new Uint8Array(32).fill(5)];
    for (const length of [0, 1, 95, 96, 97, 300]) {
      const box = nacl.secretbox(new Uint8Array(length).fill(7), nonce, key);
      for (const part of [box, nonce, key])
        for (let at = 0; at < part.length; at++) {
          part[at]! ^= 1 << (at % 8);
          expect(opener.open(box, nonce, key)).toBeUndefined();
          part[at]! ^= 1 << (at % 8);
        }
      for (let end = 0; end < box.length; end++)
        expect(opener.open(box.subarray(0, end), nonce, key)).toBeUndefined();
      expect(opener.open(box, nonce, key)).toHaveLength(length);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: MAX_BOX_BYTES }), (box) => {
        expect(nacl.secretbox.open(box, nonce, key)).toBeNull();
        expect(opener.open(box, nonce, key)).toBeUndefined();
      }),
    );
  });
});
