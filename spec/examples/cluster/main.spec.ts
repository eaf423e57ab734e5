import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { STORY } from '../../../examples/cluster/story.ts';
import { beamAvailable } from '../../support/beam.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LIMIT_MS = 120_000;

const children: ChildProcess[] = [];
const errors: string[] = [];
afterEach(() => {
  errors.length = 0;
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function launch(...args: string[]): { child: ChildProcess; lines: AsyncIterator<string> } {
  // As `npm start` does it, without npm in between.
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/cluster/main.ts', ...args], {
    cwd: ROOT,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  if (child.stdout === null) throw new Error('no stdout');
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

/** Reads on until a line matches. */
async function until(lines: AsyncIterator<string>, pattern: RegExp, seen: string[] = []): Promise<string> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true)
      throw new Error(`no line matched ${pattern}; there were:\n${[...seen, ...errors].join('\n')}`);
    seen.push(value);
    if (pattern.test(value)) return value;
  }
}

async function rest(lines: AsyncIterator<string>): Promise<string[]> {
  const all: string[] = [];
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) all.push(next.value);
  return all;
}

describe('npm start', () => {
  it(
    'tells the whole story with --once, and ends with 0',
    async () => {
      const { child, lines } = launch('--once');
      const closed = once(child, 'close');
      const told = (await rest(lines)).filter((line) => /^ *[\d.]+s {2}(ok|FAILED) /.test(line));
      expect(told.map((line) => line.replace(/^ *[\d.]+s {2}(\w+) +([^:]+):.*$/, '$1 $2'))).toEqual([
        ...STORY.map(({ title }) => `ok ${title}`),
        'ok all stop, and every process ends by itself',
      ]);
      expect((await closed)[0]).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'takes text and commands as lines, lets Erlang in by the line it prints, and ends with its input',
    async () => {
      const { child, lines } = launch('--plain');
      const closed = once(child, 'close');
      const erl = await until(lines, /^ERL_EPMD_PORT=\d+ erl /);
      await until(lines, /^Type lines/);

      child.stdin?.write('@ben Hello, wörld 👋\n');
      expect(await until(lines, / → ben: /)).toContain('"Hello, wörld 👋" ⇒ "👋 dlröw ,olleH"');

      if (beamAvailable()) {
        // The same line, but for the end of the test: no shell, and erl leaves when it is done.
        const pasted = erl.replace(/ -eval "(.*)\."$/, ' -noshell -eval "$1, halt()."');
        const { stdout } = await promisify(execFile)('bash', ['-c', pasted], { timeout: 30_000 });
        expect(stdout).toMatch(/<<"HELLO \(from Node\.js /);
        await until(lines, /a guest greets ada: hello/);
      }

      child.stdin?.write('/kill ada\n');
      await until(lines, /(ben|cyd) notices: nodedown ada@127\.0\.0\.1/);
      await until(lines, /ada: the process is gone|notices: nodedown ada/);
      child.stdin?.end();
      expect((await rest(lines)).join('\n')).toMatch(/ok {5}all stop/);
      expect((await closed)[0]).toBe(0);
    },
    LIMIT_MS,
  );

  it(
    'leaves in the middle of the story when it is told to, and takes its members along',
    async () => {
      const { child, lines } = launch('--once');
      const closed = once(child, 'close');
      const osPid = Number(/process (\d+)/.exec(await until(lines, /ada starts as OS process/))?.[1]);
      child.kill('SIGTERM');
      await rest(lines);
      expect((await closed)[0]).toBe(1);
      expect(() => process.kill(osPid, 0)).toThrow(/ESRCH/);
    },
    LIMIT_MS,
  );

  it('refuses flags it does not know', async () => {
    const { child, lines } = launch('--twice');
    const closed = once(child, 'close');
    await rest(lines);
    expect((await closed)[0]).toBe(1);
    expect(errors.join('')).toBe("Unknown option '--twice'\nusage: npm start -- [--once | --plain]\n");
  });
});
