import { describe, expect, it } from 'vitest';
import { StrategyScope } from '../../src/discovery/scope.ts';
import type { DatagramSocket } from '../../src/env/index.ts';
import { world } from './virtual.ts';

describe('the scope of a strategy', () => {
  it('closes a socket that opens after its end, once', async () => {
    let closes = 0;
    let open = (_socket: DatagramSocket): void => {};
    const { env } = world({
      datagrams: {
        open: () =>
          new Promise((resolve) => {
            open = resolve;
          }),
      },
    });
    const scope = new StrategyScope(env, () => {});
    const opening = scope.env.datagrams.open({ family: 'IPv4', port: 1 }, { message() {}, error() {} });
    scope.end();
    open({ close: () => void closes++ } as DatagramSocket);
    const late = await opening;
    expect(closes).toBe(1);
    late.close();
    expect(closes).toBe(1);
  });

  it('clears its own timers, at its end all of them, and nobody else’s', async () => {
    const { env, clock } = world();
    const scope = new StrategyScope(env, () => {});
    const rung: string[] = [];
    const foreign = env.clock.setTimeout(() => void rung.push('foreign'), 10);
    scope.env.clock.clearTimeout(foreign);
    const cleared = scope.env.clock.setTimeout(() => void rung.push('cleared'), 10);
    scope.env.clock.clearTimeout(cleared);
    scope.env.clock.setTimeout(() => void rung.push('kept'), 10);
    scope.env.clock.setTimeout(() => void rung.push('ended'), 20);
    await clock.advance(15);
    scope.end();
    scope.env.clock.setTimeout(() => void rung.push('late'), 10);
    await clock.advance(50);
    expect(rung).toEqual(['foreign', 'kept']);
    expect(clock.pending).toBe(0);
  });
});
