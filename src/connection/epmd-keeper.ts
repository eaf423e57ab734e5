/**
 * Keeps one node known to its machine's port mapper, whoever that is.
 *
 * In mode `auto` the node registers with the port mapper that answers; when nobody does, it becomes the port mapper
 * itself and registers there like everybody else. When the connection that holds its name is lost (the owner of the
 * port has ended), it tries again at once and then every moment, by the same rule: whoever binds the port first is
 * the next port mapper, the others find the port taken and register with the winner. The race needs no agreement
 * beyond the operating system's: a port has one listener.
 *
 * Accepted: for a moment after a take-over the new port mapper does not know everybody. It holds look-ups of unknown
 * names back (epmd/server.ts), and `lookup()` here asks again when nobody answers, so neither is seen by users. Who
 * asks for a name that nobody has waits that long for the answer.
 *
 * The creation is that of the first registration, for as long as the node lives: its pids carry it. What later port
 * mappers answer is ignored, as OTP's erl_epmd does. That module tries again every two seconds, so a real BEAM node
 * is missing from the list of names for up to that long after a take-over; look-ups of it wait, and connections that
 * stand are not touched.
 */
import type { Clock } from '../env/clock.ts';
import type { Host } from '../env/host.ts';
import type { Random } from '../env/random.ts';
import type { Streams } from '../env/streams.ts';
import type { Registration } from '../epmd/registration.ts';
import type { NameAndPort } from '../epmd/response.ts';
import { BeamishError, ConnectionError, messageOf, NameTakenError } from '../errors.ts';
import type { Telemetry } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { delay } from './delay.ts';
import { EpmdClient, type EpmdRegistration, type NodeToRegister, type WaitOptions } from './epmd-client.ts';
import { type EmbeddedEpmd, startEmbeddedEpmd } from './epmd-server.ts';

/**
 * - `auto`: register with the port mapper that answers, become it when none does
 * - `external`: register with the one that runs; it is an error at start when none does
 * - `embedded`: be the port mapper; it is an error at start when there is one already
 * - `off`: do not register; other nodes can still be looked up
 */
export type EpmdMode = 'auto' | 'external' | 'embedded' | 'off';

/** `owner` is the port mapper, `guest` is registered with another one, `none` is not registered at the moment. */
export type EpmdRole = 'none' | 'guest' | 'owner';

/** Bounds of the random pause between two attempts: short against a second, spread so that nodes do not march. */
const RETRY_MS = { min: 50, max: 250 } as const;
/** Pause when the name is held by another node: only its end will change that. */
const NAME_TAKEN_RETRY_MS = 1_000;
/** A node that is not registered again after this time says why; an ordinary take-over is over by then. */
const UNUSUAL_GAP_MS = 2_000;
/** How long a start puts up with a port mapper that is just leaving. */
const START_LIMIT_MS = 5_000;
/** How long a look-up asks again when nobody answers: longer than any take-over takes. */
const LOOKUP_RETRY_MS = 1_000;
/**
 * How long a new port mapper holds look-ups of unknown names back. At the start of a node, for the longest pause of ours,
 * an attempt and some slack: it may follow another by chance. After a take-over, for real nodes too: their erl_epmd
 * tries again after 2 s.
 */
const SETTLE_MS = { start: 1_000, takeOver: 3_000 } as const;
/** Creations below 4 have had other meanings; OTP avoids them too. */
const LOWEST_CREATION = 4;
const LOOPBACK = '127.0.0.1';

export interface EpmdKeeperOptions {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly random: Random;
  readonly host: Host;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly mode: EpmdMode;
  readonly port: number;
  /**
   * Where the embedded port mapper listens, beside loopback: an address, or several with commas between them as in
   * ERL_EPMD_ADDRESS. All interfaces when absent.
   */
  readonly listenHost?: string | undefined;
  /** Connections to the embedded port mapper that hold no name (limits.unauthenticatedSockets). */
  readonly maxSockets: number;
}

