import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { child } from '../../src/actor/child.ts';
import { statechart } from '../../src/actor/statechart.ts';
import { supervisor } from '../../src/actor/supervisor.ts';
import { OptionsError } from '../../src/errors.ts';
import { mfa } from '../../src/process/mfa.ts';
import type { Self } from '../../src/process/self.ts';
import { atom } from '../../src/term/atom.ts';
import { tuple } from '../../src/term/tuple.ts';
import { Nodes } from '../support/nodes.ts';
import { World } from './world.ts';

/** What JavaScript lets pass and TypeScript would not: each says what was expected, and what came. */
// biome-ignore lint/suspicious/noExplicitAny: what no type lets through is what is tried here
const loose = (value: unknown): any => value;

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

describe('what is given wrongly', () => {
  const Idle = actor('idle', () => ({}));

  it.each<[string, unknown, unknown, unknown, RegExp]>([
    ['no actor', 'idle', [], {}, /an actor or a function.*idle/],
    ['arguments that are no array', Idle, 5, {}, /args: expected an array.*5/],
    ['an unknown option', Idle, [], { nam: 'x' }, /unknown option nam; known are: name, mailbox$/],
    ['a tie to nobody', Idle, [], { link: true }, /unknown option link/],
    ['options that are none', Idle, [], [], /expected an object of options/],
    ['options in a Map', Idle, [], new Map([['name', 'x']]), /expected an object of options, got a Map/],
    ['an option that is null', Idle, [], { mailbox: null }, /mailbox: expected a value, .*got null/],
    ['a name that is no text', Idle, [], { name: 7 }, /name: expected text, got 7/],
    ['a mailbox without a bound', Idle, [], { mailbox: {} }, /mailbox\.max: .*undefined/],
    ['a mailbox for nothing', Idle, [], { mailbox: { max: 0 } }, /mailbox\.max: .*from 1, got 0/],
    ['an unknown policy', Idle, [], { mailbox: { max: 1, onFull: 'wait' } }, /mailbox\.onFull: .*wait/],
    ['a misspelt bound', Idle, [], { mailbox: { max: 1, onfull: 'exit' } }, /unknown option mailbox\.onfull/],
  ])('to spawn is an OptionsError, and nothing starts: %s', (_what, what, args, options, message) => {
    const system = new World().start('a@one');
    const wrong = (): unknown => system.spawn(loose(what), loose(args), loose(options));
    expect(wrong).toThrow(OptionsError);
    expect(wrong).toThrow(message);
    expect(system.count).toBe(0);
  });

  it.each<[unknown, string]>([
    [42, '42'],
    [undefined, 'undefined'],
    [null, 'nil'],
    [{}, '#{}'],
    [atom('counter'), 'counter'],
    [tuple('counter', 'a@one'), '{<<"counter">>,<<"a@one">>}'],
    [Symbol('x'), 'Symbol(x)'],
    [Idle, '<<"idle">>'],
  ])('as a destination is an OptionsError, and no message is lost without a word: %s', async (to, shown) => {
    const system = new World().start('a@one');
    const expected = expect.objectContaining({
      code: 'OptionsError',
      message: expect.stringMatching(/^expected a pid, a local name as text, .* got /),
    });
    expect(() => system.send(loose(to), 'x')).toThrow(expected);
    expect(() => system.send(loose(to), 'x')).toThrow(shown);
    expect(() => system.cast(loose(to), 'x')).toThrow(expected);
    await expect(system.call(loose(to), 'x', {})).rejects.toThrow(expected);
  });

  it('inside a process is an OptionsError there', async () => {
    const system = new World().start('a@one');
    const failures = await new Promise<unknown[]>((resolve) => {
      system.spawn(async (self: Self) => {
        const caught: unknown[] = [];
        for (const wrong of [
          () => self.spawn(Idle, [], loose({ monitor: 1 })),
          () => self.spawnMonitor(Idle, [], loose({ monitor: true })),
          () => self.sendAfter(Number.NaN, 'x'),
          () => self.sendAfter(-1, 'x'),
          () => self.sendAfter(Number.POSITIVE_INFINITY, 'x'),
          () => self.receive({ timeout: Number.NaN }),
          () => self.receive({ timeout: -1 }),
          () => self.request('nobody', 'x', { timeout: -1 }),
          () => self.register(loose(5)),
        ]) {
          try {
            await wrong();
            caught.push('nothing');
          } catch (error) {
            caught.push((error as Error).constructor);
          }
        }
        resolve(caught);
      }, []);
    });
    expect(failures).toEqual(failures.map(() => OptionsError));
  });

  it('to the makers of actors is an OptionsError at once', () => {
    for (const [wrong, message] of [
      [() => actor(loose(''), () => ({})), /actor: expected a name/],
      [() => actor('a', loose({})), /actor a: expected a function/],
      [() => supervisor(loose(undefined), {}, () => []), /supervisor: expected a name/],
      [() => supervisor('s', loose({ strategie: 1 }), () => []), /unknown option strategie/],
      [() => supervisor('s', {}, loose([])), /supervisor s: expected a function/],
      [
        () =>
          child(
            loose(() => {}),
            [],
          ),
        /starts actors/,
      ],
      [() => child(Idle, [], loose({ restrat: 'never' })), /unknown option restrat/],
      [() => child(Idle, loose('x')), /args: expected an array/],
      [() => child(Idle, [], loose({ restart: 'never' })), /restart: expected permanent, .* got <<"never">>/],
      [() => child(Idle, [], loose({ shutdown: '5' })), /shutdown: expected a number of ms .* got <<"5">>/],
      [() => child(Idle, [], loose({ id: 7 })), /id: expected text, got 7/],
      [() => child(Idle, [], loose({ name: 7 })), /name: expected text, got 7/],
      [() => supervisor('s', loose({ strategy: 'all' }), () => []), /strategy: expected one of .*all/],
      [() => supervisor('s', loose({ intensity: '3' }), () => []), /intensity: expected a number .*3/],
      [() => statechart('light', loose({})), /statechart light: expected XState logic/],
    ] as const) {
      expect(wrong).toThrow(OptionsError);
      expect(wrong).toThrow(message);
    }
  });

  const WAITS: readonly (readonly [unknown, RegExp])[] = [
    [{ timeout: -1 }, /timeout: expected a number of ms from 0, got -1/],
    [{ timeout: '50' }, /timeout: expected a number of ms from 0, got <<"50">>/],
    [{ timeout: Number.NaN }, /timeout: expected a number of ms from 0, got /],
    [{ timeuot: 5 }, /unknown option timeuot; known are: timeout, signal/],
    [{ signal: 5 }, /signal: expected an AbortSignal, got 5/],
    [{ timeout: null }, /timeout: expected a value, .*got null/],
    [AbortSignal.abort(), /expected an object of options, got an AbortSignal/],
    ['soon', /expected an object of options/],
  ];

  it.each(WAITS)(
    'as how long to wait is an OptionsError, wherever something waits: %o',
    async (options, message) => {
      const node = await nodes.start();
      const pid = node.spawn(Idle);
      const self = await new Promise<Self>((resolve) => {
        node.spawn(async (own) => {
          resolve(own);
          await own.receive();
        });
      });
      const refused = [
        node.request(pid, atom('x'), loose(options)),
        node.ping(node.name, loose(options)),
        node.rpc(node.name, 'm', 'f', [], loose(options)),
        node.multicall([node.name], 'm', 'f', [], loose(options)),
        self.request(pid, atom('x'), loose(options)),
        self.receive(loose(options === 'soon' ? loose(() => false) : options), loose(options)),
      ];
      for (const outcome of await Promise.allSettled(refused))
        expect(outcome).toMatchObject({
          status: 'rejected',
          reason: { code: 'OptionsError', message: expect.stringMatching(message) },
        });
      for (const holder of [node, self])
        expect(() => holder.client(Idle, pid, loose(options))).toThrow(message);
    },
  );

  it.each([
    [{ timeout: 5 }, /unknown option timeout; known are: signal/],
    [{ signal: 5 }, /signal: expected an AbortSignal, got 5/],
    [{ signal: null }, /signal: expected a value, .*got null/],
    [AbortSignal.abort(), /expected an object of options, got an AbortSignal/],
    ['soon', /expected an object of options/],
  ])(
    'as what ends a wait without a time-out, or a watch, is an OptionsError: %o',
    async (options, message) => {
      const node = await nodes.start();
      const pid = node.spawn(Idle);
      const outcome = await new Promise<unknown>((resolve) => {
        node.spawn((self) => {
          expect(() => self.watch(pid, loose(options))).toThrow(message);
          expect(() => self.demonitor(self.monitor(pid), loose({ flash: true }))).toThrow(
            /unknown option flash/,
          );
          resolve(self.drained(node.name, loose(options)).catch((error: unknown) => error));
        });
      });
      expect(outcome).toMatchObject({ code: 'OptionsError', message: expect.stringMatching(message) });
      expect(() => node.watch(pid, loose(options))).toThrow(message);
      await expect(node.drained(node.name, loose(options))).rejects.toThrow(message);
    },
  );

  it('to a spawn on a node is an OptionsError, be it this node or another', async () => {
    const node = await nodes.start();
    const self = await new Promise<Self>((resolve) => {
      node.spawn(async (own) => {
        resolve(own);
        await own.receive();
      });
    });
    const before = node.inspect().processes;
    for (const where of [node.name, nodes.name('nobody')])
      for (const [what, args, options, message] of [
        [Idle, [], { name: 'x' }, /unknown option name; known are: signal/],
        [Idle, 'x', {}, /args: expected an array/],
        [mfa('m', 'f', loose('x')), [], {}, /args: expected an array/],
        [() => 1, [], {}, /expected an actor or mfa\(\.\.\.\)/],
      ] as const) {
        const all = [node, self].map((holder) =>
          holder.spawnOn(where, loose(what), loose(args), loose(options)),
        );
        for (const outcome of await Promise.allSettled([
          ...all,
          self.spawnMonitorOn(where, loose(what), loose(args), loose(options)),
        ]))
          expect(outcome).toMatchObject({
            status: 'rejected',
            reason: { code: 'OptionsError', message: expect.stringMatching(message) },
          });
      }
    const signal = AbortSignal.abort(new Error('no more'));
    for (const holder of [node, self])
      await expect(holder.spawnOn(node.name, loose(Idle), [], { signal })).rejects.toThrow('no more');
    expect(node.inspect().processes).toBe(before);
  });
});
