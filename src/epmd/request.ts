import { isUtf8 } from 'node:buffer';
import { ByteReader } from '../codec/reader.ts';
import { ByteWriter } from '../codec/writer.ts';
import { DecodeError, LimitError } from '../errors.ts';
import { MAX_NAME_BYTES, type Registration } from './registration.ts';

const ALIVE2_REQ = 120;
const PORT_PLEASE2_REQ = 122;
const NAMES_REQ = 110;
const DUMP_REQ = 100;
const KILL_REQ = 107;
const STOP_REQ = 115;

/** Longest request body that is read; the daemon's buffer has the same size. */
export const MAX_REQUEST_BYTES = 1024;

/**
 * A request: u16 length, then a body whose first byte is the operation. All numbers are big-endian.
 *
 * - `ALIVE2_REQ` 120: port u16, node type u8, protocol u8, highest version u16, lowest version u16, name length
 *   u16, name, extra length u16, extra. The connection stays open for as long as the name is to be held.
 * - `PORT_PLEASE2_REQ` 122: name, without a length. One NUL behind it is tolerated.
 * - `NAMES_REQ` 110, `DUMP_REQ` 100, `KILL_REQ` 107: nothing else; what follows is ignored, as the daemon does.
 * - `STOP_REQ` 115: name.
 */
export type EpmdRequest =
  | { readonly type: 'ALIVE2_REQ'; readonly registration: Registration }
  /** A registration that can be read and answered, but whose name cannot be held. */
  | { readonly type: 'bad_alive2'; readonly highestVersion: number; readonly problem: string }
  | { readonly type: 'PORT_PLEASE2_REQ'; readonly name: string }
  | { readonly type: 'NAMES_REQ' }
  | { readonly type: 'DUMP_REQ' }
  | { readonly type: 'KILL_REQ' }
  | { readonly type: 'STOP_REQ'; readonly name: string };

/** Bytes of a request, length included. */
export function encodeRequest(request: Exclude<EpmdRequest, { type: 'bad_alive2' }>): Uint8Array {
  const body = new ByteWriter(64);
  switch (request.type) {
    case 'ALIVE2_REQ':
      body.u8(ALIVE2_REQ);
      writeRegistration(body, request.registration);
      break;
    case 'PORT_PLEASE2_REQ':
      body.u8(PORT_PLEASE2_REQ);
      body.utf8(request.name);
      break;
    case 'NAMES_REQ':
      body.u8(NAMES_REQ);
      break;
    case 'DUMP_REQ':
      body.u8(DUMP_REQ);
      break;
    case 'KILL_REQ':
      body.u8(KILL_REQ);
      break;
    case 'STOP_REQ':
      body.u8(STOP_REQ);
      body.utf8(request.name);
      break;
    default:
      request satisfies never;
  }
  const framed = new ByteWriter(2 + body.position);
  framed.u16(body.position);
  framed.bytes(body.toBytes());
  return framed.take();
}

/**
 * Reads the one request of a connection from all bytes that it has sent.
 *
 * @returns undefined when more bytes are needed
 * @throws DecodeError when the body is malformed, or when bytes follow it: there is one request per connection
 * @throws LimitError when the announced length is past `MAX_REQUEST_BYTES`
 */
export function decodeRequest(bytes: Uint8Array): EpmdRequest | undefined {
  const reader = new ByteReader(bytes);
  if (reader.remaining < 2) return undefined;
  const length = reader.u16();
  if (length > MAX_REQUEST_BYTES)
    throw new LimitError(
      'requestBytes',
      `a request of ${length} bytes was announced, at most ${MAX_REQUEST_BYTES} are read`,
    );
  if (reader.remaining < length) return undefined;
  if (reader.remaining > length) throw new DecodeError('bytes follow the request', reader.position + length);
  return decodeBody(reader);
}

function decodeBody(reader: ByteReader): EpmdRequest {
  const operation = reader.u8('operation');
  switch (operation) {
    case ALIVE2_REQ:
      return decodeAlive2(reader);
    case PORT_PLEASE2_REQ:
      return { type: 'PORT_PLEASE2_REQ', name: lookedUpName(reader) };
    case NAMES_REQ:
      return { type: 'NAMES_REQ' };
    case DUMP_REQ:
      return { type: 'DUMP_REQ' };
    case KILL_REQ:
      return { type: 'KILL_REQ' };
    case STOP_REQ:
      return { type: 'STOP_REQ', name: lookedUpName(reader) };
    default:
      throw new DecodeError(`operation ${operation} is unknown`, reader.position - 1);
  }
}

function decodeAlive2(reader: ByteReader): EpmdRequest {
  const port = reader.u16('port');
  const nodeType = reader.u8('node type');
  const protocol = reader.u8('protocol');
  const highestVersion = reader.u16('highest version');
  const lowestVersion = reader.u16('lowest version');
  const name = reader.bytes(reader.u16('name length'), 'name');
  const nameEnd = reader.position;
  const extra = Uint8Array.from(reader.bytes(reader.u16('extra length'), 'extra'));
  if (name.length === 0) throw new DecodeError('the name is empty', nameEnd);
  if (name.includes(0)) throw new DecodeError('the name holds a NUL', nameEnd);
  if (name.length > MAX_NAME_BYTES)
    return { type: 'bad_alive2', highestVersion, problem: `a name of ${name.length} bytes is too long` };
  if (!isUtf8(name)) return { type: 'bad_alive2', highestVersion, problem: 'the name is not UTF-8' };
  return {
    type: 'ALIVE2_REQ',
    registration: {
      name: name.toString('utf8'),
      port,
      nodeType,
      protocol,
      highestVersion,
      lowestVersion,
      extra,
    },
  };
}

function lookedUpName(reader: ByteReader): string {
  const start = reader.position;
  let name = reader.rest();
  if (name.at(-1) === 0) name = name.subarray(0, -1);
  if (name.length === 0 || name.length >= MAX_NAME_BYTES || name.includes(0))
    throw new DecodeError(`expected a name of 1 to ${MAX_NAME_BYTES - 1} bytes without NUL`, start);
  return name.toString('utf8');
}

/** The fields that ALIVE2_REQ and PORT2_RESP share; in the latter they stand in the same order. */
export function writeRegistration(writer: ByteWriter, registration: Registration): void {
  const name = Buffer.from(registration.name, 'utf8');
  writer.u16(registration.port);
  writer.u8(registration.nodeType);
  writer.u8(registration.protocol);
  writer.u16(registration.highestVersion);
  writer.u16(registration.lowestVersion);
  writer.u16(name.length);
  writer.bytes(name);
  writer.u16(registration.extra.length);
  writer.bytes(registration.extra);
}
