import type { NetworkInterface } from '../env/host.ts';
import type { SimProcess } from './process.ts';
import type { SimUdpSocket } from './sim-datagrams.ts';
import type { SimListener } from './sim-streams.ts';

export const LOOPBACK = '127.0.0.1';
const FIRST_EPHEMERAL_PORT = 32_768;
const LAST_EPHEMERAL_PORT = 60_999;

/** A simulated machine: one address and its ports, shared by the processes that run there. */
export class Machine {
  /** The host part of its nodes' names. */
  readonly name: string;
  readonly address: string;
  readonly listeners: SimListener[] = [];
  readonly sockets: SimUdpSocket[] = [];
  /** All that ever ran here, in the order of their starts. */
  readonly processes: SimProcess[] = [];
  #nextPort = FIRST_EPHEMERAL_PORT;

  constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
  }

  /** Names of the nodes that ever ran here. */
  nodeNames(): readonly string[] {
    return [...new Set(this.processes.filter(({ isNode }) => isNode).map(({ name }) => name))];
  }

  /** No process runs here, and the last one went silently: nobody answers, not even with a refusal. */
  get isDark(): boolean {
    return (
      this.processes.every((process) => !process.isAlive) && (this.processes.at(-1)?.endedSilently ?? false)
    );
  }

  interfaces(): readonly NetworkInterface[] {
    const loopback = {
      name: 'lo',
      address: LOOPBACK,
      family: 'IPv4',
      netmask: '255.0.0.0',
      internal: true,
    } as const;
    if (this.address === LOOPBACK) return [loopback];
    return [
      loopback,
      { name: 'eth0', address: this.address, family: 'IPv4', netmask: '255.0.0.0', internal: false },
    ];
  }

  /** Whether an address can be bound here. */
  owns(address: string | undefined): boolean {
    return address === undefined || isAny(address) || isLoopback(address) || address === this.address;
  }

  ephemeralPort(isTaken: (port: number) => boolean): number {
    for (let tried = FIRST_EPHEMERAL_PORT; tried <= LAST_EPHEMERAL_PORT; tried++) {
      const port = this.#nextPort;
      this.#nextPort = port === LAST_EPHEMERAL_PORT ? FIRST_EPHEMERAL_PORT : port + 1;
      if (!isTaken(port)) return port;
    }
    throw Object.assign(new Error(`no free port on ${this.name}`), { code: 'EADDRINUSE' });
  }
}

export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || address.startsWith('127.');

export const isAny = (address: string): boolean => address === '0.0.0.0' || address === '::';

/** The form in which the platform's errors come. */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${message}: ${code}`), { code });
}
