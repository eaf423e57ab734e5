import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import {
  assign,
  type EventObject,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  log,
  sendTo,
  setup,
} from 'xstate';
import { actorRef } from '../../src/actor/actor-ref.ts';
import { child } from '../../src/actor/child.ts';
import { statechart } from '../../src/actor/statechart.ts';
import { supervisor } from '../../src/actor/supervisor.ts';
import { ExitError } from '../../src/errors.ts';
import type { Node } from '../../src/node.ts';
import { type AnyDestination, at } from '../../src/process/destination.ts';
import type { AnyActor, ArgsOf } from '../../src/process/protocol.ts';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { Watch } from '../../src/process/watch.ts';
import { atom } from '../../src/term/atom.ts';
import { AtomMap } from '../../src/term/atom-map.ts';
import type { Pid } from '../../src/term/identifiers.ts';
import { decodeTerm, encodeTerm } from '../../src/term/index.ts';
import { type Tuple, tuple } from '../../src/term/tuple.ts';
import { settled, World } from '../process/world.ts';

type LightEvent =
  | { type: 'tick'; by: number }
  | { type: 'break' }
  | { type: 'finish' }
  | { type: 'start' }
  | { type: 'say'; to: Pid; word: string };

const lightMachine = setup({
  types: {} as {
    context: { n: number };
    events: LightEvent;
    input: { n: number };
    output: { total: number };
    tags: 'lit';
  },
  delays: { rest: 1_000 },
}).createMachine({
  id: 'light',
  context: ({ input }) => ({ n: input.n }),
  initial: 'off',
  on: {
    tick: { actions: assign({ n: ({ context, event }) => context.n + event.by }) },
    break: {
      actions: () => {
        throw new RangeError('bulb burst');
      },
    },
    say: {
      actions: sendTo(
        ({ event }) => actorRef(event.to),
        ({ event }) => ({ type: 'said', word: event.word }),
      ),
    },
    finish: '.end',
  },
  states: {
    off: { on: { start: 'on' } },
    on: { tags: 'lit', after: { rest: 'off' } },
    end: { type: 'final' },
  },
  output: ({ context }) => ({ total: context.n }),
});
const Light = statechart('light', lightMachine);

let unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));
process.on('uncaughtException', (error) => unhandled.push(error));
afterEach(async () => {
  await settled();
  expect(unhandled).toEqual([]);
  unhandled = [];
});

const call = (from: ProcessSystem, to: AnyDestination, method: string, ...args: unknown[]) =>
  from.callMethod(from.outside, to, method, args);
const watch = (from: ProcessSystem, to: Pid, signal?: AbortSignal) => new Watch(from, to, {}, signal);
const failure = (promise: Promise<unknown>): Promise<ExitError> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error) => error as ExitError,
  );

/** A wire is copied over, so that only what has a term gets across. */
const copy = <T>(value: T): T => decodeTerm(encodeTerm(value)) as T;

