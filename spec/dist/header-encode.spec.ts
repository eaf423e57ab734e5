import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { AtomWriter } from '../../src/dist/atom-writer.ts';
import { BulkQueue } from '../../src/dist/bulk.ts';
import { DistDecoder } from '../../src/dist/decode.ts';
import { DistEncoder } from '../../src/dist/encode.ts';
import { DecodeError, EncodeError, LimitError } from '../../src/errors.ts';
import type { PayloadCodec } from '../../src/payload/payload.ts';
import { atom } from '../../src/term/atom.ts';
import { TermDecoder } from '../../src/term/etf/decode.ts';
import { internPid, type Pid, Ref } from '../../src/term/identifiers.ts';
import { tuple } from '../../src/term/tuple.ts';
import { ALL, type Call, recorder } from './recorder.ts';

const us = internPid('a@h', 1, 2, 3);
const other = internPid('a@h', 2, 2, 3);
const them = internPid('b@h', 4, 5, 6);
const ref = new Ref('a@h', 3, [7, 8, 9]);
const KIB = 1024;

/** One direction of a link: what one end writes, and what the other makes of it. */
class Wire {
  readonly writer = new ByteWriter(64);
  readonly bulk = new BulkQueue();
  readonly calls: Call[];
  readonly encoder: DistEncoder;
  readonly #decoder: DistDecoder;
  /** Lengths of the frames that were read. */
  readonly frames: number[] = [];

  constructor(
    options: {
      cache?: boolean;
      fragments?: boolean;
      frameBytes?: number;
      open?: number;
      /** Both ends are ours. */
      packed?: Pick<PayloadCodec, 'read' | 'write'>;
    } = {},
  ) {
    const frameBytes = options.frameBytes ?? 1 << 24;
    const fragments = options.fragments ?? true;
    this.encoder = new DistEncoder({
      features: ALL,
      frameBytes,
      headers: true,
      atoms: options.cache === false ? undefined : new AtomWriter('a@h', 'b@h'),
      bulk: fragments ? this.bulk : undefined,
    });
    this.encoder.packed = options.packed;
    const { sink, calls } = recorder();
    this.calls = calls;
    this.#decoder = new DistDecoder({
      peer: 'a@h',
      packed: options.packed,
      terms: new TermDecoder({ binaries: 'bytes' }),
      sink,
      headers: true,
      fragments: fragments
        ? { frameBytes, fragmentedMessages: options.open ?? 100, fragmentedBytes: frameBytes }
        : undefined,
    });
  }

  /** Moves what was written. */
  flush(): void {
    const bytes = Buffer.from(this.writer.toBytes());
    this.writer.position = 0;
    this.read(bytes);
  }

  /** Moves one frame that waits. */
  next(): void {
    const parts: Buffer[] = [];
    this.bulk.next((part) => void parts.push(part));
    this.read(Buffer.concat(parts));
  }

  all(): Call[] {
    this.flush();
    while (!this.bulk.isEmpty) this.next();
    return this.calls.splice(0);
  }

  read(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at);
      this.frames.push(length);
      this.#decoder.frame(bytes, at + 4, at + 4 + length);
      at += 4 + length;
    }
  }
}

/** A call with the length in place of each long binary: comparing those byte by byte takes the test seconds. */
const sizes = (call: Call): unknown[] =>
  call.map((value) => {
    if (!(value instanceof Uint8Array)) return value;
    return value.every((byte) => byte === 200) ? value.length : 'other bytes';
  });

const data = (length: number): Uint8Array => new Uint8Array(length).fill(200);

