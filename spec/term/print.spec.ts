import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  atom,
  atoms,
  BitString,
  charlist,
  ExternalFun,
  float,
  ImproperList,
  inspectTerm,
  internPid,
  Port,
  Ref,
  tuple,
} from '../../src/term/index.ts';
import { writeTerm } from '../../src/term/print.ts';
import { exactly } from './etf/twin.ts';

describe('terms in Erlang syntax', () => {
  test.each([
    [tuple(atom('ok'), { id: 1 }), '{ok,#{<<"id">> => 1}}'],
    [atoms({ id: [1, 2], 'two words': null }), "#{id => [1,2],'two words' => nil}"],
    [new Map([[tuple(1), 'x']]), '#{{1} => <<"x">>}'],
    [
      [atom('Upper'), atom(''), atom("it's"), atom('end'), atom('a@h_1'), atom('ж')],
      "['Upper','','it\\'s','end',a@h_1,'ж']",
    ],
    [['', 'say "hi"\n', 'é', Uint8Array.of(255, 0)], '[<<>>,<<"say \\"hi\\"\\n">>,<<"é"/utf8>>,<<255,0>>]'],
    [charlist('abc'), '"abc"'],
    [[97, 1], '[97,1]'],
    [[true, false, null, undefined], '[true,false,nil,undefined]'],
    [new ImproperList([1, 2], atom('t')), '[1,2|t]'],
    [new BitString(Uint8Array.of(1, 0xa0), 3), '<<1,5:3>>'],
    [
      [float(2), 1.5, -0, 1e22, 2n ** 70n, 5e-324, 0.001],
      '[2.0,1.5,-0.0,1.0e22,1180591620717411303424,5.0e-324,0.001]',
    ],
    [internPid('a@h', 10, 2, 1), '#Pid<a@h.10.2>'],
    [new Ref('a@h', 1, [1, 2, 3]), '#Ref<a@h.3.2.1>'],
    [new Port('a@h', 7n, 1), '#Port<a@h.7>'],
    [new ExternalFun(atom('lists'), atom('map'), 2), 'fun lists:map/2'],
    [[() => 1, new Date(0), Number.NaN], '[#JS<function>,#JS<Date>,#JS<NaN>]'],
  ])('%# %s', (value, expected) => {
    expect(inspectTerm(value)).toBe(expected);
  });

  test('floats look as OTP prints them', () => {
    const golden = JSON.parse(readFileSync(new URL('../golden/etf.json', import.meta.url), 'utf8'));
    for (const { name, hex, text } of golden.encode)
      if (name.startsWith('float')) expect(inspectTerm(exactly(Buffer.from(hex, 'hex')))).toBe(text);
  });

  test('console.log and util.inspect show the same', () => {
    expect(inspect({ reply: tuple(atom('ok'), [internPid('a@h', 1, 0, 1)]) })).toBe(
      '{ reply: {ok,[#Pid<a@h.1.0>]} }',
    );
    expect(inspect([atoms({ a: 1 }), float(1), atom('A b')])).toBe("[ #{a => 1}, 1.0, 'A b' ]");
  });

  test('text made of a term, as in a template, is its Erlang syntax', () => {
    expect(`${internPid('a@h', 1, 0, 1)} ${new Ref('a@h', 1, [1, 2])} ${new Port('a@h', 5n, 1)}`).toBe(
      '#Pid<a@h.1.0> #Ref<a@h.2.1> #Port<a@h.5>',
    );
    expect(`${tuple(atom('ok'), 1)} ${new ImproperList([1], 2)}`).toBe('{ok,1} [1|2]');
  });

  test('plainly, text and charlists are the numbers that they are made of', () => {
    expect(writeTerm(['ab', [97, 98], atom('a b'), tuple(new Uint8Array([255]), 1)])).toBe(
      "[<<97,98>>,[97,98],'a b',{<<255>>,1}]",
    );
  });

  test('cycles, depth and shared branches end', () => {
    let shared: unknown[] = [];
    for (let i = 0; i < 60; i++) shared = [shared, shared];
    expect(inspectTerm(shared).length).toBeLessThan(1_000_000);
    const cycle: unknown[] = [];
    cycle.push(cycle, cycle);
    expect(inspectTerm(cycle)).toContain('...');
  });
});
