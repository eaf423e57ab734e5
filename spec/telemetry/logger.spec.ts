import { channel } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogRecord } from '../../src/env/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { Nodes } from '../support/nodes.ts';

describe("a program's own log that fails", () => {
  let nodes: Nodes;
  beforeEach(async () => {
    nodes = await Nodes.open();
  });
  afterEach(() => nodes.close());

  it.each<[string, (record: LogRecord) => void]>([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['rejects', (async () => Promise.reject(new Error('disk full'))) as () => void],
  ])('and %s while the bytes of a stranger are read loses the line, and ends nobody', async (_, write) => {
    const node = await nodes.start({
      name: nodes.name('mute'),
      env: { ...platformEnv(), log: { write } },
    });
    const failures = channel('beamish:log.failed');
    const failed = new Promise<unknown>((resolve) => {
      const hear = (event: unknown): void => {
        const { node: whose, area } = event as { readonly node: string; readonly area: string };
        if (whose !== node.name || area !== 'handshake') return;
        failures.unsubscribe(hear);
        resolve(event);
      };
      failures.subscribe(hear);
    });
    const socket = connect(node.port!, '127.0.0.1', () => socket.write(Buffer.of(0, 1, 120)));
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
    expect(await failed).toMatchObject({
      level: 'warning',
      area: 'handshake',
      message: expect.stringContaining('127.0.0.1'),
      error: new Error('disk full'),
    });
    expect(node.inspect().counters['log.failed']).toBeGreaterThan(0);
    const other = await nodes.start();
    expect(await other.ping(node.name)).toBe('pong');
  });
});
