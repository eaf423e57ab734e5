import { ByteWriter } from '../codec/writer.ts';
import type { Clock } from '../env/clock.ts';
import type { Stream } from '../env/streams.ts';

/** A turn's bytes are written early past this, so that a long loop of sends does not hold them all. */
const FLUSH_BYTES = 128 * 1024;
/** Below this a copy is cheaper than a fresh buffer for the next turn. */
const COPY_BYTES = 32 * 1024;

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
  writtenBytes = 0;
  writes = 0;

  constructor(stream: Stream, clock: Clock, highWaterBytes: number, drained: () => void) {
    this.#stream = stream;
    this.#clock = clock;
    this.#highWaterBytes = highWaterBytes;
    this.#drained = drained;
  }

  /** Bytes that have not left this process, as of the last look at the stream. */
  get waitingBytes(): number {
    return this.writer.position + this.#unsentBytes;
  }

  /**
   * Frames were appended: see that they leave. False when the link is above its high-water mark; `drained` is
   * called once it has emptied.
   */
  wrote(): boolean {
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
    if (this.#aboveHighWater && this.waitingBytes <= this.#highWaterBytes) {
      this.#aboveHighWater = false;
      this.#drained();
    }
  }

  /** True until `drain` has brought the link below its mark again. */
  get isAboveHighWater(): boolean {
    return this.#aboveHighWater;
  }

  close(): void {
    this.#closed = true;
    this.writer.position = 0;
  }

  #onTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}
