import { BufferPool } from '../codec/buffer-pool.ts';
import { ByteWriter } from '../codec/writer.ts';
import type { BulkQueue } from '../dist/bulk.ts';
import type { Clock, TimerHandle } from '../env/clock.ts';
import type { Stream } from '../env/streams.ts';

/**
 * A turn's bytes are written early past this, so that a long loop of sends does not hold them all. A write of so many
 * costs the system two thirds of what four of a quarter do.
 */
const FLUSH_BYTES = 512 * 1024;
/** And past this where a mark lies below that: what the system would take is not to count as waiting. */
const LEAST_FLUSH_BYTES = 128 * 1024;
/**
 * A buffer that the stream has not taken goes on being filled while it has this much room, a quarter of it at most, and
 * that of the last write.
 */
const ROOM_BYTES = 64 * 1024;
/** What a turn that says little is written to. */
const FIRST_BYTES = 64 * 1024;
/** A buffer that a very long frame has made longer is not kept. */
const LONG_BYTES = 1024 * 1024;
/**
 * Fragments that are handed to the stream in one turn, in bytes, with their heads: half a MiB. While they leave, small frames queue behind no more
 * than this; weighed against turns of the event loop per megabyte.
 */
const BULK_BYTES = 513 * 1024;
/**
 * While others send small frames on the link, fragments get this much of each millisecond: 256 MiB/s. More would fill
 * the systems' buffers on the way, which hold tens of megabytes, with what a slower reader has yet to read; and small
 * frames queue behind that.
 */
const POLITE_BYTES = 257 * 1024;
const POLITE_PAUSE_MS = 1;
/** How long after a small frame others are taken to follow. */
const POLITE_FOR_MS = 25;
/** How often a link above its mark is looked at where its stream has not promised to tell when it has emptied. */
const LOOK_MS = 10;

/**
 * What one link has still to send. Encoders append whole frames to `writer` and then call `wrote()`; all frames of
 * one turn of the event loop leave in one write to the stream. Fragments of big messages follow from `bulk`, some in
 * each turn, as long as the stream takes them.
 */
export class Outbox {
  readonly writer: ByteWriter;
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #highWaterBytes: number;
  readonly #flushBytes: number;
  readonly #drained: () => void;
  readonly #bulk: BulkQueue | undefined;
  /** The stream has not taken the last fragments yet: `drain` follows. */
  #bulkWaits = false;
  #scheduled = false;
  /** When small frames were last sent while fragments waited. */
  #smallAtMs = Number.NEGATIVE_INFINITY;
  #pause: TimerHandle | undefined;
  #closed = false;
  /** What the writer holds before this was given to the stream, which has not taken all of it. */
  #givenTo = 0;
  /** Where buffers come from. */
  readonly #pool: BufferPool;
  /** Full ones of which the stream may not have taken all. */
  #lent: Buffer[] = [];
  readonly #pieces: Buffer[] = [];
  /** Bytes handed to the stream that the system had not taken at the last look. */
  #unsentBytes = 0;
  #aboveHighWater = false;
  #look: TimerHandle | undefined;
  writtenBytes = 0;
  writes = 0;
  /** `writtenBytes` at the end of the last turn. */
  #writtenBefore = 0;

  constructor(
    stream: Stream,
    clock: Clock,
    highWaterBytes: number,
    drained: () => void,
    bulk?: BulkQueue | undefined,
    pool: BufferPool = new BufferPool(),
  ) {
    this.#pool = pool;
    this.writer = new ByteWriter(FIRST_BYTES, pool);
    this.#bulk = bulk;
    this.#stream = stream;
    this.#clock = clock;
    this.#highWaterBytes = highWaterBytes;
    this.#flushBytes = Math.max(LEAST_FLUSH_BYTES, Math.min(FLUSH_BYTES, highWaterBytes));
    this.#drained = drained;
  }

  /** Bytes that have not left this process. */
  get waitingBytes(): number {
    return this.#closed ? 0 : this.#newBytes + this.#stream.bufferedBytes + this.#bulkBytes;
  }

  /** The same without the longest message in fragments: one may be longer than any limit, and others overtake it. */
  get crowdBytes(): number {
    return this.waitingBytes - (this.#bulk?.longestBytes ?? 0);
  }

  /** Bytes written here that the stream has not been given. */
  get #newBytes(): number {
    return this.writer.position - this.#givenTo;
  }

