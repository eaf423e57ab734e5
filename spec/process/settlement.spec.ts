import { expect, it, vi } from 'vitest';
import { Settlement } from '../../src/process/settlement.ts';
import { heldBytes } from '../support/collected.ts';

it('the last promise that was made is not kept, nor what it was settled with', async () => {
  const before = await heldBytes();
  const settle = async (): Promise<number> => {
    const settlement = new Settlement<Uint8Array>();
    settlement.resolve(new Uint8Array(8_000_000));
    return (await settlement.promise).length;
  };
  expect(await settle()).toBe(8_000_000);
  await vi.waitFor(async () => expect((await heldBytes()) - before).toBeLessThan(4_000_000), {
    timeout: 10_000,
  });
});
