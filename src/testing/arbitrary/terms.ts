import { atom } from '../../term/atom.ts';
import { atoms } from '../../term/atom-map.ts';
import { BitString } from '../../term/binary.ts';
import { Float } from '../../term/float.ts';
import { ExternalFun } from '../../term/fun.ts';
import { internPid, Port, Ref } from '../../term/identifiers.ts';
import { ImproperList } from '../../term/list.ts';
import { Tuple } from '../../term/tuple.ts';
import { type Arbitrary, fastCheck } from './library.ts';

/**
 * Any value that has a term in Erlang: what `encodeTerm` takes, and what a message may be.
 * @throws OptionsError where fast-check is not installed
 */
export function anyTerm(): Arbitrary<unknown> {
  const fc = fastCheck();

  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  const nodeName = fc.constantFrom('a@127.0.0.1', 'b@host.example', 'zürich@h');
  const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => value.isWellFormed());
  const atomName = fc.oneof(
    fc.constantFrom('ok', 'error', '$gen_call', 'true', 'nil', '', '__proto__'),
    fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => [...value].length <= 255),
  );
  /** The four that decode to JavaScript values are left out, so that values compare by identity. */
  const plainAtom = atomName
    .filter((name) => !['true', 'false', 'nil', 'undefined'].includes(name))
    .map((name) => atom(name));

  const scalar = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.integer({ min: -2, max: 257 }),
    fc.bigInt({ min: -(2n ** 2100n), max: 2n ** 2100n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    // An integral float comes back as an integer, the one loss there is: what is made here comes back as it was.
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((value) => !Number.isSafeInteger(value) || Object.is(value, -0))
      .map((value) => new Float(value)),
    text,
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(true, false, null, undefined),
    plainAtom,
    fc
      .tuple(nodeName, u32, u32, u32)
      .map(([node, id, serial, creation]) => internPid(node, id, serial, creation)),
    fc
      .tuple(nodeName, u32, fc.array(u32, { maxLength: 5 }))
      .map(([node, creation, words]) => new Ref(node, creation, words)),
    fc
      .tuple(nodeName, fc.bigInt(0n, 2n ** 64n - 1n), u32)
      .map(([node, id, creation]) => new Port(node, id, creation)),
    fc
      .tuple(plainAtom, plainAtom, fc.integer({ min: 0, max: 255 }))
      .map(([module, name, arity]) => new ExternalFun(module, name, arity)),
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 7 }))
      .map(([bytes, bits]) => new BitString(bytes, bits)),
  );

  return fc.letrec((tie) => ({
    term: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('container')),
    container: fc.oneof(
      fc.array(tie('term'), { maxLength: 6 }),
      fc.array(fc.integer({ min: -1, max: 256 }), { maxLength: 40 }),
      fc.array(tie('term'), { maxLength: 6 }).map((elements) => new Tuple(elements)),
      fc
        .tuple(fc.array(tie('term'), { minLength: 1, maxLength: 4 }), scalar)
        .map(([elements, tail]) => new ImproperList(elements, tail)),
      fc.dictionary(text, tie('term'), { maxKeys: 6, noNullPrototype: true }),
      fc.dictionary(atomName, tie('term'), { maxKeys: 6 }).map((object) => atoms(object)),
      fc
        .uniqueArray(scalar, { maxLength: 5, selector: keyText })
        .chain((keys) =>
          fc
            .array(tie('term'), { minLength: keys.length, maxLength: keys.length })
            .map((values) => new Map(keys.map((key, i) => [key, values[i]]))),
        ),
    ),
  })).term;
}

/** Different for keys that are different terms, whatever JavaScript makes of them. */
function keyText(key: unknown): string {
  if (key instanceof Uint8Array) return `bytes ${Buffer.from(key).toString('latin1')}`;
  if (typeof key === 'string') return `bytes ${Buffer.from(key).toString('latin1')}`;
  if (key instanceof Float || (typeof key === 'number' && !Number.isSafeInteger(key)))
    return `float ${Number(key)}`;
  if (Object.is(key, -0)) return 'float 0';
  if (typeof key === 'number' || typeof key === 'bigint') return `integer ${key}`;
  if (key instanceof BitString) return `bits ${key.bytes.join()}:${key.bits}`;
  if (key instanceof Ref) return `ref ${key.key}`;
  return JSON.stringify(key, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)) ?? String(key);
}
