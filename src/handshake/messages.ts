/**
 * The messages of the distribution handshake, to and from bytes. Bodies only: on the stream each has its length in
 * front (`framed`). Whatever cannot be read is a `DecodeError`.
 *
 * @see erl_dist_protocol, Distribution Handshake
 */
import { ByteReader } from '../codec/reader.ts';
import { ByteWriter } from '../codec/writer.ts';
import { DecodeError } from '../errors.ts';
import { DIGEST_BYTES } from './digest.ts';
import type { DistFlags } from './flags.ts';

/** 6 since OTP 23; 5 is spoken to and by older ones. */
export type HandshakeVersion = 5 | 6;

/**
 * First message, by the initiator. Bytes after the name are ignored (room for extensions).
 *
 * - version 6: `N`, flags u64, creation u32, name length u16, name
 * - version 5: `n`, version u16 = 5, flags u32, name up to the end
 */
export interface SendName {
  readonly version: HandshakeVersion;
  readonly flags: DistFlags;
  /** 0 in version 5, and where a name is asked for. */
  readonly creation: number;
  /** `name@host`; the host alone where a name is asked for (NAME_ME). */
  readonly name: string;
}

/** Words that answer a name. `named:` is apart, as it carries the name it gives. */
export type StatusWord = 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive';

/**
 * Second message, by the acceptor: `s`, word. After the word `named:` come name length u16, name, creation u32.
 */
export type SendStatus =
  | { readonly status: StatusWord }
  | { readonly status: 'named'; readonly name: string; readonly creation: number };

/**
 * Third message, by the acceptor. Bytes after the name are ignored.
 *
 * - version 6: `N`, flags u64, challenge u32, creation u32, name length u16, name
 * - version 5: `n`, version u16 = 5, flags u32, challenge u32, name up to the end
 */
export interface SendChallenge extends SendName {
  /** Unsigned 32-bit. */
  readonly challenge: number;
}

/** By an initiator that said its name in version 5 and got a challenge in version 6: `c`, upper flags u32, creation u32. */
export interface SendComplement {
  readonly flagsHigh: DistFlags;
  readonly creation: number;
}

/** By the initiator: `r`, challenge u32, digest (16 bytes). */
export interface SendChallengeReply {
  readonly challenge: number;
  readonly digest: Uint8Array;
}

const TAG_NAME_6 = 0x4e; // N
const TAG_NAME_5 = 0x6e; // n
const TAG_STATUS = 0x73; // s
const TAG_COMPLEMENT = 0x63; // c
const TAG_CHALLENGE_REPLY = 0x72; // r
const TAG_CHALLENGE_ACK = 0x61; // a

/** No status is longer, apart from `named:`; keeps what a stranger sent out of memory and logs. */
const MAX_STATUS_BYTES = 32;

/** Bytes of the length in front of each message: over TLS four, as in inet_tls_dist. */
export type LengthBytes = 2 | 4;

/** A body with its length in front, as it goes to the stream. */
export function framed(body: Uint8Array, lengthBytes: LengthBytes = 2): Uint8Array {
  const writer = new ByteWriter(lengthBytes + body.length);
  if (lengthBytes === 2) writer.u16(body.length);
  else writer.u32(body.length);
  writer.bytes(body);
  return writer.toBytes();
}

export function encodeName(message: SendName): Uint8Array {
  return encodeNameOrChallenge(message, undefined);
}

export function decodeName(body: Uint8Array): SendName {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_name');
  if (tag === TAG_NAME_6) {
    const flags = reader.u64('flags');
    const creation = reader.u32('creation');
    return { version: 6, flags, creation, name: readName(reader, reader.u16('name length')) };
  }
  if (tag === TAG_NAME_5) {
    readVersion5(reader);
    const flags = BigInt(reader.u32('flags'));
    return { version: 5, flags, creation: 0, name: readName(reader, reader.remaining) };
  }
  throw unexpected('send_name (N or n)', tag);
}

export function encodeStatus(message: SendStatus): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(TAG_STATUS);
  if (message.status !== 'named') {
    writer.latin1(message.status);
    return writer.toBytes();
  }
  writer.latin1('named:');
  writeName(writer, message.name);
  writer.u32(message.creation);
  return writer.toBytes();
}

export function decodeStatus(body: Uint8Array): SendStatus {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_status');
  if (tag !== TAG_STATUS) throw unexpected('send_status (s)', tag);
  if (reader.remaining >= 6 && reader.buffer.latin1Slice(1, 7) === 'named:') {
    reader.bytes(6);
    const name = readName(reader, reader.u16('name length'));
    return { status: 'named', name, creation: reader.u32('creation') };
  }
  const status = reader.latin1(Math.min(reader.remaining, MAX_STATUS_BYTES));
  switch (status) {
    case 'ok':
    case 'ok_simultaneous':
    case 'nok':
    case 'not_allowed':
    case 'alive':
      return { status };
    default:
      throw new DecodeError(`unknown status ${JSON.stringify(status)}`, 1);
  }
}