export class EpmdKeeper {
  readonly #options: EpmdKeeperOptions;
  readonly #client: EpmdClient;
  readonly #addresses: readonly (string | undefined)[];
  readonly #stopping = new AbortController();
  #node: NodeToRegister | undefined;
  #server: EmbeddedEpmd | undefined;
  #registration: EpmdRegistration | undefined;
  /** Whether this node has been known to a port mapper before: becoming one then is a take-over. */
  #wasRegistered = false;
  #keeping: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: EpmdKeeperOptions) {
    this.#options = options;
    this.#addresses = listenAddresses(options.listenHost);
    const { streams, clock, port } = options;
    this.#client = new EpmdClient({ streams, clock, port, host: this.#addresses[0] ?? LOOPBACK });
  }

  get role(): EpmdRole {
    if (this.#registration === undefined) return 'none';
    return this.#server === undefined ? 'guest' : 'owner';
  }

  /**
   * Registers the node; call once, when it listens already.
   *
   * @param node - absent for a node that accepts no connections, and so is not registered
   * @returns the creation of this incarnation of the node
   * @throws NameTakenError when a node of this name runs on this machine
   * @throws ConnectionError when the mode's port mapper cannot be reached, or cannot be started
   */
  async start(node?: NodeToRegister): Promise<{ readonly creation: number }> {
    const { mode, random, clock } = this.#options;
    if (mode === 'embedded') await this.#serve();
    if (mode === 'off' || node === undefined) return { creation: Math.max(random.u32(), LOWEST_CREATION) };
    this.#node = node;
    const giveUpMs = clock.nowMs() + START_LIMIT_MS;
    const joining = this.#join(node, (error) => {
      const mayPass = isGap(error) || causeCode(error) === 'EADDRINUSE';
      if (!mayPass || clock.nowMs() > giveUpMs) throw error;
      if (mode === 'external' && causeCode(error) === 'ECONNREFUSED') throw error;
    });
    // A stop() while the node still joins waits for this.
    this.#keeping = joining.then(
      () => {},
      () => {},
    );
    try {
      const { creation, registration } = await joining;
      this.#hold(registration, creation);
      this.#keeping = this.#keep(node, registration, creation);
      return { creation };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Looks a node up with the port mapper of its machine. When nobody answers it asks again for up to a second, so
   * that a take-over under way is not taken for a missing machine.
   *
   * @param name - the part of the node's name before the `@`
   * @param host - the part behind it
   * @returns undefined when the port mapper knows no such name
   * @throws ConnectionError when no port mapper answers there
   */
  async lookup(name: string, host: string, options: WaitOptions = {}): Promise<Registration | undefined> {
    return this.#insist(options, (wait) => this.#client.lookup(name, host, wait));
  }

  /** Everything that a machine's port mapper knows; this machine's when `host` is absent. */
  async names(host?: string, options: WaitOptions = {}): Promise<readonly NameAndPort[]> {
    return this.#insist(options, (wait) => this.#client.names(host, wait));
  }

  /** Gives the name back and, as the port mapper, the port. Resolves when both are free. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new ConnectionError('the node stops'));
    await this.#registration?.close();
    await this.#keeping;
    this.#registration = undefined;
    await this.#server?.close();
    this.#server = undefined;
  }

  /**
   * Tries until the node is registered.
   *
   * @param onFailure - told of every failed attempt; throws to end them
   */
  async #join(node: NodeToRegister, onFailure: (error: unknown) => void) {
    const { mode, clock, random } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      let pauseMs = random.between(RETRY_MS.min, RETRY_MS.max);
      try {
        const joined = await this.#client.register(node, { signal });
        if (signal.aborted) await joined.registration.close();
        signal.throwIfAborted();
        return joined;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof BeamishError)) throw error;
        if (mode === 'auto' && this.#server === undefined && causeCode(error) === 'ECONNREFUSED') {
          if (await this.#tryServe(onFailure)) pauseMs = 0;
        } else onFailure(error);
        if (error instanceof NameTakenError) pauseMs = NAME_TAKEN_RETRY_MS;
      }
      if (pauseMs > 0) await delay(clock, pauseMs, signal);
      signal.throwIfAborted();
    }
  }

  /** @returns false when somebody else was faster */
  async #tryServe(onFailure: (error: unknown) => void): Promise<boolean> {
    try {
      await this.#serve();
      return true;
    } catch (error) {
      onFailure(error);
      return false;
    }
  }

  async #serve(): Promise<void> {
    const { streams, clock, random, host, telemetry, logger, port, maxSockets } = this.#options;
    const server = await startEmbeddedEpmd({
      streams,
      clock,
      random,
      host,
      telemetry,
      logger,
      addresses: this.#addresses,
      port,
      maxSockets,
      settleMs: this.#wasRegistered ? SETTLE_MS.takeOver : SETTLE_MS.start,
    });
    if (this.#stopping.signal.aborted) {
      await server.close();
      return;
    }
    this.#server = server;
    telemetry.emit('epmd.owner', () => ({ port: server.port }));
    logger.info('epmd', `this node is the port mapper of the machine now, port ${server.port}`);
  }

  /** Registers again each time the name is lost, until the node stops. Never rejects. */
  async #keep(node: NodeToRegister, first: EpmdRegistration, creation: number): Promise<void> {
    const { clock, logger, telemetry } = this.#options;
    const { signal } = this.#stopping;
    let registration = first;
    for (;;) {
      await registration.lost;
      if (signal.aborted) return;
      this.#registration = undefined;
      telemetry.emit('epmd.lost', () => ({ name: node.name }));
      logger.info('epmd', 'lost the port mapper, registering again');
      const lostMs = clock.nowMs();
      try {
        const joined = await this.#join(node, (error) => {
          if (clock.nowMs() - lostMs > UNUSUAL_GAP_MS) this.#stillUnregistered(error);
        });
        registration = joined.registration;
      } catch (error) {
        if (!signal.aborted) logger.error('epmd', `gave up registering: ${messageOf(error)}`);
        return;
      }
      this.#hold(registration, creation);
    }
  }

  #stillUnregistered(error: unknown): void {
    const cause = error instanceof NameTakenError ? 'epmd name taken' : 'epmd unreachable';
    this.#options.logger.oncePerMinute('epmd', cause, `cannot register again yet: ${messageOf(error)}`);
  }

  #hold(registration: EpmdRegistration, creation: number): void {
    this.#registration = registration;
    this.#wasRegistered = true;
    this.#options.telemetry.emit('epmd.registered', () => ({
      name: this.#node?.name,
      role: this.role,
      creation,
    }));
  }

  /** Repeats a question that nobody answered, within its own time-out and `LOOKUP_RETRY_MS`. */
  async #insist<T>(options: WaitOptions, ask: (wait: WaitOptions) => Promise<T>): Promise<T> {
    const { clock, random } = this.#options;
    const stopping = this.#stopping.signal;
    const signal = options.signal ? AbortSignal.any([options.signal, stopping]) : stopping;
    const startedMs = clock.nowMs();
    for (;;) {
      const spentMs = clock.nowMs() - startedMs;
      const wait: WaitOptions =
        options.timeoutMs === undefined
          ? { signal }
          : { signal, timeoutMs: Math.max(1, options.timeoutMs - spentMs) };
      try {
        return await ask(wait);
      } catch (error) {
        signal.throwIfAborted();
        const limitMs = Math.min(LOOKUP_RETRY_MS, options.timeoutMs ?? LOOKUP_RETRY_MS);
        if (!isGap(error) || clock.nowMs() - startedMs >= limitMs) throw error;
        await delay(clock, random.between(25, 50), signal);
        signal.throwIfAborted();
      }
    }
  }
}

/**
 * Loopback first: nodes of this machine register there, as real ones do. Who listens on all interfaces is reached
 * through it too.
 */
function listenAddresses(listenHost: string | undefined): (string | undefined)[] {
  const given = (listenHost ?? '').split(',').map((address) => address.trim());
  const addresses = given.filter((address) => address !== '');
  if (addresses.length === 0) return [undefined];
  if (addresses.some((address) => address === '0.0.0.0' || address === '::')) return [undefined];
  const loopback = addresses.every((address) => address.includes(':')) ? '::1' : LOOPBACK;
  return [...new Set([loopback, ...addresses])];
}

/** Refused, or closed without an answer: what a caller sees while one port mapper leaves and another comes. */
function isGap(error: unknown): boolean {
  if (!(error instanceof ConnectionError)) return false;
  const code = causeCode(error);
  return code === undefined || code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE';
}

function causeCode(error: unknown): unknown {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return cause?.code;
}
