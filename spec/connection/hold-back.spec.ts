import { afterEach, beforeEach, expect, it } from 'vitest';
import { ByteWriter } from '../../src/codec/writer.ts';
import { DistEncoder } from '../../src/dist/encode.ts';
import type { Env, Stream } from '../../src/env/index.ts';
import { actor, atom } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { internPid } from '../../src/term/identifiers.ts';
import { Nodes, once } from '../support/nodes.ts';
import { RawPeer } from '../support/raw-peer.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

/** The platform, with the chunks that arrive counted. */
function watched(onChunk: () => void): Env {
  const env = platformEnv();
  const watch = (stream: Stream): Stream =>
    new Proxy(stream, {
      get(target, key) {
        if (key === 'start')
          return (handlers: Parameters<Stream['start']>[0]) =>
            target.start({
              ...handlers,
              data: (chunk) => {
                onChunk();
                handlers.data(chunk);
              },
            });
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  return {
    ...env,
    streams: {
      connect: env.streams.connect,
      listen: (options, onStream) => env.streams.listen(options, (stream) => onStream(watch(stream))),
    },
  };
}

it('leaves a flood in the socket while the handlers are behind: one chunk a turn, nothing lost', async () => {
  const COUNT = 20_000;
  let chunksThisTurn = 0;
  let mostChunks = 0;
  const env = watched(() => {
    if (chunksThisTurn++ === 0) {
      setImmediate(() => {
        mostChunks = Math.max(mostChunks, chunksThisTurn);
        chunksThisTurn = 0;
      });
    }
  });
  const node = await nodes.start({ env });
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
  const features = {
    DIST_MONITOR: true,
    DIST_MONITOR_NAME: true,
    SEND_SENDER: true,
    EXIT_PAYLOAD: true,
    UNLINK_ID: true,
    SPAWN: true,
    ALIAS: true,
  };
  const encoder = new DistEncoder({ features, frameBytes: 1 << 20 } as ConstructorParameters<
    typeof DistEncoder
  >[0]);
  const writer = new ByteWriter();
  const from = internPid(name, 1, 0, 77);
  for (let i = 0; i < COUNT; i++) encoder.regSend(writer, from, atom('slow'), i);
  peer.socket.write(writer.toBytes());
  await all;
  expect(seen).toEqual(Array.from({ length: COUNT }, (_, i) => i));
  expect(mostChunks).toBeLessThanOrEqual(2);
});
