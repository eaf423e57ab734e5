/**
 * Vectors recorded from OTP 23, 25, 27 and 29; `about` in the file tells how. Every one decodes to the term its
 * JSON tells, and the term encodes to the bytes of OTP 27 where encodings differ, or to an equal term where the
 * order of a map, an old tag or compression leaves a choice.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/errors.ts';
import { decodeTerm, encodeTerm } from '../../../src/term/index.ts';
import { comparable, hasFun, type Tagged, tag, untag } from './tagged.ts';

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly json: Tagged;
  readonly options?: unknown;
  readonly reencoded?: string;
  readonly result?: 'ok' | 'error';
  readonly other_releases_hex?: Readonly<Record<string, string | null>>;
}

interface Golden {
  readonly encode: readonly Vector[];
  readonly encode_named_node: readonly Vector[];
  readonly encode_identifiers_otp27: readonly Vector[];
  readonly decode: readonly Vector[];
  readonly malformed: readonly Vector[];
  readonly truncation: { readonly source_hex: string; readonly source_json: Tagged };
  readonly every_tag: { readonly results: Readonly<Record<string, string>> };
}

const golden: Golden = JSON.parse(readFileSync(new URL('../../golden/etf.json', import.meta.url), 'utf8'));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const decodeHex = (hex: string): unknown => decodeTerm(Buffer.from(hex, 'hex'));
const encodings = [...golden.encode, ...golden.encode_named_node, ...golden.encode_identifiers_otp27];

describe('terms written by OTP', () => {
  test.each(encodings)(
    '$name decodes, in the encoding of every release',
    ({ hex, json, other_releases_hex }) => {
      for (const bytes of [hex, ...Object.values(other_releases_hex ?? {})]) {
        // Null where a release could not write the term so.
        if (bytes === null) continue;
        expect(tag(decodeHex(bytes))).toEqual(comparable(json));
      }
    },
  );

  test.each(encodings)('$name survives being read and written again', ({ hex, json }) => {
    expect(tag(decodeTerm(encodeTerm(decodeHex(hex))))).toEqual(comparable(json));
  });

  /** Where we choose another of several legal encodings. */
  const choice = (vector: Vector): boolean =>
    vector.hex.startsWith('8350') || // compressed
    JSON.stringify(vector.options ?? '').includes('minor_version') || // old atoms, floats as text
    /map|heartbeat|struct/.test(vector.name) || // the order of keys differs even between releases
    /\(hash order\)|deterministic/.test(vector.name) ||
    vector.name.includes('gen call') || // node names with the old atom tag inside
    vector.hex.startsWith('8359'); // NEW_PORT_EXT: since OTP 26 all ports are V4_PORT_EXT

  const exact = encodings.filter((vector) => !hasFun(vector.json) && !choice(vector));

  test.each(exact)('$name is written with the same bytes', (vector) => {
    expect(hexOf(encodeTerm(untag(vector.json)))).toBe(modern(vector));
  });

  const loose = encodings.filter((vector) => !hasFun(vector.json) && choice(vector));

  test.each(loose)('$name is written as an equal term', ({ json }) => {
    expect(tag(decodeTerm(encodeTerm(untag(json))))).toEqual(comparable(json));
  });

  test.each(encodings.filter(({ json }) => json.fun !== undefined))(
    '$name goes back byte for byte',
    ({ hex }) => {
      expect(hexOf(encodeTerm(decodeHex(hex)))).toBe(hex);
    },
  );

  test.each(exact.slice(0, 200))('$name is an error at every cut', ({ hex }) => {
    const bytes = Buffer.from(hex, 'hex');
    if (bytes.length > 700) return;
    for (let cut = 0; cut < bytes.length; cut++)
      expect(() => decodeTerm(bytes.subarray(0, cut))).toThrow(DecodeError);
  });
});

/** The bytes as OTP 27 writes them: with UTF-8 atom tags. */
function modern(vector: Vector): string {
  const newer = vector.other_releases_hex?.otp27;
  if (typeof newer === 'string') return newer;
  return vector.hex.replace(/^(83(?:58|5a....|78|71)?)64(....)/, (_, head, length) => {
    const bytes = Number.parseInt(length, 16);
    return `${head}77${bytes.toString(16).padStart(2, '0')}`;
  });
}

describe('bytes made by hand', () => {
  /** Where we are stricter than OTP 25, on purpose: its reading breaks OTP 27, or differs between releases. */
  const stricter = new Set(['EXPORT_EXT arity 256 as INTEGER_EXT']);
  const accepted = golden.decode.filter(({ result, name }) => result === 'ok' && !stricter.has(name));
  const refused = golden.decode.filter(({ result, name }) => result === 'error' || stricter.has(name));

  test.each(accepted)('$name is the same term as what OTP writes after reading it', ({ hex, reencoded }) => {
    expect(tag(decodeHex(hex))).toEqual(tag(decodeHex(reencoded!)));
  });

  test.each(refused)('$name is refused', ({ hex }) => {
    expect(() => decodeHex(hex)).toThrow(DecodeError);
  });

  test.each(golden.malformed)('$name gives $result', ({ hex, result }) => {
    if (result === 'ok') decodeHex(hex);
    else expect(() => decodeHex(hex)).toThrow(DecodeError);
  });

  test('a term is refused at every cut', () => {
    const bytes = Buffer.from(golden.truncation.source_hex, 'hex');
    expect(tag(decodeTerm(bytes))).toEqual(comparable(golden.truncation.source_json));
    for (let cut = 0; cut < bytes.length; cut++)
      expect(() => decodeTerm(bytes.subarray(0, cut))).toThrow(DecodeError);
  });

  test('every tag is taken or refused as OTP does, the runtime-internal ones excepted', () => {
    for (const [tagNumber, result] of Object.entries(golden.every_tag.results)) {
      const bytes = Buffer.concat([Buffer.from([131, Number(tagNumber)]), Buffer.alloc(12)]);
      const internal = tagNumber === '73' || tagNumber === '75';
      if (result.startsWith('ok') && !internal) decodeTerm(bytes);
      else expect(() => decodeTerm(bytes), `tag ${tagNumber}`).toThrow(DecodeError);
    }
  });
});
