import type {
  DatagramHandlers,
  DatagramOptions,
  DatagramSocket,
  Datagrams,
  RemoteInfo,
} from '../env/datagrams.ts';
import { ConnectionError } from '../errors.ts';
import type { Arrival } from './links.ts';
import { isAny, isLoopback, LOOPBACK, type Machine, systemError } from './machine.ts';
import type { SimNetwork } from './network.ts';
import type { SimProcess } from './process.ts';

/** Longest payload of a UDP datagram over IPv4. */
const MAX_DATAGRAM_BYTES = 65_507;
/** What a system keeps for a reader that does not read: Linux' net.core.rmem_default. */
const RECEIVE_BUFFER_BYTES = 212_992;
/** What a process says to itself is neither late nor lost. */
const AT_ONCE: Arrival = { afterMs: 0, isGarbled: false };

/** Datagrams of one simulated process. A datagram to oneself is never lost; all others meet their link. */
export function simDatagrams(network: SimNetwork, process: SimProcess): Datagrams {
  return {
    open: (options, handlers) =>
      new Promise((resolve, reject) => {
        const { machine, clock } = process;
        const where = `${options.host ?? '*'}:${options.port}`;
        if (!machine.owns(options.host)) {
          const cause = systemError('EADDRNOTAVAIL', `bind ${where}`);
          clock.setImmediate(() =>
            reject(new ConnectionError(`cannot open UDP ${where}: ${cause.message}`, { cause })),
          );
          return;
        }
        const socket = new SimUdpSocket(network, process, options, handlers);
        clock.setImmediate(() => resolve(socket));
      }),
  };
}

/** A UDP socket that shares its port. */
export class SimUdpSocket implements DatagramSocket {
  readonly host: string;
  readonly port: number;
  readonly process: SimProcess;
  readonly #network: SimNetwork;
  readonly #handlers: DatagramHandlers;
  /** `group interface` of each membership. */
  readonly #memberships: string[] = [];
  #interface: 'lo' | 'eth0';
  #ttl = 1;
  #loops = true;
  #isClosed = false;
  readonly #forgetEnd: () => void;
  /** Arrived while the process was paused. */
  #unreadBytes = 0;

  constructor(
    network: SimNetwork,
    process: SimProcess,
    options: DatagramOptions,
    handlers: DatagramHandlers,
  ) {
    const { machine } = process;
    this.#network = network;
    this.#handlers = handlers;
    this.process = process;
    this.#interface = machine.address === LOOPBACK ? 'lo' : 'eth0';
    this.host = options.host ?? (options.family === 'IPv6' ? '::' : '0.0.0.0');
    // Ports are shared on purpose; only a chosen one should be nobody else's.
    const isTaken = (port: number): boolean => machine.sockets.some((socket) => socket.port === port);
    this.port = options.port === 0 ? machine.ephemeralPort(isTaken) : options.port;
    machine.sockets.push(this);
    this.#forgetEnd = process.onEnd(() => this.close());
  }

  async send(bytes: Uint8Array, to: RemoteInfo): Promise<void> {
    if (this.#isClosed) throw new ConnectionError(`the UDP socket ${this.host}:${this.port} is closed`);
    if (bytes.length > MAX_DATAGRAM_BYTES) throw systemError('EMSGSIZE', `send ${to.host}:${to.port}`);
    const own = this.process.machine;
    const receivers = this.#receivers(to);
    // The datagram is on its way now: what the caller does to its buffer later is his own affair.
    const copy = Uint8Array.prototype.slice.call(bytes);
    this.#network.timeline.trace(
      this.process.name,
      'datagram',
      () => `${bytes.length} bytes to ${to.host}:${to.port}`,
    );
    for (const socket of receivers) {
      const isNear = socket.process.machine === own;
      const from = {
        host: isNear && (this.#interface === 'lo' || isLoopback(to.host)) ? LOOPBACK : own.address,
        port: this.port,
      };
      this.#carry(copy, socket, from);
    }
  }

  #carry(bytes: Uint8Array, socket: SimUdpSocket, from: RemoteInfo): void {
    const { clock, timeline } = this.#network;
    const sender = this.process.name;
    const receiver = socket.process.name;
    const link = this.process === socket.process ? undefined : this.#network.link(sender, receiver);
    const arrivals = link?.datagram(bytes.length, clock.nowMs()) ?? [AT_ONCE];
    if (arrivals.length === 0) timeline.trace(sender, 'lost', () => `datagram to ${receiver}`);
    for (const { afterMs, isGarbled } of arrivals) {
      const arrive = (): void => {
        // Cut off or held while it was under way.
        if (link?.isCut) return;
        if (link?.isHeld) {
          link.keep(arrive);
          return;
        }
        if (link !== undefined) link.lastDatagramMs = clock.nowMs();
        const own = Uint8Array.prototype.slice.call(bytes);
        socket.#arrived(isGarbled ? link!.garbled(own) : own, from, sender);
      };
      if (link?.isHeld) link.keep(arrive);
      else clock.at(clock.nowMs() + afterMs, arrive);
    }
  }

