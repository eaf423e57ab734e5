import { at, atom, ExitError, type Node, tuple } from '../index.ts';
import { CLIENT_FLAGS, withClient } from './client.ts';
import type { Command } from './command.ts';

/** `beamish nodes NODE`: whom that node is connected to. */
export const nodes: Command = {
  name: 'nodes',
  summary: "Lists the nodes that a node is connected to, hidden ones included, this command's own left out.",
  synopsis: 'NODE',
  minArguments: 1,
  maxArguments: 1,
  flags: CLIENT_FLAGS,
  async run(input, io) {
    const [peer = ''] = input.positionals;
    const names = await withClient(input, peer, async ({ node, timeoutMs }) =>
      (await connectedTo(node, peer, timeoutMs)).filter((name) => name !== node.name).sort(),
    );
    if (input.on('json')) io.out(JSON.stringify(names));
    else for (const name of names) io.out(name);
  },
};

/**
 * A Beamish node keeps a process named `beamish` that answers `nodes`; a BEAM node has none, and is asked through
 * `rex`, the rpc server that every release from 23 to 29 registers and that takes the old `{call, …}` form.
 */
async function connectedTo(node: Node, peer: string, timeoutMs: number): Promise<string[]> {
  const options = { timeout: timeoutMs };
  try {
    return names(peer, await node.request(at(peer, 'beamish'), atom('nodes'), options));
  } catch (error) {
    if (!(error instanceof ExitError) || error.reason !== atom('noproc')) throw error;
  }
  // What is called this way prints to its group leader; listing nodes prints nothing, so any process of ours will do.
  const groupLeader = node.spawn(async (self) => {
    await self.receive();
  });
  const request = tuple(atom('call'), atom('erlang'), atom('nodes'), [atom('connected')], groupLeader);
  return names(peer, await node.request(at(peer, 'rex'), request, options));
}

function names(peer: string, answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new Error(`${peer} gave no list of nodes`);
  return answer.map(String);
}
