import type { TimerHandle } from '../env/clock.ts';
import type { Stream, StreamHandlers } from '../env/streams.ts';
import { ConnectionError } from '../errors.ts';
import type { Link } from './links.ts';
import { systemError } from './machine.ts';
import type { Held, SimNetwork } from './network.ts';
import type { SimProcess } from './process.ts';

/** Bytes under way in one direction, buffers of both systems included. */
const WINDOW_BYTES = 1_048_576;
/** Largest chunk that arrives at once. */
const SEGMENT_BYTES = 65_536;
/** As the platform's streams: how long an ended stream may stand still before it is destroyed. */
const END_GRACE_MS = 5_000;
/** How long a system sends the same bytes again before it calls the stream broken: Linux' tcp_retries2. */
const GIVE_UP_MS = 924_600;
/** What borrowed memory holds once it was given back. */
const USED_AGAIN = 0xdb;
/** Tag of the question to a port mapper where a node listens. @see erl_dist_protocol, EPMD Protocol */
const PORT_PLEASE2_REQ = 122;

/** Which way a stream goes. Cuts are looked up for every chunk. */
export interface Route {
  /** To a machine's port mapper: it is told at once when a process of its own machine ends. */
  readonly isMapper: boolean;
  /** Within one machine, without a link. */
  readonly isLocal: boolean;
  readonly isCut: boolean;
  readonly isCutBack: boolean;
}

export interface EndAddress {
  readonly process: SimProcess;
  readonly host: string;
  readonly port: number;
}

/** What travels: bytes, the end, a reset, room for more, or a call at the far side. */
type Segment = Uint8Array | 'fin' | 'rst' | 'ack' | (() => void);

/** Both ends of a new stream: the caller's first. */
export function pairOfStreams(
  network: SimNetwork,
  route: Route,
  caller: EndAddress,
  listener: EndAddress,
): [SimStream, SimStream] {
  const near = new SimStream(network, caller, listener, route.isMapper);
  const far = new SimStream(network, listener, caller, route.isMapper);
  const linkTo = (from: EndAddress, to: EndAddress): Link | undefined =>
    route.isLocal ? undefined : network.link(from.process.name, to.process.name);
  near.join(far, new Pipe(network, linkTo(caller, listener), () => route.isCut, near, far));
  far.join(near, new Pipe(network, linkTo(listener, caller), () => route.isCutBack, far, near));
  if (!route.isMapper) network.opened(near);
  return [near, far];
}

/** One direction: segments arrive in order, later when the link is slow, and wait while it is cut. */
class Pipe implements Held {
  readonly #network: SimNetwork;
  readonly #link: Link | undefined;
  readonly #isCut: () => boolean;
  readonly #from: SimStream;
  readonly #to: SimStream;
  #held: Segment[] = [];
  #lastArrivalMs = 0;
  #giveUp: TimerHandle;

  constructor(
    network: SimNetwork,
    link: Link | undefined,
    isCut: () => boolean,
    from: SimStream,
    to: SimStream,
  ) {
    this.#network = network;
    this.#link = link;
    this.#isCut = isCut;
    this.#from = from;
    this.#to = to;
  }

  send(segment: Segment): void {
    if (this.#held.length > 0 || this.#isCut()) {
      this.#hold(segment);
      return;
    }
    const { clock } = this.#network;
    const bytes = segment instanceof Uint8Array ? segment.length : 0;
    const travelMs = this.#link?.streamLatencyMs(bytes, clock.nowMs()) ?? 0;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, clock.nowMs() + travelMs);
    clock.at(this.#lastArrivalMs, () => {
      // The link was cut while it was under way: it will be sent again.
      if (this.#held.length > 0 || this.#isCut()) this.#hold(segment);
      else this.#to.arrived(segment);
    });
  }

  #hold(segment: Segment): void {
    this.#held.push(segment);
    this.#network.hold(this);
    if (this.#held.length > 1) return;
    const { clock } = this.#network;
    this.#giveUp = clock.setTimeout(() => this.#from.broke('ETIMEDOUT'), GIVE_UP_MS);
  }

  release(): void {
    if (this.#isCut()) {
      this.#network.hold(this);
      return;
    }
    this.#network.clock.clearTimeout(this.#giveUp);
    const held = this.#held;
    this.#held = [];
    for (const segment of held) this.send(segment);
  }
}

