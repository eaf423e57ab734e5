import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LengthFramer } from '../../src/codec/framer.ts';
import { ByteWriter } from '../../src/codec/writer.ts';
import { AtomWriter } from '../../src/dist/atom-writer.ts';
import { BulkQueue } from '../../src/dist/bulk.ts';
import { DistDecoder } from '../../src/dist/decode.ts';
import { DistEncoder } from '../../src/dist/encode.ts';
import { DecodeError, LimitError } from '../../src/errors.ts';
import { atom } from '../../src/term/atom.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { internPid, type Pid } from '../../src/term/identifiers.ts';
import { ALL, type Call, recorder } from './recorder.ts';

const MIB = 1024 * 1024;
const pidOf = (id: number): Pid => internPid('a@h', id, 2, 3);
const them = internPid('b@h', 4, 5, 6);

/** The way in of one link, as a connection joins it: chunks, frames, and pieces that go straight to their message. */
class Way {
  readonly calls: Call[];
  /** Bytes of fragments that were never gathered as frames. */
  placedBytes = 0;
  readonly #framer: LengthFramer;
  readonly #decoder: DistDecoder;

  constructor(limits: Partial<{ frameBytes: number; fragmentedBytes: number }> = {}) {
    const { frameBytes = 64 * MIB, fragmentedBytes = 128 * MIB } = limits;
    const { sink, calls } = recorder();
    this.calls = calls;
    this.#decoder = new DistDecoder({
      peer: 'a@h',
      terms: new TermDecoder({ binaries: 'bytes' }),
      sink,
      headers: true,
      fragments: { frameBytes, fragmentedBytes, fragmentedMessages: 100 },
    });
    this.#framer = new LengthFramer(4, frameBytes, 'frameBytes');
    this.#framer.room = (buffer, start, end, length) => {
      const room = this.#decoder.room(buffer, start, end, length);
      if (room !== undefined) this.placedBytes += length;
      return room;
    };
  }

  /** Reads a chunk, which is then overwritten: nothing may rely on it any more. */
  push(chunk: Uint8Array): void {
    const framer = this.#framer;
    framer.push(chunk);
    while (framer.next()) {
      if (framer.isPlaced) this.#decoder.placed();
      else this.#decoder.frame(framer.buffer, framer.start, framer.end, framer.isOwn);
    }
    chunk.fill(0xee);
  }
}

/** Bytes that differ at every place and from message to message. */
function blob(length: number, seed: number): Uint8Array {
  const data = new Uint8Array(length);
  for (let i = 0, x = seed + 1; i < length; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff;
    data[i] = x >> 16;
  }
  return data;
}

/** What a sender's end of a link writes for these messages, fragments of the senders taking turns. */
function streamOf(messages: readonly { readonly sender: number; readonly data: unknown }[]): Buffer {
  const bulk = new BulkQueue();
  const writer = new ByteWriter(64);
  const atoms = new AtomWriter('a@h', 'b@h');
  const encoder = new DistEncoder({ features: ALL, frameBytes: 64 * MIB, headers: true, atoms, bulk });
  for (const { sender, data } of messages) encoder.sendSender(writer, pidOf(sender), them, data);
  const parts = [Buffer.from(writer.toBytes())];
  while (!bulk.isEmpty) bulk.next((part) => void parts.push(Buffer.from(part)));
  return Buffer.concat(parts);
}

