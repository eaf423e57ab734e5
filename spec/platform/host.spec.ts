import { describe, expect, it } from 'vitest';
import { platformEnv } from '../../src/platform/index.ts';

const { host } = platformEnv();

describe('the host', () => {
  it('knows its short name', () => {
    expect(host.hostname()).toMatch(/^[^.]+$/);
  });

  it('knows its interfaces, loopback among them', () => {
    expect(host.interfaces()).toContainEqual(
      expect.objectContaining({ address: '127.0.0.1', family: 'IPv4', internal: true }),
    );
  });

  it.runIf(process.platform === 'linux')('knows an interface by its name, and what is none', () => {
    expect(host.hasInterface?.('lo')).toBe(true);
    for (const name of ['nope0', '', '.', '..', '../net/lo', 'lo/', 'lo 1'])
      expect(host.hasInterface?.(name)).toBe(false);
  });

  it('knows what the program takes of memory', () => {
    const { residentBytes, heapBytes, heapUsedBytes, externalBytes } = host.memory();
    for (const bytes of [residentBytes, heapBytes, heapUsedBytes, externalBytes])
      expect(bytes).toBeGreaterThan(0);
    expect(heapUsedBytes).toBeLessThanOrEqual(heapBytes);
  });

  it('reads environment variables', () => {
    expect(host.variable('PATH')).toBe(process.env.PATH);
    expect(host.variable('BEAMISH_SURELY_UNSET')).toBeUndefined();
  });
});
