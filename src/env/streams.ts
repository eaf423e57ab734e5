/**
 * Reliable byte streams (TCP on the platform).
 *
 * A stream is handed over with nothing read yet. The owner calls `start(handlers)` once, synchronously after it
 * received the stream; from then on `data` may fire, and `closed` fires exactly once, last.
 */
export interface Streams {
  /**
   * Listens. `port: 0` lets the system choose.
   * @throws ConnectionError whose `cause` is the platform's error (`cause.code === 'EADDRINUSE'` when the port is taken)
   */
  listen(options: ListenOptions, onStream: (stream: Stream) => void): Promise<Listener>;
  /**
   * Connects.
   * @throws ConnectionError when refused, unreachable or timed out; whatever `signal.reason` is when aborted
   */
  connect(options: ConnectOptions): Promise<Stream>;
}

export interface ListenOptions {
  /** Address to bind; all interfaces when absent. */
  readonly host?: string;
  readonly port: number;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Listener {
  /** Address and port really bound. */
  readonly host: string;
  readonly port: number;
  /** Stops accepting; resolves when the port is free again. Streams already accepted live on. Idempotent. */
  close(): Promise<void>;
}

export interface StreamHandlers {
  /** Bytes as they came. The chunk belongs to the receiver: it is not written to again. */
  data(chunk: Uint8Array): void;
  /** `bufferedBytes` fell to zero after `write` had returned false. */
  drain?(): void;
  /** The other side finished or the stream broke (`error`). Nothing fires after it. */
  closed(error: Error | undefined): void;
}

export interface Stream {
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
  start(handlers: StreamHandlers): void;
  /**
   * Queues bytes, which must not be changed before `bufferedBytes` is 0 again. Returns false when more than the
   * system's buffer waits (call `drain` follows). After the end it does nothing and returns false.
   */
  write(bytes: Uint8Array): boolean;
  /** As `write` for each, in one system call where that can be. */
  writeAll(pieces: readonly Uint8Array[]): boolean;
  /** Bytes accepted by `write` and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Stop and resume the flow of `data`. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends; `closed` follows. */
  end(): void;
  /** Ends at once and drops what is queued; `closed` follows. */
  destroy(): void;
}
