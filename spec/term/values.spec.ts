import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { DecodeError, EncodeError } from '../../src/errors.ts';
import { publishPid, settleAt } from '../../src/term/identifiers.ts';
import {
  AtomMap,
  atom,
  atoms,
  BitString,
  bytes,
  charlist,
  decodeTerm,
  ExternalFun,
  encodeTerm,
  ImproperList,
  internPid,
  Pid,
  Ref,
  text,
  tuple,
} from '../../src/term/index.ts';

describe('atoms', () => {
  test('of one name are one object', () => {
    expect(atom('some_name')).toBe(atom(['some', 'name'].join('_')));
    expect(`${atom('x')}`).toBe('x');
  });

  test('have at most 255 characters, however many bytes these take', () => {
    expect(atom('😀'.repeat(255)).name).toHaveLength(510);
    expect(() => atom('😀'.repeat(256))).toThrow(EncodeError);
    expect(() => atom('a'.repeat(256))).toThrow(/255 characters, this one has 256/);
    expect(() => atom('\ud800')).toThrow(EncodeError);
    expect(() => atom(1 as never)).toThrow(EncodeError);
  });

  test('show their name and nothing else to whoever serialises them, and are written from behind a proxy', () => {
    const wrapped = new Proxy(atom('shown'), {});
    const bytes = encodeTerm([wrapped, wrapped]);
    for (const one of [atom('shown'), atom('shown')]) {
      expect(JSON.stringify(one)).toBe('{"name":"shown"}');
      expect(structuredClone(one)).toStrictEqual({ name: 'shown' });
      expect(encodeTerm([one, one])).toEqual(bytes);
    }
    expect(wrapped.slot).toBe(atom('shown').slot);
    expect(atom('shown').slot).toBeGreaterThan(0);
  });
});

describe('pids', () => {
  test('that were published are found by their parts', () => {
    const pid = new Pid('mine@h', 5, 6, 7);
    publishPid(pid);
    publishPid(pid);
    expect(internPid('mine@h', 5, 6, 7)).toBe(pid);
    expect(internPid('mine@h', 5, 6, 8)).not.toBe(pid);
  });

  test.each([
    ['a proxy', (pid: Pid): Pid => new Proxy(pid, {})],
    ['an object made from it', (pid: Pid): Pid => Object.create(pid) as Pid],
    ['a copy', ({ node, id, serial, creation }: Pid): Pid => new Pid(node, id, serial, creation)],
  ])('%s never stands for a pid, also where it is encoded first', (title, wrap) => {
    for (const encodedFirst of [true, false]) {
      const pid = new Pid(`${title}@h`, 50, 6, encodedFirst ? 1 : 2);
      pid.resident = { system: {} };
      const home = {
        pidOf: (id: number, _: number, creation: number) => {
          return id === 50 && creation === pid.creation ? pid : undefined;
        },
      };
      settleAt(pid.node, home);
      const wrapped = wrap(pid);
      if (!encodedFirst) encodeTerm(pid);
      const bytes = encodeTerm(wrapped);
      expect(decodeTerm(bytes)).toBe(pid);
      expect(bytes).toEqual(encodeTerm(wrap(pid)));
      expect(bytes).toEqual(encodeTerm(pid));
      expect(decodeTerm(bytes)).toBe(pid);
      expect(decodeTerm(encodeTerm([wrapped]))).toEqual([pid]);
      expect(decodeTerm(encodeTerm(wrapped))).toBe(pid);
    }
  });

  test('that are heard of before they are built give way to those of a process', () => {
    const heard = internPid('mine@h', 52, 6, 7);
    const pid = new Pid('mine@h', 52, 6, 7);
    encodeTerm(pid);
    expect(internPid('mine@h', 52, 6, 7)).toBe(heard);
    const own = new Pid('mine@h', 52, 6, 7);
    own.resident = { system: {} };
    encodeTerm(own);
    expect(internPid('mine@h', 52, 6, 7)).toBe(own);
  });

  test('of whom only a proxy was encoded are genuine', () => {
    const pid = new Pid('mine@h', 53, 6, 7);
    const back = decodeTerm(encodeTerm(new Proxy(pid, {}))) as Pid;
    expect([back instanceof Pid, Pid.isGenuine(back), `${back}`]).toEqual([true, true, `${pid}`]);
  });

  test('show their parts and nothing else to whoever serialises them, before and after they travelled', () => {
    const pid = new Pid('mine@h', 51, 6, 7);
    const ref = new Ref('mine@h', 7, [1, 2, 3]);
    for (let i = 0; i < 2; i++) {
      const parts = { node: 'mine@h', id: 51, serial: 6, creation: 7 };
      expect(JSON.stringify(pid)).toBe(JSON.stringify(parts));
      expect(structuredClone(pid)).toStrictEqual(parts);
      expect(inspect(pid, { customInspect: false })).not.toMatch(/wire|resident/);
      expect(JSON.stringify(ref)).toBe('{"node":"mine@h","creation":7,"words":[1,2,3]}');
      encodeTerm([pid, ref]);
      ref.key;
    }
  });
});

