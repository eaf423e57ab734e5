import { createSocket, type Socket } from 'node:dgram';
import type {
  DatagramHandlers,
  DatagramOptions,
  DatagramSocket,
  Datagrams,
  RemoteInfo,
} from '../env/datagrams.ts';
import { ConnectionError } from '../errors.ts';

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
        const text = cause instanceof Error ? cause.message : String(cause);
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
  #closed = false;

  constructor(socket: Socket, options: DatagramOptions, handlers: DatagramHandlers) {
    this.#socket = socket;
    const bound = socket.address();
    this.host = options.host ?? bound.address;
    this.port = bound.port;
    socket.on('message', (bytes, from) => {
      handlers.message(bytes, { host: from.address, port: from.port });
    });
    socket.on('error', (error) => {
      if (this.#closed) return;
      this.close();
      handlers.error(error);
    });
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
    this.#socket.removeAllListeners('message');
    this.#socket.close();
  }
}
