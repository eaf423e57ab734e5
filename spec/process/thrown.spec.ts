import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { ExitError } from '../../src/errors.ts';
import type { Node } from '../../src/node.ts';
import type { AnyPid } from '../../src/process/destination.ts';
import { describeReason, reasonOf } from '../../src/process/reasons.ts';
import type { Self } from '../../src/process/self.ts';
import { Down } from '../../src/process/system-messages.ts';
import { atom } from '../../src/term/atom.ts';
import { inspectTerm } from '../../src/term/print.ts';
import { type Tuple, tuple } from '../../src/term/tuple.ts';
import { Nodes } from '../support/nodes.ts';

/** An error with properties of its own making: what tools do to them, and worse. */
function oddError(properties: PropertyDescriptorMap): Error {
  return Object.defineProperties(new Error('odd'), properties);
}
const fails = {
  get: () => {
    throw new Error('in a getter');
  },
};
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** What is thrown, and what its reason says. */
const THROWN: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    'half of a surrogate pair in a message',
    () => new Error(`cut: ${'😀'.slice(0, 1)}`),
    /Error: cut: \ufffd/,
  ],
  ['and in a name', () => oddError({ name: { value: '\ud83d' } }), /\ufffd: odd/],
  ["the engine's own of it", () => caught(() => JSON.parse('😀')), /SyntaxError: Unexpected token/],
  ['a stack that is no text', () => oddError({ stack: { value: [{}, {}] } }), /Error: odd/],
  ['a stack that throws', () => oddError({ stack: fails }), /Error: odd/],
  ['a message that throws', () => oddError({ message: fails }), /Error: something that cannot be shown/],
  ['a message without text', () => oddError({ message: { value: Object.create(null) } }), /cannot be shown/],
  ['a name that is a symbol', () => oddError({ name: { value: Symbol('s') } }), /Symbol\(s\): odd/],
  ['a value that has no term', () => ({ call: () => 1 }), /a function cannot be sent|#JS<function>/],
  [
    'a value that throws when it is read',
    () => Object.defineProperty({}, 'x', { enumerable: true, ...fails }),
    /in a getter|unreadable/,
  ],
  ['a proxy that is revoked', revoked, /revoked|unreadable/],
];

