import { describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { child } from '../../src/actor/child.ts';
import { supervisor } from '../../src/actor/supervisor.ts';
import { World } from './world.ts';

/** A node whose processes note when they end, in virtual ms after the order to. */
function scene() {
  const world = new World();
  const system = world.start('a@one');
  const ends: [string, number][] = [];
  const beganMs = world.clock.nowMs();
  const Slow = actor('slow', (self, name: string, afterMs: number) => {
    self.signal.addEventListener('abort', () => ends.push([name, world.clock.nowMs() - beganMs]));
    self.onStop(
      () =>
        new Promise<void>((resolve) => {
          if (afterMs !== Number.POSITIVE_INFINITY) world.clock.setTimeout(resolve, afterMs);
        }),
    );
    return {};
  });
  return { world, system, ends, Slow };
}

describe('the end of all processes', () => {
  it('comes one by one, the last started first, while the first five seconds last', async () => {
    const { world, system, ends, Slow } = scene();
    for (const [name, ms] of [
      ['a', 10],
      ['b', 200],
      ['c', 30],
    ] as const)
      system.spawn(Slow, [name, ms]);
    await world.clock.advance(0);
    const stopped = system.stop();
    await world.clock.advance(10_000);
    await stopped;
    expect(ends).toEqual([
      ['c', 30],
      ['b', 230],
      ['a', 240],
    ]);
    expect(world.clock.pending).toBe(0);
  });

  it('is told to all once those are over, and is not waited for longer than five more', async () => {
    const { world, system, ends, Slow } = scene();
    for (const [name, ms] of [
      ['never 1', Number.POSITIVE_INFINITY],
      ['in time', 4_000],
      ['never 2', Number.POSITIVE_INFINITY],
    ] as const)
      system.spawn(Slow, [name, ms]);
    await world.clock.advance(0);
    const stopped = system.stop();
    await world.clock.advance(20_000);
    await stopped;
    expect(ends).toEqual([
      ['never 2', 5_000],
      ['in time', 9_000],
      ['never 1', 10_000],
    ]);
    expect(system.count).toBe(0);
  });

  it('leaves a supervisor the time that its children are given, and takes it from nobody else', async () => {
    const { world, system, ends, Slow } = scene();
    const Top = supervisor('top', {}, () => [
      child(Slow, ['slow child', 8_000], { id: '1', shutdown: 9_000 }),
      child(Slow, ['stubborn child', Number.POSITIVE_INFINITY], { id: '2', shutdown: 1_000 }),
    ]);
    system.spawn(Slow, ['plain', 3_000]);
    system.spawn(Top, []);
    await world.clock.advance(0);
    const stopped = system.stop();
    await world.clock.advance(30_000);
    await stopped;
    expect(ends).toEqual([
      ['stubborn child', 1_000],
      ['slow child', 9_000],
      ['plain', 12_000],
    ]);
  });
});
