/** Datagrams (UDP on the platform), multicast included. */
export interface Datagrams {
  /**
   * Opens a socket that shares its port with others (SO_REUSEADDR), with broadcast allowed.
   * @throws ConnectionError whose `cause` is the platform's error
   */
  open(options: DatagramOptions, handlers: DatagramHandlers): Promise<DatagramSocket>;
}

export interface DatagramOptions {
  readonly family: 'IPv4' | 'IPv6';
  /** Address to bind; all interfaces when absent. */
  readonly host?: string;
  readonly port: number;
}

export interface RemoteInfo {
  readonly host: string;
  readonly port: number;
}

export interface DatagramHandlers {
  /** In the order of their coming; up to a tenth of a second late where they come all the time. */
  message(bytes: Uint8Array, from: RemoteInfo): void;
  /** The socket broke; it is closed already. */
  error(error: Error): void;
}

export interface DatagramSocket {
  readonly host: string;
  readonly port: number;
  /** Resolves when the system took the datagram; rejects with the platform's error. Loss is not an error. */
  send(bytes: Uint8Array, to: RemoteInfo): Promise<void>;
  /** Throws the platform's error. `interfaceAddress` chooses the interface; the system's default when absent. */
  addMembership(group: string, interfaceAddress?: string): void;
  dropMembership(group: string, interfaceAddress?: string): void;
  setMulticastTtl(ttl: number): void;
  setMulticastLoopback(on: boolean): void;
  setMulticastInterface(address: string): void;
  /** Idempotent; nothing fires afterwards. */
  close(): void;
}
