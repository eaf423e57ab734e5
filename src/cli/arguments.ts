import { parseArgs } from 'node:util';
import type { Command, Input } from './command.ts';
import { UsageError } from './usage-error.ts';

/** Stands before an argument such as `-2`, so that the parser takes a negative number for a value, not for a flag. */
const NUMBER_MARK = '\0';

const HELP = { type: 'boolean', short: 'h' } as const;

/**
 * Takes a command's arguments apart, strictly.
 *
 * @returns `'help'` when help was asked for, whatever else is on the line
 * @throws UsageError for unknown flags, missing values, too few or too many arguments
 */
export function parseCommandLine(command: Command, args: readonly string[]): Input | 'help' {
  const end = args.indexOf('--');
  const marked = args.map((arg, index) =>
    /^-\d/.test(arg) && (end < 0 || index < end) ? NUMBER_MARK + arg : arg,
  );
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }> = {
    help: HELP,
  };
  for (const [name, flag] of Object.entries(command.flags)) {
    options[name] = { type: flag.type, multiple: flag.multiple === true };
  }
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: marked, options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${command.name}: ${readable(error, command)}`);
  }
  if (parsed.values.help === true) return 'help';

  const positionals = parsed.positionals.map(unmark);
  if (positionals.length < command.minArguments || positionals.length > command.maxArguments) {
    const complaint =
      positionals.length < command.minArguments ? 'is missing arguments' : 'got too many arguments';
    throw new UsageError(`${command.name} ${complaint}; usage: ${usageLine(command)}`);
  }
  return new ParsedInput(command.name, positionals, parsed.values);
}

/** `beamish call NODE DEST METHOD [JSON…] [flags]` */
export function usageLine(command: Command): string {
  return ['beamish', command.name, command.synopsis, '[flags]'].filter((part) => part !== '').join(' ');
}

/** The help text of one command, line by line. */
export function helpLines(command: Command): string[] {
  const rows: [string, string][] = Object.entries(command.flags).map(([name, flag]) => [
    `--${name}${flag.type === 'string' ? ` ${flag.value ?? 'VALUE'}` : ''}`,
    flag.help,
  ]);
  rows.push(['-h, --help', 'show this text']);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    `Usage: ${usageLine(command)}`,
    '',
    command.summary,
    ...(command.notes === undefined ? [] : ['', ...command.notes]),
    '',
    'Flags:',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
  ];
}

class ParsedInput implements Input {
  readonly positionals: readonly string[];
  readonly #command: string;
  readonly #values: Record<string, unknown>;

  constructor(command: string, positionals: readonly string[], values: Record<string, unknown>) {
    this.#command = command;
    this.positionals = positionals;
    this.#values = values;
  }

  text(flag: string): string | undefined {
    const value = this.#values[flag];
    return typeof value === 'string' ? unmark(value) : undefined;
  }

  texts(flag: string): readonly string[] {
    const value = this.#values[flag];
    return Array.isArray(value) ? value.map((item) => unmark(String(item))) : [];
  }

  on(flag: string): boolean {
    return this.#values[flag] === true;
  }

  integer(flag: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= range.min && value <= range.max)) {
      throw new UsageError(
        `${this.#command}: --${flag} wants a whole number from ${range.min} to ${range.max}, got ${JSON.stringify(text)}`,
      );
    }
    return value;
  }
}

function unmark(text: string): string {
  return text.startsWith(NUMBER_MARK) ? text.slice(NUMBER_MARK.length) : text;
}

/** The parser's complaint in our words; its own text speaks of "positionals" and how to write them. */
function readable(error: unknown, command: Command): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown }).code;
  const flag = /'(-[^',\s]+)/.exec(message)?.[1] ?? 'that flag';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const known = Object.keys(command.flags).map((name) => `--${name}`);
    return `unknown flag ${flag}; it takes ${known.join(', ')}`;
  }
  if (/argument missing|ambiguous/.test(message)) return `${flag} wants a value`;
  if (/does not take an argument/.test(message)) return `${flag} takes no value`;
  return message.split('\n')[0] ?? message;
}
