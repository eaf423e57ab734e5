import { describe, expect, it } from 'vitest';
import { describeReason } from '../../src/process/reasons.ts';
import { atom } from '../../src/term/atom.ts';
import { atoms } from '../../src/term/atom-map.ts';
import { Pid } from '../../src/term/identifiers.ts';
import { tuple } from '../../src/term/tuple.ts';

describe('an exit reason for people', () => {
  it.each([
    [atom('normal'), 'normal'],
    [tuple(atom('shutdown'), new Pid('a@b', 1, 2, 3)), '{shutdown, <a@b:1.2>}'],
    [tuple(atom('undef'), [tuple(atom('sums'), 'add', [1, 2.5])]), '{undef, [{sums, "add", [1, 2.5]}]}'],
    [tuple(tuple(atom('js_error'), 'TypeError', 'no'), ['at x']), 'TypeError: no'],
    [tuple(atom('bad'), { a: 1 }, atoms({ b: [null] })), '{bad, #{<<"a">> => 1}, #{b => [nil]}}'],
    [new Map([[1, tuple()]]), '#{1 => {}}'],
    [new Uint8Array([255, 0]), '<<255,0>>'],
    [undefined, 'undefined'],
    [tuple(), '{}'],
  ])('%s is %s', (reason, text) => {
    expect(describeReason(reason)).toBe(text);
  });

  it('tells how long bytes are, and shows how they begin', () => {
    const text = describeReason(tuple(atom('big'), new Uint8Array(5_000_000).fill(255)));
    expect(text).toMatch(/^\{big, <<(255,){63}255\.\.\. 5000000 bytes>>\}$/);
  });

  it('is cut, whatever is long in it', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = tuple(deep);
    for (const reason of [
      'x'.repeat(1_000_000),
      tuple(tuple(atom('js_error'), 'Error', 'x'.repeat(1_000_000)), []),
      Array.from({ length: 1_000_000 }, (_, i) => i),
      Array.from({ length: 1_000 }, () => Array.from({ length: 1_000 }, () => tuple(1, 'x'))),
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, i])),
      new Map([[1, 'x'.repeat(1_000_000)]]),
      deep,
    ]) {
      const text = describeReason(reason);
      expect(text.length).toBeLessThan(2_100);
      expect(text).toContain('...');
    }
  });

  it('looks no further than it tells', () => {
    const list = Array.from({ length: 5_000 }, (_, i) => i);
    Object.defineProperty(list, 4_000, { get: () => expect.fail('looked at what is not told') });
    expect(describeReason([list, list])).toMatch(/^\[\[0, 1, 2, .*\.\.\.$/);
  });
});
