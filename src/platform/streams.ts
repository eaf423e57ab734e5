import {
  type AddressInfo,
  type ConnectOpts,
  connect,
  createServer,
  type Server,
  Socket,
  type SocketConstructorOpts,
} from 'node:net';
import { availableParallelism } from 'node:os';
import type { TLSSocket } from 'node:tls';
import type {
  ConnectOptions,
  Listener,
  ListenOptions,
  PeerCertificate,
  Stream,
  StreamHandlers,
  Streams,
  TlsIdentity,
} from '../env/streams.ts';
import { ConnectionError } from '../errors.ts';
import { plainAddress } from './address.ts';
import { BusyWait } from './busy-wait.ts';
import { PAUSE_MS, ReadModeration } from './read-moderation.ts';
import { flawOf, peerCertificate, secure, secureServer, secureSocket, tlsReason } from './tls.ts';

/**
 * How long an ended stream may stand without sending any of what is queued, or without the other side ending
 * too, before it is destroyed. Weighed against a node's `stop()`, which must not hang on a peer that never reads.
 */
const END_GRACE_MS = 5_000;

/**
 * What those who borrow read into, one after the other. Without it the platform makes a buffer for each read: memory
 * that the collector has to find again, at a third of the cost of receiving bulk data.
 */
const LENT = Buffer.allocUnsafeSlow(256 * 1024);
/**
 * The part of it that a short read takes: a sender that paces itself (`bbr`) does so less where less is copied at once.
 * Supposedly since what comes while one copies is confirmed only when that is done (bench/NOTES.md has the measurements).
 */
const SHORT = LENT.subarray(0, 16 * 1024);

/** With one processor, waiting busily would keep it from whoever is to send. */
const MAY_WAIT_BUSILY = availableParallelism() > 1;

/** Writes so far, of all streams, and those of them that are left alone for a moment. */
let writes = 0;
const resting = new Set<TcpStream>();

/** Somebody may wait for an answer to this: nobody is left alone. */
function wrote(): void {
  writes++;
  for (const stream of resting) stream.endRest();
}

/** TCP, and TLS on it. Small writes leave at once (Nagle's algorithm is off). */
export const streams: Streams = { listen: listenTcp, connect: connectTcp, secure };

function listenTcp(options: ListenOptions, onStream: (stream: Stream) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const { tls } = options;
    const server =
      tls === undefined
        ? createServer({ noDelay: true }, (socket) => onStream(new TcpStream(socket)))
        : secureServer(
            {
              ...tls,
              failed: (address, cause) =>
                tls.failed(address, new ConnectionError(reasonOf(cause), { cause })),
            },
            (socket) => onStream(new TcpStream(socket, socket)),
          );
    const refused = (cause: Error): void => {
      const where = `${options.host ?? 'all interfaces'}, port ${options.port}`;
      reject(new ConnectionError(`cannot listen on ${where}: ${reasonOf(cause)}`, { cause }));
    };
    server.once('error', refused);
    // `exclusive`: a worker of node:cluster gets a port of its own instead of sharing one with its siblings.
    server.listen(
      { port: options.port, ...(options.host ? { host: options.host } : {}), exclusive: true },
      () => {
        server.off('error', refused);
        // Failing to accept one connection (out of descriptors) must not take the node down; the peer tries again.
        server.on('error', () => {});
        resolve(new TcpListener(server));
      },
    );
  });
}

class TcpListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;

  constructor(server: Server) {
    const { address, port } = server.address() as AddressInfo;
    this.host = address;
    this.port = port;
    this.#server = server;
  }

  /**
   * The callback of `server.close()` would wait for accepted streams too; the port itself is free at once, and the
   * platform forgets the listener at the end of a turn.
   */
  close(): Promise<void> {
    if (this.#server.listening) this.#server.close();
    return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }
}

