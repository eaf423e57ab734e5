import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ownMemory } from '../../src/codec/own-memory.ts';

const BYTES = 64 * 1024;

/** Scavenges while half a GiB of buffers comes and goes, as in a flood of messages. */
async function scavenges(allocate: (bytes: number) => Buffer): Promise<number> {
  let count = 0;
  const tally = (entries: readonly PerformanceEntry[]) => {
    for (const { detail } of entries as readonly (PerformanceEntry & {
      readonly detail: { kind: number };
    })[]) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) count++;
    }
  };
  const observer = new PerformanceObserver((list) => tally(list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  for (let i = 0; i < 8_192; i++) {
    allocate(BYTES)[0] = i;
    if (i % 64 === 0) await turn();
  }
  tally(observer.takeRecords());
  observer.disconnect();
  return count;
}

describe('memory for what is kept', () => {
  it('has the bytes that were asked for, and memory of its own', () => {
    for (const bytes of [0, 1, 4_096, 32_768, 1_000_000, 10_000_000]) {
      const memory = ownMemory(bytes);
      expect([memory.length, memory.byteOffset, memory.buffer.byteLength]).toEqual([bytes, 0, bytes]);
    }
  });

  it('has the engine look for large buffers that nobody wants before their sum is great', async () => {
    const plain = await scavenges((bytes) => Buffer.allocUnsafeSlow(bytes));
    const asked = await scavenges(ownMemory);
    expect(asked).toBeGreaterThan(plain * 2);
    // For every 5 MiB at least: 8 have collections of the whole heap follow.
    expect(asked).toBeGreaterThan(512 / 5);
  });

  it('shows the function that it asks with to nobody else', () => {
    for (let i = 0; i < 256; i++) ownMemory(BYTES);
    expect(Object.hasOwn(globalThis, 'gc')).toBe(false);
    expect(runInNewContext('typeof gc')).toBe('undefined');
  });
});
