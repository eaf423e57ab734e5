import { at, atom, tuple } from '../index.ts';
import { CLIENT_FLAGS, withClient } from './client.ts';
import type { Command } from './command.ts';
import { toResultLine, toText } from './output.ts';
import { UsageError } from './usage-error.ts';

/** `beamish call NODE DEST METHOD [JSON…]`: a `GenServer.call` from the shell. */
export const call: Command = {
  name: 'call',
  summary: 'Calls a method of a named process on a node and prints the answer.',
  synopsis: 'NODE DEST METHOD [JSON…]',
  minArguments: 3,
  maxArguments: 258,
  flags: CLIENT_FLAGS,
  notes: [
    'DEST is the registered name of a process there. Arguments are JSON; text needs its quotes: \'"hello"\'.',
    'The process gets {Method, Arg…}, or the atom Method when there are none, as a GenServer call.',
    'The answer is printed as JSON, or in Erlang syntax where JSON cannot say it.',
  ],
  async run(input, io) {
    const [peer = '', dest = '', method = '', ...rest] = input.positionals;
    const args = rest.map(parseArgument);
    const answer = await withClient(input, peer, ({ node, timeoutMs }) =>
      node.request(at(peer, dest), args.length === 0 ? atom(method) : tuple(atom(method), ...args), {
        timeout: timeoutMs,
      }),
    );
    io.out(input.on('json') ? toResultLine(answer) : toText(answer));
  },
};

function parseArgument(text: string, index: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(
      `call: argument ${index + 1} is not JSON: ${text}; text needs its quotes: '${JSON.stringify(text)}'`,
    );
  }
}
