import type { Clock, TimerHandle } from '../env/clock.ts';
import type { Host } from '../env/host.ts';
import type { Random } from '../env/random.ts';
import type { Listener, Stream, Streams } from '../env/streams.ts';
import type { Registration } from '../epmd/registration.ts';
import {
  type EpmdNote,
  type EpmdServerAction,
  type EpmdServerEvent,
  EpmdServerMachine,
  type EpmdTimer,
} from '../epmd/server.ts';
import { messageOf } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface EmbeddedEpmdOptions {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly random: Random;
  /** Knows the machine's addresses: only from them names are registered. */
  readonly host: Host;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  /**
   * Addresses to listen on; undefined among them means all interfaces. The first decides: when it is taken there
   * is another port mapper already. A further one that cannot be bound is warned about and left out.
   */
  readonly addresses: readonly (string | undefined)[];
  readonly port: number;
  /** Connections that hold no name. */
  readonly maxSockets: number;
  /** See `EpmdServerOptions.settleMs`. @default 0 */
  readonly settleMs?: number;
}

/** The running port mapper of this machine. */
export interface EmbeddedEpmd {
  readonly port: number;
  /** Latest first. */
  registrations(): readonly Registration[];
  /** Frees the port and closes every connection; all names are gone. Idempotent. */
  close(): Promise<void>;
}

/**
 * Becomes the machine's port mapper: listens, and grants the wishes of `EpmdServerMachine`.
 *
 * @throws ConnectionError with `cause.code === 'EADDRINUSE'` when somebody else is it already
 */
export async function startEmbeddedEpmd(options: EmbeddedEpmdOptions): Promise<EmbeddedEpmd> {
  const server = new Driver(options);
  await server.listen();
  return server;
}

class Driver implements EmbeddedEpmd {
  port: number;
  readonly #options: EmbeddedEpmdOptions;
  readonly #machine: EpmdServerMachine;
  readonly #listeners: Listener[] = [];
  readonly #streams = new Map<number, Stream>();
  readonly #timers = new Map<EpmdTimer, TimerHandle>();
  #lastConnection = 0;
  #closing: Promise<void> | undefined;
  #reportGone: (() => void) | undefined;

  constructor(options: EmbeddedEpmdOptions) {
    const { random, maxSockets, settleMs = 0 } = options;
    this.#options = options;
    this.port = options.port;
    this.#machine = new EpmdServerMachine({ randomU32: () => random.u32(), maxSockets, settleMs });
  }

  async listen(): Promise<void> {
    const { streams, addresses, logger } = this.#options;
    for (const address of addresses) {
      try {
        const listener = await streams.listen(
          { port: this.port, ...(address === undefined ? {} : { host: address }) },
          (stream) => this.#accept(stream),
        );
        this.#listeners.push(listener);
        // With port 0 the system chose one; the further addresses share it.
        this.port = listener.port;
      } catch (error) {
        if (this.#listeners.length === 0) throw error;
        logger.warning(
          'epmd',
          `the embedded port mapper cannot be reached from outside: ${messageOf(error)}`,
        );
      }
    }
    this.#perform(this.#machine.start());
  }

  registrations(): readonly Registration[] {
    return this.#machine.registrations();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const handle of this.#timers.values()) this.#options.clock.clearTimeout(handle);
    this.#timers.clear();
    if (this.#streams.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.#reportGone = resolve;
    });
    for (const stream of [...this.#streams.values()]) stream.destroy();
    await gone;
  }

  #accept(stream: Stream): void {
    const connection = ++this.#lastConnection;
    this.#streams.set(connection, stream);
    stream.start({
      data: (bytes) => this.#step({ type: 'bytes', connection, bytes }),
      closed: () => {
        this.#streams.delete(connection);
        this.#step({ type: 'closed', connection });
        if (this.#streams.size === 0) this.#reportGone?.();
      },
    });
    if (this.#closing !== undefined) {
      stream.destroy();
      return;
    }
    const isLocal = isThisMachine(stream.remoteHost, this.#options.host);
    this.#step({ type: 'opened', connection, port: stream.localPort, isLocal });
  }

  #step(event: EpmdServerEvent): void {
    // While closing, every name goes away together; nothing of it is news.
    if (this.#closing === undefined) this.#perform(this.#machine.step(event));
  }

  #perform(actions: readonly EpmdServerAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case 'send':
          this.#streams.get(action.connection)?.write(action.bytes);
          break;
        case 'close':
          this.#streams.get(action.connection)?.end();
          break;
        case 'destroy':
          this.#streams.get(action.connection)?.destroy();
          break;
        case 'arm':
          this.#arm(action.timer, action.afterMs);
          break;
        case 'disarm':
          this.#disarm(action.timer);
          break;
        case 'note':
          this.#note(action.note);
          break;
        default:
          action satisfies never;
      }
    }
  }

  #arm(timer: EpmdTimer, afterMs: number): void {
    this.#disarm(timer);
    const fire = (): void => {
      this.#timers.delete(timer);
      this.#step({ type: 'timeout', timer });
    };
    this.#timers.set(timer, this.#options.clock.setTimeout(fire, afterMs));
  }

  #disarm(timer: EpmdTimer): void {
    const handle = this.#timers.get(timer);
    if (handle === undefined) return;
    this.#options.clock.clearTimeout(handle);
    this.#timers.delete(timer);
  }

  #note(note: EpmdNote): void {
    const { telemetry, logger } = this.#options;
    switch (note.type) {
      case 'registered':
        telemetry.emit('epmd.server.registered', () => ({ name: note.name, port: note.port }));
        logger.debug('epmd', () => `${note.name} registered, port ${note.port}`);
        break;
      case 'unregistered':
        telemetry.emit('epmd.server.unregistered', () => ({ name: note.name }));
        logger.debug('epmd', () => `${note.name} is gone`);
        break;
      case 'refused':
        telemetry.emit(`epmd.server.refused.${note.cause}`, () => ({ detail: note.detail }));
        logger.debug('epmd', () => `refused a request: ${note.detail}`);
        break;
      default:
        note satisfies never;
    }
  }
}

function isThisMachine(address: string, host: Host): boolean {
  if (address === '::1' || address.startsWith('127.')) return true;
  // A link-local IPv6 peer comes with its interface behind a `%`.
  const plain = address.split('%', 1)[0];
  return host.interfaces().some((known) => known.address === plain);
}
