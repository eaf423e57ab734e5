/**
 * One stream to one peer, from the first byte of the handshake to the last frame: framer, handshake machine, then the
 * link (`link.ts`: greeting, codecs, outbox, ticks). It knows its peer and nothing of processes or of other
 * connections: who may call is decided by its owner, and every control message goes to the sink that the owner
 * attaches when the handshake is done.
 */
import { LengthFramer } from '../codec/framer.ts';
import type { ByteWriter } from '../codec/writer.ts';
import type { DistEncoder } from '../dist/encode.ts';
import type { ControlSink } from '../dist/sink.ts';
import type { PeerCertificate, Stream } from '../env/streams.ts';
import { type BeamishError, ConnectionError, DecodeError, LimitError, stackOf } from '../errors.ts';
import { Acceptor } from '../handshake/acceptor.ts';
import { Initiator } from '../handshake/initiator.ts';
import type { CloseAction, LocalNode, PeerNode, UpAction } from '../handshake/machine.ts';
import type { HandshakeVersion } from '../handshake/messages.ts';
import type { Atom } from '../term/atom.ts';
import type { Pid, Ref } from '../term/identifiers.ts';
import { readHello } from './greeting.ts';
import { HandshakeDriver } from './handshake-driver.ts';
import { Link } from './link.ts';
import type { ConnectionSetup } from './setup.ts';

/** How a TLS connection begins, a record of type handshake, or how it is refused, an alert; version 3.x. */
const TLS_HANDSHAKE = 0x16;
const TLS_ALERT = 0x15;
const TLS_MAJOR = 3;

/** What a connection asks and tells. */
export interface ConnectionOwner {
  /** What to answer to a call from this name. */
  decide(peerName: string): 'ok' | 'ok_simultaneous' | 'nok' | 'not_allowed' | 'alive';
  /** A name for a node at this host that asks for one; undefined refuses. */
  giveName(host: string): { readonly name: string; readonly creation: number } | undefined;
  /** Whether our call should replace a connection that the peer believes to have. */
  stillWanted(): boolean;
  /** The cookie is proven both ways, and `peer` is known. The owner may close what it does not want. */
  authenticated(): void;
  /** It is known what the peer reads. `attach` must be called before this returns, unless it closes. */
  up(): void;
  /** The link is below its high-water mark again. */
  drained(): void;
  /** The end; exactly once. `reason` is one word: `nok`, `peer_closed`, `net_tick_timeout`, `connection_closed`, ... */
  closed(error: BeamishError | undefined, reason: string): void;
}

export class Connection {
  /** True when we called the peer. */
  readonly outgoing: boolean;
  /** Resolves when the stream has ended. */
  readonly closed: Promise<void>;
  readonly #setup: ConnectionSetup;
  readonly #stream: Stream;
  readonly #owner: ConnectionOwner;
  readonly #framer: LengthFramer;
  readonly #handshake: HandshakeDriver;
  #settleClosed!: () => void;
  #ended = false;
  #peerClosed = false;
  /** Bytes that waited after the last frame that found the link above its high-water mark; 0 once that has drained. */
  #crowdBytes = 0;
  /** Of them, those of a frame that alone is longer than `limits.unsentBytes`. */
  #longBytes = 0;
  #expectedName: string;
  #up: Link | undefined;
  readonly #startedAtMs: number;
  /** Chunks read, ticks included: any byte is a sign of life. */
  #reads = 0;

  /** Calls a node on a fresh stream. */
  static dial(
    setup: ConnectionSetup,
    stream: Stream,
    peer: { readonly name: string; readonly version?: HandshakeVersion | undefined },
    owner: ConnectionOwner,
  ): Connection {
    return new Connection(setup, stream, peer, owner);
  }

  /** Takes a call on a fresh stream. */
  static accept(setup: ConnectionSetup, stream: Stream, owner: ConnectionOwner): Connection {
    return new Connection(setup, stream, undefined, owner);
  }

  private constructor(
    setup: ConnectionSetup,
    stream: Stream,
    dialled: { readonly name: string; readonly version?: HandshakeVersion | undefined } | undefined,
    owner: ConnectionOwner,
  ) {
    const { limits, clock, random, cookieFor } = setup;
    this.#setup = setup;
    this.#startedAtMs = clock.nowMs();
    this.#stream = stream;
    this.#owner = owner;
    this.outgoing = dialled !== undefined;
    this.#expectedName = dialled?.name ?? '';
    const lengthBytes = setup.tls === undefined ? 2 : 4;
    this.#framer = new LengthFramer(lengthBytes, limits.handshakeBytes, 'handshakeBytes');
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    const local: LocalNode = { name: setup.name, creation: setup.creation, flags: setup.flags };
    const challenge = random.u32();
    const machine =
      dialled !== undefined
        ? new Initiator({ local, peer: dialled.name, cookieFor, challenge, version: dialled.version ?? 6 })
        : new Acceptor({
            local,
            address: `${stream.remoteHost}:${stream.remotePort}`,
            cookieFor,
            challenge,
          });
    const ask = {
      decide: (name: string) => owner.decide(name),
      giveName: (host: string) => owner.giveName(host),
      stillWanted: () => owner.stillWanted(),
      up: (action: UpAction) => this.#becomeUp(action),
      failed: (action: CloseAction) => this.#handshakeFailed(action),
    };
    this.#handshake = new HandshakeDriver(machine, stream, clock, ask, lengthBytes);
    stream.start({
      // The framer copies what it keeps.
      borrows: true,
      data: (chunk) => this.#data(chunk),
      // Who is behind reads once a turn, and then should not read little.
      wantsShortReads: () => this.#up?.decoder.isAssembling === true && !this.#setup.isBehind(),
      drain: () => this.#up?.outbox.drain(),
      closed: (error) => this.#streamClosed(error),
    });
    this.#handshake.start();
  }

