/**
 * libcluster's gossip datagram: what it looks like, and what is made of one that a stranger sent.
 *
 * This room knows bytes and decisions of the gossip, no socket, no clock and no connection. The exchange in words: a
 * node says its own name, again and again, to a group; whoever hears a name that is not connected asks to connect to
 * it. There is no answer and no farewell; a node that falls silent is not lost, only its connection says so.
 * Anybody on the network can send here, so nothing on this path throws and nothing is kept per name.
 *
 * Plain form (libcluster 3.1.1 to 3.5.0):
 *
 *     11 bytes  "heartbeat::"
 *     rest      external term (131 ...): a map with the atom key `node` and the sender's name as an atom
 *
 * @see libcluster, Cluster.Strategy.Gossip
 */
import { DecodeError } from '../errors.ts';
import { Atom, AtomMap, atom, atoms, decodeTerm, encodeTerm } from '../term/index.ts';
import { isNodeName, MAX_NODE_NAME_CHARACTERS } from './node-name.ts';

/** Longest datagram that is looked at unless told otherwise: one Ethernet frame. libcluster's are 40 to 300 bytes. */
export const MAX_DATAGRAM_BYTES = 1_500;

const PRELUDE = Buffer.from('heartbeat::', 'latin1');
/** Begins the sealed form (`sealed.ts`); named here so that it is recognised also where it cannot be opened. */
export const SEALED_PRELUDE = Buffer.from('beamish1::', 'latin1');

/**
 * Why a datagram was ignored:
 *
 * - `oversized`: longer than what is looked at (`limits.datagramBytes`)
 * - `foreign`: no heartbeat at all, or an encrypted one where no secret is set
 * - `undecryptable`: encrypted or sealed with another secret, damaged, or no datagram of ours
 * - `unencrypted`: a plain heartbeat where a secret is set
 * - `malformed`: a heartbeat whose term cannot be read
 * - `nameless`: a term without an atom under `node`
 * - `name`: an atom that is no node name
 * - `sealed`: a sealed heartbeat where none can be opened
 * - `unsealed`: anything else where only sealed ones are heard
 * - `version`: a sealed heartbeat of another version
 * - `replayed`: a sealed one that was heard before, or is older than one that was
 * - `reflected`: a sealed one of our own that comes back once more
 * - `late`, `early`: a sealed one from too far in the past or the future
 */
export type IgnoredCause =
  | 'oversized'
  | 'foreign'
  | 'undecryptable'
  | 'unencrypted'
  | 'malformed'
  | 'nameless'
  | 'name'
  | 'sealed'
  | 'unsealed'
  | 'version'
  | 'replayed'
  | 'reflected'
  | 'late'
  | 'early';

/** What one datagram said: a node's name, or nothing of use. */
export type Heard = { readonly node: string } | { readonly ignored: IgnoredCause };

/**
 * One form of the datagram. A format is stateless and shared by all that is sent and heard in one topology.
 */
export interface GossipFormat {
  /** Unpredictable bytes that `encode` wants anew for each datagram. */
  readonly entropyBytes: number;
  encode(nodeName: string, entropy: Uint8Array): Uint8Array;
  /** Never throws. @param maxBytes - default `MAX_DATAGRAM_BYTES` */
  decode(datagram: Uint8Array, maxBytes?: number): Heard;
}

/** The plain form. */
export const plainFormat: GossipFormat = {
  entropyBytes: 0,
  encode: (nodeName) => encodeHeartbeat(nodeName),
  decode(datagram, maxBytes = MAX_DATAGRAM_BYTES) {
    if (datagram.length > maxBytes) return { ignored: 'oversized' };
    if (hasPrelude(datagram)) return decodeHeartbeat(datagram);
    return { ignored: hasSealedPrelude(datagram) ? 'sealed' : 'foreign' };
  },
};

export function hasPrelude(bytes: Uint8Array): boolean {
  return bytes.length >= PRELUDE.length && PRELUDE.equals(bytes.subarray(0, PRELUDE.length));
}

