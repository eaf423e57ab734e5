import type { ConnectOptions, Listener, ListenOptions, Stream, Streams } from '../env/streams.ts';
import { ConnectionError } from '../errors.ts';
import { isAny, isLoopback, LOOPBACK, type Machine, systemError } from './machine.ts';
import { EPMD_PORT, type SimNetwork } from './network.ts';
import type { SimProcess } from './process.ts';
import { pairOfStreams, type Route } from './stream-end.ts';

/** Waits between the attempts to reach somebody who does not answer, doubling; as Linux sends its SYN again. */
const FIRST_SYN_RETRY_MS = 1_000;
/** When the system gives up connecting by itself: six of those waits. */
const SYSTEM_TIMEOUT_MS = 127_000;

/** Streams of one simulated process. */
export function simStreams(network: SimNetwork, process: SimProcess): Streams {
  return {
    listen: (options, onStream) =>
      new Promise((resolve, reject) => {
        // Sockets are bound at once and told of a turn later, as on the platform.
        const listener = bind(network, process, options, onStream);
        process.clock.setImmediate(() => {
          if (listener instanceof Error) reject(listener);
          else resolve(listener);
        });
      }),
    connect: (options) =>
      new Promise((resolve, reject) => connect(network, process, options, resolve, reject)),
  };
}

/** A port that is listened on. */
export class SimListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly process: SimProcess;
  readonly onStream: (stream: Stream) => void;

  constructor(host: string, port: number, process: SimProcess, onStream: (stream: Stream) => void) {
    this.host = host;
    this.port = port;
    this.process = process;
    this.onStream = onStream;
    process.machine.listeners.push(this);
    process.onEnd(() => this.#remove());
  }

  /** Whether it hears what is sent to this address of its machine. */
  hears(address: string): boolean {
    return isAny(this.host) || this.host === address;
  }

  close(): Promise<void> {
    this.#remove();
    return new Promise((resolve) => this.process.clock.setImmediate(resolve));
  }

  #remove(): void {
    const { listeners } = this.process.machine;
    const at = listeners.indexOf(this);
    if (at >= 0) listeners.splice(at, 1);
  }
}

function bind(
  network: SimNetwork,
  process: SimProcess,
  options: ListenOptions,
  onStream: (stream: Stream) => void,
): SimListener | ConnectionError {
  const { machine } = process;
  const host = options.host ?? '0.0.0.0';
  const refuse = (code: string): ConnectionError => {
    const cause = systemError(code, `listen ${host}:${options.port}`);
    return new ConnectionError(`cannot listen on ${host}, port ${options.port}: ${code}`, { cause });
  };
  if (!machine.owns(host)) return refuse('EADDRNOTAVAIL');
  const address = isLoopback(host) ? LOOPBACK : host;
  const isTaken = (port: number): boolean =>
    machine.listeners.some(
      (known) => known.port === port && (known.host === address || isAny(known.host) || isAny(address)),
    );
  if (options.port !== 0 && isTaken(options.port)) return refuse('EADDRINUSE');
  const port = options.port === 0 ? machine.ephemeralPort(isTaken) : options.port;
  network.timeline.record(process.name, 'listen', `${address}:${port}`);
  if (port !== EPMD_PORT) network.listens(port, process);
  return new SimListener(address, port, process, onStream);
}

