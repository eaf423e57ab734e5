import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../support/rejections/program.ts', import.meta.url));

interface Outcome {
  readonly said: unknown[];
  readonly stderr: string;
  readonly code: number | null;
}

function play(scene: string, ...flags: string[]): Promise<Outcome> {
  const program = spawn(process.execPath, ['--import', 'tsx', ...flags, PROGRAM, scene], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  program.stdout.setEncoding('utf8').on('data', (more: string) => {
    stdout += more;
  });
  program.stderr.setEncoding('utf8').on('data', (more: string) => {
    stderr += more;
  });
  return new Promise((resolve) => {
    program.once('close', (code) => {
      const lines = stdout.split('\n').filter((line) => line !== '');
      resolve({ said: lines.map((line) => JSON.parse(line) as unknown), stderr, code });
    });
  });
}

describe('a promise that is rejected for nobody', () => {
  it('is the exit reason of the process whose handler made it, at once or later', async () => {
    const { said, stderr, code } = await play('handlers');
    expect(said).toEqual([
      { log: 'error' },
      { method: 'now', end: 'RangeError: left behind by a synchronous handler' },
      { log: 'error' },
      { method: 'later', end: 'RangeError: left behind by an asynchronous handler' },
      { log: 'error' },
      { method: 'call', end: 'noproc' },
      { alive: 'pong', left: false },
      { listeners: 1 },
    ]);
    expect([stderr, code]).toEqual(['', 0]);
  });

  it('is the exit reason of the function that runs as a process; each node has its own', async () => {
    const { said, code } = await play('bodies');
    expect(said).toEqual([
      { log: 'error' },
      { end: 'RangeError: of a@127.0.0.1' },
      { log: 'error' },
      { end: 'RangeError: of b@127.0.0.1' },
      { listeners: 1 },
      { listeners: 0 },
    ]);
    expect(code).toBe(0);
  });

  it('is noted when its process has ended, and passed over when that is why', async () => {
    const { said, code } = await play('late');
    expect(said).toEqual([{ log: 'warning' }, { counters: 1 }]);
    expect(code).toBe(0);
  });

  it('is noted, as is a throw, where a listener of a signal leaves it behind at the end of its process', async () => {
    const { said, stderr, code } = await play('listeners');
    const warnings = Array.from({ length: 3 }, () => ({ log: 'warning' }));
    expect(said).toHaveLength(5);
    expect(said).toEqual(expect.arrayContaining([{ end: 'killed' }, ...warnings]));
    expect(said.at(-1)).toEqual({ heard: ['abort'], counters: 3, pong: 'pong' });
    expect([stderr, code]).toEqual(['', 0]);
  });

  it('is the caller’s when it is a call that fails, whoever made it fail', async () => {
    const { said, code } = await play('callers');
    const end = 'shutdown';
    expect(said).toEqual([
      { end, server: true },
      { end, server: false },
    ]);
    expect(code).toBe(0);
  });

  it('in a raw callback is the process’s from Node.js 24 on; before, it ends the program and says why', async () => {
    const { said, stderr, code } = await play('callbacks');
    if (Number.parseInt(process.versions.node, 10) >= 24) {
      expect(said).toEqual(
        ['timer', 'immediate', 'socket'].flatMap((method) => [
          { log: 'error' },
          { method, end: `RangeError: in a${method === 'immediate' ? 'n' : ''} ${method}` },
        ]),
      );
      expect([stderr, code]).toEqual(['', 0]);
    } else {
      expect(said).toEqual([]);
      expect(stderr).toMatch(/RangeError: in a timer/);
      expect(code).toBe(1);
    }
  });

  it('ends the program, as ever, when no process made it', async () => {
    const { stderr, code } = await play('nobodys');
    expect(stderr).toMatch(/RangeError: of the program/);
    expect(code).toBe(1);
  });

  it('is left to --unhandled-rejections, and to those who listen, when no process made it', async () => {
    const warned = await play('nobodysHeard');
    expect(warned).toMatchObject({ said: [{ heard: 'RangeError: of the program' }], code: 0 });
    const caught = await play('nobodysCaught');
    expect(caught.said).toEqual([
      { caught: 'unhandledRejection: RangeError: of the program' },
      { log: 'error' },
      { end: 'RangeError: left behind by a synchronous handler' },
    ]);
    expect(caught.code).toBe(0);
  });
});