function connectTcp(options: ConnectOptions): Promise<Stream> {
  const { host, port, timeoutMs, signal, tls } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connect({ host, port, noDelay: true });
    let secured: TLSSocket | undefined;
    let timer: NodeJS.Timeout | undefined;

    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
      socket.off('error', failed);
      socket.off('connect', connected);
      secured?.off('error', failed);
      secured?.off('close', closed);
    };
    const giveUp = (error: unknown): void => {
      settle();
      // The attempt may still fail after it was given up.
      socket.on('error', () => {});
      secured?.on('error', () => {});
      secured?.destroy();
      socket.destroy();
      reject(error);
    };
    const failed = (cause: Error): void => {
      let reason = reasonOf(cause);
      if (tls !== undefined && secured !== undefined && tlsReason(cause) === undefined) {
        const flaw = flawOf(tls.identity);
        const doubt = flaw === undefined ? '' : `; it may have refused our certificate: ${flaw}`;
        reason = `hung up on before it was secure (${reason})${doubt}`;
      }
      giveUp(new ConnectionError(`cannot connect to ${host}, port ${port}: ${reason}`, { cause }));
    };
    const aborted = (): void => giveUp(signal?.reason);
    const closed = (): void => failed(new Error('closed'));
    const connected = (): void => {
      // Connecting to a free port of the ephemeral range can, rarely, meet itself (simultaneous open).
      if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) {
        const cause = Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' });
        failed(cause);
        return;
      }
      if (tls === undefined) {
        settle();
        resolve(new TcpStream(socket));
        return;
      }
      // What breaks below is told by the upper one.
      socket.on('error', () => {});
      secured = secureSocket(socket, tls);
      secured.on('error', failed);
      secured.on('close', closed);
      secured.once('secureConnect', () => {
        settle();
        resolve(new TcpStream(socket, secured, tls.identity));
      });
    };

    socket.on('error', failed);
    socket.on('connect', connected);
    signal?.addEventListener('abort', aborted, { once: true });
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => {
        const cause = Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' });
        giveUp(
          new ConnectionError(`cannot connect to ${host}, port ${port}: no answer within ${timeoutMs} ms`, {
            cause,
          }),
        );
      }, timeoutMs);
    }
  });
}

class TcpStream implements Stream {
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
  #socket: Socket;
  readonly #secured: TLSSocket | undefined;
  /** What our call has shown, until the other side says something, or we end it: it may still be refused. */
  #doubted: TlsIdentity | undefined;
  #handlers: StreamHandlers | undefined;
  #error: Error | undefined;
  #closed = false;
  #ended = false;
  #grace: NodeJS.Timeout | undefined;
  readonly #moderation = new ReadModeration();
  #busyWait: BusyWait | undefined;
  #rest: NodeJS.Timeout | undefined;
  #paused = false;

