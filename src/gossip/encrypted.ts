/**
 * libcluster's datagram with a `secret`.
 *
 *     16 bytes  initialisation vector, random
 *     rest      AES-256-CBC of the plain form, PKCS#7 padding (1 to 16 bytes)
 *
 * The key is SHA-256 of the secret's bytes, without salt; the empty secret is a secret too. The cipher hides the
 * names and keeps strangers out by accident rather than by proof: it does not authenticate, and a recorded datagram
 * can be sent again.
 */
import { createCipheriv, createDecipheriv, createHash, type Decipher } from 'node:crypto';
import {
  decodeHeartbeat,
  encodeHeartbeat,
  type GossipFormat,
  type Heard,
  hasPrelude,
  hasSealedPrelude,
  MAX_DATAGRAM_BYTES,
} from './datagram.ts';

const CIPHER = 'aes-256-cbc';
const BLOCK_CIPHER = 'aes-256-ecb';
const IV_BYTES = 16;
const BLOCK_BYTES = 16;

/** @param secrets - a text counts as UTF-8; the first encrypts, all decrypt */
export function encryptedFormat(...secrets: readonly (string | Uint8Array)[]): GossipFormat {
  const keys = secrets.map((secret) => createHash('sha256').update(secret).digest());
  const blocks = keys.map((key) => createDecipheriv(BLOCK_CIPHER, key, null).setAutoPadding(false));
  return {
    entropyBytes: IV_BYTES,
    encode(nodeName, iv) {
      const cipher = createCipheriv(CIPHER, keys[0]!, iv);
      return Buffer.concat([iv, cipher.update(encodeHeartbeat(nodeName)), cipher.final()]);
    },
    decode(datagram, maxBytes = MAX_DATAGRAM_BYTES) {
      if (datagram.length > maxBytes) return { ignored: 'oversized' };
      // Before decrypting: sixteen random bytes hardly ever begin like this, a neighbour without a secret always does.
      if (hasPrelude(datagram)) return { ignored: 'unencrypted' };
      if (hasSealedPrelude(datagram)) return { ignored: 'sealed' };
      for (const block of blocks) {
        const heard = decrypt(datagram, block);
        if (heard !== undefined) return heard;
      }
      return { ignored: 'undecryptable' };
    },
  };
}

/**
 * Undefined: not under this key. CBC by hand, on a cipher of single blocks that is made once: to make one for each datagram
 * costs ten times as much as what it then does.
 */
function decrypt(datagram: Uint8Array, block: Decipher): Heard | undefined {
  // libcluster drops an incomplete block at the end; what is left must then be right by itself.
  const cipherBytes = datagram.length - IV_BYTES - ((datagram.length - IV_BYTES) % BLOCK_BYTES);
  if (cipherBytes < BLOCK_BYTES) return undefined;
  const padded = block.update(datagram.subarray(IV_BYTES, IV_BYTES + cipherBytes));
  // Each block was mixed with the one before it, the first with the vector: the same bytes, 16 further up.
  for (let i = 0; i < cipherBytes; i++) padded[i]! ^= datagram[i]!;
  const plain = unpad(padded);
  return plain !== undefined && hasPrelude(plain) ? decodeHeartbeat(plain) : undefined;
}

/** PKCS#7, where a last byte of 0 counts as "no padding": libcluster takes that, so it is taken here. */
function unpad(padded: Buffer): Buffer | undefined {
  const count = padded[padded.length - 1]!;
  if (count > BLOCK_BYTES) return undefined;
  const plainBytes = padded.length - count;
  for (let at = plainBytes; at < padded.length; at++) if (padded[at] !== count) return undefined;
  return padded.subarray(0, plainBytes);
}