function connect(
  network: SimNetwork,
  process: SimProcess,
  options: ConnectOptions,
  resolve: (stream: Stream) => void,
  reject: (error: unknown) => void,
): void {
  const { host, port, signal, timeoutMs = SYSTEM_TIMEOUT_MS } = options;
  const { clock, timeline } = network;
  signal?.throwIfAborted();
  if (!process.isAlive) return;
  let isOver = false;
  const settle = (): void => {
    isOver = true;
    process.clock.clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  };
  const fail = (error: unknown): void => {
    settle();
    reject(error);
  };
  const refuse = (code: string, what: string = code): void => {
    timeline.record(process.name, 'connect', `to ${host}:${port} failed: ${code}`);
    noteDial(code);
    const cause = systemError(code, `connect ${host}:${port}`);
    fail(new ConnectionError(`cannot connect to ${host}, port ${port}: ${what}`, { cause }));
  };
  const aborted = (): void => fail(signal?.reason);
  const timer = process.clock.setTimeout(
    () => refuse('ETIMEDOUT', `no answer within ${timeoutMs} ms`),
    timeoutMs,
  );
  signal?.addEventListener('abort', aborted, { once: true });

  let machine: Machine | undefined;
  let address: string;
  const noteDial = (outcome: string): void => {
    const peerName = machine === undefined ? undefined : network.listenerAt(machine, port);
    if (peerName !== undefined) network.dialled(process.name, peerName, outcome);
  };
  try {
    machine = network.reach(host, process.machine);
    address = isLoopback(host) ? LOOPBACK : (machine?.address ?? host);
  } catch {
    process.clock.setImmediate(() => {
      if (!isOver) refuse('ENOTFOUND');
    });
    return;
  }

  /** One SYN. Whoever hears nothing sends it again. */
  const attempt = (retryMs: number): void => {
    if (isOver || !process.isAlive) return;
    const listener = machine?.listeners.find((one) => one.port === port && one.hears(address));
    const peer = listener?.process;
    const isSelf = machine === process.machine && (peer === undefined || port === EPMD_PORT);
    const delayMs = isSelf
      ? 0
      : network.link(process.name, peer?.name ?? host).streamLatencyMs(0, clock.nowMs());
    clock.at(clock.nowMs() + delayMs, () => {
      if (isOver || !process.isAlive) return;
      const route = routeTo(network, process, machine, peer, port);
      const found = machine?.listeners.find((one) => one.port === port && one.hears(address));
      if (machine === undefined || machine.isDark || route.isCut || found?.process !== peer) {
        process.clock.setTimeout(() => attempt(retryMs * 2), retryMs);
        return;
      }
      if (found === undefined || peer === undefined) {
        if (route.isCutBack) process.clock.setTimeout(() => attempt(retryMs * 2), retryMs);
        else
          clock.at(clock.nowMs() + delayMs, () => process.run(() => void (isOver || refuse('ECONNREFUSED'))));
        return;
      }
      open(found, route);
    });
  };

  const open = (listener: SimListener, route: Route): void => {
    const localPort = process.machine.ephemeralPort(() => false);
    const local = { host: isLoopback(address) ? LOOPBACK : process.machine.address, port: localPort };
    const [near, far] = pairOfStreams(
      network,
      route,
      { process, ...local },
      { process: listener.process, host: address, port },
    );
    timeline.record(process.name, 'connect', `to ${listener.process.name} ${address}:${port}`);
    if (port !== EPMD_PORT) network.dialled(process.name, listener.process.name, 'the stream was made');
    far.handOver(() => listener.onStream(far));
    // The answer is the first thing on the way back, so nothing that the listener sends overtakes it.
    far.answer(() => {
      if (isOver) {
        near.destroy();
        return;
      }
      settle();
      resolve(near);
    });
  };

  noteDial('no answer yet');
  attempt(FIRST_SYN_RETRY_MS);
}

/** Which links a stream uses. */
function routeTo(
  network: SimNetwork,
  process: SimProcess,
  machine: Machine | undefined,
  peer: SimProcess | undefined,
  port: number,
): Route {
  const isMapper = port === EPMD_PORT;
  const toMachine = isMapper || peer === undefined;
  return {
    isMapper,
    isLocal: machine === process.machine && (toMachine || peer === process),
    get isCut() {
      if (machine === undefined) return false;
      return toMachine ? network.isCutFromMachine(process, machine) : network.isCut(process.name, peer.name);
    },
    get isCutBack() {
      if (machine === undefined) return false;
      return toMachine ? network.isMachineCutFrom(machine, process) : network.isCut(peer.name, process.name);
    },
  };
}
