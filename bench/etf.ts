/**
 * The external term format against JSON and other codecs, on values that all can hold: what a message costs before it is sent
 * (`encode`: value to bytes) and after it came (`decode`: bytes to value).
 */
import { decode, encode } from '@msgpack/msgpack';
import { Erlang } from 'erlang_js';
import { Packr } from 'msgpackr';
import { ByteWriter } from '../src/codec/writer.ts';
import { encodeInto, TermDecoder } from '../src/term/index.ts';
import { median } from './row.ts';

export interface EtfRow {
  readonly name: string;
  readonly unit: string;
  /** Of all rounds; their median is the row's number. */
  readonly measurements: readonly number[];
  /** Our speed by theirs: above 1 is faster. The first is the one that the goal is held against. */
  readonly ratios: readonly { readonly other: string; readonly ratio: number }[];
  readonly goal: number;
}

const SAMPLES: Readonly<Record<string, () => unknown>> = {
  'small request': () => ({ type: 'add', id: 4711, by: 2, tags: ['a', 'bc'], ok: true }),
  'order with lines': () => ({
    id: 'ord-2024-000123',
    customer: { name: 'Grace Hopper', email: 'grace@example.com', country: 'US', vip: true, visits: 137 },
    lines: Array.from({ length: 8 }, (_, i) => ({
      sku: `SKU-${1000 + i}`,
      title: `Article number ${i}`,
      quantity: i + 1,
      price: 19.95 + i,
      note: null,
    })),
    total: 1234.5,
    paid: false,
  }),
  'table of 200 rows': () =>
    Array.from({ length: 200 }, (_, i) => ({
      id: i * 1000,
      name: `user ${i}`,
      score: i / 7,
      active: i % 2 === 0,
    })),
  'list of 1,000 integers': () => Array.from({ length: 1000 }, (_, i) => i * 37),
  'list of 1,000 floats': () => Array.from({ length: 1000 }, (_, i) => i / 3),
  'list of 500 short strings': () => Array.from({ length: 500 }, (_, i) => `item-${i}`),
  'text of 10,000 characters': () => 'The quick brown fox jumps over the lazy dog. '.repeat(222),
  'text of 2,000 characters, not ASCII': () => 'Grüße, 世界! 😀 '.repeat(150),
};

/** Another way to turn the same value into bytes and back. */
interface Codec {
  readonly name: string;
  encode(value: unknown): Uint8Array;
  decode(bytes: Buffer): unknown;
  /** What it takes for the sample, where that is not the plain value; made once, outside the measurement. */
  prepare?(value: unknown): unknown;
}

const packr = new Packr({ useRecords: false });

/** The goal is held against the first of these; the others say where the field stands. */
const OTHERS: readonly [Codec, ...Codec[]] = [
  {
    name: 'JSON',
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(bytes.toString('utf8')),
  },
  { name: '@msgpack/msgpack', encode: encode, decode: decode },
  { name: 'msgpackr', encode: (value) => packr.pack(value), decode: (bytes) => packr.unpack(bytes) },
  {
    name: 'erlang_js',
    // It answers a callback, but within the call. Its own form of a list is an object, as is that of a map.
    encode: (value) => answer((callback) => Erlang.term_to_binary(value, callback)) as Buffer,
    decode: (bytes) => answer((callback) => Erlang.binary_to_term(bytes, callback)),
    prepare: erlangJsTerm,
  },
];

function answer(call: (callback: (error: unknown, value: unknown) => void) => void): unknown {
  let given: unknown;
  call((error, value) => {
    if (error) throw error;
    given = value;
  });
  return given;
}

function erlangJsTerm(value: unknown): unknown {
  if (typeof value === 'string') return new Erlang.OtpErlangBinary(Buffer.from(value));
  if (Array.isArray(value)) return new Erlang.OtpErlangList(value.map(erlangJsTerm));
  if (value === null) return new Erlang.OtpErlangAtom('nil');
  if (typeof value === 'object')
    return new Erlang.OtpErlangMap(
      new Map(Object.entries(value).map(([key, of]) => [erlangJsTerm(key), erlangJsTerm(of)])),
    );
  return value;
}

/** One sample: how each codec encodes it and decodes it, ours first. */
interface Race {
  readonly name: string;
  readonly contenders: readonly (() => unknown)[];
}

function races(): Race[] {
  return Object.entries(SAMPLES).flatMap(([name, make]) => {
    const value = make();
    const writer = new ByteWriter(65_536);
    const decoder = new TermDecoder();
    encodeInto(writer, value);
    const etf = Buffer.from(writer.toBytes());
    const prepared = OTHERS.map((codec) => {
      const given = codec.prepare?.(value) ?? value;
      return { codec, given, bytes: Buffer.from(codec.encode(given)) };
    });
    const encode = (): unknown => {
      writer.position = 0;
      encodeInto(writer, value);
      return writer.position;
    };
    const others = prepared.map(({ codec, given, bytes }) => ({
      encode: () => codec.encode(given),
      decode: () => codec.decode(bytes),
    }));
    return [
      { name: `encode: ${name}`, contenders: [encode, ...others.map((other) => other.encode)] },
      {
        name: `decode: ${name}`,
        contenders: [() => decoder.decode(etf, 0, etf.length), ...others.map((other) => other.decode)],
      },
    ];
  });
}

/** One row for each sample and direction. */
export async function etfRows(): Promise<EtfRow[]> {
  const rows: EtfRow[] = [];
  for (const { name, contenders } of races()) {
    rows.push(row(name, race(contenders)));
    await undefined;
  }
  return rows;
}

/** For a profile: our side of each sample and direction, and how many times `run` does it. */
export function etfWork(): readonly { readonly name: string; readonly count: number; run(): void }[] {
  return races().map(({ name, contenders: [ours] }) => {
    warmUp(ours!);
    const count = calibrate(ours!) * PROFILED_ROUNDS;
    return { name, count, run: () => void rate(ours!, count) };
  });
}

const PROFILED_ROUNDS = 15;

function row(name: string, [ours = [], ...theirs]: readonly (readonly number[])[]): EtfRow {
  const ratios = OTHERS.map(({ name: other }, i) => ({
    other,
    ratio: median(ours) / median(theirs[i] ?? []),
  }));
  return { name, unit: 'per second', measurements: ours, ratios, goal: 1 };
}

/** Runs of each per second, in rounds in which all take turns, so that a busy moment hurts all of them. */
function race(contenders: readonly (() => unknown)[]): readonly (readonly number[])[] {
  for (const contender of contenders) warmUp(contender);
  const counts = contenders.map(calibrate);
  const rates: number[][] = contenders.map(() => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, contender] of contenders.entries()) rates[i]!.push(rate(contender, counts[i]!));
  return rates;
}

/**
 * Until the engine has compiled what runs; on a busy machine, whose compiler waits for its turn, ours were still at a
 * quarter of their speed after 200 ms, and JSON, which is native, at all of it.
 */
function warmUp(run: () => unknown): void {
  const end = performance.now() + WARM_MS;
  while (performance.now() < end) kept = run();
}

const WARM_MS = 400;
const ROUNDS = 7;
const ROUND_MS = 20;

function calibrate(run: () => unknown): number {
  let count = 8;
  while (count < 1e7 && count / rate(run, count) < ROUND_MS / 1000) count *= 2;
  return count;
}

/** What runs return goes here, so that the engine cannot leave the work out. */
let kept: unknown;

function rate(run: () => unknown, count: number): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) kept = run();
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

export const lastResult = (): unknown => kept;
