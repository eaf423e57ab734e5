import { connect, createServer, type Server, type Socket } from 'node:net';
import { Acceptor } from '../../src/handshake/acceptor.ts';
import { DistFlag, type DistFlags, offeredFlags } from '../../src/handshake/flags.ts';
import { Initiator } from '../../src/handshake/initiator.ts';
import { framed } from '../../src/handshake/messages.ts';

/** What it offers: frames without a header, which are easier to write by hand. */
const PASS_THROUGH = offeredFlags(true) & ~(DistFlag.DIST_HDR_ATOM_CACHE | DistFlag.FRAGMENTS);

/** A bare socket to a node: says what it is told to, and counts what comes. */
export class RawPeer {
  readonly socket: Socket;
  /** Everything that came, in one piece; `unread` is the part after the handshake. */
  readonly closed: Promise<void>;
  received = 0;
  #chunks: Buffer[] = [];
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.received += chunk.length;
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    this.closed = new Promise((resolve) =>
      socket.on('close', () => {
        this.#isClosed = true;
        this.#wake?.();
        resolve();
      }),
    );
  }

  static async dial(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const peer = new RawPeer(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return peer;
  }

  /** Calls as a node would, with our own machine, and proves the cookie. */
  static async call(port: number, options: PeerOptions): Promise<RawPeer> {
    const peer = await RawPeer.dial(port);
    await peer.handshake(
      new Initiator({
        local: {
          name: options.name,
          creation: options.creation ?? 77,
          flags:
            (options.headers ? offeredFlags(options.visible !== true) : PASS_THROUGH) &
            ~(options.without ?? 0n),
        },
        peer: options.to,
        cookieFor: () => options.cookie,
        challenge: 1,
      }),
    );
    return peer;
  }

  /** Steps a machine until it is up. Rejects when it closes. */
  async handshake(machine: Initiator | Acceptor): Promise<void> {
    const queue = [...machine.start()];
    for (;;) {
      for (let action = queue.shift(); action !== undefined; action = queue.shift()) {
        if (action.type === 'send') this.socket.write(framed(action.body));
        else if (action.type === 'up') return;
        else if (action.type === 'close') throw action.error;
        else if (action.type === 'ask')
          queue.push(
            ...(machine instanceof Acceptor
              ? machine.step({ type: 'decide', status: 'ok' })
              : machine.step({ type: 'decide', wanted: true })),
          );
      }
      const body = await this.frame(2);
      queue.push(
        ...(body === undefined ? machine.step({ type: 'closed' }) : machine.step({ type: 'frame', body })),
      );
    }
  }

  /** The next frame's body; undefined when the stream has ended. */
  async frame(prefixBytes: 2 | 4): Promise<Buffer | undefined> {
    for (;;) {
      const all = Buffer.concat(this.#chunks);
      if (all.length >= prefixBytes) {
        const end = prefixBytes + all.readUIntBE(0, prefixBytes);
        if (all.length >= end) {
          this.#chunks = [all.subarray(end)];
          return all.subarray(prefixBytes, end);
        }
      }
      this.#chunks = [all];
      if (this.#isClosed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes);
  }

  /** Stops taking anything from the system: the node's bytes pile up. */
  deafen(): void {
    this.socket.pause();
  }

  listen(): void {
    this.socket.resume();
  }

  close(): void {
    this.socket.destroy();
  }
}

export interface PeerOptions {
  readonly name: string;
  readonly to: string;
  readonly cookie: string;
  /** Its frames have a distribution header: it tells every flag that we do. */
  readonly headers?: boolean;
  /** With headers: it is not hidden. */
  readonly visible?: boolean;
  readonly creation?: number;
  /** Flags that it does not offer. */
  readonly without?: DistFlags;
}

/** A bare listener: hands out the calls that come. */
export class RawListener {
  readonly port: number;
  readonly #server: Server;
  readonly #calls: RawPeer[] = [];
  #wake: (() => void) | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(): Promise<RawListener> {
    const server = createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    const listener = new RawListener(server, address.port);
    server.on('connection', (socket) => {
      listener.#calls.push(new RawPeer(socket));
      listener.#wake?.();
    });
    return listener;
  }

  async call(): Promise<RawPeer> {
    for (;;) {
      const peer = this.#calls.shift();
      if (peer !== undefined) return peer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#server.close();
  }
}
