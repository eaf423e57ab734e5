/**
 * The embedded port mapper's decisions, without I/O.
 *
 * Each connection makes one request. A registration keeps its connection, and closing it gives the name back; every
 * other answer is followed by a close. What cannot be read is closed without an answer, as the daemon does.
 *
 * After a take-over (the node that was the port mapper has ended and this one follows it) the names of the living
 * come back within a moment, each by its own node. Until then a look-up of an unknown name waits instead of being
 * told "not found", so that nobody takes a living node for a dead one.
 *
 * It refuses to know sockets, addresses and clocks: the driver tells what happened and grants the wishes.
 */
import { BeamishError } from '../errors.ts';
import { Directory } from './directory.ts';
import type { Registration } from './registration.ts';
import { decodeRequest, type EpmdRequest } from './request.ts';
import {
  encodeAlive2Response,
  encodeDumpResponse,
  encodeKillRefused,
  encodeNamesResponse,
  encodePort2Response,
} from './response.ts';

/** A connection without a complete request is closed after this time; measured on the daemon of OTP 25. */
export const REQUEST_TIMEOUT_MS = 60_000;

/** A connection's number, or the one timer of the whole server. */
export type EpmdTimer = number | 'settle';

export type EpmdServerEvent =
  /** `port` is the one that was connected to; `isLocal` tells whether the other end is on this machine. */
  | { readonly type: 'opened'; readonly connection: number; readonly port: number; readonly isLocal: boolean }
  | { readonly type: 'bytes'; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly type: 'closed'; readonly connection: number }
  | { readonly type: 'timeout'; readonly timer: EpmdTimer };

export type EpmdServerAction =
  | { readonly type: 'send'; readonly connection: number; readonly bytes: Uint8Array }
  /** Send what is queued, then end. The connection is forgotten: no further event of it matters. */
  | { readonly type: 'close'; readonly connection: number }
  /** End at once. */
  | { readonly type: 'destroy'; readonly connection: number }
  | { readonly type: 'arm'; readonly timer: EpmdTimer; readonly afterMs: number }
  | { readonly type: 'disarm'; readonly timer: EpmdTimer }
  | { readonly type: 'note'; readonly note: EpmdNote };

/** What is worth a counter or a log line. */
export type EpmdNote =
  | { readonly type: 'registered'; readonly name: string; readonly port: number }
  | { readonly type: 'unregistered'; readonly name: string }
  | { readonly type: 'refused'; readonly cause: EpmdRefusal; readonly detail: string };

export type EpmdRefusal =
  | 'malformed'
  | 'not_local'
  | 'name_taken'
  | 'bad_name'
  | 'too_many_sockets'
  | 'timeout';

export interface EpmdServerOptions {
  /** Unsigned 32-bit random number, for first creations. */
  readonly randomU32: () => number;
  /** Connections that hold no name. */
  readonly maxSockets: number;
  /** How long after the start a look-up of an unknown name waits for the name. 0: not at all. */
  readonly settleMs: number;
}

/**
 * - `reading`: the request is not complete
 * - `parked`: a look-up that waits for its name
 * - `answered`: a refused registration, which the other side is to close; nothing more is read
 * - `registered`: holds a name
 */
type ConnectionState =
  | { type: 'reading'; received: Uint8Array }
  | { type: 'parked'; name: string }
  | { type: 'answered' }
  | { type: 'registered' };

interface Connection {
  readonly number: number;
  readonly port: number;
  readonly isLocal: boolean;
  state: ConnectionState;
}

const NOTHING = new Uint8Array(0);

export class EpmdServerMachine {
  readonly #options: EpmdServerOptions;
  readonly #directory: Directory;
  readonly #connections = new Map<number, Connection>();
  #isSettling: boolean;

  constructor(options: EpmdServerOptions) {
    this.#options = options;
    this.#directory = new Directory(options.randomU32);
    this.#isSettling = options.settleMs > 0;
  }

  /** The first wishes; call once, before any event. */
  start(): EpmdServerAction[] {
    return this.#isSettling ? [{ type: 'arm', timer: 'settle', afterMs: this.#options.settleMs }] : [];
  }

  /** Latest registration first. */
  registrations(): Registration[] {
    return this.#directory.registrations();
  }

  step(event: EpmdServerEvent): EpmdServerAction[] {
    switch (event.type) {
      case 'opened':
        return this.#opened(event.connection, event.port, event.isLocal);
      case 'bytes': {
        const connection = this.#connections.get(event.connection);
        return connection === undefined ? [] : this.#bytes(connection, event.bytes);
      }
      case 'closed': {
        const connection = this.#connections.get(event.connection);
        return connection === undefined ? [] : this.#forget(connection);
      }
      case 'timeout':
        return this.#timeout(event.timer);
      default:
        return event satisfies never;
    }
  }

  #opened(number: number, port: number, isLocal: boolean): EpmdServerAction[] {
    if (this.#connections.size - this.#directory.size >= this.#options.maxSockets)
      return [
        refused('too_many_sockets', `${this.#options.maxSockets} connections hold no name`),
        { type: 'destroy', connection: number },
      ];
    this.#connections.set(number, { number, port, isLocal, state: { type: 'reading', received: NOTHING } });
    return [{ type: 'arm', timer: number, afterMs: REQUEST_TIMEOUT_MS }];
  }