describe('frames with a header', () => {
  it.each([[true], [false]])('carry every operation, twice (cache: %s)', (cache) => {
    const wire = new Wire({ cache });
    const { encoder: e, writer: w } = wire;
    const name = atom('svc');
    const message = tuple(atom('hi'), true, null, [us, them, ref], { k: atom('v') });
    const mfa = tuple(atom('m'), atom('f'), 1);
    for (let round = 0; round < 2; round++) {
      e.tick(w);
      e.send(w, them, message);
      e.sendSender(w, us, them, message);
      e.regSend(w, us, name, message);
      e.aliasSend(w, us, ref, message);
      e.link(w, us, them);
      e.unlinkId(w, 9n, us, them);
      e.unlinkIdAck(w, 9n, us, them);
      e.exit(w, us, them, message);
      e.exit2(w, us, them, message);
      e.monitor(w, us, name, ref);
      e.demonitor(w, us, them, ref);
      e.monitorExit(w, name, them, ref, message);
      e.groupLeader(w, us, them);
      e.spawnRequest(w, ref, us, us, mfa, [atom('link')], [1]);
      e.spawnReply(w, ref, them, 1, us);
      expect(wire.all()).toEqual([
        ['tick'],
        ['send', undefined, them, message],
        ['send', us, them, message],
        ['regSend', us, name, message],
        ['aliasSend', us, ref, message],
        ['link', us, them],
        ['unlinkId', 9n, us, them],
        ['unlinkIdAck', 9n, us, them],
        ['exit', us, them, message],
        ['exit2', us, them, message],
        ['monitor', us, name, ref],
        ['demonitor', us, them, ref],
        ['monitorExit', name, them, ref, message],
        ['groupLeader', us, them],
        ['spawnRequest', ref, us, us, mfa, [atom('link')], [1]],
        ['spawnReply', ref, them, 1, us],
      ]);
    }
    const [first, second] = [wire.frames.slice(1, 16), wire.frames.slice(17)];
    const shorter = first.filter((length, i) => length > second[i]!).length;
    expect(shorter).toBeGreaterThanOrEqual(cache ? 3 : 0);
    if (!cache) expect(second).toEqual(first);
  });

  it('are, with an empty header, byte for byte what a real node sends', () => {
    const { encoder, writer } = new Wire({ cache: false });
    encoder.link(writer, us, internPid('a@h', 1, 2, 3));
    const pid = '58770361406800000001 0000000200000003'.replaceAll(' ', '');
    expect(Buffer.from(writer.toBytes()).toString('hex')).toBe(
      `0000002b8344006803 6101${pid}${pid}`.replaceAll(' ', ''),
    );
  });

  it('hold at most 255 references; further atoms, and those too long for one, stand in the term', () => {
    const wire = new Wire();
    const many = Array.from({ length: 700 }, (_, i) => atom(`atom${i}`));
    const long = atom('ж'.repeat(200));
    for (let round = 0; round < 3; round++) {
      wire.encoder.sendSender(wire.writer, us, them, [...many, long, ...many]);
      expect(wire.all()[0]![3]).toEqual([...many, long, ...many]);
    }
  });

  it('keep atoms apart that share a slot', () => {
    const bySlot = new Map<number, string>();
    let pair: string[] = [];
    for (let i = 0; pair.length === 0; i++) {
      const known = bySlot.get(atom(`x${i}`).slot);
      if (known !== undefined) pair = [known, `x${i}`];
      bySlot.set(atom(`x${i}`).slot, `x${i}`);
    }
    const [a, b] = pair.map(atom);
    const wire = new Wire();
    const messages = [[a, b, a], [b], [a], [b, a, b]];
    for (const message of messages) wire.encoder.sendSender(wire.writer, us, them, message);
    expect(wire.all().map((call) => call[3])).toEqual(messages);
  });

  it('that cannot be encoded leave no trace, also not in the cache', () => {
    const wire = new Wire({ frameBytes: 1000 });
    const { encoder, writer } = wire;
    encoder.link(writer, us, them);
    const before = writer.position;
    const fresh = atom('fresh');
    expect(() => encoder.sendSender(writer, us, them, [fresh, () => 1])).toThrow(EncodeError);
    expect(() => encoder.sendSender(writer, us, them, [fresh, data(1000)])).toThrow('limits.frameBytes');
    expect(writer.position).toBe(before);
    encoder.sendSender(writer, us, them, [fresh]);
    expect(wire.all()[1]).toEqual(['send', us, them, [fresh]]);
  });

  it('of any values come back as they went, through a cache in any state', () => {
    const wire = new Wire();
    const term = fc.letrec((tie) => ({
      term: fc.oneof(
        { maxDepth: 3 },
        fc.string().map((name) => atom(name)),
        fc.constantFrom(us, them, other, internPid('c@h', 1, 1, 1), atom('ok'), atom('error')),
        fc.integer(),
        fc.array(tie('term'), { maxLength: 4 }),
        fc.array(tie('term'), { maxLength: 4 }).map((elements) => tuple(...elements)),
      ),
    })).term;
    const shown = new TermDecoder();
    fc.assert(
      fc.property(term, (message) => {
        const plain = new ByteWriter();
        new DistEncoder({ features: ALL, frameBytes: 1 << 20 }).sendSender(plain, us, them, message);
        const { sink, calls } = recorder();
        new DistDecoder({ peer: 'a@h', terms: shown, sink }).frame(plain.buffer, 4, plain.position);
        wire.encoder.sendSender(wire.writer, us, them, message);
        expect(wire.all()).toEqual(calls);
      }),
      { numRuns: 500 },
    );
  });
});

