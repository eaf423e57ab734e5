import { CLIENT_FLAGS, PORT_RANGE, timeoutOf } from './client.ts';
import type { Command } from './command.ts';
import { epmdNames } from './epmd-names.ts';
import { columns } from './output.ts';

const DEFAULT_EPMD_PORT = 4369;

/** `beamish names`: as `epmd -names`. */
export const names: Command = {
  name: 'names',
  summary: 'Lists the nodes that the port mapper of a machine knows, with their ports.',
  synopsis: '',
  minArguments: 0,
  maxArguments: 0,
  flags: {
    host: { type: 'string', value: 'H', help: 'machine to ask (default: 127.0.0.1)' },
    'epmd-port': CLIENT_FLAGS['epmd-port'],
    timeout: CLIENT_FLAGS.timeout,
    json: CLIENT_FLAGS.json,
  },
  async run(input, io) {
    const fromEnv = Number(io.variable('ERL_EPMD_PORT') ?? Number.NaN);
    const port =
      input.integer('epmd-port', PORT_RANGE) ?? (Number.isInteger(fromEnv) ? fromEnv : DEFAULT_EPMD_PORT);
    const known = await epmdNames(input.text('host') ?? '127.0.0.1', port, timeoutOf(input));
    known.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    if (input.on('json')) io.out(JSON.stringify(known));
    else for (const line of columns(known.map(({ name, port }) => [name, String(port)]))) io.out(line);
  },
};