/** Answer of the initiator to the status `alive`: `s`, then `true` or `false`. */
export function encodeStatusReply(wanted: boolean): Uint8Array {
  return Buffer.from(wanted ? 'strue' : 'sfalse', 'latin1');
}

export function decodeStatusReply(body: Uint8Array): boolean {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_status');
  if (tag !== TAG_STATUS) throw unexpected('send_status (s)', tag);
  const word = reader.latin1(Math.min(reader.remaining, MAX_STATUS_BYTES));
  if (word === 'true') return true;
  if (word === 'false') return false;
  throw new DecodeError(`expected the status true or false, got ${JSON.stringify(word)}`, 1);
}

export function encodeChallenge(message: SendChallenge): Uint8Array {
  return encodeNameOrChallenge(message, message.challenge);
}

export function decodeChallenge(body: Uint8Array): SendChallenge {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_challenge');
  if (tag === TAG_NAME_6) {
    const flags = reader.u64('flags');
    const challenge = reader.u32('challenge');
    const creation = reader.u32('creation');
    const name = readName(reader, reader.u16('name length'));
    return { version: 6, flags, challenge, creation, name };
  }
  if (tag === TAG_NAME_5) {
    readVersion5(reader);
    const flags = BigInt(reader.u32('flags'));
    const challenge = reader.u32('challenge');
    return { version: 5, flags, challenge, creation: 0, name: readName(reader, reader.remaining) };
  }
  throw unexpected('send_challenge (N or n)', tag);
}

export function encodeComplement(message: SendComplement): Uint8Array {
  const writer = new ByteWriter(9);
  writer.u8(TAG_COMPLEMENT);
  writer.u32(Number(message.flagsHigh & 0xffffffffn));
  writer.u32(message.creation);
  return writer.toBytes();
}

export function decodeComplement(body: Uint8Array): SendComplement {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_complement');
  if (tag !== TAG_COMPLEMENT) throw unexpected('send_complement (c)', tag);
  return { flagsHigh: BigInt(reader.u32('flags')), creation: reader.u32('creation') };
}

export function encodeChallengeReply(message: SendChallengeReply): Uint8Array {
  const writer = new ByteWriter(5 + DIGEST_BYTES);
  writer.u8(TAG_CHALLENGE_REPLY);
  writer.u32(message.challenge);
  writer.bytes(message.digest);
  return writer.toBytes();
}

export function decodeChallengeReply(body: Uint8Array): SendChallengeReply {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_challenge_reply');
  if (tag !== TAG_CHALLENGE_REPLY) throw unexpected('send_challenge_reply (r)', tag);
  return { challenge: reader.u32('challenge'), digest: readDigest(reader) };
}

/** Last message, by the acceptor: `a`, digest (16 bytes). */
export function encodeChallengeAck(digest: Uint8Array): Uint8Array {
  const writer = new ByteWriter(1 + DIGEST_BYTES);
  writer.u8(TAG_CHALLENGE_ACK);
  writer.bytes(digest);
  return writer.toBytes();
}

export function decodeChallengeAck(body: Uint8Array): Uint8Array {
  const reader = new ByteReader(body);
  const tag = reader.u8('a send_challenge_ack');
  if (tag !== TAG_CHALLENGE_ACK) throw unexpected('send_challenge_ack (a)', tag);
  return readDigest(reader);
}

function encodeNameOrChallenge(message: SendName, challenge: number | undefined): Uint8Array {
  const writer = new ByteWriter(64);
  if (message.version === 6) {
    writer.u8(TAG_NAME_6);
    writer.u64(message.flags);
    if (challenge !== undefined) writer.u32(challenge);
    writer.u32(message.creation);
    writeName(writer, message.name);
  } else {
    writer.u8(TAG_NAME_5);
    writer.u16(5);
    writer.u32(Number(message.flags & 0xffffffffn));
    if (challenge !== undefined) writer.u32(challenge);
    writer.utf8(message.name);
  }
  return writer.toBytes();
}

function writeName(writer: ByteWriter, name: string): void {
  const bytes = Buffer.from(name, 'utf8');
  writer.u16(bytes.length);
  writer.bytes(bytes);
}

function readName(reader: ByteReader, count: number): string {
  const at = reader.position;
  const bytes = reader.bytes(count, 'name');
  const name = bytes.utf8Slice();
  if (Buffer.byteLength(name) !== count || !Buffer.from(name).equals(bytes))
    throw new DecodeError('the name is not UTF-8', at);
  return name;
}

function readVersion5(reader: ByteReader): void {
  const version = reader.u16('version');
  if (version !== 5) throw new DecodeError(`expected version 5, got ${version}`, 1);
}

function readDigest(reader: ByteReader): Uint8Array {
  if (reader.remaining !== DIGEST_BYTES)
    throw new DecodeError(
      `expected a digest of ${DIGEST_BYTES} bytes, got ${reader.remaining}`,
      reader.position,
    );
  return reader.rest();
}

function unexpected(wanted: string, tag: number): DecodeError {
  return new DecodeError(`expected a ${wanted}, got a message that starts with byte ${tag}`, 0);
}
