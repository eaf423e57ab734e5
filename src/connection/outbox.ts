import { ByteWriter } from '../codec/writer.ts';
import type { BulkQueue } from '../dist/bulk.ts';
import type { Clock, TimerHandle } from '../env/clock.ts';
import type { Stream } from '../env/streams.ts';

/** A turn's bytes are written early past this, so that a long loop of sends does not hold them all. */
const FLUSH_BYTES = 128 * 1024;
/** Below this a copy is cheaper than a fresh buffer for the next turn. */
const COPY_BYTES = 32 * 1024;
/**
 * Fragments that are handed to the stream in one turn, in bytes. While they leave, small frames queue behind no more
 * than this; weighed against turns of the event loop per megabyte.
 */
const BULK_BYTES = 256 * 1024;
/** How often a link above its mark is looked at where its stream has not promised to tell when it has emptied. */
const LOOK_MS = 10;

/**
 * What one link has still to send. Encoders append whole frames to `writer` and then call `wrote()`; all frames of
 * one turn of the event loop leave in one write to the stream. Fragments of big messages follow from `bulk`, some in
 * each turn, as long as the stream takes them.
 */
export class Outbox {
  readonly writer = new ByteWriter(64 * 1024);
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #highWaterBytes: number;
  readonly #drained: () => void;
  readonly #bulk: BulkQueue | undefined;
  /** The stream has not taken the last fragments yet: `drain` follows. */
  #bulkWaits = false;
  #scheduled = false;
  #closed = false;
  /** Bytes handed to the stream that the system had not taken at the last look. */
  #unsentBytes = 0;
  #aboveHighWater = false;
  #look: TimerHandle | undefined;
  writtenBytes = 0;
  writes = 0;

  constructor(
    stream: Stream,
    clock: Clock,
    highWaterBytes: number,
    drained: () => void,
    bulk?: BulkQueue | undefined,
  ) {
    this.#bulk = bulk;
    this.#stream = stream;
    this.#clock = clock;
    this.#highWaterBytes = highWaterBytes;
    this.#drained = drained;
  }

  /** Bytes that have not left this process. */
  get waitingBytes(): number {
    return this.#closed ? 0 : this.writer.position + this.#stream.bufferedBytes + this.#bulkBytes;
  }

  /** The same without the longest message in fragments: one may be longer than any limit, and others overtake it. */
  get crowdBytes(): number {
    return this.waitingBytes - (this.#bulk?.longestBytes ?? 0);
  }

  get #bulkBytes(): number {
    return this.#bulk === undefined ? 0 : this.#bulk.bytes;
  }

  /**
   * Frames were appended: see that they leave. False when the link is above its high-water mark; `drained` is
   * called once it has emptied.
   */
  wrote(): boolean {
    if (this.#closed) {
      this.writer.position = 0;
      return false;
    }
    this.#schedule();
    if (this.writer.position >= FLUSH_BYTES) this.flush();
    if (this.writer.position + this.#unsentBytes + this.#bulkBytes <= this.#highWaterBytes) return true;
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
    if (this.#closed) return;
    while (this.#bulk !== undefined && !this.#bulk.isEmpty) this.#bulk.next(this.#writeBulk);
  }

  flush(): void {
    const { writer } = this;
    const bytes = writer.position;
    if (bytes === 0 || this.#closed) return;
    this.writtenBytes += bytes;
    this.writes++;
    if (bytes < COPY_BYTES) {
      this.#stream.write(Buffer.from(writer.buffer.subarray(0, bytes)));
      writer.position = 0;
    } else {
      this.#stream.write(writer.take());
    }
    this.#unsentBytes = this.#stream.bufferedBytes;
  }

  /** The stream has nothing left to send. */
  drain(): void {
    this.#unsentBytes = this.#stream.bufferedBytes;
    this.#bulkWaits = this.#bulkWaits && this.#unsentBytes > 0;
    if (this.#bulkBytes > 0 && !this.#closed) this.#schedule();
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
    this.writer.position = 0;
    this.#bulk?.clear();
    this.#clock.clearTimeout(this.#look);
  }

  #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
    if (this.#bulkBytes > 0) this.#feed();
    if (this.#aboveHighWater) this.#lookAgain();
  };

  /** Gives the stream some fragments, unless it still has those of before. */
  #feed(): void {
    const bulk = this.#bulk!;
    if (this.#bulkWaits || this.#closed) return;
    const until = this.writtenBytes + BULK_BYTES;
    while (!bulk.isEmpty && this.writtenBytes < until) bulk.next(this.#writeBulk);
    this.#unsentBytes = this.#stream.bufferedBytes;
    // A turn later, and not when the stream drains: that can be at once, and others want their turn too.
    if (!this.#bulkWaits && !bulk.isEmpty) this.#schedule();
  }

  #writeBulk = (bytes: Buffer): void => {
    this.writtenBytes += bytes.length;
    this.writes++;
    if (!this.#stream.write(bytes)) this.#bulkWaits = true;
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
