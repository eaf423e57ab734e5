/**
 * The external term format against JSON, on values that both can hold: what a message costs before it is sent
 * (`encode`: value to bytes) and after it came (`decode`: bytes to value).
 */
import { ByteWriter } from '../src/codec/writer.ts';
import { encodeInto, TermDecoder } from '../src/term/index.ts';

export interface EtfRow {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** What it is compared with. */
  readonly against: string;
  /** Our speed by theirs: above 1 is faster. */
  readonly ratio: number;
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

/** One row for each sample and direction. */
export async function etfRows(): Promise<EtfRow[]> {
  const rows: EtfRow[] = [];
  for (const [name, make] of Object.entries(SAMPLES)) {
    const value = make();
    const writer = new ByteWriter(65_536);
    const decoder = new TermDecoder();
    encodeInto(writer, value);
    const etf = Buffer.from(writer.toBytes());
    const json = Buffer.from(JSON.stringify(value));
    const [encode, encodeJson] = race(
      () => {
        writer.position = 0;
        encodeInto(writer, value);
        return writer.position;
      },
      () => Buffer.from(JSON.stringify(value)).length,
    );
    const [decode, decodeJson] = race(
      () => decoder.decode(etf, 0, etf.length),
      () => JSON.parse(json.toString('utf8')),
    );
    rows.push(row(`encode: ${name}`, encode, encodeJson), row(`decode: ${name}`, decode, decodeJson));
    await undefined;
  }
  return rows;
}

function row(name: string, ours: number, theirs: number): EtfRow {
  return {
    name,
    unit: 'per second',
    value: Math.round(ours),
    against: 'JSON',
    ratio: ours / theirs,
    goal: 1,
  };
}

/** Runs of each per second: the median of rounds that alternate, so that a busy moment hurts both. */
function race(ours: () => unknown, theirs: () => unknown): [number, number] {
  const count = calibrate(theirs);
  const rates: [number[], number[]] = [[], []];
  for (let round = 0; round < 9; round++) {
    rates[0].push(rate(ours, count));
    rates[1].push(rate(theirs, count));
  }
  return [median(rates[0]), median(rates[1])];
}

const ROUND_MS = 25;

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

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

export const lastResult = (): unknown => kept;
