import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeBeam } from '../support/beam.ts';
import { elixirAvailable } from '../support/elixir.ts';
import { freePort } from '../support/ports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What an example prints; it must end by itself, with exit code 0. */
async function output(example: string): Promise<string> {
  const env = { ...process.env, ERL_EPMD_PORT: String(await freePort()) };
  const args = ['--import', 'tsx', `examples/${example}`];
  return (await promisify(execFile)(process.execPath, args, { cwd: ROOT, env, timeout: 30_000 })).stdout;
}

it('counter.ts prints what its first comment says', async () => {
  expect(await output('counter.ts')).toBe(
    [
      'shop@127.0.0.1 asks depot@127.0.0.1',
      'add 2 makes 12',
      'the counter stands at 12',
      'nobody is called "till" there: noproc',
      '',
    ].join('\n'),
  );
});

it('own-strategy.ts prints what its first comment says', async () => {
  expect(await output('own-strategy.ts')).toBe('left@127.0.0.1 is connected to right@127.0.0.1\n');
});

it('statechart.ts prints what its first comment says', async () => {
  expect(await output('statechart.ts')).toBe(
    [
      'the light is red',
      'somebody presses the button',
      'the light is green, for walker 1',
      'the light is red',
      'the light is off',
      '',
    ].join('\n'),
  );
});

describe('the guide to simulations', () => {
  const read = (file: string) => readFile(`${ROOT}examples/simulation/${file}`, 'utf8');
  const blocks = (text: string, kind: string) =>
    [...text.matchAll(/^```(\w*)\n(.*?)\n```$/gms)].flatMap(([, of, block]) => (of === kind ? [block!] : []));

  it('shows the code of its example, and what that prints', async () => {
    const guide = await read('README.md');
    const code = `${await read('transfer.ts')}\n${await read('property.ts')}`;
    const shown = blocks(guide, 'ts').flatMap((block) => block.split('\n\n/**'));
    expect(shown).toHaveLength(4);
    for (const piece of shown) expect(code).toContain(piece);
    // Which plan it is changes with the least change of what a node sends.
    const numbers = /\d+/g;
    const printed = await output('simulation/main.ts');
    expect(printed.replaceAll(numbers, 'N')).toBe(`${blocks(guide, '')[0]}\n`.replaceAll(numbers, 'N'));
  });
});

describeBeam('from-erlang.ts', () => {
  it('prints what its first comment says', async () => {
    expect(await output('from-erlang.ts')).toBe(
      [
        'renderer@127.0.0.1 is up; Erlang, your turn',
        'erl says: pong',
        'erl says: <<"<h1>Hello, Joe &amp; Robert</h1>">>',
        'erl says: {error,undef}',
        '',
      ].join('\n'),
    );
  });
});

describe.skipIf(!elixirAvailable('phoenix/main.ts'))('phoenix/main.ts', () => {
  it('prints what its first comment says', async () => {
    expect(await output('phoenix/main.ts')).toBe(
      [
        'the PubSub has two nodes: phoenix@127.0.0.1, typescript@127.0.0.1',
        'phoenix@127.0.0.1 says: I heard typescript say hello',
        '',
      ].join('\n'),
    );
  });
});