  get peerName(): string {
    return this.#up?.peer.name ?? this.#expectedName;
  }

  /** The peer as the handshake learnt to know it; only once it is authenticated. */
  get peer(): PeerNode {
    return this.#live.peer;
  }

  get isUp(): boolean {
    return this.#up?.decided === true && !this.#ended;
  }

  /** What messages to the peer look like. */
  get payload(): 'msgpack' | 'etf' {
    return this.#up?.encoder.packed === undefined ? 'etf' : 'msgpack';
  }

  /** The name and creation that the peer gave us, where we asked for them. */
  get given(): UpAction['given'] {
    return this.#live.given;
  }

  get replacesOld(): boolean {
    return this.#live.replacesOld;
  }

  get remoteAddress(): string {
    return `${this.#stream.remoteHost}:${this.#stream.remotePort}`;
  }

  /** What the other side has shown over TLS. */
  get certificate(): PeerCertificate | undefined {
    return this.#stream.peerCertificate;
  }

  get encoder(): DistEncoder {
    return this.#live.encoder;
  }

  get writer(): ByteWriter {
    return this.#live.outbox.writer;
  }

  get stats(): { readonly unsentBytes: number; readonly writtenBytes: number; readonly writes: number } {
    const outbox = this.#up?.outbox;
    return {
      unsentBytes: outbox?.waitingBytes ?? 0,
      writtenBytes: outbox?.writtenBytes ?? 0,
      writes: outbox?.writes ?? 0,
    };
  }

  /** Says where the peer's control messages go from now on. */
  attach(sink: ControlSink): void {
    this.#live.decoder.sink = sink;
  }

  /** Takes a message to the name `beamish` that came later than a hello should. False when it is none. */
  hello(message: unknown): boolean {
    const hello = readHello(message);
    if (hello !== undefined) this.#live.heard(hello);
    return hello !== undefined;
  }

  // ---- the data path: one frame each, no object in between

  sendTo(from: Pid, to: Pid, message: unknown): boolean {
    const up = this.#up!;
    up.encoder.sendSender(up.outbox.writer, from, to, message);
    return this.#wrote(up);
  }

  sendToName(from: Pid, name: Atom, message: unknown): boolean {
    const up = this.#up!;
    up.encoder.regSend(up.outbox.writer, from, name, message);
    return this.#wrote(up);
  }

  sendToAlias(from: Pid, alias: Ref, message: unknown): boolean {
    const up = this.#up!;
    up.encoder.aliasSend(up.outbox.writer, from, alias, message);
    return this.#wrote(up);
  }

  /** Runs an encoder on this link and sees that its frame leaves. */
  signal(write: (connection: Connection) => void): void {
    write(this);
    this.#wrote(this.#up!);
  }

  get isAboveHighWater(): boolean {
    return this.#up?.outbox.isAboveHighWater ?? false;
  }