const numbers = (sequence: number, fragment: number): Buffer => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(sequence, 4);
  bytes.writeUInt32BE(fragment, 12);
  return bytes;
};
const fragment = (kind: 69 | 70, sequence: number, number: number, data: Uint8Array): Buffer => {
  const header = kind === 69 ? [Buffer.from([0])] : [];
  const body = Buffer.concat([Buffer.from([131, kind]), numbers(sequence, number), ...header, data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
};

describe('messages in chunks of any size', () => {
  it('arrive as they were sent, also when the chunks are used for other things at once', () => {
    const message = fc.record({
      sender: fc.integer({ min: 1, max: 3 }),
      size: fc.oneof(
        fc.nat(300),
        fc.integer({ min: 20_000, max: 70_000 }),
        fc.integer({ min: 70_000, max: 400_000 }),
      ),
    });
    const cut = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1000, max: 100_000 }));
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 6 }),
        fc.array(cut, { minLength: 1, maxLength: 30 }),
        (messages, cuts) => {
          const sent = messages.map(({ sender, size }, i) => ({ sender, data: blob(size, i) }));
          const stream = streamOf(sent);
          const way = new Way();
          // The cuts given, then big ones: many small ones would take too long.
          for (let at = 0, i = 0; at < stream.length; i++) {
            const end = Math.min(stream.length, at + (cuts[i] ?? 65_536));
            way.push(Uint8Array.from(stream.subarray(at, end)));
            at = end;
          }
          for (const sender of [1, 2, 3]) {
            const got = way.calls
              .filter(([, from]) => from === pidOf(sender))
              .map((call) => call[3] as Uint8Array);
            const expected = sent.filter((one) => one.sender === sender).map(({ data }) => data);
            expect(got.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
            got.forEach((data, i) => {
              expect(Buffer.compare(data, expected[i]!)).toBe(0);
            });
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('may be cut inside the header of a first fragment, which names atoms', () => {
    const names = Array.from({ length: 40 }, (_, i) => atom(`${'long'.repeat(50)}${i}`));
    const data = blob(100_000, 5);
    // Twice: the second message refers to what the first has put into the cache.
    const stream = streamOf([1, 2].map((sender) => ({ sender, data: [names, data] })));
    for (const cut of [10, 23, 24, 30, 45, 300, 5_000, 9_000, 20_000, 66_000, 140_000]) {
      const way = new Way();
      way.push(Uint8Array.from(stream.subarray(0, cut)));
      way.push(Uint8Array.from(stream.subarray(cut)));
      expect(way.calls).toHaveLength(2);
      for (const call of way.calls) {
        const [seen, bytes] = call[3] as [unknown[], Uint8Array];
        expect(seen).toEqual(names);
        expect(Buffer.compare(bytes, data)).toBe(0);
      }
    }
  });

  it('copy a big binary once: its fragments where it stays, and it is not copied out', () => {
    const data = blob(4 * MIB, 1);
    const stream = streamOf([{ sender: 1, data }]);
    const way = new Way();
    for (let at = 0; at < stream.length; at += 65_536)
      way.push(Uint8Array.from(stream.subarray(at, at + 65_536)));
    const got = way.calls[0]![3] as Uint8Array;
    expect(Buffer.compare(got, data)).toBe(0);
    expect(way.placedBytes).toBeGreaterThan(3 * MIB);
    expect(got.byteOffset).toBeGreaterThan(0);
    // It keeps little else alive.
    expect(got.buffer.byteLength).toBeLessThan(1.1 * data.length);
    expect(Object.getPrototypeOf(got)).toBe(Uint8Array.prototype);
  });

  it('copy out what is a small part of its message', () => {
    const encoder = new DistEncoder({ features: ALL, frameBytes: MIB, headers: true });
    const writer = new ByteWriter();
    encoder.sendSender(writer, pidOf(1), them, [blob(40_000, 1), blob(40_000, 2), blob(40_000, 3)]);
    const way = new Way();
    const stream = Buffer.from(writer.toBytes());
    way.push(Uint8Array.from(stream.subarray(0, 50_000)));
    way.push(Uint8Array.from(stream.subarray(50_000)));
    const got = way.calls[0]![3] as Uint8Array[];
    got.forEach((part, i) => {
      expect(Buffer.compare(part, blob(40_000, i + 1))).toBe(0);
      expect(part.buffer.byteLength).toBe(40_000);
    });
  });

  it('are refused as whole frames are, wherever the chunk ends', () => {
    const piece = new Uint8Array(50_000);
    const cases: readonly (readonly [string, typeof DecodeError | typeof LimitError, readonly Buffer[]])[] = [
      ['without a first', DecodeError, [fragment(70, 1, 1, piece)]],
      ['expected fragment 2', DecodeError, [fragment(69, 1, 3, piece), fragment(70, 1, 1, piece)]],
      ['without a first', DecodeError, [fragment(69, 1, 3, piece), fragment(70, 2, 2, piece)]],
      [
        'limits.frameBytes',
        LimitError,
        [fragment(69, 1, 5, piece), fragment(70, 1, 4, piece), fragment(70, 1, 3, piece)],
      ],
      [
        'limits.fragmentedBytes',
        LimitError,
        [69, 70].flatMap((kind) => [1, 2].map((n) => fragment(kind as 69 | 70, n, 74 - kind, piece))),
      ],
    ];
    for (const [message, kind, frames] of cases) {
      const stream = Buffer.concat(frames);
      for (const short of [1, 100, 40_000, 49_990]) {
        const way = new Way({ frameBytes: 120_000, fragmentedBytes: 180_000 });
        const read = (): void => {
          way.push(Uint8Array.from(stream.subarray(0, -short)));
          way.push(Uint8Array.from(stream.subarray(-short)));
        };
        expect(read, `${message}, ${short}`).toThrow(message);
        expect(read).toThrow(kind);
        expect(way.calls).toEqual([]);
      }
    }
  });

  it('promise what they like: memory is given for what has come', () => {
    const way = new Way({ frameBytes: 128 * MIB, fragmentedBytes: 512 * MIB });
    const before = process.memoryUsage().arrayBuffers;
    for (let sequence = 1; sequence <= 50; sequence++)
      way.push(fragment(69, sequence, 2000, new Uint8Array(1000)));
    // A frame of 100 MiB, of which ten bytes come.
    const head = Buffer.alloc(14);
    head.writeUInt32BE(100 * MIB);
    way.push(head);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
  });
});
