import { createHash, timingSafeEqual } from 'node:crypto';
import { OptionsError } from '../errors.ts';

/** Bytes of a digest. Fixed by the specification. */
export const DIGEST_BYTES = 16;

/**
 * Proof that we hold the cookie, without showing it.
 *
 * @param cookie - shared text, one byte per character (Latin-1)
 * @param challenge - unsigned 32-bit number the peer picked
 * @returns 16 bytes: MD5 of the cookie followed by the challenge in decimal
 * @throws OptionsError when the cookie holds a character above U+00FF, which no Erlang node could use
 * @see erl_dist_protocol, Distribution Handshake, Definitions
 */
export function genDigest(cookie: string, challenge: number): Uint8Array {
  for (let i = 0; i < cookie.length; i++)
    if (cookie.charCodeAt(i) > 0xff)
      throw new OptionsError('cookie', 'a cookie holds Latin-1 characters (up to U+00FF) only');
  return createHash('md5')
    .update(cookie, 'latin1')
    .update(String(challenge >>> 0), 'latin1')
    .digest();
}

/** Whether two digests are equal, in a time that tells nothing about where they differ. */
export function equalDigests(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
