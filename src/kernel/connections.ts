import { Connection } from '../connection/connection.ts';
import type { ConnectionSetup } from '../connection/setup.ts';
import type { Listener, Stream } from '../env/streams.ts';
import { BeamishError, ConnectionError, EncodeError, HandshakeError, messageOf } from '../errors.ts';
import { DistFlag } from '../handshake/flags.ts';
import { hostOf } from '../handshake/name.ts';
import { Attempt } from './attempt.ts';
import { Callers, type CallersOptions } from './callers.ts';
import type { PeerAddress } from './locator.ts';

/** What the table of connections asks of the node. */
export interface ConnectionsOwner {
  /** Finds where a node listens. Rejects with ConnectionError when nobody knows. */
  locate(nodeName: string, signal: AbortSignal): Promise<PeerAddress>;
  /** A link is usable: from now on its frames go to the sink that the owner attaches to it here. */
  nodeUp(connection: Connection): void;
  /** Its link is gone. Called exactly once for each `nodeUp`. */
  nodeDown(connection: Connection, reason: string): void;
  /** Nobody could be reached under this name; signals that waited are dropped. */
  unreachable(nodeName: string): void;
  drained(nodeName: string): void;
}

export interface ConnectionsOptions extends CallersOptions {
  readonly owner: ConnectionsOwner;
}

export interface GivenName {
  readonly name: string;
  readonly creation: number;
}

/** The whole set-up of a connection, from look-up to proven cookie, as in OTP's net_setuptime. */
const SETUP_MS = 7_000;

/**
 * How long we wait for a call of the peer's before we (also) call ourselves. A handshake takes milliseconds; one that
 * does not move may come from a stranger who only claims the name, or from a peer whose own call has failed.
 */
const YIELD_MS = 1_000;

/**
 * One link per peer: who is connected, who is being connected, and what waits for it.
 *
 * Two nodes that dial each other at once end with one link by OTP's rule: the call of the greater name wins. The
 * other side learns it as `nok` and waits for that call, or says `ok_simultaneous` and gives up its own.
 */
export class Connections {
  readonly #o: ConnectionsOptions;
  readonly #up = new Map<string, Connection>();
  /** Links that stand and are not up yet: one per peer, as of those that are. */
  readonly #greeting = new Map<string, Connection>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #callers: Callers;
  /** Everything with a stream that has not ended; `stop` waits for it. */
  readonly #open = new Set<Connection>();
  #stopped = false;
  /** While this node has no name: what it says of itself, and who is told the name. */
  #nameless: { readonly setup: ConnectionSetup; named(given: GivenName): void } | undefined;
  /** Why this node calls nobody and takes no call any more. */
  #retired: string | undefined;

  constructor(options: ConnectionsOptions) {
    this.#o = options;
    this.#callers = new Callers(options);
  }

  listen(host: string | undefined, port: number): Promise<Listener> {
    return this.#callers.listen(host, port, (stream) => this.#accept(stream));
  }

  /** From now on calls are taken: the node knows its creation, and its processes exist. */
  ready(): void {
    this.#callers.take(!this.#stopped);
  }

  /** The live link to a node. The data path asks this for every message. */
  up(nodeName: string): Connection | undefined {
    return this.#up.get(nodeName);
  }

  all(): Iterable<Connection> {
    return this.#up.values();
  }

  isConnecting(nodeName: string): boolean {
    return this.#attempts.has(nodeName);
  }

