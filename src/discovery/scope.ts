import type { Clock, DatagramHandlers, DatagramSocket, Datagrams, Env, TimerHandle } from '../env/index.ts';

/**
 * The outside world as one run of a strategy sees it. Timers and datagram sockets taken through it end with it, and
 * what its callbacks throw is reported instead of reaching the event loop: a strategy that crashes takes nothing
 * with it and leaves nothing behind.
 */
export class StrategyScope {
  readonly env: Env;
  readonly #timers = new Set<TimerHandle>();
  readonly #sockets = new Set<DatagramSocket>();
  readonly #crashed: (error: unknown) => void;
  #ended = false;

  constructor(env: Env, crashed: (error: unknown) => void) {
    this.#crashed = crashed;
    this.env = {
      clock: this.#clock(env.clock),
      random: env.random,
      streams: env.streams,
      datagrams: this.#datagrams(env.datagrams),
      resolver: env.resolver,
      host: env.host,
      log: env.log,
    };
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Clears the timers and closes the sockets. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const timer of this.#timers) this.env.clock.clearTimeout(timer);
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }

  #run(fn: () => void): void {
    if (this.#ended) return;
    try {
      fn();
    } catch (error) {
      this.#crashed(error);
    }
  }

  #clock(clock: Clock): Clock {
    return {
      wallMs: () => clock.wallMs(),
      nowMs: () => clock.nowMs(),
      setTimeout: (fn, delayMs) => {
        if (this.#ended) return undefined;
        const handle = clock.setTimeout(() => {
          this.#timers.delete(handle);
          this.#run(fn);
        }, delayMs);
        this.#timers.add(handle);
        return handle;
      },
      clearTimeout: (handle) => {
        if (this.#timers.delete(handle)) clock.clearTimeout(handle);
      },
      setImmediate: (fn) => clock.setImmediate(() => this.#run(fn)),
    };
  }

  #datagrams(datagrams: Datagrams): Datagrams {
    return {
      open: async (options, handlers) => {
        let socket: DatagramSocket | undefined;
        const guarded: DatagramHandlers = {
          // As `#run` does, without a function for each datagram.
          message: (bytes, from) => {
            if (this.#ended) return;
            try {
              handlers.message(bytes, from);
            } catch (error) {
              this.#crashed(error);
            }
          },
          error: (error) => {
            if (socket !== undefined) this.#sockets.delete(socket);
            this.#run(() => handlers.error(error));
          },
        };
        const inner = await datagrams.open(options, guarded);
        socket = new ScopedSocket(inner, () => this.#sockets.delete(socket!));
        if (this.#ended) socket.close();
        else this.#sockets.add(socket);
        return socket;
      },
    };
  }
}

/** Passes everything on; is closed once, and tells. */
class ScopedSocket implements DatagramSocket {
  readonly #inner: DatagramSocket;
  readonly #onClose: () => void;
  #closed = false;

  constructor(inner: DatagramSocket, onClose: () => void) {
    this.#inner = inner;
    this.#onClose = onClose;
  }

  get host(): string {
    return this.#inner.host;
  }

  get port(): number {
    return this.#inner.port;
  }

  send(...args: Parameters<DatagramSocket['send']>): Promise<void> {
    return this.#inner.send(...args);
  }

  addMembership(group: string, interfaceAddress?: string): void {
    this.#inner.addMembership(group, interfaceAddress);
  }

  dropMembership(group: string, interfaceAddress?: string): void {
    this.#inner.dropMembership(group, interfaceAddress);
  }

  setMulticastTtl(ttl: number): void {
    this.#inner.setMulticastTtl(ttl);
  }

  setMulticastLoopback(on: boolean): void {
    this.#inner.setMulticastLoopback(on);
  }

  setMulticastInterface(address: string): void {
    this.#inner.setMulticastInterface(address);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    this.#inner.close();
  }
}