describe.each([
  ['within a node', 'a@one'],
  ['between nodes', 'b@two'],
])('a statechart used %s', (_title, user) => {
  function start<A extends AnyActor = typeof Light>(
    actor?: A,
    args?: ArgsOf<A>,
  ): { world: World; home: ProcessSystem; from: ProcessSystem; pid: Pid; ended: Promise<unknown> } {
    const world = new World();
    const home = world.start('a@one');
    const from = user === 'a@one' ? home : world.start(user);
    const pid = home.spawn(actor ?? Light, args ?? [{ n: 5 }], { name: 'light' }) as Pid;
    return { world, home, from, pid, ended: home.ended(pid) };
  }

  it('answers snapshots of plain data', async () => {
    const { from, pid } = start();
    expect(await call(from, pid, 'snapshot')).toEqual({
      status: 'active',
      value: 'off',
      tags: [],
      context: { n: 5 },
    });
  });

  it('takes objects, tuples with maps and atoms as events, in the order they were sent', async () => {
    const { from, pid } = start();
    from.send(pid, { type: 'tick', by: 1 });
    from.send(pid, tuple(atom('tick'), Object.assign(new AtomMap(), { by: 2 })));
    from.send(pid, tuple(atom('tick'), { by: 3 }));
    from.send(
      pid,
      tuple(
        atom('tick'),
        new Map<unknown, unknown>([
          [atom('by'), 4],
          [9, 'lost'],
        ]),
      ),
    );
    from.send(pid, Object.assign(new AtomMap(), { type: atom('tick'), by: 5 }));
    from.send(pid, atom('start'));
    expect(await call(from, pid, 'snapshot')).toEqual({
      status: 'active',
      value: 'on',
      tags: ['lit'],
      context: { n: 20 },
    });
  });

  it('takes events as calls, answered when they have been handled', async () => {
    const { from, pid } = start();
    expect(await call(from, pid, 'send', { type: 'tick', by: 2 })).toBe(undefined);
    from.castMethod(from.outside, pid, 'send', [{ type: 'tick', by: 2 }]);
    expect(await call(from, pid, 'snapshot')).toMatchObject({ context: { n: 9 } });
  });

  it('counts and ignores what is no event, and events that only XState may make', async () => {
    const { home, from, pid } = start();
    const strange = [
      5,
      'tick',
      null,
      [],
      {},
      { type: 5 },
      { type: '*' },
      { type: '' },
      { type: 'xstate.stop' },
      atom('xstate.stop'),
      tuple(atom('xstate.done.state.light'), {}),
      tuple(atom('tick'), 1),
      tuple(atom('tick'), {}, 1),
      tuple(1, {}),
    ];
    for (const message of strange) from.send(pid, message);
    expect(await call(from, pid, 'snapshot')).toMatchObject({ status: 'active', context: { n: 5 } });
    expect(home.telemetry.counters()['actor.unhandled_message']).toBe(strange.length);
  });

  it('refuses a call with no event to its caller alone', async () => {
    const { from, pid } = start();
    const error = await failure(call(from, pid, 'send', 'tick'));
    expect(error.reason).toEqual(tuple(atom('badarg'), 'tick'));
    expect((await failure(call(from, pid, 'watch', 'me'))).reason).toEqual(tuple(atom('badarg'), 'me'));
    expect(await call(from, pid, 'snapshot')).toMatchObject({ status: 'active' });
  });

  it("waits on the node's clock", async () => {
    const { world, from, pid } = start();
    from.send(pid, atom('start'));
    await world.clock.advance(999);
    expect(await call(from, pid, 'snapshot')).toMatchObject({ value: 'on' });
    await world.clock.advance(1);
    expect(await call(from, pid, 'snapshot')).toMatchObject({ value: 'off' });
  });

  it('crashes with the error of its machine, told to the caller too', async () => {
    const { from, pid, ended } = start();
    const error = await failure(call(from, pid, 'send', { type: 'break' }));
    expect(error.message).toContain('RangeError: bulb burst');
    const [what] = (error.reason as Tuple).elements;
    expect(what).toEqual(tuple(atom('js_error'), 'RangeError', 'bulb burst'));
    expect(await ended).toEqual(error.reason);
  });

  it('ends with normal when its machine is done, and answers the last event first', async () => {
    const { from, pid, ended } = start();
    expect(await call(from, pid, 'send', { type: 'finish' })).toBe(undefined);
    expect(await ended).toBe(atom('normal'));
  });

  it('is told no event once it is done', async () => {
    const { from, pid } = start();
    const first = call(from, pid, 'send', { type: 'finish' });
    const second = failure(call(from, pid, 'send', { type: 'tick', by: 1 }));
    expect(await first).toBe(undefined);
    expect((await second).reason).toBe(atom('normal'));
  });

  it('sends to processes with sendTo, as itself and in order', async () => {
    const { from, pid } = start();
    const heard: unknown[] = [];
    await new Promise<void>((resolve) => {
      from.spawn(async (self: Self) => {
        self.send(pid, { type: 'say', to: self.pid, word: 'one' });
        self.send(pid, { type: 'say', to: self.pid, word: 'two' });
        for (let i = 0; i < 2; i += 1) heard.push(await self.receive());
        resolve();
      }, []);
    });
    expect(heard).toEqual([
      { type: 'said', word: 'one' },
      { type: 'said', word: 'two' },
    ]);
  });

  it('is watched: the snapshot of now, then each change that is waited for', async () => {
    const { from, pid } = start();
    const snapshots = watch(from, pid);
    expect((await snapshots.next()).value).toMatchObject({ context: { n: 5 } });
    for (const by of [1, 2]) {
      const next = snapshots.next();
      from.send(pid, { type: 'tick', by });
      expect((await next).value).toMatchObject({ context: { n: by === 1 ? 6 : 8 } });
    }
    await snapshots.return();
    expect(await snapshots.next()).toEqual({ done: true, value: undefined });
  });

  it('lets a slow watcher skip to the latest, with one snapshot on its way at most', async () => {
    const { world, from, pid } = start();
    const snapshots = watch(from, pid);
    await snapshots.next();
    await settled();
    const before = world.trace.length;
    for (let i = 0; i < 100; i += 1) from.send(pid, { type: 'tick', by: 1 });
    await settled();
    const sent = world.trace.slice(before).filter((line) => line === 'a@one SEND b@two');
    expect(sent).toHaveLength(user === 'a@one' ? 0 : 1);
    expect((await snapshots.next()).value).toMatchObject({ context: { n: 6 } });
    expect((await snapshots.next()).value).toMatchObject({ context: { n: 105 } });
    await snapshots.return();
  });

  it('gives watchers the last snapshot, asked for or not, then ends', async () => {
    const { from, pid } = start();
    const snapshots = watch(from, pid);
    await snapshots.next();
    for (let i = 0; i < 10; i += 1) from.send(pid, { type: 'tick', by: 1 });
    from.send(pid, atom('finish'));
    await settled();
    const seen: unknown[] = [];
    for await (const snapshot of snapshots) seen.push(snapshot);
    expect(seen.at(-1)).toEqual({
      status: 'done',
      value: 'end',
      tags: [],
      context: { n: 15 },
      output: { total: 15 },
    });
  });

  it('ends the watching with the reason when it crashes or is not there', async () => {
    const { from, pid } = start();
    const snapshots = watch(from, pid);
    await snapshots.next();
    from.send(pid, atom('break'));
    const error = await failure(snapshots.next());
    expect(error).toBeInstanceOf(ExitError);
    expect(error.message).toContain('bulb burst');
    expect(await snapshots.next()).toEqual({ done: true, value: undefined });
    expect((await failure(watch(from, pid).next())).reason).toBe(atom('noproc'));
  });

  it('ends the watching without error when it is shut down', async () => {
    const { home, from, pid } = start();
    const snapshots = watch(from, pid);
    await snapshots.next();
    home.exit(pid, 'shutdown');
    expect(await snapshots.next()).toEqual({ done: true, value: undefined });
  });

  it('stops being watched by an abort, and by return while a snapshot is waited for', async () => {
    const { home, from, pid } = start();
    const controller = new AbortController();
    const snapshots = watch(from, pid, controller.signal);
    await snapshots.next();
    await settled();
    expect(home.info(pid)?.monitoredBy).toHaveLength(1);
    const next = failure(snapshots.next());
    controller.abort(new Error('enough'));
    expect((await next).message).toBe('enough');
    expect((await failure(watch(from, pid, controller.signal).next())).message).toBe('enough');

    const others = watch(from, pid);
    await others.next();
    const last = others.next();
    await others.return();
    expect(await last).toEqual({ done: true, value: undefined });
    await settled();
    expect(home.info(pid)?.monitoredBy).toEqual([]);
    expect(home.info(pid)?.monitors).toEqual([]);
  });

  it('forgets a watcher that ends, and ends the watching when the watcher is killed', async () => {
    const { home, from, pid } = start();
    const snapshots = watch(from, pid);
    await snapshots.next();
    const watcher = from.processes().at(-1)!;
    expect(home.info(pid)?.monitors).toEqual([watcher]);
    const next = failure(snapshots.next());
    from.exit(watcher, 'kill');
    expect((await next).reason).toBe(atom('killed'));
    await settled();
    expect(home.info(pid)?.monitors).toEqual([]);
  });

  it('is watched by hand: watch, next, unwatch', async () => {
    const { from, pid } = start();
    const heard: unknown[] = [];
    await new Promise<void>((resolve) => {
      from.spawn(async (self: Self) => {
        const answer = (await self.request(pid, tuple(atom('watch'), self.pid))) as Tuple;
        heard.push(answer.elements[0] === pid);
        self.cast(pid, 'next', self.pid);
        self.send(pid, { type: 'tick', by: 1 });
        heard.push(((await self.receive()) as Tuple).elements[2]);
        self.cast(pid, 'next', self.pid);
        self.cast(pid, 'unwatch', self.pid);
        await self.call(pid, 'send', { type: 'tick', by: 1 });
        heard.push(await self.receive({ timeout: 0 }).catch(() => 'nothing'));
        resolve();
      }, []);
    });
    expect(heard).toEqual([true, { status: 'active', value: 'off', tags: [], context: { n: 6 } }, 'nothing']);
  });
});