  get #bulkBytes(): number {
    return this.#bulk === undefined ? 0 : this.#bulk.bytes;
  }

  /** Not while the stream is full or others come first: asking each turn would keep an idle program busy. */
  get #mayFeed(): boolean {
    return this.#bulkBytes > 0 && !this.#bulkWaits && !this.#closed && this.#pause === undefined;
  }

  /**
   * Frames were appended: see that they leave. False when the link is above its high-water mark; `drained` is
   * called once it has emptied.
   */
  wrote(): boolean {
    if (this.#closed) {
      this.#forget();
      return false;
    }
    this.#schedule();
    if (this.#newBytes >= this.#flushBytes) this.flush();
    if (this.#newBytes + this.#unsentBytes + this.#bulkBytes <= this.#highWaterBytes) return true;
    this.#aboveHighWater = true;
    return false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.setImmediate(this.#onTurn);
  }

  /** Hands everything to the stream, fragments too: for the end. */
  flushAll(): void {
    this.flush();
    while (!this.#closed && this.#bulkBytes > 0) this.#feed(BULK_BYTES);
  }

  flush(): void {
    const bytes = this.#newBytes;
    if (bytes === 0 || this.#closed) return;
    const { writer } = this;
    const bulk = this.#bulk;
    if (bulk !== undefined) {
      if (bulk.bytes > 0 && bytes > bulk.longBytes) this.#smallAtMs = this.#clock.nowMs();
      bulk.longBytes = 0;
    }
    this.#takeBack();
    this.writtenBytes += bytes;
    this.writes++;
    this.#stream.write(writer.buffer.subarray(this.#givenTo, writer.position));
    this.#givenTo = writer.position;
    this.#reuse(bytes);
  }

  /** The stream has nothing left to send. */
  drain(): void {
    this.#reuse();
    if (this.#unsentBytes === 0) this.#bulkWaits = false;
    if (this.#mayFeed) this.#schedule();
    if (!this.#aboveHighWater || this.#closed || this.waitingBytes > this.#highWaterBytes) return;
    this.#aboveHighWater = false;
    this.#clock.clearTimeout(this.#look);
    this.#look = undefined;
    this.#drained();
  }

  /** True until `drain` has brought the link below its mark again. */
  get isAboveHighWater(): boolean {
    return this.#aboveHighWater;
  }

  close(): void {
    this.#closed = true;
    this.#aboveHighWater = false;
    this.#forget();
    this.#bulk?.clear();
    this.#clock.clearTimeout(this.#look);
    this.#clock.clearTimeout(this.#pause);
  }

  #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
    if (this.#mayFeed) {
      const polite = this.#clock.nowMs() - this.#smallAtMs < POLITE_FOR_MS;
      this.#feed(polite ? POLITE_BYTES : BULK_BYTES);
      if (polite) this.#pause = this.#clock.setTimeout(this.#onPause, POLITE_PAUSE_MS);
    }
    const { writer } = this;
    const isQuiet = this.writtenBytes - this.#writtenBefore < FIRST_BYTES;
    this.#writtenBefore = this.writtenBytes;
    if (isQuiet && writer.position === 0 && this.#stream.bufferedBytes === 0) this.#keepAtMost(FIRST_BYTES);
    if (this.#aboveHighWater) this.#lookAgain();
  };

  #onPause = (): void => {
    this.#pause = undefined;
    if (this.#mayFeed) this.#schedule();
  };

  #forget(): void {
    this.#givenTo = 0;
    this.writer.position = 0;
  }

  /**
   * Looks what the stream has taken: buffers that it has done with are filled again.
   *
   * @param room - what is likely to be written next: a buffer that outgrows itself copies what the stream has already
   */
  #reuse(room = 0): void {
    const { writer } = this;
    this.#unsentBytes = this.#stream.bufferedBytes;
    if (this.#unsentBytes > 0) {
      const { length } = writer.buffer;
      const left = length - writer.position;
      if (left >= Math.max(room, Math.min(ROOM_BYTES, length / 4)) || this.#newBytes > 0) return;
      this.#lent.push(writer.buffer);
      writer.renew(this.#pool.take(room < FIRST_BYTES ? FIRST_BYTES : LONG_BYTES));
      this.#givenTo = 0;
      return;
    }
    if (this.#newBytes === 0) {
      this.#forget();
      this.#keepAtMost(LONG_BYTES);
    }
    this.#takeBack();
  }

  /**
   * Takes back what the stream has done with since the last look: over TLS nothing has left yet when a write returns, and
   * a stream that is never full tells nothing.
   */
  #takeBack(): void {
    if (this.#lent.length === 0 || this.#stream.bufferedBytes > 0) return;
    for (const buffer of this.#lent) this.#pool.give(buffer);
    this.#lent = [];
  }

  /** Gives a longer buffer back. Not while anything waits in it, or the stream may have to send what was in it. */
  #keepAtMost(bytes: number): void {
    const { writer } = this;
    if (writer.buffer.length <= bytes) return;
    this.#pool.give(writer.buffer);
    writer.renew(this.#pool.take(FIRST_BYTES));
  }

  /** Gives the stream some fragments, all in one write. */
  #feed(atMost: number): void {
    const bulk = this.#bulk!;
    const pieces = this.#pieces;
    const before = this.writtenBytes;
    this.#takeBack();
    while (!bulk.isEmpty) {
      const bytes = this.writtenBytes - before;
      if (bytes > 0 && bytes + bulk.nextBytes > atMost) break;
      const whole = bulk.next(this.#take);
      if (whole !== undefined) this.#lent.push(whole);
    }
    this.writes++;
    this.#bulkWaits = !this.#stream.writeAll(pieces);
    pieces.length = 0;
    this.#reuse();
    // A turn later, and not when the stream drains: that can be at once, and others want their turn too.
    if (!this.#bulkWaits && !bulk.isEmpty && atMost === BULK_BYTES) this.#schedule();
  }

  #take = (bytes: Buffer): void => {
    this.writtenBytes += bytes.length;
    this.#pieces.push(bytes);
  };

  /**
   * A stream tells that it has emptied only if more waited than the system's own buffer. A mark below that size
   * would never be heard of again, so what is above the mark is also looked at now and then.
   */
  #lookAgain(): void {
    this.drain();
    if (!this.#aboveHighWater || this.#look !== undefined || this.#closed) return;
    this.#look = this.#clock.setTimeout(() => {
      this.#look = undefined;
      if (this.#aboveHighWater) this.#lookAgain();
    }, LOOK_MS);
  }
}
