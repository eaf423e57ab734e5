import { DecodeError } from '../../errors.ts';

const NOTHING = Buffer.alloc(0);

/** The place where a decoder reads, and the checks that each reading makes. */
export class TermCursor {
  buffer: Buffer = NOTHING;
  /** Where reading goes on; after `decode`, the byte after the term. */
  position = 0;
  end = 0;
  /** The memory behind the buffer holds nothing else and is not written again: parts of it may be given away. */
  isOwn = false;

  private base = 0;

  /** Puts the cursor on `buffer[start..end)`. */
  begin(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.position = start;
    this.base = start;
    this.end = end;
  }

  /** Lets go of the buffer, so that an idle connection does not keep its last chunk alive. */
  release(): void {
    this.buffer = NOTHING;
    this.position = 0;
    this.end = 0;
  }

  /** Tag of the next term, which is not consumed. */
  peekTag(): number {
    if (this.position >= this.end) this.fail('expected a term, nothing remains');
    return this.buffer[this.position]!;
  }

  /** Bytes read since `begin`: what errors call the offset. */
  protected get offset(): number {
    return this.position - this.base;
  }

  protected fail(message: string): never {
    throw new DecodeError(message, this.offset);
  }

  protected need(count: number): void {
    if (count > this.end - this.position)
      this.fail(`expected ${count} more bytes, ${this.end - this.position} remain`);
  }

  protected u16(): number {
    this.need(2);
    const p = this.position;
    this.position = p + 2;
    return (this.buffer[p]! << 8) | this.buffer[p + 1]!;
  }

  protected u32(): number {
    this.need(4);
    const b = this.buffer;
    const p = this.position;
    this.position = p + 4;
    return ((b[p]! << 24) | (b[p + 1]! << 16) | (b[p + 2]! << 8) | b[p + 3]!) >>> 0;
  }

  /** A u32 count of things that take at least `each` bytes: refused before anything is made for them. */
  protected count(each: number, what: string): number {
    const count = this.u32();
    if (count * each > this.end - this.position) {
      this.position -= 4;
      this.fail(`a ${what} of ${count} is announced, ${this.end - this.position - 4} bytes remain`);
    }
    return count;
  }
}
