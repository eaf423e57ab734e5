import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { actor } from '../../src/actor/actor.ts';
import { child } from '../../src/actor/child.ts';
import { statechart } from '../../src/actor/statechart.ts';
import { supervisor } from '../../src/actor/supervisor.ts';
import { wantsOk } from '../../src/actor/sys-dialect.ts';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { atom } from '../../src/term/atom.ts';
import { atoms } from '../../src/term/atom-map.ts';
import { type Pid, Ref } from '../../src/term/identifiers.ts';
import { Tuple, tuple } from '../../src/term/tuple.ts';
import { settled, World } from '../process/world.ts';

const Worker = actor('worker', (self, log: string[]) => {
  self.onMessage((message) => {
    log.push(`message ${String(message)}`);
  });
  self.onStop((reason) => {
    log.push(`stopped by ${String(reason)}`);
  });
  return {
    log: (line: string) => log.push(line),
    slowly: async (line: string) => {
      await settled();
      return log.push(line);
    },
    bad: () => self.onGetState(() => missing.state),
  };
});

const missing = undefined as unknown as { state: unknown };

function start(): {
  system: ProcessSystem;
  pid: Pid;
  log: string[];
  ask: (request: unknown) => Promise<unknown>;
} {
  const system = new World().start('a@one');
  const log: string[] = [];
  const pid = system.spawn(Worker, [log]);
  const ask = (request: unknown) =>
    new Promise((resolve) => {
      system.spawn(async (self: Self) => {
        const ref = system.makeRef();
        self.send(pid, tuple(atom('system'), tuple(self.pid, ref), request));
        const [tag, answer] = await self.receive<Tuple>();
        expect(tag).toBe(ref);
        resolve(answer);
      }, []);
    });
  return { system, pid, log, ask };
}

const call = (system: ProcessSystem, pid: Pid, method: string, ...args: unknown[]) =>
  system.callMethod(system.outside, pid, method, args);