describe('other logic as a process', () => {
  function world(): { world: World; home: ProcessSystem } {
    const made = new World();
    return { world: made, home: made.start('a@one') };
  }

  it('is a promise that is kept: the process ends with normal, watchers get the output', async () => {
    const { home } = world();
    let keep: (value: string) => void = () => {};
    const Job = statechart(
      'job',
      fromPromise(async ({ input }: { input: string }) => {
        const word = await new Promise<string>((resolve) => {
          keep = resolve;
        });
        return `${input} ${word}`;
      }),
    );
    const pid = home.spawn(Job, ['well']);
    const ended = home.ended(pid);
    const snapshots = watch(home, pid);
    expect((await snapshots.next()).value).toEqual({ status: 'active' });
    keep('done');
    expect((await snapshots.next()).value).toEqual({ status: 'done', output: 'well done' });
    expect((await snapshots.next()).done).toBe(true);
    expect(await ended).toBe(atom('normal'));
  });

  it('is a promise that is broken: the process crashes with its error', async () => {
    const { home } = world();
    const Job = statechart(
      'job',
      fromPromise(() => Promise.reject(new TypeError('no luck'))),
    );
    const reason = (await home.ended(home.spawn(Job, []))) as Tuple;
    expect(reason.elements[0]).toEqual(tuple(atom('js_error'), 'TypeError', 'no luck'));
  });

  it('is a reducer', async () => {
    const { home } = world();
    const Sum = statechart(
      'sum',
      fromTransition(
        (state: { n: number }, event: { type: 'add'; by: number }) => ({ n: state.n + event.by }),
        ({ input }: { input: number }) => ({ n: input }),
      ),
    );
    const pid = home.spawn(Sum, [40]);
    home.send(pid, { type: 'add', by: 2 });
    expect(await call(home, pid, 'snapshot')).toEqual({ status: 'active', context: { n: 42 } });
  });

  it('is a callback, cleaned up before its end is announced', async () => {
    const { home } = world();
    const heard: unknown[] = [];
    const Ear = statechart(
      'ear',
      fromCallback<EventObject, string>(({ input, receive }) => {
        receive((event) => heard.push(input, event.type));
        return () => heard.push('cleaned');
      }),
    );
    const pid = home.spawn(Ear, ['hears']);
    home.send(pid, { type: 'knock' });
    await call(home, pid, 'snapshot');
    void home.ended(pid).then(() => heard.push('ended'));
    home.exit(pid, 'shutdown');
    await settled();
    expect(heard).toEqual(['hears', 'knock', 'cleaned', 'ended']);
  });

  it('is a callback that is killed, and cleaned up nevertheless', async () => {
    const { home } = world();
    let cleaned = 0;
    const Ear = statechart(
      'ear',
      fromCallback(() => () => {
        cleaned += 1;
      }),
    );
    const pid = home.spawn(Ear, []);
    await call(home, pid, 'snapshot');
    home.exit(pid, 'kill');
    expect(cleaned).toBe(1);
  });

  it('is an observable, to its completion', async () => {
    const { home } = world();
    type Sink = { next?(value: number): void; complete?(): void };
    let sink: Sink = {};
    const Numbers = statechart(
      'numbers',
      fromObservable(
        () =>
          ({
            subscribe(observer: unknown) {
              sink = observer as Sink;
              return { unsubscribe() {} };
            },
            [Symbol.for('observable')]() {
              return this;
            },
          }) as never,
      ),
    );
    const pid = home.spawn(Numbers, []);
    const ended = home.ended(pid);
    const snapshots = watch(home, pid);
    await snapshots.next();
    sink.next?.(7);
    expect((await snapshots.next()).value).toEqual({ status: 'active', context: 7 });
    sink.complete?.();
    expect(await ended).toBe(atom('normal'));
    await snapshots.return();
  });
});

