import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { Locator, type LocatorOptions } from '../../src/kernel/locator.ts';

const { signal } = new AbortController();
const REFUSED = new ConnectionError('cannot connect to 127.0.0.1, port 4369: ECONNREFUSED');

function locator(options: Partial<LocatorOptions> = {}) {
  const asked: string[] = [];
  const made = new Locator({
    nodePort: undefined,
    usesMapper: true,
    maxHeard: 2,
    lookup: async (alive, host) => {
      asked.push(`${alive}@${host}`);
      if (alive === 'lost') throw REFUSED;
      return alive === 'known' ? { port: 4_000, highestVersion: 6 } : undefined;
    },
    ...options,
  });
  const hear = (name: string, port: number) =>
    made.during(name, { host: 'h', port }, () => made.locate(name, signal));
  return { made, asked, hear, at: async (name: string) => (await made.locate(name, signal)).port };
}

describe('where a node is', () => {
  it('is where a rumour says while it lasts; later the port mapper is asked first', async () => {
    const { asked, hear, at } = locator();
    expect(await hear('known@h', 5_000)).toEqual({ host: 'h', port: 5_000 });
    expect(asked).toEqual([]);
    expect(await at('known@h')).toBe(4_000);
  });

  it('is where it was last said to be, when the port mapper does not know or does not answer', async () => {
    const { hear, at } = locator();
    for (const name of ['unknown@h', 'lost@h']) {
      await expect(at(name)).rejects.toThrow(ConnectionError);
      await hear(name, 5_000);
      await hear(name, 5_001);
      expect(await at(name)).toBe(5_001);
    }
  });

  it('is where it was last said to be, before any port mapper is asked, for a node that uses none itself', async () => {
    const { asked, hear, at } = locator({ usesMapper: false });
    await hear('known@h', 5_000);
    expect(await at('known@h')).toBe(5_000);
    expect(asked).toEqual([]);
    expect(await at('known@elsewhere')).toBe(4_000);
  });

  it('is forgotten for those that were said later, and never overrules what was told', async () => {
    const { made, hear, at } = locator();
    for (const name of ['a@h', 'b@h', 'a@h', 'c@h']) await hear(name, 5_000);
    await expect(at('b@h')).rejects.toThrow('no node named b');
    expect(await at('a@h')).toBe(5_000);
    made.tell('a@h', { port: 6_000 });
    expect(await hear('a@h', 5_000)).toEqual({ host: 'h', port: 6_000 });
  });
});
