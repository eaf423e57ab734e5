import { expect, it } from 'vitest';
import { EncodeError } from '../../src/errors.ts';
import { copier } from '../../src/payload/copier.ts';
import { EtfPayload } from '../../src/payload/etf.ts';
import { MsgpackPayload } from '../../src/payload/msgpack.ts';
import { plain, SURVIVES } from './values.ts';

it.each(SURVIVES)('a copy as between Beamish nodes is equal: %s', (_, value) => {
  expect(plain(copier(new MsgpackPayload())(value))).toStrictEqual(plain(value));
});

it('a copy shares nothing, and what cannot travel fails', () => {
  const copy = copier(new MsgpackPayload());
  const original = { list: [1], bytes: Uint8Array.of(1, 2) };
  const first = copy(original) as typeof original;
  expect(first).not.toBe(original);
  expect(first.list).not.toBe(original.list);
  copy('something else that is written over the first');
  expect(first).toStrictEqual(original);
  expect(() => copy(() => 1)).toThrow(EncodeError);
  expect(copy('after')).toBe('after');
  expect(() => copier(new EtfPayload())(new Date())).toThrow(EncodeError);
});
