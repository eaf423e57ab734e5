import { describe, expect, it } from 'vitest';
import { helpLines, parseCommandLine } from '../../src/cli/arguments.ts';
import type { Command, Input } from '../../src/cli/command.ts';
import { UsageError } from '../../src/cli/usage-error.ts';

const COMMAND: Command = {
  name: 'call',
  summary: 'Calls somebody.',
  synopsis: 'NODE [JSON…]',
  minArguments: 1,
  maxArguments: 3,
  flags: {
    cookie: { type: 'string', value: 'C', help: 'the cookie' },
    timeout: { type: 'string', value: 'MS', help: 'patience' },
    load: { type: 'string', multiple: true, help: 'a file' },
    json: { type: 'boolean', help: 'as JSON' },
  },
  run: async () => {},
};

function parse(...args: string[]): Input {
  const input = parseCommandLine(COMMAND, args);
  if (input === 'help') throw new Error('unexpected help');
  return input;
}

describe('command-line arguments', () => {
  it('are taken apart into flags and positionals in any order', () => {
    const input = parse('a@b', '--cookie', 'x', '--json', '{"n":1}', '--load', 'one', '--load=two');
    expect(input.positionals).toEqual(['a@b', '{"n":1}']);
    expect(input.text('cookie')).toBe('x');
    expect(input.texts('load')).toEqual(['one', 'two']);
    expect(input.on('json')).toBe(true);
    expect(input.text('timeout')).toBeUndefined();
  });

  it('may be negative numbers, which are no flags', () => {
    expect(parse('a@b', '-2', '-1.5e3').positionals).toEqual(['a@b', '-2', '-1.5e3']);
    expect(parse('a@b', '--', '-2', '--json').positionals).toEqual(['a@b', '-2', '--json']);
    expect(parse('a@b', '--cookie', '-7').text('cookie')).toBe('-7');
  });

  it('give whole numbers in their range, and a readable complaint otherwise', () => {
    expect(parse('a@b', '--timeout', '250').integer('timeout', { min: 1, max: 300 })).toBe(250);
    expect(parse('a@b').integer('timeout', { min: 1, max: 300 })).toBeUndefined();
    for (const wrong of ['0', '301', '-5', 'soon', '1.5', '0x10', '1e2', '']) {
      expect(() => parse('a@b', '--timeout', wrong).integer('timeout', { min: 1, max: 300 })).toThrow(
        `call: --timeout wants a whole number from 1 to 300, got ${JSON.stringify(wrong)}`,
      );
    }
  });

  it('are refused when unknown, missing or too many, each in one line that says what would do', () => {
    const complaints: [string[], RegExp][] = [
      [['a@b', '--cokie', 'x'], /unknown flag --cokie; it takes --cookie, --timeout, --load, --json/],
      [['a@b', '-x'], /unknown flag -x/],
      [['a@b', '--cookie'], /--cookie wants a value/],
      [['a@b', '--cookie', '--json'], /--cookie wants a value/],
      [['a@b', '--json=yes'], /--json takes no value/],
      [[], /missing arguments; usage: beamish call NODE \[JSON…\]/],
      [['1', '2', '3', '4'], /too many arguments; usage: beamish call/],
    ];
    for (const [args, complaint] of complaints) {
      expect(() => parse(...args)).toThrow(UsageError);
      expect(() => parse(...args)).toThrow(complaint);
    }
  });

  it('ask for help with --help or -h, whatever else is missing', () => {
    expect(parseCommandLine(COMMAND, ['--help'])).toBe('help');
    expect(parseCommandLine(COMMAND, ['-h'])).toBe('help');
    const help = helpLines(COMMAND);
    expect(help[0]).toBe('Usage: beamish call NODE [JSON…] [flags]');
    expect(help).toContain('  --cookie C    the cookie');
  });
});