export function hasSealedPrelude(bytes: Uint8Array): boolean {
  return (
    bytes.length >= SEALED_PRELUDE.length && SEALED_PRELUDE.equals(bytes.subarray(0, SEALED_PRELUDE.length))
  );
}

/** @throws EncodeError when the name is longer than an atom may be */
export function encodeHeartbeat(nodeName: string): Uint8Array {
  return Buffer.concat([PRELUDE, encodeTerm(atoms({ node: atom(nodeName) }))]);
}

/**
 * Reads the plain form, as leniently as the BEAM does: any atom tag, more keys beside `node`, a compressed term,
 * bytes after the term.
 *
 * @param bytes - begin with the prelude
 */
export function decodeHeartbeat(bytes: Uint8Array): Heard {
  const name = usualName(bytes);
  if (name !== undefined) return { node: name };
  let term: unknown;
  try {
    term = decodeTerm(bytes.subarray(PRELUDE.length), { maxInflatedBytes: MAX_DATAGRAM_BYTES });
  } catch (error) {
    if (error instanceof DecodeError) return { ignored: 'malformed' };
    throw error;
  }
  const node = nodeOf(term);
  if (!(node instanceof Atom)) return { ignored: 'nameless' };
  return isNodeName(node.name) ? { node: node.name } : { ignored: 'name' };
}

const NODE_KEY = Buffer.from('node', 'latin1');
/** 131, a map of one pair. */
const USUAL_HEAD = Buffer.from([131, 116, 0, 0, 0, 1]);
const AT = 0x40;

/**
 * The name in a heartbeat as nodes write it: a map of one pair, all of it ASCII. A node of a thousand hears hundreds of these a
 * second, and almost all of them name somebody it knows: read in place, one costs a string, where decoding the term would
 * intern an atom and drop it again. Undefined for anything else, which is then decoded in full.
 *
 * @param bytes - begin with the prelude
 */
export function usualName(bytes: Uint8Array): string | undefined {
  let at = PRELUDE.length;
  for (let i = 0; i < USUAL_HEAD.length; i++) if (bytes[at + i] !== USUAL_HEAD[i]) return undefined;
  at += USUAL_HEAD.length;
  const key = atomHead(bytes, at);
  if ((key & 0xffff) !== NODE_KEY.length) return undefined;
  at += key >>> 16;
  for (let i = 0; i < NODE_KEY.length; i++) if (bytes[at + i] !== NODE_KEY[i]) return undefined;
  at += NODE_KEY.length;
  const name = atomHead(bytes, at);
  at += name >>> 16;
  const end = at + (name & 0xffff);
  if (name === 0 || end !== bytes.length || end - at > MAX_NODE_NAME_CHARACTERS) return undefined;
  let signs = 0;
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20 || byte >= 0x7f) return undefined;
    if (byte === AT) signs += i === at || i === end - 1 ? 2 : 1;
  }
  return signs === 1 ? Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).latin1Slice() : undefined;
}

/** Bytes before the text of an atom, times 65,536, plus the length of its text; 0 when there is no atom. */
function atomHead(bytes: Uint8Array, at: number): number {
  const tag = bytes[at];
  // SMALL_ATOM_UTF8_EXT, SMALL_ATOM_EXT; ATOM_UTF8_EXT, ATOM_EXT
  if (tag === 119 || tag === 115) return 0x20000 | (bytes[at + 1] ?? 0);
  if (tag === 118 || tag === 100) return 0x30000 | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  return 0;
}

/** Maps with atom keys decode to an `AtomMap`, maps with keys of several kinds to a `Map`. */
function nodeOf(term: unknown): unknown {
  if (term instanceof AtomMap)
    return Object.hasOwn(term, 'node') ? (term as { node?: unknown }).node : undefined;
  if (term instanceof Map) return term.get(atom('node'));
  return undefined;
}