  #arrived(bytes: Uint8Array, from: RemoteInfo, sender: string): void {
    if (this.#isClosed) return;
    this.#network.timeline.trace(this.process.name, 'heard', () => `${bytes.length} bytes from ${sender}`);
    if (!this.process.isFree) {
      // Nobody reads: the system keeps what its buffer holds, and drops the rest.
      if (this.#unreadBytes + bytes.length > RECEIVE_BUFFER_BYTES) return;
      this.#unreadBytes += bytes.length;
      this.process.run(() => {
        this.#unreadBytes -= bytes.length;
        if (!this.#isClosed) this.#handlers.message(bytes, from);
      });
      return;
    }
    this.process.run(() => this.#handlers.message(bytes, from));
  }

  /** Who gets it, in the order in which sockets were opened on each machine. */
  #receivers({ host, port }: RemoteInfo): SimUdpSocket[] {
    const own = this.process.machine;
    const sockets = this.#network.machines
      .flatMap((machine) => machine.sockets)
      .filter((socket) => socket.port === port);
    if (isGroup(host))
      return sockets.filter(
        (socket) =>
          // On Linux a socket that is bound to one address hears no multicast.
          isAny(socket.host) &&
          socket.#memberships.includes(`${host} ${this.#interface}`) &&
          (socket.process.machine === own ? this.#loops : this.#interface === 'eth0' && this.#ttl > 0),
      );
    if (host === '255.255.255.255' || host.endsWith('.255'))
      return sockets.filter((socket) => isAny(socket.host));
    let machine: Machine | undefined;
    try {
      machine = this.#network.reach(host, own);
    } catch {
      // Nobody has that address; a datagram tells nothing about it.
    }
    const there = sockets.filter(
      (socket) =>
        socket.process.machine === machine &&
        (isAny(socket.host) || socket.host === host || (isLoopback(host) && isLoopback(socket.host))),
    );
    // Of several sockets that share a port, just one gets what is sent to one address: on Linux the latest.
    return there.slice(-1);
  }

  addMembership(group: string, interfaceAddress?: string): void {
    const membership = `${group} ${this.#interfaceOf(interfaceAddress)}`;
    if (!isGroup(group)) throw systemError('EINVAL', `addMembership ${group}`);
    if (this.#memberships.includes(membership)) throw systemError('EADDRINUSE', `addMembership ${group}`);
    this.#memberships.push(membership);
  }

  dropMembership(group: string, interfaceAddress?: string): void {
    const at = this.#memberships.indexOf(`${group} ${this.#interfaceOf(interfaceAddress)}`);
    if (at < 0) throw systemError('EADDRNOTAVAIL', `dropMembership ${group}`);
    this.#memberships.splice(at, 1);
  }

  setMulticastTtl(ttl: number): void {
    this.#ttl = ttl;
  }

  setMulticastLoopback(on: boolean): void {
    this.#loops = on;
  }

  setMulticastInterface(address: string): void {
    this.#interface = this.#interfaceOf(address);
  }

  /** `lo` or `eth0`; the machine's own choice when none is named. */
  #interfaceOf(address: string | undefined): 'lo' | 'eth0' {
    const { machine } = this.process;
    const usual = machine.address === LOOPBACK ? 'lo' : 'eth0';
    if (address === undefined || isAny(address)) return usual;
    // IPv6 names an interface by its zone.
    const zone = address.split('%')[1];
    const known = machine.interfaces().find((one) => one.name === zone || one.address === address);
    if (known === undefined && !isLoopback(address)) throw systemError('ENODEV', `interface ${address}`);
    return known?.name === 'eth0' ? 'eth0' : 'lo';
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forgetEnd();
    const { sockets } = this.process.machine;
    sockets.splice(sockets.indexOf(this), 1);
  }
}

const isGroup = (address: string): boolean => {
  const first = Number(address.split('.')[0]);
  return (first >= 224 && first <= 239) || /^ff[0-9a-f]{2}:/i.test(address);
};
