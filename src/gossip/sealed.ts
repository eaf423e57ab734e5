/**
 * The sealed datagram: a heartbeat that only holders of the secret can write and read.
 *
 *     10 bytes  "beamish1::"
 *     24 bytes  nonce, random
 *     rest      secretbox (XSalsa20 and Poly1305) of a MessagePack map:
 *               version     1
 *               node        the sender's name, text
 *               port        TCP port where it accepts connections, 0: it accepts none
 *               creation    unsigned 32 bits
 *               sequence    grows with every datagram of the sender, also across its restarts
 *               wallMs      the sender's wall clock
 *
 * Keys of the map that are not known are ignored, so that later releases can add some; another `version` is refused.
 * The key is scrypt of the secret (N 32,768, r 8, p 1) with a fixed salt: guessing a weak secret from recorded
 * datagrams costs about a tenth of a second and 32 MiB a guess. BEAM nodes do not read this form.
 *
 * A seal proves that a holder of the secret wrote the datagram, not when: that is for `Freshness` to judge.
 */
import { scryptSync } from 'node:crypto';
import { Decoder, encode } from '@msgpack/msgpack';
import nacl from 'tweetnacl';
import { hasSealedPrelude, type IgnoredCause, MAX_DATAGRAM_BYTES, SEALED_PRELUDE } from './datagram.ts';
import { isNodeName } from './node-name.ts';
import { SecretboxOpener } from './secretbox.ts';

export const SEALED_VERSION = 1;
export const NONCE_BYTES = nacl.secretbox.nonceLength;

const SALT = 'beamish gossip secretbox 1';
const SCRYPT = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const HEAD_BYTES = SEALED_PRELUDE.length + NONCE_BYTES;
const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER;

/** The decoder believes the counts it reads: none that fits a datagram is longer. */
const MODEST = {
  maxArrayLength: MAX_DATAGRAM_BYTES,
  maxMapLength: MAX_DATAGRAM_BYTES,
  maxStrLength: MAX_DATAGRAM_BYTES,
  maxBinLength: MAX_DATAGRAM_BYTES,
  maxExtLength: MAX_DATAGRAM_BYTES,
} as const;

/** What a sealed datagram says. */
export interface SealedHeartbeat {
  readonly node: string;
  readonly port: number;
  readonly creation: number;
  readonly sequence: number;
  /** Milliseconds since 1970 by the sender's clock. */
  readonly wallMs: number;
}

export interface SealedFormat {
  /** @param nonce - `NONCE_BYTES` random bytes, never used before */
  seal(heartbeat: SealedHeartbeat, nonce: Uint8Array): Uint8Array;
  /** Never throws. @param maxBytes - default `MAX_DATAGRAM_BYTES` */
  open(datagram: Uint8Array, maxBytes?: number): SealedHeartbeat | { readonly ignored: IgnoredCause };
}

/**
 * Derives the keys, which takes about a tenth of a second for each secret: once per topology, not per datagram.
 *
 * @param secrets - at least one; the first seals, all open, so that a secret can be changed node by node
 */
export function sealedFormat(secrets: readonly (string | Uint8Array)[]): SealedFormat {
  const keys = secrets.map((secret) => new Uint8Array(scryptSync(secret, SALT, 32, SCRYPT)));
  const opener = new SecretboxOpener();
  const decoder = new Decoder(MODEST);
  return {
    seal(heartbeat, nonce) {
      const body = encode({ version: SEALED_VERSION, ...heartbeat });
      return Buffer.concat([SEALED_PRELUDE, nonce, nacl.secretbox(body, nonce, keys[0]!)]);
    },
    open(datagram, maxBytes = MAX_DATAGRAM_BYTES) {
      if (datagram.length > maxBytes) return { ignored: 'oversized' };
      if (!hasSealedPrelude(datagram)) return { ignored: 'unsealed' };
      if (datagram.length < HEAD_BYTES) return { ignored: 'undecryptable' };
      const nonce = datagram.subarray(SEALED_PRELUDE.length, HEAD_BYTES);
      const box = datagram.subarray(HEAD_BYTES);
      for (const key of keys) {
        const body = opener.open(box, nonce, key);
        if (body !== undefined) return readBody(body, decoder);
      }
      return { ignored: 'undecryptable' };
    },
  };
}

/** Written by a holder of the secret, perhaps of another release: read with the same care as a stranger's. */
function readBody(body: Uint8Array, decoder: Decoder): SealedHeartbeat | { readonly ignored: IgnoredCause } {
  let fields: unknown;
  try {
    fields = decoder.decode(body);
  } catch {
    // The decoder tells bytes that are too few, too many or wrong by errors of several classes; all mean the same here.
    return { ignored: 'malformed' };
  }
  if (typeof fields !== 'object' || fields === null) return { ignored: 'malformed' };
  const { version, node, port, creation, sequence, wallMs } = fields as Record<string, unknown>;
  if (version !== SEALED_VERSION) return { ignored: 'version' };
  if (typeof node !== 'string') return { ignored: 'nameless' };
  if (!isNodeName(node)) return { ignored: 'name' };
  if (
    !isWhole(port, 65_535) ||
    !isWhole(creation, 0xffff_ffff) ||
    !isWhole(sequence, MAX_SEQUENCE) ||
    !isWhole(wallMs, MAX_SEQUENCE)
  )
    return { ignored: 'malformed' };
  return { node, port, creation, sequence, wallMs };
}

function isWhole(value: unknown, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;
}