  #bytes(connection: Connection, bytes: Uint8Array): EpmdServerAction[] {
    const { state } = connection;
    switch (state.type) {
      case 'reading': {
        const received = state.received.length === 0 ? bytes : Buffer.concat([state.received, bytes]);
        let request: EpmdRequest | undefined;
        try {
          request = decodeRequest(received);
        } catch (error) {
          if (!(error instanceof BeamishError)) throw error;
          return this.#hangUp(connection, 'malformed', error.message);
        }
        if (request !== undefined) return this.#request(connection, request);
        // Copied: the chunk may be a small part of a large receive buffer, kept alive for up to a minute.
        connection.state = { type: 'reading', received: Uint8Array.from(received) };
        return [];
      }
      case 'parked':
      case 'answered':
      case 'registered':
        return this.#hangUp(connection, 'malformed', 'bytes follow the request');
      default:
        return state satisfies never;
    }
  }

  #request(connection: Connection, request: EpmdRequest): EpmdServerAction[] {
    switch (request.type) {
      case 'ALIVE2_REQ':
        return this.#register(connection, request.registration);
      case 'bad_alive2':
        if (!connection.isLocal) return this.#notLocal(connection);
        connection.state = { type: 'answered' };
        return [
          send(connection, encodeAlive2Response(request.highestVersion, undefined)),
          refused('bad_name', request.problem),
        ];
      case 'PORT_PLEASE2_REQ': {
        const registration = this.#directory.find(request.name);
        if (registration === undefined && this.#isSettling) {
          connection.state = { type: 'parked', name: request.name };
          return [];
        }
        return this.#answer(connection, encodePort2Response(registration));
      }
      case 'NAMES_REQ':
        return this.#answer(
          connection,
          encodeNamesResponse(connection.port, this.#directory.registrations()),
        );
      case 'DUMP_REQ':
        if (!connection.isLocal) return this.#notLocal(connection);
        return this.#answer(connection, encodeDumpResponse(connection.port, this.#directory.dump()));
      case 'KILL_REQ':
        if (!connection.isLocal) return this.#notLocal(connection);
        return this.#answer(connection, encodeKillRefused());
      case 'STOP_REQ':
        // The daemon obeys only when it was started with relaxed checking. Never here: a node stops itself.
        return this.#hangUp(connection, 'malformed', 'STOP_REQ is not served');
      default:
        return request satisfies never;
    }
  }

  #register(connection: Connection, registration: Registration): EpmdServerAction[] {
    if (!connection.isLocal) return this.#notLocal(connection);
    const { name, port, highestVersion } = registration;
    const creation = this.#directory.register(connection.number, registration);
    const response = send(connection, encodeAlive2Response(highestVersion, creation));
    if (creation === undefined) {
      connection.state = { type: 'answered' };
      return [response, refused('name_taken', `the name ${name} is taken, or too many are held`)];
    }
    connection.state = { type: 'registered' };
    const waiting = [...this.#connections.values()].filter(
      ({ state }) => state.type === 'parked' && state.name === name,
    );
    return [
      { type: 'disarm', timer: connection.number },
      response,
      { type: 'note', note: { type: 'registered', name, port } },
      ...waiting.flatMap((lookup) => this.#answer(lookup, encodePort2Response(registration))),
    ];
  }

  #timeout(timer: EpmdTimer): EpmdServerAction[] {
    if (timer === 'settle') {
      this.#isSettling = false;
      const waiting = [...this.#connections.values()].filter(({ state }) => state.type === 'parked');
      return waiting.flatMap((lookup) => this.#answer(lookup, encodePort2Response(undefined)));
    }
    const connection = this.#connections.get(timer);
    if (connection === undefined || connection.state.type === 'registered') return [];
    return this.#hangUp(connection, 'timeout', `no request within ${REQUEST_TIMEOUT_MS} ms`);
  }

  #answer(connection: Connection, bytes: Uint8Array): EpmdServerAction[] {
    return [send(connection, bytes), ...this.#close(connection)];
  }

  #notLocal(connection: Connection): EpmdServerAction[] {
    return this.#hangUp(connection, 'not_local', 'only this machine may register names');
  }

  #hangUp(connection: Connection, cause: EpmdRefusal, detail: string): EpmdServerAction[] {
    return [refused(cause, detail), ...this.#close(connection)];
  }

  #close(connection: Connection): EpmdServerAction[] {
    return [...this.#forget(connection), { type: 'close', connection: connection.number }];
  }

  #forget({ number }: Connection): EpmdServerAction[] {
    this.#connections.delete(number);
    const name = this.#directory.unregister(number);
    return [
      { type: 'disarm', timer: number },
      ...(name === undefined
        ? []
        : [{ type: 'note' as const, note: { type: 'unregistered' as const, name } }]),
    ];
  }
}

function send(connection: Connection, bytes: Uint8Array): EpmdServerAction {
  return { type: 'send', connection: connection.number, bytes };
}

function refused(cause: EpmdRefusal, detail: string): EpmdServerAction {
  return { type: 'note', note: { type: 'refused', cause, detail } };
}
