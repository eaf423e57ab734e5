import { ByteReader } from '../codec/reader.ts';
import { ByteWriter } from '../codec/writer.ts';
import { DecodeError } from '../errors.ts';
import type { Registration } from './registration.ts';
import { writeRegistration } from './request.ts';

const ALIVE2_RESP = 121;
const ALIVE2_X_RESP = 118;
const PORT2_RESP = 119;

/** The creation that goes with a refused registration; the daemon sends the same. */
const REFUSED_CREATION = 99;
/** First highest version whose registration is answered with a 32-bit creation. */
const VERSION_WITH_LONG_CREATION = 6;

export interface Alive2Response {
  readonly type: 'ALIVE2_RESP';
  /** 0: registered. Anything else: the name is taken, or cannot be held. */
  readonly result: number;
  readonly creation: number;
}

/** Undefined: no node of that name is registered. */
export interface Port2Response {
  readonly type: 'PORT2_RESP';
  readonly registration: Registration | undefined;
}

/** One line of the answer to NAMES_REQ. */
export interface NameAndPort {
  readonly name: string;
  readonly port: number;
}

/**
 * ALIVE2_X_RESP: 118, result u8, creation u32; to a node whose highest version is below 6 the older ALIVE2_RESP:
 * 121, result u8, creation u16.
 *
 * @param creation - undefined when the registration is refused
 */
export function encodeAlive2Response(highestVersion: number, creation: number | undefined): Uint8Array {
  const writer = new ByteWriter(6);
  const result = creation === undefined ? 1 : 0;
  if (highestVersion >= VERSION_WITH_LONG_CREATION) {
    writer.u8(ALIVE2_X_RESP);
    writer.u8(result);
    writer.u32(creation ?? REFUSED_CREATION);
  } else {
    writer.u8(ALIVE2_RESP);
    writer.u8(result);
    writer.u16(creation ?? REFUSED_CREATION);
  }
  return writer.take();
}

/** @returns undefined when more bytes are needed */
export function decodeAlive2Response(bytes: Uint8Array): Alive2Response | undefined {
  const reader = new ByteReader(bytes);
  if (reader.remaining < 1) return undefined;
  const code = reader.u8();
  if (code !== ALIVE2_X_RESP && code !== ALIVE2_RESP)
    throw new DecodeError(`expected an answer to ALIVE2_REQ, code 118 or 121, and got ${code}`, 0);
  const isLong = code === ALIVE2_X_RESP;
  if (reader.remaining < (isLong ? 5 : 3)) return undefined;
  const result = reader.u8();
  return { type: 'ALIVE2_RESP', result, creation: isLong ? reader.u32() : reader.u16() };
}

/** PORT2_RESP: 119, result u8; when that is 0, the registration's fields as in ALIVE2_REQ. */
export function encodePort2Response(registration: Registration | undefined): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(PORT2_RESP);
  writer.u8(registration === undefined ? 1 : 0);
  if (registration !== undefined) writeRegistration(writer, registration);
  return writer.take();
}

/** @returns undefined when more bytes are needed */
export function decodePort2Response(bytes: Uint8Array): Port2Response | undefined {
  const reader = new ByteReader(bytes);
  if (reader.remaining < 1) return undefined;
  const code = reader.u8();
  if (code !== PORT2_RESP)
    throw new DecodeError(`expected an answer to PORT_PLEASE2_REQ, code 119, and got ${code}`, 0);
  if (reader.remaining < 1) return undefined;
  if (reader.u8() !== 0) return { type: 'PORT2_RESP', registration: undefined };
  if (reader.remaining < 10) return undefined;
  const port = reader.u16();
  const nodeType = reader.u8();
  const protocol = reader.u8();
  const highestVersion = reader.u16();
  const lowestVersion = reader.u16();
  const nameBytes = reader.u16();
  if (reader.remaining < nameBytes + 2) return undefined;
  const name = reader.utf8(nameBytes);
  const extraBytes = reader.u16();
  if (reader.remaining < extraBytes) return undefined;
  const extra = Uint8Array.from(reader.bytes(extraBytes));
  return {
    type: 'PORT2_RESP',
    registration: { name, port, nodeType, protocol, highestVersion, lowestVersion, extra },
  };
}

/** NAMES_RESP: the port mapper's own port u32, then `name NAME at port PORT` and a newline for each node. */
export function encodeNamesResponse(epmdPort: number, nodes: Iterable<NameAndPort>): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u32(epmdPort);
  for (const { name, port } of nodes) writer.utf8(`name ${name} at port ${port}\n`);
  return writer.take();
}

/**
 * Reads a whole answer to NAMES_REQ; it ends with the connection. A line that is none is passed over, as
 * `net_adm:names/1` does.
 */
export function decodeNamesResponse(bytes: Uint8Array): NameAndPort[] {
  const reader = new ByteReader(bytes);
  reader.u32('port of the port mapper');
  const nodes: NameAndPort[] = [];
  for (const line of reader.utf8(reader.remaining).split('\n')) {
    const [, name, port] = /^name (.+) at port (\d{1,5})$/.exec(line) ?? [];
    if (name !== undefined && port !== undefined) nodes.push({ name, port: Number(port) });
  }
  return nodes;
}

export interface DumpEntry extends NameAndPort {
  readonly connection: number;
  readonly isActive: boolean;
}

/** DUMP_RESP: like NAMES_RESP, with longer lines and a NUL behind each, as the daemon writes them. */
export function encodeDumpResponse(epmdPort: number, entries: Iterable<DumpEntry>): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u32(epmdPort);
  for (const { name, port, connection, isActive } of entries)
    writer.utf8(
      isActive
        ? `active name     <${name}> at port ${port}, fd = ${connection}\n\0`
        : `old/unused name <${name}>, port = ${port}, fd = ${connection} \n\0`,
    );
  return writer.take();
}

/** Answer to KILL_REQ. The embedded port mapper never ends on request: other nodes depend on it. */
export function encodeKillRefused(): Uint8Array {
  return Buffer.from('NO', 'latin1');
}
