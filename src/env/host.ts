/** Facts of the machine and the account that a node starts from. */
export interface Host {
  /** Short host name, as the system tells it. */
  hostname(): string;
  /** Environment variable, or undefined. */
  variable(name: string): string | undefined;
  /**
   * The account's Erlang cookie (`~/.erlang.cookie`), created with mode 0400 when it is absent.
   * @throws OptionsError when it cannot be read or made
   */
  cookie(): string;
  /** Addresses of the machine's interfaces, loopback included. */
  interfaces(): readonly NetworkInterface[];
  /** Whether the machine has an interface of this name, be it down. Absent where that cannot be told: then as if it had none. */
  hasInterface?(name: string): boolean;
  /** What the program takes of the machine's memory. */
  memory(): HostMemory;
  /** Writes to the program's standard output: what processes print through this node's group leader. */
  output(text: string): void;
}

/** What a program holds, in bytes. */
export interface HostMemory {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly heapUsedBytes: number;
  /** Of binaries, outside of the heap. */
  readonly externalBytes: number;
}

export interface NetworkInterface {
  readonly name: string;
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly netmask: string;
  readonly internal: boolean;
}