  #wrote(up: Link): boolean {
    if (up.outbox.wrote()) return true;
    const { unsentBytes } = this.#setup.limits;
    const { crowdBytes } = up.outbox;
    const frameBytes = crowdBytes - this.#crowdBytes;
    this.#crowdBytes = crowdBytes;
    // One frame alone may be longer than the limit. Whoever sent it waits; others, who know nothing of it, have small ones.
    if (frameBytes > unsentBytes) this.#longBytes = frameBytes;
    if (crowdBytes - this.#longBytes > unsentBytes) {
      this.#setup.telemetry.count('connection.closed.unsent');
      this.close(
        new LimitError(
          'unsentBytes',
          `${this.peerName} takes too little: more than ${unsentBytes} bytes wait (limits.unsentBytes)`,
        ),
        'unsent_limit',
      );
    }
    return false;
  }

  // ---- reading

  #data(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#reads++;
    if (this.#reads === 1 && chunk[1] === TLS_MAJOR && this.#speaksTls(chunk[0]!)) return;
    try {
      const framer = this.#framer;
      framer.push(chunk);
      while (framer.next()) {
        if (this.#up === undefined) this.#handshake.frame(framer.buffer.subarray(framer.start, framer.end));
        else if (framer.isPlaced) this.#up.decoder.placed();
        else this.#up.decoder.frame(framer.buffer, framer.start, framer.end, framer.isOwn);
        if (this.#ended) return;
      }
    } catch (error) {
      this.#unreadable(error);
      return;
    }
    if (this.#up === undefined) return;
    this.#up.decoder.release();
    if (this.#setup.isBehind()) this.#holdBack();
  }

  /** Whether the first bytes are those of a TLS record: as a length they would be beyond any name. */
  #speaksTls(type: number): boolean {
    if (this.#setup.tls !== undefined || (type !== TLS_HANDSHAKE && type !== TLS_ALERT)) return false;
    const cause = new DecodeError('the peer speaks TLS, and this node does not (option tls)', 0);
    this.#handshake.unreadable(cause, this.outgoing ? this.#expectedName : this.remoteAddress);
    return true;
  }

  /**
   * Leaves the rest of what the peer sends in the socket until the next turn, so that messages do not pile up in
   * mailboxes faster than they are handled: the peer's own back-pressure does its work. One chunk per turn is
   * always read, and with it the peer's ticks.
   */
  #holdBack(): void {
    this.#stream.pause();
    this.#setup.clock.setImmediate(() => {
      if (!this.#ended) this.#stream.resume();
    });
  }

  /** Bytes that cannot be read, or a fault of ours that they brought to light: either costs this connection alone. */
  #unreadable(thrown: unknown): void {
    const isPeers = thrown instanceof DecodeError || thrown instanceof LimitError;
    const name = this.peerName || this.remoteAddress;
    const error = isPeers
      ? thrown
      : new ConnectionError(`a fault of this node in reading from ${name}: ${stackOf(thrown)}`, {
          cause: thrown,
        });
    if (this.#up === undefined) {
      this.#handshake.unreadable(error, name);
      return;
    }
    const reason = isPeers ? 'malformed' : 'internal';
    this.#setup.telemetry.count(`connection.closed.${reason}`);
    this.close(error, reason);
  }

  #streamClosed(error: Error | undefined): void {
    this.#peerClosed = error === undefined;
    if (this.#up === undefined) this.#handshake.closed(error);
    this.#end(
      error === undefined
        ? undefined
        : new ConnectionError(`the connection to ${this.peerName} broke: ${error.message}`, { cause: error }),
      'connection_closed',
    );
    this.#settleClosed();
  }

  // ---- from handshake to link, and to the end

  #becomeUp(action: UpAction): void {
    const { limits, clock, netTickTimeMs, busyWaitMs } = this.#setup;
    // Not before: whoever has not proven the cookie is to cost little.
    this.#stream.waitBusily?.(busyWaitMs);
    const up: Link = new Link(this.#setup, this.#stream, action, {
      outgoing: this.outgoing,
      reads: () => this.#reads,
      decided: () => this.#decide(up),
      wrote: () => this.#wrote(up),
      drained: () => {
        this.#crowdBytes = 0;
        this.#longBytes = 0;
        this.#owner.drained();
      },
      silent: () =>
        this.close(
          new ConnectionError(`${this.peerName} sent nothing within netTickTime (${netTickTimeMs} ms)`),
          'net_tick_timeout',
        ),
    });
    this.#up = up;
    this.#framer.room = (buffer, start, end, length) => up.decoder.room(buffer, start, end, length);
    this.#framer.prefixBytes = 4;
    this.#framer.limitBytes = limits.frameBytes;
    this.#framer.limitName = 'frameBytes';
    this.#owner.authenticated();
    if (this.#ended) return;
    up.tick();
    up.greet(clock.nowMs() - this.#startedAtMs);
  }

  /** From now on it is known what the peer reads. Answers where its frames go, if anybody still wants them. */
  #decide(up: Link): ControlSink | undefined {
    if (!up.decided && !this.#ended) {
      up.decide();
      this.#owner.up();
    }
    return this.#ended ? undefined : up.decoder.sink;
  }

  #handshakeFailed(action: CloseAction): void {
    const { telemetry } = this.#setup;
    telemetry.emit('handshake.failed', () => ({
      stage: action.error.stage,
      peer: action.error.peer,
      error: action.error,
    }));
    // A refusal that was sent must still leave; anything else ends at once.
    if (action.status !== undefined) this.#stream.end();
    this.#end(action.error, action.status ?? (this.#peerClosed ? 'peer_closed' : 'handshake'));
    if (action.status === undefined) this.#stream.destroy();
  }

  /** The time for setting this connection up is over. */
  timeout(): void {
    if (this.#up === undefined) this.#handshake.timeout();
  }

  /** Sends what is queued, then ends. */
  end(reason: string): void {
    this.#up?.outbox.flushAll();
    this.#stream.end();
    this.#end(undefined, reason);
  }

  /** Ends at once. Idempotent. */
  close(error: BeamishError | undefined, reason: string): void {
    this.#end(error, reason);
    this.#stream.destroy();
  }

  #end(error: BeamishError | undefined, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handshake.abandon();
    this.#up?.close();
    this.#owner.closed(error, reason);
  }

  get #live(): Link {
    if (this.#up === undefined) throw new ConnectionError(`the connection to ${this.peerName} is not up`);
    return this.#up;
  }
}
