import { afterEach, beforeEach, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { actor, atom } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { internPid } from '../../src/term/identifiers.ts';
import { encoder } from '../dist/recorder.ts';
import { Nodes, once } from '../support/nodes.ts';
import { RawPeer } from '../support/raw-peer.ts';
import { watchedStreams } from '../support/watched-streams.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

it('leaves a flood in the socket while the handlers are behind: one chunk a turn, nothing lost', async () => {
  const COUNT = 20_000;
  let chunksThisTurn = 0;
  let mostChunks = 0;
  const env = platformEnv();
  const streams = watchedStreams(env.streams, () => {
    if (chunksThisTurn++ === 0) {
      setImmediate(() => {
        mostChunks = Math.max(mostChunks, chunksThisTurn);
        chunksThisTurn = 0;
      });
    }
  });
  const node = await nodes.start({ env: { ...env, streams } });
  const seen: unknown[] = [];
  const all = new Promise<void>((resolve) => {
    const Slow = actor('slow', (self) => {
      self.onMessage((message) => {
        seen.push(message);
        // Half a millisecond for a few messages of each chunk: a chunk is more than one turn's work.
        if (seen.length % 16 === 0) for (const until = performance.now() + 0.5; performance.now() < until; );
        if (seen.length === COUNT) resolve();
      });
      return {};
    });
    node.spawn(Slow, [], { name: 'slow' });
  });
  const name = nodes.name('raw');
  const up = once(node, 'nodeup', name);
  const peer = await RawPeer.call(node.port!, { name, to: node.name, cookie: nodes.cookie });
  nodes.atEnd(() => peer.close());
  await up;
  const toNode = encoder();
  const writer = new ByteWriter();
  const from = internPid(name, 1, 0, 77);
  for (let i = 0; i < COUNT; i++) toNode.regSend(writer, from, atom('slow'), i);
  peer.socket.write(writer.toBytes());
  await all;
  expect(seen).toEqual(Array.from({ length: COUNT }, (_, i) => i));
  expect(mostChunks).toBeLessThanOrEqual(2);
});
