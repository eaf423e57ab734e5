import { afterEach, describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { CallTimeoutError, ExitError } from '../../src/errors.ts';
import type { Deferred } from '../../src/process/deferred.ts';
import { at, global } from '../../src/process/destination.ts';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { type Down, Exit } from '../../src/process/system-messages.ts';
import { atom } from '../../src/term/atom.ts';
import type { Pid } from '../../src/term/identifiers.ts';
import { decodeTerm, encodeTerm } from '../../src/term/index.ts';
import { ImproperList } from '../../src/term/list.ts';
import { Tuple, tuple } from '../../src/term/tuple.ts';
import { settled, World } from '../process/world.ts';

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return {
    get: () => n,
    add: (by: number) => {
      n += by;
      return n;
    },
    slow: async (by: number) => {
      const before = n;
      await settled();
      n = before + by;
      return n;
    },
    crash: (): never => {
      throw new RangeError('handler failed');
    },
    args: (...args: unknown[]) => args,
  };
});

let unhandled: unknown[] = [];
process.on('unhandledRejection', (error) => unhandled.push(error));
afterEach(async () => {
  await settled();
  expect(unhandled).toEqual([]);
  unhandled = [];
});

describe.each([
  ['within a node', 'a@one'],
  ['between nodes', 'b@two'],
])('an actor called %s', (_title, caller) => {
  function start(): { world: World; home: ProcessSystem; from: ProcessSystem; pid: Pid } {
    const world = new World();
    const home = world.start('a@one');
    const from = caller === 'a@one' ? home : world.start(caller);
    return { world, home, from, pid: home.spawn(Counter, [5], { name: 'counter' }) };
  }
  const call = (
    from: ProcessSystem,
    to: Pid | string | ReturnType<typeof at>,
    method: string,
    ...args: unknown[]
  ) => from.callMethod(from.outside, to, method, args);

  it('answers calls by pid and by name, and hears casts', async () => {
    const { from, pid } = start();
    expect(await call(from, pid, 'get')).toBe(5);
    expect(await call(from, at('a@one', 'counter'), 'add', 2)).toBe(7);
    from.castMethod(from.outside, pid, 'add', [3]);
    from.cast(pid, tuple(atom('add'), 1));
    from.cast(pid, 'nonsense');
    expect(await from.call(pid, atom('get'))).toBe(11);
    expect(await from.call(pid, tuple(atom('add'), 1))).toBe(12);
    expect(await call(from, pid, 'args', 1, [2], 'three')).toEqual([1, [2], 'three']);
  });

  it('handles requests strictly one at a time, async ones too', async () => {
    const { from, pid } = start();
    const answers = await Promise.all([1, 2, 3].map((by) => call(from, pid, 'slow', by)));
    expect(answers).toEqual([6, 8, 11]);
  });

  it('refuses unknown methods to the caller alone, and lives on', async () => {
    const { from, pid } = start();
    for (const method of ['nothing', 'constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      await expect(call(from, pid, method)).rejects.toMatchObject({
        code: 'ExitError',
        reason: tuple(atom('undef'), atom(method)),
      });
    }
    await expect(from.call(pid, 42)).rejects.toMatchObject({ reason: tuple(atom('undef'), 42) });
    await expect(from.call(pid, tuple())).rejects.toMatchObject({ reason: tuple(atom('undef'), tuple()) });
    from.castMethod(from.outside, pid, 'constructor', []);
    expect(await call(from, pid, 'get')).toBe(5);
  });

  it('crashes with the error of its handler; every caller that waits learns why', async () => {
    const { world, from, home, pid } = start();
    const calls = [call(from, pid, 'crash'), call(from, pid, 'get')];
    const outcomes = await Promise.allSettled(calls);
    for (const outcome of outcomes) {
      const { reason } = (outcome as PromiseRejectedResult).reason as ExitError;
      expect((reason as Tuple).elements[0]).toEqual(tuple(atom('js_error'), 'RangeError', 'handler failed'));
    }
    expect(home.isAlive(pid)).toBe(false);
    expect(world.log).toHaveLength(1);
    const again = call(from, pid, 'get');
    await expect(again).rejects.toMatchObject({ reason: atom('noproc') });
  });

  it('rejects a call of nobody with noproc', async () => {
    const { from } = start();
    await expect(call(from, at('a@one', 'nobody'), 'get')).rejects.toMatchObject({ reason: atom('noproc') });
    await expect(from.call(global('nobody'), 'get')).rejects.toThrow('keeps no global names');
  });

  it('gives up after the time-out, and a late answer reaches no mailbox', async () => {
    const { world, from, home } = start();
    let later: Deferred<string> | undefined;
    const Late = actor('late', (self) => ({
      get: () => {
        later = self.deferReply<string>();
        return later;
      },
    }));
    const late = home.spawn(Late, []);
    const heard: unknown[] = [];
    const outcomes: unknown[] = [];
    from.spawn(async (self: Self) => {
      await self.request(late, atom('get'), { timeout: 100 }).catch((error) => outcomes.push(error));
      for await (const message of self) heard.push(message);
    }, []);
    await settled();
    await world.clock.advance(99);
    expect(outcomes).toEqual([]);
    await world.clock.advance(1);
    expect(outcomes).toEqual([expect.any(CallTimeoutError)]);
    later?.reply('too late');
    await settled();
    expect(heard).toEqual([]);
  });

  it('gives up when the signal is aborted', async () => {
    const { from, home } = start();
    const pid = home.spawn(async (self: Self) => self.receive(() => false), []);
    const controller = new AbortController();
    const waiting = from.call(pid, 'get', { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(from.call(pid, 'get', { signal: controller.signal })).rejects.toThrow('enough');
    await settled();
    expect(home.info(pid)?.monitoredBy).toEqual([]);
  });

  it('puts off its answer while it handles others', async () => {
    const { from, home } = start();
    const Gate = actor('gate', (self) => {
      const waiting: Deferred<string>[] = [];
      return {
        wait: () => {
          const reply = self.deferReply<string>();
          waiting.push(reply);
          return reply;
        },
        open: (word: string) => {
          for (const reply of waiting) reply.reply(word);
          return waiting.length;
        },
        shut: () => {
          for (const reply of waiting) reply.fail('shutdown');
        },
      };
    });
    const gate = home.spawn(Gate, []);
    const waits = [call(from, gate, 'wait'), call(from, gate, 'wait')];
    await settled();
    expect(await call(from, gate, 'open', 'in')).toBe(2);
    expect(await Promise.all(waits)).toEqual(['in', 'in']);
    const refused = call(from, gate, 'wait').catch((error: ExitError) => error);
    await call(from, gate, 'shut');
    expect(((await refused) as ExitError).reason).toBe(atom('shutdown'));
    const lost = call(from, gate, 'wait').catch((error: ExitError) => error);
    await settled();
    home.exit(gate, 'kill');
    expect(((await lost) as ExitError).reason).toBe(atom('killed'));
  });
});

describe('an actor', () => {
  it('hears messages, downs and exits where it asked to', async () => {
    const system = new World().start('a@one');
    const heard: unknown[] = [];
    const Ear = actor('ear', (self, other: Pid) => {
      self.trapExit = true;
      self.onMessage(
        (m): m is number => typeof m === 'number',
        (m) => heard.push(['number', m]),
      );
      self.onMessage(async (m) => {
        await settled();
        heard.push(['other', m]);
      });
      self.onDown((down: Down) => heard.push(['down', down.reason]));
      self.onExit((exit) => heard.push(['exit', exit.reason]));
      self.link(other);
      self.monitor(other);
      return {};
    });
    const other = system.spawn(async (self: Self) => self.exit(await self.receive()), []);
    const ear = system.spawn(Ear, [other]);
    system.send(ear, 'text');
    system.send(ear, 1);
    await settled();
    system.send(other, 'gone');
    await settled();
    await settled();
    expect(heard).toEqual([
      ['other', 'text'],
      ['number', 1],
      ['exit', 'gone'],
      ['down', 'gone'],
    ]);
  });

  it('drops and counts messages that it has no place for', async () => {
    const system = new World().start('a@one');
    const pid = system.spawn(Counter, [0]);
    system.send(pid, 'hello');
    system.send(pid, tuple(atom('$gen_call'), 'nobody', 1));
    await settled();
    expect(system.telemetry.counter('actor.unhandled_message')).toBe(2);
    expect(system.isAlive(pid)).toBe(true);
  });

  it('cleans up before its end is announced, last hook first, unless it is killed', async () => {
    const system = new World().start('a@one');
    const order: unknown[] = [];
    const Tidy = actor('tidy', (self) => {
      self.onStop(() => order.push('first'));
      self.onStop(async (reason) => {
        await settled();
        order.push(reason);
      });
      return { leave: () => self.exit('shutdown') };
    });
    const tidy = system.spawn(Tidy, [], { name: 'tidy' });
    void system.ended(tidy).then(() => order.push('ended'));
    await expect(system.callMethod(system.outside, tidy, 'leave', [])).rejects.toMatchObject({
      reason: atom('shutdown'),
    });
    expect(order).toEqual([atom('shutdown'), 'first', 'ended']);
    const killed = system.spawn(Tidy, []);
    await settled();
    system.exit(killed, 'kill');
    expect(system.isAlive(killed)).toBe(false);
    expect(order).toHaveLength(3);
  });

  it('ends when its setup fails, with callers told', async () => {
    const system = new World().start('a@one');
    const Broken = actor('broken', async () => {
      await settled();
      throw new Error('no database');
    });
    const pid = system.spawn(Broken, []);
    await expect(system.callMethod(system.outside, pid, 'get', [])).rejects.toThrow('no database');
  });

  it('ends at its start when a handler is called `then`, which makes a promise of the object', async () => {
    const system = new World().start('a@one');
    const get = () => 1;
    const then = (value: unknown): object => Object.fromEntries([['then', value]]);
    const setups: [setup: () => object, started: boolean][] = [
      [() => ({ get, ...then(() => 2) }), false],
      [() => then(() => 2), false],
      [() => ({ get, ...then('no method') }), true],
      [() => Object.assign(Promise.resolve({ get }), then(Promise.prototype.then)), true],
      [() => Object.create(then((resolve: (made: object) => void) => resolve({ get }))), true],
    ];
    for (const [setup, started] of setups) {
      const pid = system.spawn(actor('thenable', setup), []);
      const outcome = system.callMethod(system.outside, pid, 'get', []);
      if (started) expect(await outcome).toBe(1);
      else await expect(outcome).rejects.toThrow(/TypeError: the setup of thenable .* handler called `then`/);
    }
  });

  it('refuses to call itself', async () => {
    const system = new World().start('a@one');
    const Loop = actor('loop', (self) => ({ go: () => self.call('loop', 'go') }));
    const pid = system.spawn(Loop, [], { name: 'loop' });
    await expect(system.callMethod(system.outside, pid, 'go', [])).rejects.toMatchObject({
      reason: atom('calling_self'),
    });
  });

  it('is called through a client as through an object', async () => {
    const system = new World().start('a@one');
    const pid = system.spawn(Counter, [1]) as Pid<typeof Counter>;
    const answer = new Promise((resolve) => {
      system.spawn(async (self: Self) => {
        const counter = self.client(Counter, pid, { timeout: 500 });
        await counter.add(2);
        resolve([await self.client(pid).get(), await counter]);
      }, []);
    });
    expect(await answer).toEqual([3, expect.anything()]);
  });

  it('answers an alias tag at the alias where the link has them, and at the pid where it has not', async () => {
    for (const aliases of [true, false]) {
      const world = new World();
      world.aliases = aliases;
      const home = world.start('a@one');
      const away = world.start('b@two');
      const pid = home.spawn(Counter, [1]);
      const heard: unknown[] = [];
      away.spawn(async (self: Self) => {
        const tag = new ImproperList([atom('alias')], self.monitor(pid));
        self.send(pid, tuple(atom('$gen_call'), tuple(self.pid, tag), atom('get')));
        self.send(pid, tuple(atom('$gen_call'), tuple(self.pid, tag), atom('nothing')));
        for await (const message of self) heard.push(message);
      }, []);
      await settled();
      expect(world.trace.some((line) => line.includes('ALIAS_SEND'))).toBe(aliases);
      expect(heard).toHaveLength(aliases ? 1 : 2);
      expect((heard.at(-1) as Down).reason).toEqual(tuple(atom('undef'), atom('nothing')));
      if (!aliases) expect((heard[0] as Tuple).elements[1]).toBe(1);
    }
  });

  it('copies what passes between local processes when it is told to', async () => {
    const system = new World().start('a@one', { encodeLocal: (value) => structuredClone(value) });
    const Keeper = actor('keeper', () => {
      const kept: unknown[] = [];
      return { keep: (item: unknown) => kept.push(item), kept: () => kept };
    });
    const pid = system.spawn(Keeper, []);
    const item = { a: 1 };
    await system.callMethod(system.outside, pid, 'keep', [item]);
    item.a = 2;
    expect(await system.callMethod(system.outside, pid, 'kept', [])).toEqual([{ a: 1 }]);
    await expect(system.callMethod(system.outside, pid, 'keep', [() => {}])).rejects.toThrow();
  });

  it('refuses an answer that cannot travel to its caller alone, as soon as anything has to travel', async () => {
    const world = new World();
    const copy = (value: unknown) => decodeTerm(encodeTerm(value));
    const system = world.start('a@one', { encodeLocal: copy });
    const Odd = actor('odd', (self) => ({
      fn: () => ({ f: () => 1 }),
      late: () => {
        const deferred = self.deferReply<unknown>();
        queueMicrotask(() => deferred.reply([Symbol('odd')]));
        return deferred;
      },
      fine: () => 1,
    }));
    const pid = system.spawn(Odd, []);
    for (const [method, path] of [
      ['fn', 'value.f'],
      ['late', 'value[0]'],
    ]) {
      const failed = system.callMethod(system.outside, pid, method as string, []);
      const { reason } = (await failed.catch((error: unknown) => error)) as ExitError;
      expect((reason as Tuple).elements[0]).toBe(atom('encode_error'));
      expect(String((reason as Tuple).elements[1])).toContain(path);
    }
    expect(await system.callMethod(system.outside, pid, 'fine', [])).toBe(1);
    expect(world.log.filter(({ level }) => level === 'error')).toHaveLength(2);
    // Between processes that share a heap nothing travels, and nothing is in the way.
    const plain = world.start('b@two');
    const answer = await plain.callMethod(plain.outside, plain.spawn(Odd, []), 'fn', []);
    expect((answer as { f(): number }).f()).toBe(1);
  });

  it('hands exits to a trapping process as Exit objects', async () => {
    const system = new World().start('a@one');
    const got = new Promise((resolve) => {
      system.spawn(async (self: Self) => {
        self.trapExit = true;
        self.spawn(() => {}, [], { link: true });
        resolve(await self.receive((m) => m instanceof Exit));
      }, []);
    });
    expect(await got).toMatchObject({ reason: atom('normal') });
    expect(new ExitError(1, 'x', 'y').reason).toBe(1);
    expect(tuple(1)).toBeInstanceOf(Tuple);
  });
});
