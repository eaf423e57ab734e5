import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
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

  it('writes output, much at once too, and lives on when nobody reads it any more', async () => {
    const program = `
      import { host } from './src/platform/host.ts';
      for (let i = 0; i < 20; i++) host.output('line ' + i + '\\n');
      process.stdin.once('data', () => {
        let left = 3;
        const more = () => {
          host.output('nobody hears this\\n');
          if (left-- > 0) setTimeout(more, 10);
          else process.exit(7);
        };
        more();
      });
    `;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
    const errors = text(child.stderr);
    const exited = once(child, 'exit');
    let written = '';
    for await (const chunk of child.stdout) {
      written += String(chunk);
      if (written.includes('line 19')) break;
    }
    // Leaving the loop has closed our end.
    child.stdin.write('go on\n');
    expect(await exited).toEqual([7, null]);
    expect(await errors).toBe('');
  });
});
