import { describe, expect, it } from 'vitest';
import { resolver } from '../../src/platform/resolver.ts';

describe('the resolver', () => {
  it('finds the loopback address by its name, as the system does', async () => {
    const addresses = await resolver.lookup('localhost');
    expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
  });

  it('leaves an address as it is', async () => {
    expect(await resolver.lookup('127.0.0.1')).toEqual(['127.0.0.1']);
  });
});