/** One end of a simulated stream. */
class SimStream implements Stream {
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  readonly #peerName: string;
  #peer!: SimStream;
  #out!: Pipe;
  #handlers: StreamHandlers | undefined;
  /** Written, and not yet taken by the system. */
  readonly #queue: Uint8Array[] = [];
  #bufferedBytes = 0;
  #underWayBytes = 0;
  #wantsDrain = false;
  /** Arrived, and not yet read: the owner has paused, or has not started. */
  readonly #inbox: (Uint8Array | 'fin')[] = [];
  #isPaused = false;
  #isReading = false;
  #isEnding = false;
  #sentFin = false;
  #gotFin = false;
  #isClosed = false;
  #error: Error | undefined;
  #grace: TimerHandle;
  readonly #forgetEnd: () => void;
  readonly #isMapper: boolean;

  constructor(network: SimNetwork, local: EndAddress, remote: EndAddress, isMapper: boolean) {
    this.#network = network;
    this.#process = local.process;
    this.#isMapper = isMapper;
    this.#peerName = remote.process.name;
    this.localHost = local.host;
    this.localPort = local.port;
    this.remoteHost = remote.host;
    this.remotePort = remote.port;
    const isSameMachine = local.process.machine === remote.process.machine;
    this.#forgetEnd = local.process.onEnd((silently) => {
      if (this.#isClosed) return;
      network.changed();
      this.#isClosed = true;
      if (!silently || (isMapper && isSameMachine)) this.#out.send('rst');
    });
  }

  join(peer: SimStream, out: Pipe): void {
    this.#peer = peer;
    this.#out = out;
  }

  /** Runs the code that takes this stream, as its process. */
  handOver(take: () => void): void {
    this.#process.run(take);
  }

  /** Runs something as the process of the far end, when the answer has travelled there. */
  answer(fn: () => void): void {
    this.#out.send(fn);
  }

  // ---- the owner's side

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Whether it runs between these two processes, whoever called. */
  isBetween(name: string, other: string): boolean {
    const own = this.#process.name;
    return (own === name && this.#peerName === other) || (own === other && this.#peerName === name);
  }

  breakEnds(only?: string): void {
    if (only === undefined || only === this.#process.name) this.broke('ECONNRESET');
    if (only === undefined || only === this.#peerName) this.#peer.broke('ECONNRESET');
  }

  start(handlers: StreamHandlers): void {
    this.#handlers = handlers;
    if (this.#isClosed) {
      this.#process.clock.setImmediate(() => handlers.closed(this.#error));
      return;
    }
    // Reading begins in a later turn, as on the platform.
    this.#process.clock.setImmediate(() => this.#read());
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnding || this.#isClosed || !this.#process.isAlive) return false;
    if (this.#isMapper) this.#noteLookUp(bytes);
    if (bytes.length > 0) {
      this.#queue.push(bytes);
      this.#bufferedBytes += bytes.length;
    }
    this.#pump();
    if (this.#bufferedBytes === 0) return true;
    this.#wantsDrain = true;
    return false;
  }

  writeAll(pieces: readonly Uint8Array[]): boolean {
    let taken = true;
    for (const piece of pieces) taken = this.write(piece);
    return taken;
  }

  /** Who asks a port mapper for a node is about to connect to it. */
  #noteLookUp(bytes: Uint8Array): void {
    if (bytes.length < 4 || bytes[2] !== PORT_PLEASE2_REQ) return;
    const alive = Buffer.from(bytes.subarray(3)).toString('utf8');
    const name = `${alive}@${this.#peer.#process.machine.name}`;
    this.#network.dialled(this.#process.name, name, 'asked its port mapper');
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#process.clock.setImmediate(() => this.#read());
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    this.#pump();
    this.#armGrace();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#queue.length = 0;
    this.#bufferedBytes = 0;
    if (!this.#sentFin) this.#out.send('fin');
    this.#sentFin = true;
    this.#close();
  }

  // ---- the network's side

  arrived(segment: Segment): void {
    if (typeof segment === 'function') {
      this.#process.run(segment);
      return;
    }
    if (this.#isClosed) {
      this.#refuse(segment);
      return;
    }
    if (segment === 'ack') {
      this.#pump();
      return;
    }
    if (segment === 'rst') {
      this.broke('ECONNRESET');
      return;
    }
    this.#inbox.push(segment);
    if (this.#process.isFree) this.#process.run(this.#readNow);
    else if (this.#inbox.length === 1) this.#process.run(this.#readNow);
  }

  readonly #readNow = (): void => this.#read();

  /** The stream is of no use any more. */
  broke(code: string): void {
    if (this.#isClosed) return;
    const cause = systemError(code, `${this.remoteHost}:${this.remotePort}`);
    const where = `${this.remoteHost}, port ${this.remotePort}`;
    this.#error = new ConnectionError(`the connection with ${where} broke: ${code}`, { cause });
    this.#close();
  }

  /** Bytes for a stream that is closed are answered with a reset; by a machine that is dark, with nothing. */
  #refuse(segment: Segment): void {
    if (segment === 'rst' || segment === 'ack' || segment === 'fin') return;
    const { endedSilently, name } = this.#process;
    if (endedSilently && !this.#network.isRunning(name)) return;
    this.#out.send('rst');
  }

  /** Hands on what has arrived, chunk by chunk, until the owner pauses or ends. */
  #read(): void {
    if (this.#isReading || this.#handlers === undefined) return;
    this.#isReading = true;
    try {
      while (this.#inbox.length > 0 && !this.#isPaused && !this.#isClosed && this.#mayRun) {
        const segment = this.#inbox.shift()!;
        if (segment === 'fin') {
          this.#gotFin = true;
          this.end();
          this.#armGrace();
          this.#closeWhenDone();
          continue;
        }
        this.#network.timeline.trace(
          this.#process.name,
          'data',
          () => `${segment.length} bytes from ${this.#peerName}`,
        );
        this.#peer.#taken(segment.length);
        this.#give(this.#handlers, segment);
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** Who borrows gets memory that is something else afterwards, as on the platform. */
  #give(handlers: StreamHandlers, segment: Uint8Array): void {
    // It may be an answer that somebody waits for.
    this.#network.clock.oweTurn();
    if (handlers.borrows !== true) {
      handlers.data(segment);
      return;
    }
    const lent = Uint8Array.from(segment);
    handlers.data(lent);
    lent.fill(USED_AGAIN);
  }

  get #mayRun(): boolean {
    return this.#process.isAlive && !this.#process.isPaused;
  }

  /** The far side has read: there is room for more, which we learn when word of it has come back. */
  #taken(bytes: number): void {
    this.#underWayBytes -= bytes;
    if (this.#queue.length > 0) this.#peer.#out.send('ack');
  }

  /** Gives the system as much as it takes. */
  #pump(): void {
    while (this.#queue.length > 0 && this.#underWayBytes < WINDOW_BYTES) {
      const chunk = this.#queue[0]!;
      // A copy: two nodes never share memory.
      const segment = Uint8Array.prototype.slice.call(chunk, 0, SEGMENT_BYTES);
      if (chunk.length > SEGMENT_BYTES) this.#queue[0] = chunk.subarray(SEGMENT_BYTES);
      else this.#queue.shift();
      this.#bufferedBytes -= segment.length;
      this.#underWayBytes += segment.length;
      this.#out.send(segment);
    }
    if (this.#queue.length > 0) return;
    if (this.#wantsDrain) {
      this.#wantsDrain = false;
      this.#process.clock.setImmediate(() => {
        if (!this.#isClosed) this.#handlers?.drain?.();
      });
    }
    if (!this.#isEnding || this.#sentFin) return;
    this.#sentFin = true;
    this.#out.send('fin');
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#sentFin && this.#gotFin && !this.#isClosed) this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    this.#forgetEnd();
    this.#network.changed();
    const { clock, name } = this.#process;
    clock.clearTimeout(this.#grace);
    this.#network.timeline.trace(name, 'closed', () => `the stream with ${this.#peerName}`);
    if (this.#handlers !== undefined) clock.setImmediate(() => this.#handlers?.closed(this.#error));
  }

  /** Destroys the stream when nothing moves any more; a slow reader that does read gets everything. */
  #armGrace(): void {
    if (this.#isClosed) return;
    const { clock } = this.#process;
    clock.clearTimeout(this.#grace);
    const queuedBytes = this.#bufferedBytes;
    this.#grace = clock.setTimeout(() => {
      if (this.#bufferedBytes < queuedBytes) this.#armGrace();
      else this.destroy();
    }, END_GRACE_MS);
  }
}

export type { SimStream };
