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
  /**
   * Reads and checks what one side of TLS needs. Absent where there is no TLS. Files that change later are read anew;
   * when what is in them then cannot be used, `unusable` is told, once, and what was read before goes on.
   * @throws OptionsError for files that cannot be read, and for what is in them
   */
  secure?(material: TlsMaterial, unusable: (error: Error) => void): TlsIdentity;
}

/** What one side of TLS is made of. */
export interface TlsMaterial {
  /** The option that it comes from, for errors: `tls`, `tls.client`. */
  readonly option: string;
  /** PEM, as text or as the path of a file: the certificate (with those in between, in order) and its key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  /** PEM of trusted authorities, each as text or as a path; undefined: those that the platform trusts. */
  readonly ca: readonly string[] | undefined;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** In OpenSSL's syntax; undefined: the platform's. */
  readonly ciphers: string | undefined;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** Material that was read and found good; understood by the `Streams` that made it. */
export interface TlsIdentity {
  readonly material: TlsMaterial;
}

/** A call over TLS. */
export interface TlsClientOptions {
  readonly identity: TlsIdentity;
  /** Whether the other side's certificate must be signed by an authority that is trusted, and valid now. */
  readonly verify: boolean;
  /** The name to ask for (server name indication), where it is no address. */
  readonly serverName: string;
  /** The name or address that the certificate must be for; undefined: any. */
  readonly expectedHost: string | undefined;
}

/** Calls of others over TLS: handed out once they are secure. */
export interface TlsServerOptions {
  readonly identity: TlsIdentity;
  /** Whether a caller's certificate, where it has one, must be good. */
  readonly verify: boolean;
  /** Whether a caller must have one. */
  readonly requireCertificate: boolean;
  /** Calls that are not secure yet; one more is closed. */
  readonly maxPending: number;
  /** How long securing one may take. */
  readonly timeoutMs: number;
  /** A call that did not become secure, and why. */
  failed(address: string, error: Error): void;
}

/** The names in the certificate of the other side, as far as they can name a node. */
export interface PeerCertificate {
  /** Common names of its subject. */
  readonly commonNames: readonly string[];
  /** Subject alternative names, by kind. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emails: readonly string[];
  /** Common names of those that are directory names. */
  readonly directoryNames: readonly string[];
}

export interface ListenOptions {
  /** Address to bind; all interfaces when absent. */
  readonly host?: string;
  readonly port: number;
  readonly tls?: TlsServerOptions;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly tls?: TlsClientOptions;
}

export interface Listener {
  /** Address and port really bound. */
  readonly host: string;
  readonly port: number;
  /** Stops accepting; resolves when the port is free again. Streams already accepted live on. Idempotent. */
  close(): Promise<void>;
}

export interface StreamHandlers {
  /** Bytes as they came. The chunk belongs to the receiver, and is not written to again, unless it `borrows`. */
  data(chunk: Uint8Array): void;
  /** `data` is done with a chunk when it returns: the next bytes may come in the same memory. @default false */
  readonly borrows?: boolean;
  /**
   * Asked by `start` and after each `data`, where memory is lent: whether the next read should be short
   * (`platform/streams.ts` says what for).
   */
  wantsShortReads?(): boolean;
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
  /** Over TLS, what the other side has shown, verified if that was asked for; undefined when it has shown none. */
  readonly peerCertificate?: PeerCertificate | undefined;
  start(handlers: StreamHandlers): void;
  /** From now on the next read is waited for busily, so long, where one follows the other closely. Absent where nobody can. */
  waitBusily?(ms: number): void;
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