function caught(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

const Thrower = actor('thrower', (self, atStart?: number) => {
  if (atStart !== undefined) throw THROWN[atStart]![1]();
  self.onStop(() => {
    if (stopsWith !== undefined) throw THROWN[stopsWith]![1]();
  });
  return {
    now: (i: number) => {
      throw THROWN[i]![1]();
    },
    later: async (i: number) => {
      await null;
      throw THROWN[i]![1]();
    },
    exits: (i: number) => self.exit(tuple(atom('refused'), THROWN[i]![1]())),
    exitsWith: (i: number) => self.exit(THROWN[i]![1]()),
    ends: (i: number) => {
      throw new ExitError(THROWN[i]![1](), 'nobody', 'as good as an exit');
    },
    answers: (i: number) => THROWN[i]![1](),
    /** What `sys:get_state` gets: the value itself, or what comes of throwing it, or of exiting with it. */
    shows: (i: number, how: 'value' | 'throw' | 'exit') =>
      self.onGetState(() => {
        const value = THROWN[i]![1]();
        if (how === 'throw') throw value;
        if (how === 'exit') self.exit(tuple(atom('refused'), value));
        return value;
      }),
    well: () => 'well',
  };
});
let stopsWith: number | undefined;

let nodes: Nodes;
let home: Node;
beforeEach(async () => {
  nodes = await Nodes.open();
  home = await nodes.start();
  stopsWith = undefined;
});
afterEach(() => nodes.close());

describe.each(THROWN.map(([what, make, says], i) => ({ what, make, says, i })))(
  '$what',
  ({ make, says, i }) => {
    it('has a reason, and a text for people that can travel', () => {
      const text = describeReason(reasonOf(make()));
      expect(text.isWellFormed()).toBe(true);
      expect(describeReason(make()).isWellFormed()).toBe(true);
    });

    it.each(['here', 'msgpack', 'etf'] as const)(
      'ends the actor that throws it, and nobody else; who is tied to it hears why: %s',
      async (where) => {
        const away = where === 'here' ? home : await nodes.start({ payload: where });
        if (away !== home) await away.connect(home.name);
        for (const method of ['now', 'later', 'exits', 'exitsWith', 'ends'] as const) {
          const pid = home.spawn(Thrower);
          const down = watched(away, pid);
          await expect(away.call(pid, 'well')).resolves.toBe('well');
          const failure = await away.call(pid, method, i).catch((error: unknown) => error);
          expect(failure).toMatchObject({ code: 'ExitError' });
          const { reason } = await down;
          if (method === 'now' || method === 'later') expect(describeReason(reason)).toMatch(says);
          expect(home.isAlive(pid)).toBe(false);
        }
        const survivor = home.spawn(Thrower);
        await expect(away.call(survivor, 'well')).resolves.toBe('well');
        expect(home.nodes()).toEqual(away === home ? [] : [away.name]);
      },
    );

    it.each(['msgpack', 'etf'] as const)(
      'is no reason to end as an answer, or as a state: %s',
      async (payload) => {
        const away = await nodes.start({ payload });
        await away.connect(home.name);
        const pid = home.spawn(Thrower);
        // An error travels between our own nodes, or is refused; either way the actor lives.
        // (Whether a revoked proxy is a promise cannot even be asked: that is a crash.)
        if (make !== revoked)
          await away.call(pid, 'answers', i).catch((error: unknown) => {
            expect(error).toMatchObject({ code: 'ExitError' });
          });
        for (const how of ['value', 'throw', 'exit'] as const) {
          await away.call(pid, 'shows', i, how);
          const answer = await stateOf(away, pid);
          if (how !== 'value') expect(inspectTerm(answer)).toMatch(/^\{error,\{callback_failed,/);
          await expect(away.call(pid, 'well')).resolves.toBe('well');
        }
      },
    );

    it('ends it as well at its start and at its end', async () => {
      const young = home.spawn(Thrower, [i]);
      expect((await watched(home, young)).pid).toBe(young);
      stopsWith = i;
      const old = home.spawn(Thrower);
      const down = watched(home, old);
      home.exit(old, 'shutdown');
      await down;
      expect(home.isAlive(old)).toBe(false);
    });
  },
);

/** How a process ends, as one of this node hears it. */
function watched(node: Node, pid: AnyPid, order?: string): Promise<Down> {
  return new Promise((resolve) => {
    node.spawn(async (self: Self) => {
      self.monitor(pid);
      if (order !== undefined) self.send(pid, order);
      resolve((await self.receive((message) => message instanceof Down)) as Down);
    });
  });
}

/** As `sys:get_state` asks for it. */
function stateOf(node: Node, pid: AnyPid): Promise<unknown> {
  return new Promise((resolve) => {
    node.spawn(async (self: Self) => {
      self.send(pid, tuple(atom('system'), tuple(self.pid, atom('tag')), atom('get_state')));
      resolve(((await self.receive()) as Tuple).at(1));
    });
  });
}

it('of a peer that names an error by a map, the reason is for people all the same', () => {
  const reason = tuple(tuple(atom('js_error'), { toString: 1 }, { valueOf: 2 }), []);
  expect(describeReason(reason)).toBe('#{<<"toString">> => 1}: #{<<"valueOf">> => 2}');
});

it.each(['😀'.repeat(2_000), `x${'😀'.repeat(2_000)}`])('is not cut within a character', async (text) => {
  expect(describeReason(tuple(atom('refused'), text)).isWellFormed()).toBe(true);
  const away = await nodes.start({ payload: 'etf' });
  await away.connect(home.name);
  const pid = home.spawn(async (self) => {
    await self.receive();
    self.exit(tuple(atom('refused'), new Date(), text));
  });
  const { reason } = await watched(away, pid, 'go on');
  expect(describeReason(reason)).toMatch(
    /^\{encode_error, "a Date has no .*", "\{refused,#JS<Date>,.*\.\.\."\}$/u,
  );
});