describe('references', () => {
  test('have a key, also behind a proxy', () => {
    const ref = new Ref('mine@h', 7, [1, 2, 3]);
    expect(new Proxy(ref, {}).key).toBe(ref.key);
    expect((Object.create(ref) as Ref).key).toBe(ref.key);
    expect(encodeTerm(new Proxy(ref, {}))).toEqual(encodeTerm(ref));
  });
});

describe('tuples and maps', () => {
  test('a tuple destructures, counts and answers by position', () => {
    const [tag, value] = tuple(atom('ok'), 42);
    expect([tag, value]).toEqual([atom('ok'), 42]);
    expect([tuple(1, 2, 3).length, tuple(1, 2, 3).at(-1), tuple(1).at(5 as never)]).toEqual([
      3,
      3,
      undefined,
    ]);
  });

  test('an AtomMap reads like an object', () => {
    const map = atoms({ id: 1, name: 'x' });
    expect(map).toBeInstanceOf(AtomMap);
    expect([map.id, map.name, Object.keys(map)]).toEqual([1, 'x', ['id', 'name']]);
    expect(JSON.stringify(map)).toBe('{"id":1,"name":"x"}');
  });
});

describe('text and bytes', () => {
  test('text reads strings, binaries, charlists and iodata', () => {
    expect(text('é')).toBe('é');
    expect(text(Buffer.from('é'))).toBe('é');
    expect(text(charlist('a😀'))).toBe('a😀');
    expect(text([104, ['i', Buffer.from('!')]])).toBe('hi!');
    for (const wrong of [1, null, Uint8Array.of(255), [-1], [0xd800], [1.5], [0x110000], {}])
      expect(() => text(wrong)).toThrow(DecodeError);
  });

  test('bytes reads strings and binaries', () => {
    expect(bytes('é')).toEqual(Uint8Array.of(0xc3, 0xa9));
    const own = Uint8Array.of(255);
    expect(bytes(own)).toBe(own);
    expect(() => bytes([1])).toThrow(DecodeError);
    expect(() => bytes('\ud800')).toThrow(EncodeError);
  });

  test('a charlist is a list of code points', () => {
    expect(charlist('a😀')).toEqual([97, 0x1f600]);
  });
});

describe('rarer terms', () => {
  test('check what they are made of', () => {
    expect(() => new BitString(new Uint8Array(0), 1)).toThrow(EncodeError);
    expect(() => new BitString(new Uint8Array(1), 8)).toThrow(EncodeError);
    expect(() => new ImproperList([], 1)).toThrow(EncodeError);
    expect(() => new ImproperList([1], [])).toThrow(EncodeError);
    expect(() => new ExternalFun(atom('m'), atom('f'), 256)).toThrow(EncodeError);
  });

  test('bits that are not used are cleared in a copy', () => {
    const given = Uint8Array.of(0xff);
    expect(new BitString(given, 3).bytes).toEqual(Uint8Array.of(0xe0));
    expect(given).toEqual(Uint8Array.of(0xff));
  });
});