describe('system messages', () => {
  it('hold everything up while suspended, and let it through in order afterwards', async () => {
    const { system, pid, log, ask } = start();
    expect(await ask(atom('suspend'))).toBe(atom('ok'));
    const calls = [call(system, pid, 'slowly', 'one'), call(system, pid, 'log', 'two')];
    system.send(pid, 'three');
    system.castMethod(system.outside, pid, 'log', ['four']);
    await settled();
    expect(log).toEqual([]);
    expect(await ask(atom('suspend'))).toBe(atom('ok'));
    expect(await ask(atom('resume'))).toBe(atom('ok'));
    expect(await Promise.all(calls)).toEqual([1, 2]);
    await settled();
    expect(log).toEqual(['one', 'two', 'message three', 'four']);
    expect(await call(system, pid, 'log', 'five')).toBe(5);
  });

  it('end a process after its onStop, and those whom it kept waiting are told', async () => {
    const { system, pid, log, ask } = start();
    const ended = system.ended(pid);
    await ask(atom('suspend'));
    const waiting = call(system, pid, 'log', 'never').catch((error) => error.reason);
    await settled();
    expect(await ask(tuple(atom('terminate'), atom('done')))).toBe(atom('ok'));
    expect([await waiting, await ended]).toEqual([atom('done'), atom('done')]);
    expect(log).toEqual(['stopped by done']);
  });

  it('tell of a state that cannot be read, and of requests nobody knows, without a crash', async () => {
    const { system, pid, ask } = start();
    await call(system, pid, 'bad');
    const [error, failure] = (await ask(atom('get_state'))) as Tuple;
    expect(error).toBe(atom('error'));
    expect((failure as Tuple).at(0)).toBe(atom('callback_failed'));
    expect(await ask(tuple(atom('change_code'), 1))).toEqual(
      tuple(atom('error'), tuple(atom('unknown_system_msg'), tuple(atom('change_code'), 1))),
    );
    expect(await ask(tuple(atom('debug'), tuple(atom('log'), atom('get'))))).toEqual(tuple(atom('ok'), []));
    expect(system.isAlive(pid)).toBe(true);
  });

  it('log what comes from this node as a BEAM would have got it, and what is done with it', async () => {
    const system = new World().start('a@one');
    const watcher = system.spawn(
      actor('watcher', (self) => {
        self.trapExit = true;
        let deferred: { reply(value: unknown): void } | undefined;
        return {
          watch: (pid: Pid) => {
            self.monitor(pid);
            self.link(pid);
          },
          later: async () => {
            await settled();
            return 'late';
          },
          defer: () => (deferred = self.deferReply<number>()),
          answer: () => void deferred?.reply(7),
        };
      }),
      [],
    );
    const debug = (what: unknown) =>
      new Promise<unknown>((resolve) => {
        system.spawn(async (self: Self) => {
          const request = tuple(atom('debug'), what);
          self.send(watcher, tuple(atom('system'), tuple(self.pid, 1), request));
          resolve((await self.receive<Tuple>()).at(1));
        }, []);
      });
    expect(await debug(tuple(atom('log'), tuple(true, 20)))).toBe(atom('ok'));
    const victim = system.spawn(Worker, [[]]);
    await call(system, watcher, 'watch', victim);
    expect(await call(system, watcher, 'later')).toBe('late');
    const deferred = call(system, watcher, 'defer');
    system.castMethod(system.outside, watcher, 'answer', []);
    expect(await deferred).toBe(7);
    system.exit(victim, atom('gone'));
    await settled();
    const {
      elements: [ok, events],
    } = (await debug(tuple(atom('log'), atom('get')))) as Tuple<[unknown, Tuple<unknown[]>[]]>;
    expect(ok).toBe(atom('ok'));
    const from = tuple(system.outside.pid, []);
    const call_ = (request: unknown) => tuple(atom('in'), tuple(atom('$gen_call'), from, request));
    const state = atoms({});
    const out = (value: unknown) => tuple(atom('out'), value, from, state);
    const noreply = tuple(atom('noreply'), state);
    const isDown = (said: unknown): said is Tuple => said instanceof Tuple && said.at(0) === atom('DOWN');
    const down = events.map((event) => event.at(1)).find(isDown)!;
    expect(events).toEqual([
      ...[call_(tuple(atom('watch'), victim)), out(undefined)],
      ...[call_(atom('later')), out('late')],
      ...[call_(atom('defer')), noreply],
      ...[tuple(atom('in'), tuple(atom('$gen_cast'), atom('answer'))), out(7)],
      ...[tuple(atom('in'), tuple(atom('EXIT'), victim, atom('gone'))), noreply],
      ...[tuple(atom('in'), down), noreply],
    ]);
    expect([...down]).toEqual([atom('DOWN'), expect.any(Ref), atom('process'), victim, atom('gone')]);
  });

  it('of any other form are plain messages', async () => {
    const { system, pid, log } = start();
    for (const message of [
      tuple(atom('system'), 1, atom('suspend')),
      tuple(atom('system'), atom('suspend')),
    ]) {
      expect(message).toBeInstanceOf(Tuple);
      system.send(pid, message);
    }
    await settled();
    expect(log).toHaveLength(2);
  });
});

