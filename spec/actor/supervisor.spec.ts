import { describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { child } from '../../src/actor/child.ts';
import type { Strategy, SupervisorOptions } from '../../src/actor/supervision.ts';
import { type ChildInfo, supervisor } from '../../src/actor/supervisor.ts';
import { OptionsError } from '../../src/errors.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { atom } from '../../src/term/atom.ts';
import type { Pid } from '../../src/term/identifiers.ts';
import { type Tuple, tuple } from '../../src/term/tuple.ts';
import { settled, World } from '../process/world.ts';

class Scene {
  readonly world = new World();
  readonly system: ProcessSystem = this.world.start('a@one');
  /** Starts and ends, in order. */
  readonly events: string[] = [];
  failing = new Set<string>();

  readonly Worker = actor('worker', (self, id: string) => {
    if (this.failing.has(id)) throw new Error(`${id} cannot start`);
    this.events.push(`+${id}`);
    self.onStop(() => this.events.push(`-${id}`));
    return { id: () => id, leave: (reason: unknown) => self.exit(reason) };
  });

  start(options: SupervisorOptions, ids: readonly string[] = ['a', 'b', 'c'], childOptions = {}): Pid {
    const Top = supervisor('top', options, () =>
      ids.map((id) => child(this.Worker, [id], { id, name: id, ...childOptions })),
    );
    return this.system.spawn(Top, [], { name: 'top' });
  }

  call(to: Pid | string, method: string, ...args: unknown[]): Promise<unknown> {
    return this.system.callMethod(this.system.outside, to, method, args);
  }

  async crash(id: string, reason: unknown = 'boom'): Promise<void> {
    await this.call(id, 'leave', reason).catch(() => {});
    await settled();
    await settled();
  }

  take(): string {
    return this.events.splice(0).join(' ');
  }
}

describe('a supervisor', () => {
  it.each<[Strategy, string]>([
    ['one_for_one', '-b +b'],
    ['one_for_all', '-b -c -a +a +b +c'],
    ['rest_for_one', '-b -c +b +c'],
  ])('with %s restarts by its rule', async (strategy, expected) => {
    const scene = new Scene();
    const top = scene.start({ strategy });
    await scene.call(top, 'countChildren');
    expect(scene.take()).toBe('+a +b +c');
    await scene.crash('b');
    expect(scene.take()).toBe(expected);
    expect(await scene.call('b', 'id')).toBe('b');
    expect(scene.system.isAlive(top)).toBe(true);
  });

  it.each([
    ['permanent', 'normal', true],
    ['permanent', 'boom', true],
    ['transient', 'normal', false],
    ['transient', 'shutdown', false],
    ['transient', 'boom', true],
    ['temporary', 'boom', false],
  ] as const)('restarts a %s child that ended with %s: %s', async (restart, reason, restarted) => {
    const scene = new Scene();
    const top = scene.start({}, ['a'], { restart });
    await scene.call(top, 'countChildren');
    await scene.crash('a', reason);
    expect(scene.system.whereis('a') !== undefined).toBe(restarted);
    expect(await scene.call(top, 'countChildren')).toMatchObject({
      specs: restart === 'temporary' ? 0 : 1,
      active: restarted ? 1 : 0,
    });
  });

  it('ends with shutdown, children in reverse order, when restarts come too thick', async () => {
    const scene = new Scene();
    const top = scene.start({ intensity: 2, period: 1_000 });
    const ended = scene.system.ended(top);
    await scene.call(top, 'countChildren');
    await scene.crash('a');
    await scene.crash('a');
    await scene.world.clock.advance(1_500);
    await scene.crash('a');
    await scene.crash('a');
    expect(scene.system.isAlive(top)).toBe(true);
    scene.take();
    await scene.crash('a');
    expect(await ended).toBe(atom('shutdown'));
    expect(scene.take()).toBe('-a -c -b');
    expect(scene.system.count).toBe(0);
  });

  it('tries again, within its intensity, when a restart fails', async () => {
    const scene = new Scene();
    const top = scene.start({ intensity: 3 }, ['a']);
    const ended = scene.system.ended(top);
    await scene.call(top, 'countChildren');
    scene.failing.add('a');
    await scene.crash('a');
    expect(await ended).toBe(atom('shutdown'));
  });

  it('does not start when a child does not, and ends those before it', async () => {
    const scene = new Scene();
    scene.failing.add('b');
    const top = scene.start({});
    const reason = (await scene.system.ended(top)) as Tuple;
    expect(reason.elements[0]).toBe(atom('shutdown'));
    const [tag, id] = (reason.elements[1] as Tuple).elements;
    expect([tag, id]).toEqual([atom('failed_to_start_child'), 'b']);
    expect(scene.take()).toBe('+a -a');
  });

  it('gives children their time to end, kills those that outstay it, and brutal ones at once', async () => {
    const scene = new Scene();
    const order: string[] = [];
    const Slow = actor('slow', (self, name: string) => {
      self.onStop(() => new Promise<void>(() => {}));
      self.signal.addEventListener('abort', () => order.push(name));
      return {};
    });
    const Top = supervisor('top', {}, () => [
      child(Slow, ['patient'], { id: 'patient', shutdown: 200 }),
      child(Slow, ['brutal'], { id: 'brutal', shutdown: 'brutal_kill' }),
    ]);
    const top = scene.system.spawn(Top, []);
    await scene.call(top, 'countChildren');
    scene.system.exit(top, 'shutdown');
    await scene.world.clock.advance(199);
    expect(order).toEqual(['brutal']);
    expect(scene.system.isAlive(top)).toBe(true);
    await scene.world.clock.advance(1);
    expect(order).toEqual(['brutal', 'patient']);
    expect(scene.system.isAlive(top)).toBe(false);
    expect(scene.world.clock.pending).toBeLessThanOrEqual(1);
  });

  it('starts, ends, restarts and forgets children when asked', async () => {
    const scene = new Scene();
    const top = scene.start({}, ['a']);
    const pid = await scene.call(top, 'startChild', child(scene.Worker, ['b'], { id: 'b' }));
    expect(await scene.call(pid as Pid, 'id')).toBe('b');
    await expect(
      scene.call(top, 'startChild', child(scene.Worker, ['b'], { id: 'b' })),
    ).rejects.toMatchObject({
      reason: tuple(atom('already_started'), pid),
    });
    await expect(scene.call(top, 'restartChild', 'b')).rejects.toMatchObject({ reason: atom('running') });
    await expect(scene.call(top, 'deleteChild', 'b')).rejects.toMatchObject({ reason: atom('running') });
    await scene.call(top, 'terminateChild', 'b');
    expect(scene.system.isAlive(pid as Pid)).toBe(false);
    expect((await scene.call(top, 'whichChildren')) as ChildInfo[]).toMatchObject([
      { id: 'a', type: 'worker', actor: 'worker' },
      { id: 'b', pid: undefined },
    ]);
    expect(await scene.call(top, 'restartChild', 'b')).not.toBe(pid);
    await scene.call(top, 'terminateChild', 'b');
    await scene.call(top, 'deleteChild', 'b');
    await expect(scene.call(top, 'terminateChild', 'b')).rejects.toMatchObject({ reason: atom('not_found') });
    expect(await scene.call(top, 'countChildren')).toEqual({
      specs: 1,
      active: 1,
      supervisors: 0,
      workers: 1,
    });
    scene.failing.add('c');
    await expect(scene.call(top, 'startChild', child(scene.Worker, ['c'], { id: 'c' }))).rejects.toThrow(
      'c cannot start',
    );
    expect(scene.system.isAlive(top)).toBe(true);
  });

  it('starts any number of one kind with simple_one_for_one', async () => {
    const scene = new Scene();
    const Top = supervisor('pool', { strategy: 'simple_one_for_one' }, () => [
      child(scene.Worker, [] as never),
    ]);
    const top = scene.system.spawn(Top, []);
    const first = (await scene.call(top, 'startChild', ['x'])) as Pid;
    const second = (await scene.call(top, 'startChild', ['y'])) as Pid;
    expect([await scene.call(first, 'id'), await scene.call(second, 'id')]).toEqual(['x', 'y']);
    await scene.call(top, 'terminateChild', new Proxy(first, {}));
    await scene.call(second, 'leave', 'boom').catch(() => {});
    await settled();
    expect(await scene.call(top, 'countChildren')).toEqual({
      specs: 1,
      active: 1,
      supervisors: 0,
      workers: 1,
    });
    expect(scene.take()).toBe('+x +y -x -y +y');
  });

  it('answers the requests of the supervisor module of a BEAM', async () => {
    const scene = new Scene();
    const top = scene.start({}, ['a']);
    const request = (term: unknown): Promise<unknown> => scene.system.call(top, term);
    expect(await request(atom('count_children'))).toEqual([
      tuple(atom('specs'), 1),
      tuple(atom('active'), 1),
      tuple(atom('supervisors'), 0),
      tuple(atom('workers'), 1),
    ]);
    expect(await request(atom('which_children'))).toEqual([
      tuple('a', scene.system.whereis('a'), atom('worker'), [atom('worker')]),
    ]);
    const spec = new Map<unknown, unknown>([
      [atom('id'), atom('z')],
      [atom('start'), tuple(atom('worker'), atom('start_link'), ['z'])],
    ]);
    const [ok, pid] = (await request(tuple(atom('start_child'), spec))) as Tuple;
    expect(ok).toBe(atom('ok'));
    expect(await scene.call(pid as Pid, 'id')).toBe('z');
    expect(await request(tuple(atom('terminate_child'), atom('z')))).toBe(atom('ok'));
    expect(await request(tuple(atom('delete_child'), atom('z')))).toBe(atom('ok'));
    expect(await request(tuple(atom('delete_child'), atom('z')))).toEqual(
      tuple(atom('error'), atom('not_found')),
    );
    expect(await request(tuple(atom('start_child'), 7))).toEqual(
      tuple(atom('error'), atom('invalid_child_spec')),
    );
  });

  it('hangs in a tree: an inner supervisor that gives up is restarted by the outer', async () => {
    const scene = new Scene();
    const Inner = supervisor('inner', { intensity: 0 }, () => [
      child(scene.Worker, ['leaf'], { name: 'leaf' }),
    ]);
    const Outer = supervisor('outer', {}, () => [child(Inner, [])]);
    const outer = scene.system.spawn(Outer, []);
    expect(await scene.call(outer, 'countChildren')).toMatchObject({ supervisors: 1 });
    const before = scene.system.whereis('leaf');
    await scene.crash('leaf');
    expect(scene.system.whereis('leaf')).not.toBe(before);
    expect(await scene.call('leaf', 'id')).toBe('leaf');
    scene.take();
    await scene.system.stop();
    expect(scene.take()).toBe('-leaf');
    expect(scene.system.count).toBe(0);
  });

  it('refuses options that mean nothing', () => {
    expect(() => supervisor('x', { strategy: 'all' as Strategy }, () => [])).toThrow(OptionsError);
    expect(() => supervisor('x', { intensity: -1 }, () => [])).toThrow(OptionsError);
    expect(() => child(new Scene().Worker, ['a'], { restart: 'always' as 'permanent' })).toThrow(
      OptionsError,
    );
    expect(() => child(new Scene().Worker, ['a'], { shutdown: -1 })).toThrow(OptionsError);
  });
});