describe('messages above 64 KiB', () => {
  it('go in fragments of 65,536 bytes, and small ones of others pass between', () => {
    const wire = new Wire();
    const { encoder, writer } = wire;
    encoder.sendSender(writer, us, them, data(300 * KIB));
    wire.flush();
    expect(wire.calls).toEqual([]);
    wire.next();
    encoder.sendSender(writer, other, them, atom('urgent'));
    wire.flush();
    expect(wire.calls.splice(0)).toEqual([['send', other, them, atom('urgent')]]);
    expect(wire.all().map(sizes)).toEqual([['send', us, them, 300 * KIB]]);
    // 131, 69 and two numbers; then a header of two new node names.
    expect(wire.frames.map((length) => length % 65_536)).toEqual([
      18 + 1 + 2 + 2 * 5,
      18,
      expect.any(Number),
      18,
      18,
      expect.any(Number),
    ]);
    expect(wire.bulk.bytes).toBe(0);
  });

  it('are not overtaken by anything else of their sender, nor by what speaks for a name', () => {
    const wire = new Wire();
    const { encoder, writer } = wire;
    const name = atom('svc');
    encoder.sendSender(writer, us, them, data(100 * KIB));
    encoder.sendSender(writer, us, them, 1);
    encoder.monitorExit(writer, name, them, ref, 2);
    encoder.sendSender(writer, us, them, data(200 * KIB));
    encoder.sendSender(writer, other, them, data(500 * KIB));
    encoder.exit(writer, us, them, 3);
    encoder.link(writer, internPid('a@h', 99, 0, 3), them);
    const order = wire
      .all()
      .map(([method, from, , third, fourth]) => [
        method,
        from,
        fourth ?? (third as Uint8Array)?.length ?? third,
      ]);
    expect(order[0]![0]).toBe('link');
    const ours = order.filter(([, from]) => from === us).map(([method, , what]) => [method, what]);
    expect(ours).toEqual([
      ['send', 100 * KIB + 0],
      ['send', 1],
      ['send', 200 * KIB],
      ['exit', 3],
    ]);
    const down = order.findIndex(([method]) => method === 'monitorExit');
    expect(down).toBeGreaterThan(
      order.findIndex(([method, from, what]) => method === 'send' && from === us && what === 1),
    );
  });

  it('without FRAGMENTS are one frame', () => {
    const wire = new Wire({ fragments: false });
    wire.encoder.sendSender(wire.writer, us, them, data(300 * KIB));
    expect(wire.all().map(sizes)).toEqual([['send', us, them, 300 * KIB]]);
    expect(wire.frames).toHaveLength(1);
  });

  it('of any senders, cut anywhere between, arrive whole and in the order of each', () => {
    const senders = [us, other, internPid('a@h', 3, 0, 3)];
    const step = fc.record({
      sender: fc.nat(2),
      size: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 60_000, max: 300_000 })),
      moves: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, cache) => {
        const wire = new Wire({ cache });
        const sent = new Map<Pid, unknown[]>(senders.map((pid) => [pid, []]));
        const got = new Map<Pid, unknown[]>(senders.map((pid) => [pid, []]));
        steps.forEach(({ sender, size, moves }, i) => {
          const from = senders[sender]!;
          wire.encoder.sendSender(wire.writer, from, them, tuple(atom(`tag${i % 7}`), i, data(size)));
          sent.get(from)!.push([atom(`tag${i % 7}`), i, size]);
          if (moves > 0) wire.flush();
          for (let m = 1; m < moves && !wire.bulk.isEmpty; m++) wire.next();
        });
        for (const [, from, , message] of wire.all()) {
          const [tag, i, blob] = message as Iterable<unknown>;
          got.get(from as Pid)!.push([tag, i, (blob as Uint8Array).length]);
        }
        expect(got).toEqual(sent);
        expect(wire.bulk.bytes).toBe(0);
        expect(wire.bulk.isEmpty).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('messages above 256 KiB between nodes of ours', () => {
  const packed: Pick<PayloadCodec, 'read' | 'write'> = {
    write: (w, value) => {
      w.u8(0xc1);
      w.bytes(value as Uint8Array);
    },
    read: (buffer, start, end) => Uint8Array.from(buffer.subarray(start + 1, end)),
  };
  /** Data of the frames that were read, without heads and headers; control tuples are below 100 bytes. */
  const cut = (wire: Wire): number[] => wire.frames.map((length) => length - 18);

  it('go in equal parts of about as much, behind a first fragment that has the control tuple', () => {
    const wire = new Wire({ packed });
    wire.encoder.sendSender(wire.writer, us, them, data(1024 * KIB));
    // What is written now has no long part: that is copied no second time.
    expect(wire.writer.position).toBeLessThan(150);
    expect(wire.all().map(sizes)).toEqual([['send', us, them, 1024 * KIB]]);
    const [first, ...rest] = cut(wire);
    expect(first).toBeLessThan(130);
    expect(rest).toEqual([209_716, 209_716, 209_716, 209_716, 209_713]);
    expect(wire.bulk.bytes).toBe(0);
  });

  it('are one frame up to that, which others follow at once', () => {
    const wire = new Wire({ packed });
    wire.encoder.sendSender(wire.writer, us, them, data(256 * KIB));
    expect(wire.bulk.isEmpty).toBe(true);
    expect(wire.all().map(sizes)).toEqual([['send', us, them, 256 * KIB]]);
    expect(wire.frames).toHaveLength(1);
  });

  it('behind another one of their sender are cut likewise, and stay behind it', () => {
    const wire = new Wire({ packed });
    const { encoder, writer } = wire;
    encoder.sendSender(writer, us, them, data(300 * KIB));
    encoder.sendSender(writer, us, them, data(500 * KIB));
    encoder.sendSender(writer, other, them, data(10));
    expect(wire.all().map(sizes)).toEqual([
      ['send', other, them, 10],
      ['send', us, them, 300 * KIB],
      ['send', us, them, 500 * KIB],
    ]);
    // Of the first the tuple and two parts, of the second two; none longer than 256 KiB.
    expect(wire.frames).toHaveLength(1 + 2 + 1 + 2);
    expect(Math.max(...cut(wire))).toBeLessThanOrEqual(256 * KIB + 1);
  });

  it('are no longer than a frame may be, however they are cut', () => {
    const frameBytes = 300 * KIB;
    for (let above = -60; above <= 0; above++) {
      const wire = new Wire({ packed, frameBytes });
      const { encoder, writer } = wire;
      encoder.sendSender(writer, us, them, data(frameBytes + above - 200));
      // Held behind the first.
      try {
        encoder.sendSender(writer, us, them, data(frameBytes + above));
      } catch (error) {
        expect(error).toBeInstanceOf(EncodeError);
      }
      wire.all();
      expect(Math.max(...wire.frames)).toBeLessThanOrEqual(frameBytes);
    }
  });

  it('are no small frames beside which others are fed less', () => {
    const wire = new Wire({ packed });
    const { encoder, writer, bulk } = wire;
    encoder.sendSender(writer, us, them, data(300 * KIB));
    expect(bulk.longBytes).toBe(writer.position);
    encoder.sendSender(writer, other, them, data(200 * KIB));
    expect(bulk.longBytes).toBe(writer.position);
    encoder.sendSender(writer, other, them, data(10));
    expect(bulk.longBytes).toBeLessThan(writer.position);
  });

  it('of any senders and lengths arrive whole and in the order of each', () => {
    const senders = [us, other];
    const step = fc.record({
      sender: fc.nat(1),
      size: fc.oneof(fc.nat(100), fc.integer({ min: 250_000, max: 1_200_000 })),
      moves: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const wire = new Wire({ packed });
        const sent = new Map<Pid, number[]>(senders.map((pid) => [pid, []]));
        const got = new Map<Pid, unknown[]>(senders.map((pid) => [pid, []]));
        for (const { sender, size, moves } of steps) {
          const from = senders[sender]!;
          wire.encoder.sendSender(wire.writer, from, them, data(size));
          sent.get(from)!.push(size);
          if (moves > 0) wire.flush();
          for (let m = 1; m < moves && !wire.bulk.isEmpty; m++) wire.next();
        }
        for (const call of wire.all()) {
          const [, from, , length] = sizes(call);
          got.get(from as Pid)!.push(length);
        }
        expect(got).toEqual(sent);
      }),
      { numRuns: 30 },
    );
  });
});

describe('malformed headers and fragments', () => {
  const frame = (hex: string): Buffer => {
    const body = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    const bytes = Buffer.alloc(4 + body.length);
    bytes.writeUInt32BE(body.length);
    body.copy(bytes, 4);
    return bytes;
  };
  const numbers = (sequence: number, fragment: number): string =>
    sequence.toString(16).padStart(16, '0') + fragment.toString(16).padStart(16, '0');
  const first = (sequence: number, fragment: number, hex = ''): Buffer =>
    frame(`8345 ${numbers(sequence, fragment)} 00 ${hex}`);
  const further = (sequence: number, fragment: number, hex = ''): Buffer =>
    frame(`8346 ${numbers(sequence, fragment)} ${hex}`);

  it.each([
    ['a pass-through frame', frame('70836801')],
    ['another kind', frame('8347')],
    ['nothing behind the version byte', frame('83')],
    ['no count', frame('8344')],
    ['flags cut off', frame('834402')],
    ['references cut off', frame('834402 0000 01')],
    ['a slot that is empty', frame('834401 00 05 6802')],
    ['a new atom cut off', frame('834401 08 05 0461')],
    ['a new atom that is not UTF-8', frame('834401 08 05 01ff 6800')],
    ['a new atom of 256 characters', frame(`834401 18 05 0100${'61'.repeat(256)} 6800`)],
    ['a reference the header does not have', frame('834400 6804 6106 5200 5200 5200 6101')],
    ['a fragment cut off', frame('8345 0000')],
    ['a fragment 0', first(1, 0)],
    ['a further fragment without a first', further(1, 1)],
    ['a compressed payload', frame('834400 6803 6102 7700 58770361406800000001000000020000000350')],
  ])('%s: a DecodeError, and no call', (_, bytes) => {
    const wire = new Wire();
    expect(() => wire.read(bytes)).toThrow(DecodeError);
    expect(wire.calls).toEqual([]);
  });

  it('a fragment out of turn, or where none was agreed on', () => {
    const wire = new Wire();
    wire.read(first(1, 3, 'aa'));
    expect(() => wire.read(further(1, 1, 'aa'))).toThrow('expected fragment 2');
    expect(() => new Wire({ fragments: false }).read(first(1, 3))).toThrow('not agreed on');
  });

  it('more than the limits allow', () => {
    expect(() => new Wire().read(first(1, 2 ** 40))).toThrow(LimitError);
    const wire = new Wire({ open: 2 });
    wire.read(first(1, 2, 'aa'));
    wire.read(first(2, 2, 'aa'));
    // The same sequence anew takes the place of the old one.
    wire.read(first(2, 9, 'aa'));
    expect(() => wire.read(first(3, 2, 'aa'))).toThrow('limits.fragmentedMessages');
    const small = new Wire({ frameBytes: 100 });
    small.read(first(1, 3, 'aa'.repeat(80)));
    expect(() => small.read(further(1, 2, 'aa'.repeat(80)))).toThrow('limits.frameBytes');
    const crowd = new Wire({ frameBytes: 100 });
    crowd.read(first(1, 3, 'aa'.repeat(80)));
    expect(() => crowd.read(first(2, 3, 'aa'.repeat(80)))).toThrow('limits.fragmentedBytes');
  });

  it('mutated give calls, a DecodeError or a LimitError, nothing else', () => {
    const source = new Wire();
    const { encoder, writer } = source;
    for (let i = 0; i < 4; i++) {
      encoder.sendSender(writer, us, them, [atom(`a${i}`), i]);
      encoder.regSend(writer, us, atom('svc'), tuple(atom('call'), us, ref));
      encoder.sendSender(writer, i % 2 ? us : other, them, data(70 * KIB));
    }
    const parts: Buffer[] = [Buffer.from(writer.toBytes())];
    while (!source.bulk.isEmpty) source.bulk.next((part) => void parts.push(Buffer.from(part)));
    const stream = Buffer.concat(parts);
    const starts: number[] = [];
    for (let at = 0; at < stream.length; at += 4 + stream.readUInt32BE(at)) starts.push(at);
    fc.assert(
      fc.property(
        fc.nat(starts.length - 1),
        fc.nat(60),
        fc.uint8Array({ minLength: 1, maxLength: 4 }),
        (i, at, junk) => {
          const wire = new Wire();
          const copy = Buffer.from(stream);
          copy.set(junk, Math.min(starts[i]! + 4 + at, (starts[i + 1] ?? stream.length) - junk.length));
          try {
            wire.read(copy);
          } catch (error) {
            expect(error instanceof DecodeError || error instanceof LimitError, String(error)).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