  /**
   * @param secured the TLS on the socket, where there is one
   * @param shown what our call has shown over it
   */
  constructor(socket: Socket, secured?: TLSSocket, shown?: TlsIdentity) {
    // The addresses are gone once the socket is closed, so they are read now.
    this.remoteHost = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    this.localHost = plainAddress(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    this.#socket = secured ?? socket;
    this.#secured = secured;
    this.#doubted = shown;
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('error', this.#onError);
    this.#socket.on('end', this.#onEnd);
    this.#socket.on('close', this.#onClose);
  }

  #onError = (cause: Error): void => {
    const peer = `${this.remoteHost}, port ${this.remotePort}`;
    this.#error = new ConnectionError(`the connection with ${peer} broke: ${reasonOf(cause)}`, { cause });
  };

  /** The other side finished; the platform now ends ours, which waits for what is queued. */
  #onEnd = (): void => this.#armGrace();

  #onClose = (): void => {
    this.#closed = true;
    clearTimeout(this.#grace);
    this.endRest();
    this.#busyWait?.end();
    if (this.#doubted !== undefined) this.#error = this.#refused(this.#doubted);
    this.#handlers?.closed(this.#error);
  };

  /**
   * Why the other side has gone without a word. From TLS 1.3 on, who calls is secure before its own certificate has been
   * looked at. Some refuse it with an alert, which says why; Node.js hangs up.
   */
  #refused(shown: TlsIdentity): Error | undefined {
    const broke = this.#error?.cause as Error | undefined;
    if (broke !== undefined && tlsReason(broke) !== undefined) return this.#error;
    const peer = `${this.remoteHost}, port ${this.remotePort}`;
    const flaw = flawOf(shown) ?? 'the log there tells why';
    return new ConnectionError(
      `${peer}, hung up without a word, as one does that refuses our certificate: ${flaw}`,
      broke === undefined ? {} : { cause: broke },
    );
  }

  get peerCertificate(): PeerCertificate | undefined {
    return this.#secured === undefined ? undefined : peerCertificate(this.#secured);
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    if (this.#closed) {
      // Broke between the connection and now.
      queueMicrotask(() => handlers.closed(this.#error));
      return;
    }
    if (handlers.borrows !== true || !this.#lend(handlers)) {
      this.#socket.on('data', (chunk: Buffer) => {
        this.#doubted = undefined;
        handlers.data(chunk);
        this.#busyWait?.read();
      });
    }
    if (handlers.drain) this.#socket.on('drain', () => handlers.drain?.());
  }

  waitBusily(ms: number): void {
    if (ms > 0 && MAY_WAIT_BUSILY) this.#busyWait = new BusyWait(ms, nowMs, setImmediate);
  }

  /**
   * Has what comes read into one buffer. The platform offers that (`onread`) for sockets that it did not make itself,
   * so the handle goes to another socket. False where that cannot be: the handle is no documented property.
   */
  #lend(handlers: StreamHandlers): boolean {
    const made: Socket & { _handle?: unknown } = this.#socket;
    const handle = made._handle;
    if (this.#secured !== undefined || typeof handle !== 'object' || handle === null) return false;
    if (made.readableLength > 0 || made.readableEnded) return false;
    made._handle = null;
    made.off('error', this.#onError).off('end', this.#onEnd).off('close', this.#onClose);
    made.destroy();
    const options: SocketConstructorOpts & {
      readonly handle: unknown;
      readonly onread: ConnectOpts['onread'];
    } = {
      handle,
      readable: true,
      writable: true,
      onread: {
        buffer: () => (handlers.wantsShortReads?.() === true ? SHORT : LENT),
        callback: (length) => {
          handlers.data(LENT.subarray(0, length));
          const rests = this.#moderation.read(length, writes, nowMs);
          if (!rests) this.#busyWait?.read();
          else {
            this.#busyWait?.end();
            this.#startRest();
          }
          return !rests;
        },
      },
    };
    this.#socket = new Socket(options);
    this.#listen();
    return true;
  }

  #startRest(): void {
    resting.add(this);
    this.#rest = setTimeout(() => this.endRest(), PAUSE_MS);
  }

  /** Reading goes on, if it was left alone. */
  endRest(): void {
    if (!resting.delete(this)) return;
    clearTimeout(this.#rest);
    if (!this.#paused) this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#socket.writable) return false;
    wrote();
    return this.#socket.write(bytes);
  }

  writeAll(pieces: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (!socket.writable) return false;
    let taken = true;
    wrote();
    socket.cork();
    for (const piece of pieces) taken = socket.write(piece);
    socket.uncork();
    // While corked, `write` only counts; whether anything waits is known now.
    return taken || socket.writableLength === 0;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!resting.has(this)) this.#socket.resume();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.#doubted = undefined;
    this.#socket.end();
    this.#armGrace();
  }

  destroy(): void {
    this.#doubted = undefined;
    this.#socket.destroy();
  }

  /** Destroys the socket when nothing moves any more; a slow reader that does read gets everything. */
  #armGrace(): void {
    if (this.#closed) return;
    clearTimeout(this.#grace);
    const queuedBytes = this.bufferedBytes;
    this.#grace = setTimeout(() => {
      if (this.bufferedBytes < queuedBytes) this.#armGrace();
      else this.#socket.destroy();
    }, END_GRACE_MS);
  }
}

function nowMs(): number {
  return performance.now();
}

function reasonOf(cause: Error): string {
  return tlsReason(cause) ?? (cause as NodeJS.ErrnoException).code ?? cause.message;
}
