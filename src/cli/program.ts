import { helpLines, parseCommandLine } from './arguments.ts';
import { call } from './call.ts';
import type { Command, Io } from './command.ts';
import { debug } from './debug.ts';
import { names } from './names.ts';
import { nodes } from './nodes.ts';
import { columns } from './output.ts';
import { ping } from './ping.ts';
import { start } from './start.ts';
import { errorLine, UsageError } from './usage-error.ts';

export const COMMANDS: readonly Command[] = [start, ping, nodes, call, debug, names];

/**
 * The command-line program, without its process: a command line in, lines and an exit code out.
 *
 * Every error is one line on stderr and exit code 1. Nothing but what was asked for goes to stdout.
 */
export async function runProgram(args: readonly string[], version: string, io: Io): Promise<0 | 1> {
  try {
    const [name, ...rest] = args;
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
      for (const line of overview()) io.out(line);
      return 0;
    }
    if (name === '--version') {
      io.out(version);
      return 0;
    }
    const command = COMMANDS.find((candidate) => candidate.name === name);
    if (command === undefined) throw new UsageError(unknown(name));
    const input = parseCommandLine(command, rest);
    if (input === 'help') for (const line of helpLines(command)) io.out(line);
    else await command.run(input, io);
    return 0;
  } catch (error) {
    io.err(errorLine(error));
    return 1;
  }
}

function overview(): string[] {
  return [
    'Usage: beamish COMMAND [ARGUMENTS] [FLAGS]',
    '',
    'Actors for Node.js that speak Erlang distribution.',
    '',
    'Commands:',
    ...columns(
      COMMANDS.map((command) => [`  ${command.name} ${command.synopsis}`.trimEnd(), command.summary]),
    ),
    '',
    'beamish COMMAND --help tells what a command takes.',
  ];
}

function unknown(name: string): string {
  const known = COMMANDS.map((command) => command.name).join(', ');
  return `unknown ${name.startsWith('-') ? 'flag' : 'command'} ${name}; commands are ${known}`;
}
