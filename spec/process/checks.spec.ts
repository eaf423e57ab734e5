import { describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { child } from '../../src/actor/child.ts';
import { statechart } from '../../src/actor/statechart.ts';
import { supervisor } from '../../src/actor/supervisor.ts';
import { OptionsError } from '../../src/errors.ts';
import type { Self } from '../../src/process/self.ts';
import { atom } from '../../src/term/atom.ts';
import { tuple } from '../../src/term/tuple.ts';
import { World } from './world.ts';

/** What JavaScript lets pass and TypeScript would not: each says what was expected, and what came. */
// biome-ignore lint/suspicious/noExplicitAny: what no type lets through is what is tried here
const loose = (value: unknown): any => value;

describe('what is given wrongly', () => {
  const Idle = actor('idle', () => ({}));

  it.each<[string, unknown, unknown, unknown, RegExp]>([
    ['no actor', 'idle', [], {}, /an actor or a function.*idle/],
    ['arguments that are no array', Idle, 5, {}, /args: expected an array.*5/],
    ['an unknown option', Idle, [], { nam: 'x' }, /unknown option nam; known are: name, mailbox$/],
    ['a tie to nobody', Idle, [], { link: true }, /unknown option link/],
    ['options that are none', Idle, [], [], /expected an object of options/],
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
      [() => statechart('light', loose({})), /statechart light: expected XState logic/],
    ] as const) {
      expect(wrong).toThrow(OptionsError);
      expect(wrong).toThrow(message);
    }
  });
});
