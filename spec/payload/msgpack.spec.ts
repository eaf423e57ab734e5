import { Encoder, ExtData } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DecodeError, EncodeError } from '../../src/errors.ts';
import { EtfPayload } from '../../src/payload/etf.ts';
import { MSGPACK_MAGIC, MsgpackPayload, survivesEtf } from '../../src/payload/msgpack.ts';
import type { PayloadCodec } from '../../src/payload/payload.ts';
import {
  AtomMap,
  atom,
  atoms,
  BitString,
  ExternalFun,
  ImproperList,
  internPid,
  Port,
  Ref,
  tuple,
} from '../../src/term/index.ts';

function trip(value: unknown, codec: PayloadCodec = new MsgpackPayload()): unknown {
  const writer = new ByteWriter(16);
  codec.write(writer, value);
  const bytes = Buffer.from(writer.toBytes());
  const read = codec.read(bytes, 0, bytes.length);
  bytes.fill(0xff); // nothing that was read may point into the frame
  return read;
}

describe('a message between Beamish nodes', () => {
  it.each([
    ['undefined, also inside', { a: undefined, b: [undefined, 1] }],
    ['minus zero, NaN and infinities', [-0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['bytes that happen to be text', new Uint8Array([104, 105])],
    ['strings', ['', 'grüße', '😀']],
    [
      'maps',
      new Map<unknown, unknown>([
        ['a', [1]],
        [{ k: 1 }, new Map()],
        [1, 'one'],
      ]),
    ],
    ['sets', new Set([1, 'a', new Set()])],
    ['dates', [new Date(0), new Date(1_700_000_000_123), new Date(Number.NaN)]],
    ['bigints', [0n, -1n, 2n ** 200n, -(2n ** 64n)]],
    ['typed arrays', [new Float64Array([1.5, -0]), new Int16Array([-1, 7]), new BigUint64Array([2n ** 63n])]],
    [
      'atoms, tuples and identifiers',
      tuple(
        atom('ok'),
        tuple(),
        internPid('a@b', 1, 2, 3),
        new Ref('a@b', 1, [1, 2, 3]),
        new Port('a@b', 9n, 1),
      ),
    ],
    [
      'other terms',
      [
        new ImproperList([1, new Date(5)], atom('t')),
        new BitString(new Uint8Array([160]), 3),
        new ExternalFun(atom('m'), atom('f'), 2),
      ],
    ],
    ['maps with atom keys', atoms({ id: 1, at: new Date(9) })],
  ])('carries %s', (_title, value) => {
    expect(trip(value)).toStrictEqual(value);
  });

  it('keeps the class of an atom map, and an own key named __proto__', () => {
    expect(trip(atoms({}))).toBeInstanceOf(AtomMap);
    const odd = JSON.parse('{"__proto__": {"x": 1}, "a": 2}') as object;
    const back = trip(odd) as object;
    expect(Object.keys(back)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
  });

  it('carries errors with name, message, stack and cause', () => {
    const error = new TypeError('outer', { cause: new Error('inner') });
    const back = trip(error) as TypeError;
    expect(back).toBeInstanceOf(TypeError);
    expect(back.message).toBe('outer');
    expect(back.stack).toBe(error.stack);
    expect((back.cause as Error).message).toBe('inner');
    class Odd extends Error {
      override name = 'Odd';
    }
    expect((trip(new Odd('x')) as Error).name).toBe('Odd');
  });

  it('refuses what cannot travel, saying what it was', () => {
    class Point {}
    expect(() => trip(() => 1)).toThrow(EncodeError);
    expect(() => trip([Symbol('x')])).toThrow(/symbol/);
    expect(() => trip(new Point())).toThrow(/instance of Point/);
    expect(() => trip('\ud800')).toThrow(EncodeError);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => trip(cycle)).toThrow(/contains itself/);
    const loop = new Map();
    loop.set('self', loop);
    expect(() => trip(loop)).toThrow(EncodeError);
  });

  it('says which extension type of a newer version it does not know', () => {
    const bytes = Buffer.concat([
      Buffer.from([MSGPACK_MAGIC]),
      new Encoder().encode(new ExtData(99, new Uint8Array(1))),
    ]);
    expect(() => new MsgpackPayload().read(bytes, 0, bytes.length)).toThrow(/extension type 99.*newer/);
  });

  it('answers any bytes with a value or a DecodeError', () => {
    const codec = new MsgpackPayload();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        const bytes = Buffer.concat([Buffer.from([MSGPACK_MAGIC]), random]);
        try {
          codec.read(bytes, 0, bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    maxDepth: 4,
  });

  it('carries any structure equal, in whichever of the two forms it takes', () => {
    const etf = new EtfPayload();
    fc.assert(
      fc.property(anything, (value) => {
        expect(trip(value)).toStrictEqual(value);
        if (survivesEtf(value)) expect(trip(value, etf)).toStrictEqual(value);
      }),
      { numRuns: 2_000 },
    );
  });
});