  /** Resolves when the link is up. Rejects with ConnectionError, HandshakeError, or the signal's reason. */
  connect(nodeName: string, signal?: AbortSignal): Promise<void> {
    if (this.#up.has(nodeName)) return Promise.resolve();
    if (signal?.aborted) return Promise.reject(signal.reason);
    try {
      return this.#attempt(nodeName).up(signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Connects to a node that gives this one a name.
   * @param named is told it, synchronously, before the link is up
   */
  async connectNameless(nodeName: string, named: (given: GivenName) => void): Promise<void> {
    const { setup } = this.#o;
    const flags = (setup.flags & ~DistFlag.PUBLISHED) | DistFlag.NAME_ME;
    this.#nameless = { setup: { ...setup, name: hostOf(setup.name), flags }, named };
    await this.connect(nodeName);
  }

  /** Ends all links; none is made any more. */
  retire(why: string): void {
    this.#retired = why;
    for (const attempt of [...this.#attempts.values()]) this.#fail(attempt, new ConnectionError(why));
    for (const connection of [...this.#up.values()]) connection.close(undefined, 'name_lost');
  }

  /**
   * Runs `write` on the link once it is up.
   * @param messageBytes size of a message; absent for a signal, which is small and must not be lost alone: its
   *   sender would wait for its outcome for ever. A message past the limits is dropped.
   * @returns false when a message was dropped, or more than the high-water mark waits already
   */
  whenUp(nodeName: string, write: (connection: Connection) => void, messageBytes?: number): boolean {
    const { limits, telemetry, owner } = this.#o;
    let attempt: Attempt;
    try {
      attempt = this.#attempt(nodeName);
    } catch {
      owner.unreachable(nodeName);
      return false;
    }
    if (!attempt.keep(write, messageBytes, limits)) {
      telemetry.count('connection.dropped.waiting');
      return false;
    }
    return !attempt.isAboveHighWater(limits);
  }

  /** Whether more waits for a node, connected or not, than the high-water mark. */
  isAboveHighWater(nodeName: string): boolean {
    const attempt = this.#attempts.get(nodeName);
    if (attempt !== undefined) return attempt.isAboveHighWater(this.#o.limits);
    return this.#up.get(nodeName)?.isAboveHighWater ?? false;
  }

  /** Ends the link to a node. False when there was none. */
  disconnect(nodeName: string): boolean {
    const connection = this.#up.get(nodeName);
    if (connection === undefined) return false;
    connection.close(undefined, 'disconnect');
    return true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callers.take(false);
    const stopped = new ConnectionError('this node is stopping');
    for (const attempt of [...this.#attempts.values()]) this.#fail(attempt, stopped);
    this.#callers.closeAll(stopped, 'stopping');
    for (const connection of [...this.#greeting.values(), ...this.#up.values()]) connection.end('stopping');
    const closed = [...this.#open].map((connection) => connection.closed);
    await Promise.all([...closed, this.#callers.stopListening()]);
  }

  #opened(connection: Connection): void {
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
  }

  // ---- our own calls

  /** The attempt that is under way, or a new one. @throws ConnectionError for a node that is not to be called */
  #attempt(nodeName: string): Attempt {
    const known = this.#attempts.get(nodeName);
    if (known !== undefined) return known;
    const refused = this.#stopped
      ? 'this node is stopping'
      : (this.#retired ?? this.#o.admission.refusal(nodeName));
    if (refused !== undefined) throw new ConnectionError(refused);
    const attempt = new Attempt(nodeName);
    attempt.isGreeting = this.#greeting.has(nodeName);
    this.#attempts.set(nodeName, attempt);
    if (attempt.isGreeting) return attempt;
    attempt.deadline = this.#o.env.clock.setTimeout(() => {
      // A handshake under way knows best at which step the peer fell silent.
      attempt.call?.timeout();
      const { waitsFor } = attempt;
      const step = waitsFor === '' ? '' : `: no answer from ${waitsFor}`;
      this.#fail(attempt, new ConnectionError(`no connection to ${nodeName} within ${SETUP_MS} ms${step}`));
    }, SETUP_MS);
    // A call of that node which is under way counts as ours; we dial only if it comes to nothing.
    if (this.#callers.isCalling(nodeName)) this.#yield(attempt);
    else this.#dialForAll(attempt);
    return attempt;
  }

  /** What happens on a link is nobody's in particular, though a process may have been the first to send there. */
  #dialForAll(attempt: Attempt): void {
    const { rejections } = this.#o.env;
    if (rejections === undefined) void this.#dial(attempt);
    else rejections.run(undefined, (wanted) => void this.#dial(wanted), attempt);
  }

  /** Gives way to a call of the peer's, for a while. */
  #yield(attempt: Attempt): void {
    const { clock } = this.#o.env;
    attempt.yielded = true;
    attempt.waitsFor = 'its own call to this node';
    clock.clearTimeout(attempt.patience);
    attempt.patience = clock.setTimeout(() => {
      if (this.#attempts.get(attempt.name) === attempt && attempt.yielded) void this.#dial(attempt);
    }, YIELD_MS);
  }

  async #dial(attempt: Attempt): Promise<void> {
    const { owner, env } = this.#o;
    const { setup } = this.#nameless ?? this.#o;
    attempt.yielded = false;
    env.clock.clearTimeout(attempt.patience);
    const dial = ++attempt.dials;
    const isWanted = () => this.#isOpen(attempt) && attempt.dials === dial && !attempt.yielded;
    try {
      attempt.waitsFor = `the port mapper of ${hostOf(attempt.name)}`;
      const address = await owner.locate(attempt.name, attempt.abort.signal);
      if (!isWanted()) return;
      const { host, port, version } = address;
      const tls = setup.tls?.client(attempt.name);
      attempt.waitsFor = `${host}, port ${port}${tls === undefined ? '' : ', which may not speak TLS (option tls)'}`;
      const stream = await env.streams.connect({
        host,
        port,
        signal: attempt.abort.signal,
        ...(tls === undefined ? {} : { tls }),
      });
      const mismatch = setup.tls?.mismatch(attempt.name, stream.peerCertificate);
      if (mismatch !== undefined || !isWanted()) {
        stream.start({ data: () => {}, closed: () => {} });
        stream.destroy();
        if (mismatch !== undefined) throw new HandshakeError('tls', attempt.name, mismatch);
        return;
      }
      const call: Connection = Connection.dial(
        setup,
        stream,
        { name: attempt.name, version },
        {
          decide: () => 'nok',
          giveName: () => undefined,
          stillWanted: () => this.#isOpen(attempt),
          authenticated: () => {
            const named = this.#nameless?.named;
            this.#nameless = undefined;
            if (call.given !== undefined) named?.(call.given);
            this.#authenticated(call);
          },
          up: () => this.#becameUp(call),
          drained: () => owner.drained(attempt.name),
          closed: (error, reason) => {
            if (attempt.call === call) attempt.call = undefined;
            this.#closed(call, error, reason);
            if (!this.#isOpen(attempt) || attempt.dials !== dial) return;
            if (reason === 'nok') this.#yield(attempt);
            else if (!attempt.yielded)
              this.#fail(attempt, error ?? new ConnectionError(`${attempt.name} closed the connection`));
          },
        },
      );
      attempt.call = call;
      this.#opened(call);
    } catch (error) {
      if (isWanted()) this.#fail(attempt, error);
    }
  }

  /** Whether somebody still waits for this name, and no link to it stands. */
  #isOpen(attempt: Attempt): boolean {
    return this.#attempts.get(attempt.name) === attempt && !attempt.isGreeting;
  }

  #fail(attempt: Attempt, error: unknown): void {
    const { env, telemetry, logger, owner } = this.#o;
    if (this.#attempts.get(attempt.name) !== attempt) return;
    this.#attempts.delete(attempt.name);
    env.clock.clearTimeout(attempt.deadline);
    env.clock.clearTimeout(attempt.patience);
    attempt.abort.abort(error);
    attempt.call?.close(undefined, 'abandoned');
    const message = messageOf(error);
    telemetry.emit('connection.failed', () => ({ peer: attempt.name, error }));
    logger.debug('connection', () => `no connection to ${attempt.name}: ${message}`);
    if (attempt.waitingSignals > 0) telemetry.count('connection.dropped.unreachable', attempt.waitingSignals);
    owner.unreachable(attempt.name);
    owner.drained(attempt.name);
    const failure =
      error instanceof BeamishError
        ? error
        : new ConnectionError(`cannot connect to ${attempt.name}: ${message}`, { cause: error });
    attempt.reject(failure);
  }

  // ---- calls of others

  #accept(stream: Stream): void {
    const { setup, owner } = this.#o;
    const callers = this.#callers;
    let claimed: string | undefined;
    const connection: Connection = Connection.accept(setup, stream, {
      decide: (peerName) => {
        claimed = peerName;
        return this.#decide(connection, peerName);
      },
      giveName: (host) => {
        const given = callers.giveName(host, connection);
        if (given === undefined) return undefined;
        claimed = given.name;
        callers.claim(claimed, connection);
        return given;
      },
      stillWanted: () => true,
      authenticated: () => {
        callers.delete(connection, claimed);
        this.#authenticated(connection);
      },
      up: () => this.#becameUp(connection),
      drained: () => owner.drained(connection.peerName),
      closed: (error, reason) => {
        callers.delete(connection, claimed);
        this.#closed(connection, error, reason);
        callers.failed(error, reason);
        if (claimed === undefined) return;
        // We gave way to a call that came to nothing: dial ourselves.
        const attempt = this.#attempts.get(claimed);
        if (attempt === undefined || !this.#isOpen(attempt)) return;
        if (attempt.yielded && attempt.call === undefined && !callers.isCalling(claimed))
          this.#dialForAll(attempt);
      },
    });
    callers.add(connection);
    this.#opened(connection);
  }

  /** What to answer to a call from this name: net_kernel's accept_pending, erl_dist_protocol "send_status". */
  #decide(
    connection: Connection,
    peerName: string,
  ): 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive' {
    const own = this.#o.setup.name;
    if (peerName === own) return 'nok';
    if (!this.#o.admission.allows(peerName)) return 'not_allowed';
    if (!this.#callers.isCertified(connection, peerName)) return 'not_allowed';
    const attempt = this.#attempts.get(peerName);
    if (attempt !== undefined && !attempt.yielded && !attempt.isGreeting) {
      if (peerName < own) return 'nok';
      this.#yield(attempt);
      attempt.call?.close(undefined, 'simultaneous');
      attempt.call = undefined;
      this.#callers.claim(peerName, connection);
      return 'ok_simultaneous';
    }
    this.#callers.claim(peerName, connection);
    return this.#up.has(peerName) || this.#greeting.has(peerName) ? 'alive' : 'ok';
  }

  // ---- up and down

  /** A link stands. It takes the place of any other to that peer, or gives way to it. */
  #authenticated(connection: Connection): void {
    const { env, setup } = this.#o;
    const name = connection.peerName;
    const old = this.#up.get(name) ?? this.#greeting.get(name);
    if (old !== undefined) {
      // Both sides must keep the same one: the later of two calls by one side, else the call of the greater name.
      const oursIsGreater = setup.name > name;
      if (
        old.outgoing !== connection.outgoing &&
        connection.outgoing !== oursIsGreater &&
        !connection.replacesOld
      ) {
        connection.close(undefined, 'duplicate');
        return;
      }
    }
    this.#greeting.set(name, connection);
    old?.close(undefined, 'replaced');
    const attempt = this.#attempts.get(name);
    if (attempt === undefined || attempt.isGreeting) return;
    attempt.isGreeting = true;
    env.clock.clearTimeout(attempt.deadline);
    env.clock.clearTimeout(attempt.patience);
    if (attempt.call !== connection) attempt.call?.close(undefined, 'duplicate');
    attempt.abort.abort(new ConnectionError(`${name} is connected`));
  }

  /** It is known what the peer reads: what waited leaves, and everybody hears of the link. */
  #becameUp(connection: Connection): void {
    const { owner } = this.#o;
    const name = connection.peerName;
    this.#greeting.delete(name);
    const attempt = this.#attempts.get(name);
    if (attempt !== undefined) {
      // First of all: whoever hears of the nodeup may send too, and what was sent before comes before. What cannot be
      // written may have something taken back in turn, which then comes last.
      for (let waiting = attempt.take(); waiting.length > 0; waiting = attempt.take())
        for (const write of waiting) this.#writeWaiting(write, connection);
      this.#attempts.delete(name);
      if (!connection.isUp) {
        const lost = new ConnectionError(`${name} did not take what waited for it`);
        owner.unreachable(name);
        owner.drained(name);
        attempt.reject(lost);
        return;
      }
    }
    this.#up.set(name, connection);
    owner.nodeUp(connection);
    if (attempt === undefined) return;
    if (!connection.isAboveHighWater) owner.drained(name);
    attempt.resolve();
  }

  #writeWaiting(write: (connection: Connection) => void, connection: Connection): void {
    try {
      write(connection);
    } catch (error) {
      // It was no term, and only now it shows that the peer reads nothing else; or its control tuple made it longer
      // than a frame may be. The sender has long gone on.
      if (!(error instanceof EncodeError)) throw error;
      this.#o.telemetry.count('connection.dropped.not_encodable');
      this.#o.logger.oncePerMinute(
        'connection',
        'message not encodable',
        `a message to ${connection.peerName} was dropped: ${error.message}`,
      );
    }
  }

  #closed(connection: Connection, error: BeamishError | undefined, reason: string): void {
    const name = connection.peerName;
    if (this.#greeting.get(name) === connection) {
      this.#greeting.delete(name);
      const attempt = this.#attempts.get(name);
      if (attempt !== undefined)
        this.#fail(attempt, error ?? new ConnectionError(`${name} closed the connection`));
      return;
    }
    if (this.#up.get(name) !== connection) return;
    this.#up.delete(name);
    if (error !== undefined && reason !== 'connection_closed')
      this.#o.logger.warning('connection', `lost ${name} (${reason}): ${error.message}`);
    this.#o.owner.nodeDown(connection, reason);
  }
}