describe('a suspended process', () => {
  const Trapper = actor('trapper', (self, log: string[]) => {
    self.trapExit = true;
    self.onExit(({ reason }) => void log.push(`exit ${String(reason)}`));
    self.onStop((reason) => void log.push(`stopped by ${String(reason)}`));
    return { log: (line: string) => log.push(line) };
  });

  /** As sys:suspend/1 does. */
  const suspend = (system: ProcessSystem, pid: Pid) =>
    new Promise<void>((resolve) => {
      system.spawn(async (self: Self) => {
        self.send(pid, tuple(atom('system'), tuple(self.pid, 1), atom('suspend')));
        expect((await self.receive<Tuple>()).at(1)).toBe(atom('ok'));
        resolve();
      }, []);
    });

  // No time passes in any of these: nobody waits for a shutdown time to run out.
  const long = { shutdown: Number.POSITIVE_INFINITY };

  it('ends at the word of its supervisor, by its onStop; exits of others wait with the rest', async () => {
    const system = new World().start('a@one');
    const log: string[] = [];
    const Top = supervisor('top', {}, () => [child(Trapper, [log], { name: 'child', ...long })]);
    const top = system.spawn(Top, []);
    await call(system, top, 'countChildren');
    const pid = system.whereis('child')!;
    await suspend(system, pid);
    system.exit(pid, 'elsewhere');
    const stranger = system.spawn(async (self: Self) => self.exit(pid, 'stranger'), []);
    await system.ended(stranger);
    const held = call(system, pid, 'log', 'never').catch((error) => error.reason);
    await settled();
    expect([system.isAlive(pid), log]).toEqual([true, []]);
    await call(system, top, 'terminateChild', 'trapper');
    expect(log).toEqual(['stopped by shutdown']);
    expect(await held).toBe(atom('shutdown'));
  });

  it('takes the exits of others after it is resumed', async () => {
    const { system, log } = start();
    const pid = system.spawn(Trapper, [log]);
    await suspend(system, pid);
    system.exit(pid, 'elsewhere');
    await settled();
    expect(log).toEqual([]);
    system.send(pid, tuple(atom('system'), tuple(system.outside.pid, 1), atom('resume')));
    await settled();
    expect([system.isAlive(pid), log]).toEqual([true, ['exit elsewhere']]);
  });

  it('ends with the process that started it, linked', async () => {
    const system = new World().start('a@one');
    const log: string[] = [];
    system.spawn(
      async (self: Self) => {
        self.spawn(Trapper, [log], { link: true, name: 'started' });
        await self.receive();
        self.exit(atom('over'));
      },
      [],
      { name: 'starter' },
    );
    await settled();
    const pid = system.whereis('started')!;
    await suspend(system, pid);
    const ended = system.ended(pid);
    system.send('starter', 'go');
    expect(await ended).toBe(atom('over'));
    expect(log).toEqual(['stopped by over']);
  });

  it('ends with its node, without making it wait', async () => {
    const { system, pid, log } = start();
    const trapper = system.spawn(Trapper, [log]);
    await suspend(system, pid);
    await suspend(system, trapper);
    await system.stop();
    expect(log).toEqual(['stopped by shutdown', 'stopped by shutdown']);
  });

  it('that is a supervisor ends its children at the word of its own, or of the program', async () => {
    const system = new World().start('a@one');
    const log: string[] = [];
    const Inner = supervisor('inner', {}, () => [child(Trapper, [log], long)]);
    const Outer = supervisor('outer', {}, () => [child(Inner, [], { name: 'inner' })]);
    const outer = system.spawn(Outer, []);
    const inner = async (): Promise<Pid> => {
      await call(system, outer, 'countChildren');
      return system.whereis('inner')!;
    };
    await suspend(system, await inner());
    await call(system, outer, 'terminateChild', 'inner');
    expect(log.splice(0)).toEqual(['stopped by shutdown']);
    await call(system, outer, 'restartChild', 'inner');
    const pid = await inner();
    await suspend(system, pid);
    const ended = system.ended(pid);
    system.exit(pid, 'shutdown');
    expect(await ended).toBe(atom('shutdown'));
    expect(log).toEqual(['stopped by shutdown']);
  });

  it('that is a statechart ends at the word of its supervisor', async () => {
    const system = new World().start('a@one');
    const log: string[] = [];
    const machine = createMachine({
      initial: 'on',
      states: { on: { exit: () => void log.push('left on'), on: { switch: 'off' } }, off: {} },
    });
    const Light = statechart('light', machine);
    const Top = supervisor('top', {}, () => [child(Light, [], { name: 'light', ...long })]);
    const top = system.spawn(Top, []);
    await call(system, top, 'countChildren');
    const pid = system.whereis('light')!;
    await suspend(system, pid);
    system.send(pid, atom('switch'));
    await settled();
    const ended = system.ended(pid);
    await call(system, top, 'terminateChild', 'light');
    expect([await ended, log]).toEqual([atom('shutdown'), []]);
  });
});

it('a node that stops asks no other for the form of its states', async () => {
  const system = new World().start('a@one');
  await system.stop();
  expect(await wantsOk(system, 'b@two')).toBe(false);
});
