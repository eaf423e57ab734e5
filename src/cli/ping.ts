import { performance } from 'node:perf_hooks';
import { CLIENT_FLAGS, withClient } from './client.ts';
import type { Command } from './command.ts';

/** `beamish ping NODE`: as `net_adm:ping/1`, with the reason when there is no pong. */
export const ping: Command = {
  name: 'ping',
  summary: 'Asks a node for a sign of life: prints pong and the round trip, or says why not.',
  synopsis: 'NODE',
  minArguments: 1,
  maxArguments: 1,
  flags: CLIENT_FLAGS,
  async run(input, io) {
    const [peer = ''] = input.positionals;
    const roundTripMs = await withClient(input, peer, async ({ node }) => {
      const startMs = performance.now();
      if ((await node.ping(peer)) !== 'pong') throw new Error(`${peer} took the connection but said pang`);
      return performance.now() - startMs;
    });
    io.out(
      input.on('json')
        ? JSON.stringify({ node: peer, answer: 'pong', roundTripMs: Number(roundTripMs.toFixed(3)) })
        : `pong from ${peer} in ${roundTripMs.toFixed(2)} ms`,
    );
  },
};
