import { ByteWriter } from '../codec/writer.ts';
import type { Clock, TimerHandle } from '../env/clock.ts';
import type { Stream } from '../env/streams.ts';

/** A turn's bytes are written early past this, so that a long loop of sends does not hold them all. */
const FLUSH_BYTES = 128 * 1024;
/** Below this a copy is cheaper than a fresh buffer for the next turn. */
const COPY_BYTES = 32 * 1024;
/** How often a link above its mark is looked at where its stream has not promised to tell when it has emptied. */
const LOOK_MS = 10;

/**
 * What one link has still to send. Encoders append whole frames to `writer` and then call `wrote()`; all frames of
 * one turn of the event loop leave in one write to the stream.
 */
export class Outbox {
  readonly writer = new ByteWriter(64 * 1024);
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #highWaterBytes: number;
  readonly #drained: () => void;
  #scheduled = false;
  #closed = false;
  /** Bytes handed to the stream that the system had not taken at the last look. */
  #unsentBytes = 0;
  #aboveHighWater = false;
  #look: TimerHandle | undefined;
  writtenBytes = 0;
  writes = 0;

  constructor(stream: Stream, clock: Clock, highWaterBytes: number, drained: () => void) {
    this.#stream = stream;
    this.#clock = clock;
    this.#highWaterBytes = highWaterBytes;
    this.#drained = drained;
  }

  /** Bytes that have not left this process. */
  get waitingBytes(): number {
    return this.#closed ? 0 : this.writer.position + this.#stream.bufferedBytes;
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
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#clock.setImmediate(this.#onTurn);
    }
    if (this.writer.position >= FLUSH_BYTES) this.flush();
    if (this.writer.position + this.#unsentBytes <= this.#highWaterBytes) return true;
    this.#aboveHighWater = true;
    return false;
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
    this.#clock.clearTimeout(this.#look);
  }

  #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
    if (this.#aboveHighWater) this.#lookAgain();
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
