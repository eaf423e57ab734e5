import { AtomWriter } from '../dist/atom-writer.ts';
import { BulkQueue } from '../dist/bulk.ts';
import { DistDecoder } from '../dist/decode.ts';
import { DistEncoder } from '../dist/encode.ts';
import type { ControlSink } from '../dist/sink.ts';
import { Ticker } from '../dist/ticker.ts';
import type { TimerHandle } from '../env/clock.ts';
import type { Stream } from '../env/streams.ts';
import { DistFlag, type DistFlags, hasFlag } from '../handshake/flags.ts';
import type { PeerNode, UpAction } from '../handshake/machine.ts';
import { MsgpackPayload } from '../payload/msgpack.ts';
import { TermDecoder } from '../term/etf/decode.ts';
import { greetingMs, greetingSink, type Hello, mayBeBeamish, writeGreeting } from './greeting.ts';
import { Outbox } from './outbox.ts';
import type { ConnectionSetup } from './setup.ts';

/** What a link asks and tells. */
export interface LinkOwner {
  /** True when we called the peer. */
  readonly outgoing: boolean;
  /** Chunks read so far: any byte is a sign of life. */
  reads(): number;
  /** It is known what the peer reads, or the time to say it is over. May be told more than once. */
  decided(): ControlSink | undefined;
  /** Something was written that must leave. */
  wrote(): void;
  /** The link is below its high-water mark again. */
  drained(): void;
  /** The peer is silent for longer than `netTickTime`. */
  silent(): void;
}

/**
 * What stands between two nodes once each has proven the cookie: who the peer is and what it reads, the codecs that this
 * makes, what waits to leave, the greeting and the ticks. Its stream and its end are its owner's, the connection.
 */
export class Link {
  readonly peer: PeerNode;
  /** The name and creation that the peer gave us, where we asked for them. */
  readonly given: UpAction['given'];
  readonly replacesOld: boolean;
  readonly outbox: Outbox;
  readonly encoder: DistEncoder;
  readonly decoder: DistDecoder;
  /** Whether the peer's first frame has told what it reads. */
  decided = false;
  readonly #setup: ConnectionSetup;
  readonly #owner: LinkOwner;
  /** Payloads in MessagePack, unless this node wants none. */
  readonly #packed: MsgpackPayload | undefined;
  readonly #ticker: Ticker;
  /** Ticks sent: the ticker does not count them as written. */
  #ticks = 0;
  #tickTimer: TimerHandle;
  #greetingTimer: TimerHandle;

  constructor(setup: ConnectionSetup, stream: Stream, action: UpAction, owner: LinkOwner) {
    const { limits, clock, netTickTimeMs, netTickIntensity, binaries, payload } = setup;
    const { peer, given } = action;
    const has = (flag: DistFlags) => hasFlag(peer.flags, flag);
    const cached = has(DistFlag.DIST_HDR_ATOM_CACHE);
    const bulk = has(DistFlag.FRAGMENTS) ? new BulkQueue() : undefined;
    const headers = cached || bulk !== undefined;
    const terms = new TermDecoder({ binaries, maxTermDepth: limits.termDepth });
    const packed =
      payload === 'msgpack' ? new MsgpackPayload({ terms, maxTermDepth: limits.termDepth }) : undefined;
    this.#setup = setup;
    this.#owner = owner;
    this.peer = peer;
    this.given = given;
    this.replacesOld = action.replacesOld;
    this.#packed = packed;
    this.outbox = new Outbox(
      stream,
      clock,
      limits.highWaterBytes,
      () => owner.drained(),
      bulk,
      setup.buffers,
    );
    this.encoder = new DistEncoder({
      frameBytes: limits.frameBytes,
      headers,
      atoms: cached ? new AtomWriter(given?.name ?? setup.name, peer.name) : undefined,
      bulk,
      features: {
        DIST_MONITOR: has(DistFlag.DIST_MONITOR),
        DIST_MONITOR_NAME: has(DistFlag.DIST_MONITOR_NAME),
        SEND_SENDER: has(DistFlag.SEND_SENDER),
        EXIT_PAYLOAD: has(DistFlag.EXIT_PAYLOAD),
        UNLINK_ID: has(DistFlag.UNLINK_ID),
        SPAWN: has(DistFlag.SPAWN),
        ALIAS: has(DistFlag.ALIAS),
      },
    });
    this.decoder = new DistDecoder({
      headers,
      fragments: bulk === undefined ? undefined : limits,
      peer: peer.name,
      terms,
      packed,
      sink: greetingSink(owner.outgoing, {
        heard: (hello) => this.heard(hello),
        acknowledge: (id, from, to) => {
          this.encoder.unlinkIdAck(this.outbox.writer, id, from, to);
          owner.wrote();
        },
        up: () => owner.decided(),
      }),
    });
    this.#ticker = new Ticker({ netTickTimeMs, hidden: peer.hidden, tickIntensity: netTickIntensity });
  }

  /** The peer has said hello. */
  heard({ msgpack }: Hello): void {
    if (msgpack) this.encoder.packed = this.#packed;
  }

  /**
   * Says hello to a peer that may be one of us, and waits for what it has to say.
   * @param handshakeMs what the handshake took
   */
  greet(handshakeMs: number): void {
    const { clock } = this.#setup;
    if (!mayBeBeamish(this.peer.flags)) {
      this.#owner.decided();
      return;
    }
    const local = this.given ?? this.#setup;
    writeGreeting(this.encoder, this.outbox.writer, local, this.peer, {
      msgpack: this.#packed !== undefined,
    });
    this.outbox.flush();
    this.#greetingTimer = clock.setTimeout(() => this.#owner.decided(), greetingMs(handshakeMs));
  }

  /** No more need to wait for the peer's first words. */
  decide(): void {
    this.decided = true;
    this.#setup.clock.clearTimeout(this.#greetingTimer);
  }

  /** Looks after the peer, and after what it hears of us, from now to the end. */
  tick(): void {
    this.#tickTimer = this.#setup.clock.setTimeout(() => {
      const { outbox } = this;
      const decision = this.#ticker.check(
        this.#owner.reads(),
        outbox.writtenBytes - this.#ticks * 4,
        outbox.waitingBytes,
      );
      if (decision === 'net_tick_timeout') {
        this.#owner.silent();
        return;
      }
      if (decision === 'tick') {
        this.encoder.tick(outbox.writer);
        this.#ticks++;
        outbox.wrote();
      }
      this.tick();
    }, this.#ticker.intervalMs);
  }

  close(): void {
    this.#setup.clock.clearTimeout(this.#tickTimer);
    this.#setup.clock.clearTimeout(this.#greetingTimer);
    this.outbox.close();
  }
}