describe('a statechart', () => {
  it('crashes with the error of a delay that fires, or of its start', async () => {
    const world = new World();
    const home = world.start('a@one');
    const burst = () => {
      throw new RangeError('burst');
    };
    const Late = statechart('late', setup({}).createMachine({ after: { 50: { actions: burst } } }));
    const Early = statechart('early', setup({}).createMachine({ entry: burst }));
    for (const Bomb of [Late, Early]) {
      const ended = home.ended(home.spawn(Bomb, [])) as Promise<Tuple>;
      await world.clock.advance(50);
      expect((await ended).elements[0]).toEqual(tuple(atom('js_error'), 'RangeError', 'burst'));
    }
  });

  it('may be done from the start', async () => {
    const home = new World().start('a@one');
    const Done = statechart(
      'done',
      setup({}).createMachine({ initial: 'a', states: { a: { type: 'final' } } }),
    );
    expect(await home.ended(home.spawn(Done, []))).toBe(atom('normal'));
  });

  it('that is done from the start has started nevertheless, for its supervisor', async () => {
    const home = new World().start('a@one');
    const Done = statechart(
      'done',
      setup({}).createMachine({ initial: 'a', states: { a: { type: 'final' } } }),
    );
    const Top = supervisor('top', {}, () => [child(Done, [], { restart: 'transient' })]);
    const top = home.spawn(Top, []);
    expect(await call(home, top, 'countChildren')).toMatchObject({ specs: 1 });
  });

  it('takes its children, timers and callbacks with it', async () => {
    const world = new World();
    const home = world.start('a@one');
    let cleaned = 0;
    const kid = fromCallback(() => () => {
      cleaned += 1;
    });
    const Parent = statechart(
      'parent',
      setup({ actors: { kid } }).createMachine({
        invoke: { src: 'kid' },
        initial: 'a',
        states: { a: { after: { 60000: 'b' } }, b: {} },
      }),
    );
    for (const reason of ['shutdown', 'kill']) {
      const pid = home.spawn(Parent, []);
      await settled();
      expect(world.clock.pending).toBe(1);
      home.exit(pid, reason);
      await settled();
      expect(world.clock.pending).toBe(0);
    }
    expect(cleaned).toBe(2);
  });

  it('shows references to its children by their ids', async () => {
    const home = new World().start('a@one', { encodeLocal: copy });
    const kid = fromCallback(() => {});
    const Parent = statechart(
      'parent',
      setup({ actors: { kid } }).createMachine({
        context: ({ spawn }) => ({
          list: [1, { ref: spawn('kid', { id: 'kid' }) }],
          depot: actorRef('depot'),
        }),
      }),
    );
    const pid = home.spawn(Parent, []);
    expect(await call(home, pid, 'snapshot')).toMatchObject({
      context: { list: [1, { ref: { id: 'kid' } }], depot: { id: 'depot' } },
    });
  });

  it('refuses a snapshot that cannot travel to its caller and its watcher alone', async () => {
    const home = new World().start('a@one', { encodeLocal: copy });
    const Odd = statechart(
      'odd',
      fromTransition(
        (state: { f: unknown }, event: { type: 'mend' }) => (event.type === 'mend' ? { f: 1 } : state),
        { f: () => {} },
      ),
    );
    const pid = home.spawn(Odd, []);
    const error = await failure(call(home, pid, 'snapshot'));
    expect(error).toBeInstanceOf(ExitError);
    expect(error.message).toContain('encode_error');
    expect(error.message).toContain('context.f');
    expect((await failure(watch(home, pid).next())).message).toContain('encode_error');
    home.send(pid, { type: 'mend' });
    expect(await call(home, pid, 'snapshot')).toEqual({ status: 'active', context: { f: 1 } });
  });

  it('ends the watching with the reason when a later snapshot cannot travel, and lives on', async () => {
    const home = new World().start('a@one', { encodeLocal: copy });
    const Odd = statechart(
      'odd',
      fromTransition((_state: { f: unknown }, _event: { type: 'spoil' }) => ({ f: Symbol('s') as unknown }), {
        f: 1 as unknown,
      }),
    );
    const pid = home.spawn(Odd, []);
    const snapshots = watch(home, pid);
    await snapshots.next();
    home.send(pid, { type: 'spoil' });
    expect((await failure(snapshots.next())).message).toContain('cannot travel: ');
    expect(home.isAlive(pid)).toBe(true);
    await settled();
    expect(home.info(pid)?.monitors).toEqual([]);
  });

  it('sends with a delay on the clock, and crashes when what it sends has no term', async () => {
    const world = new World();
    const home = world.start('a@one', { encodeLocal: copy });
    const heard: unknown[] = [];
    home.spawn(
      async (self: Self) => {
        for await (const message of self) heard.push(message);
      },
      [],
      { name: 'ear' },
    );
    const ear = actorRef('ear');
    const Mouth = statechart(
      'mouth',
      setup({}).createMachine({
        entry: [sendTo(ear, { type: 'now' }), sendTo(ear, { type: 'later' }, { delay: 100 })],
        on: {
          odd: { actions: sendTo(ear, { type: 'odd', f: () => {} }) },
          oddLater: { actions: sendTo(ear, { type: 'odd', f: () => {} }, { delay: 10 }) },
        },
      }),
    );
    const pid = home.spawn(Mouth, []);
    await world.clock.advance(99);
    expect(heard).toEqual([{ type: 'now' }]);
    await world.clock.advance(1);
    expect(heard).toEqual([{ type: 'now' }, { type: 'later' }]);
    expect((await failure(call(home, pid, 'send', { type: 'odd' }))).message).toContain('EncodeError');
    const other = home.spawn(Mouth, []);
    const ended = home.ended(other) as Promise<Tuple>;
    home.send(other, { type: 'oddLater' });
    await world.clock.advance(10);
    expect(((await ended).elements[0] as Tuple).elements[1]).toBe('EncodeError');
  });

  it('logs and inspects through the node', async () => {
    const world = new World();
    const home = world.start('a@one');
    const seen: string[] = [];
    const Talker = statechart('talker', setup({}).createMachine({ on: { go: { actions: log('going') } } }), {
      inspect: (event) => {
        if (event.type === '@xstate.event') seen.push(event.event.type);
      },
    });
    const pid = home.spawn(Talker, []);
    await call(home, pid, 'send', { type: 'go' });
    expect(seen).toEqual(['xstate.init', 'go']);
    expect(world.log.map(({ message }) => message)).toEqual([expect.stringContaining('talker: going')]);
  });

  it('is watched by a process as long as that lives', async () => {
    const home = new World().start('a@one');
    const light = home.spawn(Light, [{ n: 1 }]);
    const seen: unknown[] = [];
    const watcher = home.spawn(async (self: Self) => {
      try {
        for await (const { value } of self.watch<typeof Light>(light as never)) seen.push(value);
      } catch (error) {
        seen.push((error as ExitError).reason);
      }
    }, []);
    await settled();
    home.exit(watcher, 'shutdown');
    await settled();
    expect(seen).toEqual(['off', atom('shutdown')]);
    expect(home.info(light)?.monitors).toEqual([]);
  });

  it('tells its monitors when the connection to a watched one is lost', async () => {
    const world = new World();
    const home = world.start('a@one');
    const far = world.start('b@two');
    const pid = home.spawn(Light, [{ n: 1 }]);
    const snapshots = watch(far, pid);
    await snapshots.next();
    const next = failure(snapshots.next());
    world.disconnect('a@one', 'b@two');
    expect((await next).reason).toBe(atom('noconnection'));
    await settled();
    expect(home.info(pid)?.monitors).toEqual([]);
    expect(home.isAlive(pid)).toBe(true);
  });

  it('ends the watching when the node stops', async () => {
    const home = new World().start('a@one');
    const pid = home.spawn(Light, [{ n: 1 }]);
    const snapshots = watch(home, pid);
    await snapshots.next();
    const next = failure(snapshots.next());
    const unborn = failure(watch(home, pid).next());
    await home.stop();
    expect((await next).reason).toBe(atom('shutdown'));
    expect((await unborn).reason).toBe(atom('shutdown'));
    expect((await failure(watch(home, pid).next())).reason).toBe(atom('shutdown'));
  });
});

