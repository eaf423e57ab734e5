/** Peers that fall silent: frozen, killed, and in the middle of a message. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, atom, type Node, tuple } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { describeBeam } from '../support/beam.ts';
import { FarNode } from '../support/far/far-node.ts';
import { watchedStreams } from '../support/watched-streams.ts';
import { inProcess, Lab } from './lab.ts';

const TICK_TIME_MS = 2_000;
/** What a loaded machine may take beyond the upper bound, to fire a timer. */
const SLACK_MS = 2_000;

/** A peer in an operating system process of its own. */
interface Peer {
  readonly name: string;
  signal(signal: NodeJS.Signals): void;
  kill(): Promise<void>;
}

describeBeam('a peer that', () => {
  let lab: Lab;
  let peers: Peer[];
  /** Bytes that have come since the last reset, and when the last of them came. */
  let heard: { bytes: number; lastMs: number; onBytes: (() => void) | undefined };

  beforeEach(async () => {
    lab = await Lab.open();
    peers = [];
    heard = { bytes: 0, lastMs: 0, onBytes: undefined };
  });

  afterEach(async () => {
    await Promise.all(peers.map((peer) => peer.kill()));
    await lab.close();
  });

  const ours = (): Promise<Node> => {
    const env = platformEnv();
    const streams = watchedStreams(env.streams, (bytes) => {
      heard.bytes += bytes;
      heard.lastMs = performance.now();
      heard.onBytes?.();
    });
    return lab.node('ours', {
      netTickTime: TICK_TIME_MS,
      env: { ...env, streams, log: { write: ({ message }) => lab.log.push(message) } },
    });
  };

  const kinds: Record<string, () => Promise<Peer>> = {
    'a node of ours': async () =>
      FarNode.start({
        name: 'far@127.0.0.1',
        cookie: lab.cookie,
        epmd: { mode: 'external', port: lab.epmdPort },
        netTickTime: TICK_TIME_MS,
      }),
    'a BEAM': async () => {
      const beam = await lab.beam('far', { flags: ['-kernel', 'net_ticktime', '2'] });
      await beam.eval(`register(blaster, spawn(fun F() ->
        receive {To, Size} -> To ! binary:copy(<<0>>, Size), To ! behind, F() end end))`);
      return beam;
    },
  };

  async function peerOf(kind: string): Promise<Peer> {
    const peer = await kinds[kind]!();
    peers.push(peer);
    return peer;
  }

  const down = (node: Node): Promise<{ reason: string; atMs: number }> =>
    new Promise((resolve) =>
      node.on('nodedown', (_, reason) => resolve({ reason, atMs: performance.now() })),
    );

  describe.each(Object.keys(kinds))('is %s', (kind) => {
    it('and frozen is given up within the bounds of netTickTime, and not before', async () => {
      const [node, peer] = await Promise.all([ours(), peerOf(kind)]);
      await node.connect(peer.name);
      const gone = down(node);
      // Idle, and alive, for longer than the bounds.
      const idle = await Promise.race([
        gone,
        new Promise((resolve) => setTimeout(resolve, 1.5 * TICK_TIME_MS)),
      ]);
      expect(idle).toBeUndefined();
      peer.signal('SIGSTOP');
      const { reason, atMs } = await gone;
      expect(reason).toBe('net_tick_timeout');
      // A quarter of it either way, counted from the last byte that was heard.
      expect(atMs - heard.lastMs).toBeGreaterThanOrEqual(0.75 * TICK_TIME_MS - 5);
      expect(atMs - heard.lastMs).toBeLessThanOrEqual(1.25 * TICK_TIME_MS + SLACK_MS);
      peer.signal('SIGCONT');
      await node.connect(peer.name);
      expect(await node.ping(peer.name)).toBe('pong');
    });

    it.each([
      ['killed', 'SIGKILL', 'connection_closed'],
      ['frozen', 'SIGSTOP', 'net_tick_timeout'],
    ] as const)(
      'and is %s in the middle of a big message leaves nothing of it',
      async (_, signal, reason) => {
        const [node, peer] = await Promise.all([ours(), peerOf(kind)]);
        await node.connect(peer.name);
        const size = 64 * 1024 * 1024;
        const got: unknown[] = [];
        const gone = down(node);
        await inProcess(node, async (self) => {
          heard.bytes = 0;
          heard.onBytes = () => {
            if (heard.bytes < size / 8) return;
            heard.onBytes = undefined;
            peer.signal(signal);
          };
          self.send(at(peer.name, 'blaster'), tuple(self.pid, size));
          self.monitorNodes();
          for (;;) {
            const message = await self.receive();
            if (message instanceof Uint8Array || message === atom('behind') || typeof message === 'string')
              got.push(message);
            else break;
          }
        });
        expect((await gone).reason).toBe(reason);
        expect(got).toEqual([]);
        expect(heard.bytes).toBeLessThan(size);
        expect(node.nodes('connected')).toEqual([]);
        // The node itself has taken no harm.
        const other = await lab.node('other');
        expect([await node.ping(other.name), await other.ping(node.name)]).toEqual(['pong', 'pong']);
      },
    );
  });
});
