import { Atom, at, Tuple } from '../index.ts';
import { CLIENT_FLAGS, withClient } from './client.ts';
import type { Command } from './command.ts';
import { UsageError } from './usage-error.ts';

/** `beamish debug NODE AREA on|off`: debug lines of a running node, without a restart. */
export const debug: Command = {
  name: 'debug',
  summary: 'Switches the debug lines of one area of a running Beamish node on or off.',
  synopsis: 'NODE AREA on|off',
  minArguments: 3,
  maxArguments: 3,
  flags: CLIENT_FLAGS,
  async run(input, io) {
    const [peer = '', area = '', to = ''] = input.positionals;
    if (to !== 'on' && to !== 'off') throw new UsageError(`expected on or off, got ${JSON.stringify(to)}`);
    const answer = await withClient(input, peer, ({ node, timeoutMs }) =>
      node.client(at(peer, 'beamish'), { timeout: timeoutMs }).debug!(area, to === 'on'),
    );
    if (!(answer instanceof Atom))
      throw new Error(answer instanceof Tuple ? String(answer.at(1)) : String(answer));
    io.out(
      input.on('json')
        ? JSON.stringify({ node: peer, area, on: to === 'on' })
        : `${peer}: debug ${area} ${to}`,
    );
  },
};
