import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  at,
  atom,
  atoms,
  BitString,
  charlist,
  decodeTerm,
  encodeTerm,
  equalTerms,
  float,
  ImproperList,
  inspectTerm,
  type Node,
  Tuple,
  tuple,
} from '../../src/index.ts';
import { type Beam, describeBeam, otpRelease } from '../support/beam.ts';
import { Lab } from './lab.ts';

/** Every row of the table of terms, and the borders between encodings. */
const VALUES: readonly (readonly [title: string, value: unknown])[] = [
  ['small integers', [0, 1, -1, 255, 256, -256, 65_535]],
  ['integers at 32 bits', [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32]],
  ['the safe integers', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
  ['big integers', [2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 2039n, -(2n ** 2040n), 2n ** 4096n]],
  ['floats', [0.1, -1.5, 1e300, 5e-324, -0.5]],
  ['text', ['', 'a', 'größer', '日本語', '👩‍🚀', 'x'.repeat(70_000)]],
  ['bytes', [new Uint8Array([255, 0, 128]), new Uint8Array(100_000).fill(254)]],
  ['the JavaScript atoms', [true, false, null, undefined]],
  ['atoms', [atom('ok'), atom(''), atom('with space'), atom('größer'), atom('日'.repeat(255))]],
  ['lists', [[], [[]], [1, [2, [3]]], Array.from({ length: 70_000 }, (_, i) => i)]],
  ['charlists', [charlist('abc'), charlist('日本'), charlist('x'.repeat(70_000))]],
  ['improper lists', [new ImproperList([1, 2], 3), new ImproperList([atom('a')], 'tail')]],
  [
    'tuples',
    [tuple(), tuple(1), tuple(atom('ok'), tuple([])), new Tuple(Array.from({ length: 300 }, () => 1))],
  ],
  ['plain objects', [{}, { a: 1, b: { c: [null] } }]],
  ['objects with atom keys', [atoms({ id: 1, name: 'n' })]],
  [
    'maps',
    [
      new Map<unknown, unknown>([
        [1, 'one'],
        [tuple(1), [2]],
        [atom('a'), 1.5],
        ['t', {}],
      ]),
    ],
  ],
  [
    'bit strings',
    [new BitString(new Uint8Array([0b1010_0000]), 3), new BitString(new Uint8Array([7, 128]), 1)],
  ],
];

const base64 = (value: unknown) => Buffer.from(encodeTerm(value)).toString('base64');

describeBeam('terms of every kind', () => {
  let lab: Lab;
  let beam: Beam;
  let node: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [beam, node] = await Promise.all([lab.beam('beam'), lab.node('ours')]);
    node.spawn(
      async (self) => {
        for await (const message of self) {
          const { elements } = message as Tuple<[never, unknown]>;
          self.send(elements[0], tuple(atom('back'), elements[1]));
        }
      },
      [],
      { name: 'echo' },
    );
    await node.connect(beam.name);
  });

  afterAll(() => lab?.close());

  const echo = (value: unknown) => node.request(at(beam.name, 'server'), tuple(atom('echo'), value));

  it.each(VALUES)('come back from a BEAM as they went: %s', async (_, value) => {
    const back = await echo(value);
    expect(equalTerms(back, value), `${inspectTerm(back).slice(0, 300)}`).toBe(true);
  });

  it.each(VALUES)('mean the same to a BEAM: %s', async (_, value) => {
    const theirs = await beam.evalTerm(`binary_to_term(base64:decode("${base64(value)}"))`);
    expect(equalTerms(decodeTerm(theirs), value)).toBe(true);
    const again = base64(decodeTerm(theirs));
    expect(
      await beam.eval(
        `binary_to_term(base64:decode("${base64(value)}")) =:= binary_to_term(base64:decode("${again}"))`,
      ),
    ).toBe('true');
  });

  it('float(3) is a float to a BEAM; coming back it is a number like any other', async () => {
    expect(await beam.eval(`binary_to_term(base64:decode("${base64(float(3))}"))`)).toBe('3.0');
    expect(await echo(float(3))).toBe(3);
  });

  it('of a BEAM come back from ours exactly as they went', async () => {
    // Ports leave here in the form that OTP 26 and newer use for all of them, which OTP 23 cannot read.
    const port = otpRelease() === 23 ? 'no_port' : 'hd(erlang:ports())';
    const answer = await beam.eval(`
      Fun = fun(X) -> X + 1 end,
      Terms = [
        0, -1, 255, 256, 1 bsl 31, -(1 bsl 31), 1 bsl 53, -(1 bsl 53), 1 bsl 64, 1 bsl 2040, -(1 bsl 5000),
        1.5, -1.0e300, 5.0e-324,
        ok, '', 'with space', list_to_atom([26085 || _ <- lists:seq(1, 255)]), true, false, nil, undefined,
        <<>>, <<"text">>, <<255, 254>>, <<1:3>>, <<5, 1:1>>, binary:copy(<<"a">>, 100000),
        [], [1, 2, 3], "string", [a | b], [1, 2 | <<"tail">>], lists:seq(1, 70000), [[[]]],
        {}, {1}, {ok, {nested, [tuple]}}, erlang:make_tuple(300, x),
        #{}, #{a => 1}, #{<<"k">> => v}, #{1 => 2, {t} => [x], <<"b">> => #{}},
        maps:from_list([{I, I} || I <- lists:seq(1, 100)]),
        self(), make_ref(), ${port}, Fun, fun lists:map/2,
        spawn(fun() -> ok end), (catch apply(erlang, alias, [])), node(), {self(), [make_ref()]}
      ],
      [T || T <- Terms, begin
        {echo, '${node.name}'} ! {self(), T},
        receive {back, Back} -> Back =/= T after 10000 -> true end
      end]`);
    expect(answer).toBe('[]');
  });

  it('made up at random come back from a BEAM as they went', async () => {
    const leaf = fc.oneof(
      fc.maxSafeInteger(),
      fc.bigInt(),
      // Before OTP 27 a BEAM takes 0.0 and -0.0 for the same key.
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => float(x === 0 ? 0 : x)),
      fc.string({ unit: 'binary' }),
      fc.uint8Array(),
      fc.boolean(),
      fc.constantFrom(null, undefined),
      fc.string({ maxLength: 20 }).map(atom),
    );
    const { term } = fc.letrec((tie) => ({
      term: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('term'), { maxLength: 6 }),
        fc.array(tie('term'), { maxLength: 6 }).map((elements) => new Tuple(elements)),
        fc.dictionary(fc.string(), tie('term'), { maxKeys: 6 }),
        fc
          .uniqueArray(fc.tuple(leaf, tie('term')), { maxLength: 6, selector: ([key]) => base64(key) })
          .map((pairs) => new Map(pairs)),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.array(term, { minLength: 1, maxLength: 10 }), async (values) => {
        // An integral float reads back as a whole number: the one loss there is.
        const sent = decodeTerm(encodeTerm(values));
        expect(equalTerms(await echo(values), sent)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
