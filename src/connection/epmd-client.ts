import type { Clock } from '../env/clock.ts';
import type { Stream, Streams } from '../env/streams.ts';
import {
  HIGHEST_VERSION,
  LOWEST_VERSION,
  NODE_TYPE_HIDDEN,
  NODE_TYPE_NORMAL,
  PROTOCOL_TCP,
  type Registration,
} from '../epmd/registration.ts';
import { encodeRequest } from '../epmd/request.ts';
import {
  decodeAlive2Response,
  decodeNamesResponse,
  decodePort2Response,
  type NameAndPort,
} from '../epmd/response.ts';
import { ConnectionError, LimitError, NameTakenError } from '../errors.ts';

/** Longest wait for a port mapper that accepts and says nothing. OTP waits 10 s. */
export const EPMD_TIMEOUT_MS = 5_000;
/** How long a port mapper may take to notice that a name is given back. */
const LEAVE_TIMEOUT_MS = 1_000;
/** Longest answer that is collected: ten thousand nodes with names of 100 bytes. */
const MAX_RESPONSE_BYTES = 1_048_576;

export interface EpmdClientOptions {
  readonly streams: Streams;
  readonly clock: Clock;
  /** Address of the machine's own port mapper; names are registered there. */
  readonly host: string;
  /** Port of every port mapper, the machine's own and those of other machines. */
  readonly port: number;
  /** @default EPMD_TIMEOUT_MS */
  readonly timeoutMs?: number;
}

export interface NodeToRegister {
  /** The part of the node's name before the `@`. */
  readonly name: string;
  /** Where it accepts distribution connections. */
  readonly port: number;
  readonly hidden: boolean;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** A name held with a port mapper, for as long as the connection behind it is open. */
export interface EpmdRegistration {
  /** Resolves when the name is no longer held: `close()` was called, or the port mapper is gone (with its error). */
  readonly lost: Promise<Error | undefined>;
  /** Gives the name back; resolves when the port mapper has closed its end too. Idempotent. */
  close(): Promise<void>;
}

/** Asks port mappers: one connection and one request at a time, as they want it. */
export class EpmdClient {
  readonly #options: EpmdClientOptions;

  constructor(options: EpmdClientOptions) {
    this.#options = options;
  }

  /**
   * Registers a node with the machine's own port mapper.
   *
   * @returns the creation that the port mapper gave, and the registration to keep
   * @throws NameTakenError when a node of that name runs on this machine
   * @throws ConnectionError when no port mapper answers
   */
  async register(
    node: NodeToRegister,
    options: WaitOptions = {},
  ): Promise<{ readonly creation: number; readonly registration: EpmdRegistration }> {
    const { clock, host, port } = this.#options;
    const request = encodeRequest({
      type: 'ALIVE2_REQ',
      registration: {
        name: node.name,
        port: node.port,
        nodeType: node.hidden ? NODE_TYPE_HIDDEN : NODE_TYPE_NORMAL,
        protocol: PROTOCOL_TCP,
        highestVersion: HIGHEST_VERSION,
        lowestVersion: LOWEST_VERSION,
        extra: new Uint8Array(0),
      },
    });
    const { answer, stream, closed } = await this.#ask(host, request, decodeAlive2Response, options);
    if (answer.result !== 0) {
      // The daemon leaves a refused connection to its owner.
      stream.destroy();
      throw new NameTakenError(
        node.name,
        `the name "${node.name}" is already registered with EPMD at ${host}, port ${port}: ` +
          'another node of this name runs on this machine',
      );
    }
    return {
      creation: answer.creation,
      registration: {
        lost: closed,
        close: async () => {
          stream.end();
          const timer = clock.setTimeout(() => stream.destroy(), LEAVE_TIMEOUT_MS);
          await closed;
          clock.clearTimeout(timer);
        },
      },
    };
  }

  /**
   * Looks a node up with the port mapper of its machine.
   *
   * @param name - the part before the `@`
   * @param host - the part behind it
   * @returns undefined when the port mapper knows no such name
   * @throws ConnectionError when no port mapper answers there
   */
  async lookup(name: string, host: string, options: WaitOptions = {}): Promise<Registration | undefined> {
    const request = encodeRequest({ type: 'PORT_PLEASE2_REQ', name });
    const { answer, stream } = await this.#ask(host, request, decodePort2Response, options);
    stream.destroy();
    return answer.registration;
  }

  /** Everything that the port mapper of a machine knows. @throws ConnectionError when none answers there */
  async names(host = this.#options.host, options: WaitOptions = {}): Promise<readonly NameAndPort[]> {
    const request = encodeRequest({ type: 'NAMES_REQ' });
    const whole = (bytes: Uint8Array, isWhole: boolean) => (isWhole ? decodeNamesResponse(bytes) : undefined);
    const { answer } = await this.#ask(host, request, whole, options);
    return answer;
  }

  /** Sends one request and collects bytes until `decode` makes an answer of them. */
  async #ask<T>(
    host: string,
    request: Uint8Array,
    decode: (bytes: Uint8Array, isWhole: boolean) => T | undefined,
    options: WaitOptions,
  ): Promise<{ answer: T; stream: Stream; closed: Promise<Error | undefined> }> {
    const { streams, clock, port } = this.#options;
    const { signal } = options;
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? EPMD_TIMEOUT_MS;
    const startedMs = clock.nowMs();
    const stream = await streams.connect({ host, port, timeoutMs, ...(signal ? { signal } : {}) });
    const where = `EPMD at ${host}, port ${port}`;

    let reportClosed: (error: Error | undefined) => void;
    const closed = new Promise<Error | undefined>((resolve) => {
      reportClosed = resolve;
    });
    const answer = await new Promise<T>((resolve, reject) => {
      let received: Buffer = Buffer.alloc(0);
      let isDone = false;
      const done = (): void => {
        isDone = true;
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
      };
      const fail = (error: unknown): void => {
        done();
        stream.destroy();
        reject(error);
      };
      const aborted = (): void => fail(signal?.reason);
      const read = (isWhole: boolean): void => {
        try {
          if (received.length > MAX_RESPONSE_BYTES)
            throw new LimitError('responseBytes', `${where} sent more than ${MAX_RESPONSE_BYTES} bytes`);
          const decoded = decode(received, isWhole);
          if (decoded !== undefined) {
            done();
            resolve(decoded);
          } else if (isWhole) fail(new ConnectionError(`${where} closed the connection without an answer`));
        } catch (error) {
          fail(error);
        }
      };
      const timer = clock.setTimeout(
        () => fail(new ConnectionError(`${where} gave no answer within ${timeoutMs} ms`)),
        Math.max(0, timeoutMs - (clock.nowMs() - startedMs)),
      );
      signal?.addEventListener('abort', aborted, { once: true });
      stream.start({
        // Whatever follows the answer is none of ours; the connection stays for the registration's sake.
        data: (chunk) => {
          if (isDone) return;
          received = Buffer.concat([received, chunk]);
          read(false);
        },
        closed: (error) => {
          if (!isDone) {
            if (error === undefined) read(true);
            else fail(error);
          }
          reportClosed(error);
        },
      });
      if (signal?.aborted) aborted();
      else stream.write(request);
    });
    return { answer, stream, closed };
  }
}