describe('actorRef', () => {
  it('with a sender sends from anywhere; without one says what is missing', () => {
    const sent: unknown[] = [];
    const sender = { send: (to: unknown, message: unknown) => sent.push(to, message) };
    actorRef('depot', sender).send({ type: 'hello' });
    expect(sent).toEqual(['depot', { type: 'hello' }]);
    expect(() => actorRef('depot').send({ type: 'hello' })).toThrow(/does not know who sends/);
  });
});

describe('types of statecharts', () => {
  const never = (_run: (node: Node, self: Self, pid: Pid<typeof Light>) => void): void => {};

  it('flow from the logic to spawn, send, snapshot and watch', () => {
    never(async (node, self, pid) => {
      expectTypeOf(node.spawn(Light, [{ n: 1 }])).toEqualTypeOf<Pid<typeof Light>>();
      // @ts-expect-error wrong input
      node.spawn(Light, [{ n: '1' }]);
      // @ts-expect-error missing input
      node.spawn(Light);
      node.spawn(
        statechart(
          'free',
          fromCallback(() => {}),
        ),
      );

      void node.call(pid, 'send', { type: 'tick', by: 2 });
      // @ts-expect-error wrong event
      void node.call(pid, 'send', { type: 'tock' });
      // @ts-expect-error wrong payload
      node.cast(pid, 'send', { type: 'tick', by: '2' });

      const snapshot = await self.call(pid, 'snapshot');
      expectTypeOf(snapshot.value).toEqualTypeOf<'off' | 'on' | 'end'>();
      expectTypeOf(snapshot.context).toEqualTypeOf<{ n: number }>();
      expectTypeOf(snapshot.output).toEqualTypeOf<{ total: number } | undefined>();
      expectTypeOf(snapshot.tags).toEqualTypeOf<readonly string[]>();
      // @ts-expect-error functions of XState's snapshots stay at home
      void snapshot.matches;
      for await (const seen of node.watch(pid)) expectTypeOf(seen).toEqualTypeOf<typeof snapshot>();
      for await (const seen of node.watch('light')) expectTypeOf(seen).toBeUnknown();
    });
  });

  it('flow from the destination to sendTo', () => {
    const light = at<typeof Light>('depot@127.0.0.1', 'light');
    sendTo(actorRef(light), { type: 'tick', by: 2 });
    // @ts-expect-error wrong event
    sendTo(actorRef(light), { type: 'tock' });
    sendTo(actorRef('light'), { type: 'anything', at: 'all' });
  });
});
