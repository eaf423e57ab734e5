import { createSocket, type Socket } from 'node:dgram';
import type {
  DatagramHandlers,
  DatagramOptions,
  DatagramSocket,
  Datagrams,
  RemoteInfo,
} from '../env/datagrams.ts';
import { ConnectionError, messageOf } from '../errors.ts';
import { DatagramModeration } from './datagram-moderation.ts';
import { readingOf } from './datagram-reading.ts';

/**
 * Datagrams on `node:dgram`. Every socket asks for SO_REUSEADDR, because a gossip port belongs to all programs of
 * a machine at once (libcluster's socket does the same), and for SO_BROADCAST.
 */
export const datagrams: Datagrams = {
  open: (options, handlers) =>
    new Promise((resolve, reject) => {
      const where = `${options.host ?? '*'}:${options.port}`;
      const socket = createSocket({
        type: options.family === 'IPv6' ? 'udp6' : 'udp4',
        reuseAddr: true,
      });
      const refuse = (cause: unknown): void => {
        socket.removeAllListeners();
        // A socket that failed to bind may report its failure once more while it closes.
        socket.on('error', () => {});
        socket.close();
        const text = messageOf(cause);
        reject(new ConnectionError(`cannot open UDP ${where}: ${text}`, { cause }));
      };
      socket.once('error', refuse);
      socket.bind(
        { port: options.port, ...(options.host === undefined ? {} : { address: options.host }) },
        () => {
          try {
            socket.setBroadcast(true);
          } catch (cause) {
            refuse(cause);
            return;
          }
          socket.removeListener('error', refuse);
          resolve(new UdpSocket(socket, options, handlers));
        },
      );
    }),
};

class UdpSocket implements DatagramSocket {
  readonly host: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #handlers: DatagramHandlers;
  readonly #moderation = new DatagramModeration();
  /** Datagrams read so far. */
  #read = 0;
  /** Whether all that has come is being read, to make a pause then. */
  #emptying = false;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(socket: Socket, options: DatagramOptions, handlers: DatagramHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    const bound = socket.address();
    this.host = options.host ?? bound.address;
    this.port = bound.port;
    socket.on('message', (bytes, from) => {
      this.#read++;
      const pauses = this.#moderation.read(performance.now());
      if (pauses && !this.#emptying) this.#empty();
      handlers.message(bytes, { host: from.address, port: from.port });
    });
    socket.on('error', (error) => this.#broke(error));
  }

  /** Reads on until a turn of the event loop brings nothing more: one turn reads some dozens at most. */
  #empty(): void {
    this.#emptying = true;
    const read = this.#read;
    setImmediate(() => {
      if (this.#read !== read) {
        this.#empty();
        return;
      }
      this.#emptying = false;
      this.#startPause(this.#moderation.pauseMs());
    });
  }

  #startPause(pauseMs: number): void {
    const reading = pauseMs === 0 ? undefined : readingOf(this.#socket);
    if (reading === undefined) return;
    reading.recvStop();
    this.#pause = setTimeout(() => {
      const code = reading.recvStart();
      if (code !== 0) this.#broke(new Error(`cannot read on after a pause: error ${code}`));
    }, pauseMs);
  }

  #broke(error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#handlers.error(error);
  }

  send(bytes: Uint8Array, to: RemoteInfo): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new ConnectionError(`the UDP socket ${this.host}:${this.port} is closed`));
        return;
      }
      this.#socket.send(bytes, to.port, to.host, (error) => (error ? reject(error) : resolve()));
    });
  }

  addMembership(group: string, interfaceAddress?: string): void {
    this.#socket.addMembership(group, interfaceAddress);
  }

  dropMembership(group: string, interfaceAddress?: string): void {
    this.#socket.dropMembership(group, interfaceAddress);
  }

  setMulticastTtl(ttl: number): void {
    this.#socket.setMulticastTTL(ttl);
  }

  setMulticastLoopback(on: boolean): void {
    this.#socket.setMulticastLoopback(on);
  }

  setMulticastInterface(address: string): void {
    this.#socket.setMulticastInterface(address);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    this.#socket.removeAllListeners('message');
    this.#socket.close();
  }
}
