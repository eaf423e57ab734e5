import { describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { CallTimeoutError, NameTakenError, OptionsError } from '../../src/errors.ts';
import { Mailbox } from '../../src/process/mailbox.ts';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { NodeDown, NodeUp } from '../../src/process/system-messages.ts';
import { atom } from '../../src/term/atom.ts';
import type { Pid } from '../../src/term/identifiers.ts';
import { settled, World } from './world.ts';

const isNumber = (message: unknown): message is number => typeof message === 'number';

describe('receive', () => {
  it('takes the oldest message that the guard accepts and leaves the others in order', async () => {
    const system = new World().start('a@one');
    const got: unknown[] = [];
    const pid = system.spawn(async (self: Self) => {
      got.push(await self.receive(isNumber));
      for (let i = 0; i < 3; i += 1) got.push(await self.receive());
    }, []);
    for (const message of ['a', 'b', 1, 'c']) system.send(pid, message);
    await settled();
    expect(got).toEqual([1, 'a', 'b', 'c']);
  });

  it('hands each message to one of several that wait', async () => {
    const system = new World().start('a@one');
    const got: unknown[] = [];
    const pid = system.spawn(async (self: Self) => {
      const number = self.receive(isNumber).then((m) => got.push(['number', m]));
      const any = self.receive().then((m) => got.push(['any', m]));
      await Promise.all([number, any]);
    }, []);
    await settled();
    system.send(pid, 1);
    system.send(pid, 2);
    await settled();
    expect(got).toEqual([
      ['number', 1],
      ['any', 2],
    ]);
  });

  it('rejects with CallTimeoutError when nothing comes in time, and at once with 0', async () => {
    const world = new World();
    const system = world.start('a@one');
    const got: unknown[] = [];
    const pid = system.spawn(async (self: Self) => {
      await self.receive({ timeout: 0 }).catch((error) => got.push(error));
      await self.receive(isNumber, { timeout: 50 }).catch((error) => got.push(error));
      got.push(await self.receive({ timeout: 0 }));
    }, []);
    await settled();
    system.send(pid, 'late');
    await world.clock.advance(49);
    expect(got).toHaveLength(1);
    await world.clock.advance(1);
    expect(got).toEqual([expect.any(CallTimeoutError), expect.any(CallTimeoutError), 'late']);
    expect(world.clock.pending).toBe(0);
  });

  it('rejects with the reason of an aborted signal', async () => {
    const system = new World().start('a@one');
    const controller = new AbortController();
    const got: unknown[] = [];
    system.spawn(async (self: Self) => {
      await self.receive({ signal: controller.signal }).catch((error) => got.push(error));
      await self.receive({ signal: controller.signal }).catch((error) => got.push(error));
    }, []);
    await settled();
    controller.abort('enough');
    await settled();
    expect(got).toEqual(['enough', 'enough']);
  });

  it('shows a local call as the tuple of the wire, and takes the answer as one', async () => {
    const system = new World().start('a@one');
    const pid = system.spawn(async (self: Self) => {
      const [, [from, tag], request] = await self.receive<[unknown, [Pid, unknown], unknown]>();
      const { tuple } = await import('../../src/term/tuple.ts');
      self.send(from, tuple(tag, request));
      self.send(from, tuple(tag, 'again'));
      await self.receive();
    }, []);
    const answer = await system.callMethod(system.outside, pid, 'add', [2]);
    expect([...(answer as Iterable<unknown>)]).toEqual([atom('add'), 2]);
    expect(system.telemetry.counter('call.late_answer')).toBe(1);
  });
});

describe('timers and nodes', () => {
  it('sendAfter sends once, unless it is cancelled or the process has ended', async () => {
    const world = new World();
    const system = world.start('a@one');
    const got: unknown[] = [];
    system.spawn(async (self: Self) => {
      const cancel = self.sendAfter(10, 'cancelled');
      self.sendAfter(20, 'sent');
      expect(cancel()).toBe(true);
      expect(cancel()).toBe(false);
      got.push(await self.receive());
      self.sendAfter(30, 'too late');
    }, []);
    await world.clock.advance(25);
    expect(got).toEqual(['sent']);
    expect(world.clock.pending).toBe(0);
  });

  it('monitorNodes tells of nodes until it is switched off', async () => {
    const system = new World().start('a@one');
    const got: unknown[] = [];
    const pid = system.spawn(async (self: Self) => {
      self.monitorNodes();
      for await (const message of self) {
        if (message === 'off') self.monitorNodes(false);
        else got.push(message);
      }
    }, []);
    await settled();
    system.nodeUp('b@two', 1);
    system.nodeDown('b@two', atom('net_tick_timeout'));
    system.send(pid, 'off');
    await settled();
    system.nodeUp('b@two', 1);
    await settled();
    expect(got).toEqual([new NodeUp('b@two', 1), new NodeDown('b@two', atom('net_tick_timeout'))]);
  });

  it('monitorNodes tells of the nodes that were last asked for', async () => {
    const system = new World().start('a@one');
    const got: unknown[] = [];
    const pid = system.spawn(async (self: Self) => {
      for await (const message of self) {
        if (typeof message === 'string') self.monitorNodes(true, { nodeType: message as 'all' });
        else got.push((message as NodeUp).node);
      }
    }, []);
    const told = async (nodeType: string): Promise<unknown[]> => {
      system.send(pid, nodeType);
      await settled();
      system.nodeUp('seen', 1);
      system.nodeUp('unseen', 1, true);
      system.nodeDown('seen', atom('lost'));
      system.nodeDown('unseen', atom('lost'), true);
      await settled();
      return got.splice(0);
    };
    expect(await told('visible')).toEqual(['seen', 'seen']);
    expect(await told('hidden')).toEqual(['unseen', 'unseen']);
    expect(await told('all')).toEqual(['seen', 'unseen', 'seen', 'unseen']);
  });

  it('monitorNodes refuses types of nodes that there are none', async () => {
    const system = new World().start('a@one');
    const refusals: unknown[] = [];
    system.spawn(async (self: Self) => {
      for (const options of [{ nodeType: 'connected' }, { node_type: 'all' }, 'all'])
        try {
          self.monitorNodes(true, options as never);
        } catch (error) {
          refusals.push(error);
        }
    }, []);
    await settled();
    const options = refusals.map((error) => error instanceof OptionsError && error.option);
    expect(options).toEqual(['nodeType', 'node_type', '']);
  });
});

describe('names', () => {
  it('are unique, and free again when their process ends', async () => {
    const system = new World().start('a@one');
    const pid = system.spawn(async (self: Self) => self.receive(), [], { name: 'server' });
    expect(system.whereis('server')).toBe(pid);
    expect(() => system.spawn(() => {}, [], { name: 'server' })).toThrow(NameTakenError);
    expect(() => system.register('', pid)).toThrow(OptionsError);
    system.send('server', 'end');
    await settled();
    expect(system.whereis('server')).toBeUndefined();
    expect(system.registered()).toEqual([]);
    expect(() => system.register('server', pid)).toThrow('not alive');
  });
});

describe('the scheduler', () => {
  it('lets timers and I/O have their turn while processes keep each other busy through promises', async () => {
    const system = new World().start('a@one');
    let rounds = 0;
    let over = false;
    const echo = system.spawn(async (self: Self) => {
      for await (const message of self) self.send(message as Pid, 'pong');
    }, []);
    system.spawn(async (self: Self) => {
      while (!over) {
        self.send(echo, self.pid);
        await self.receive();
        rounds += 1;
      }
    }, []);
    for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setTimeout(resolve, 0));
    over = true;
    expect(rounds).toBeGreaterThan(100);
  });

  it.each([
    [
      'actors whose handlers are asynchronous keep each other busy',
      (system: ProcessSystem, more: () => boolean) => {
        const players: Pid[] = [];
        const Player = actor('player', (self: Self, other: number) => ({
          ball: async () => {
            await null;
            if (more()) self.cast(players[other]! as never, 'ball' as never);
          },
        }));
        players.push(system.spawn(Player, [1]), system.spawn(Player, [0]));
        system.cast(players[0]!, atom('ball'));
      },
    ],
    [
      'each process starts the next',
      (system: ProcessSystem, more: () => boolean) => {
        const next = (self: Self): void => {
          if (more()) self.spawn(next);
        };
        system.spawn(next, []);
      },
    ],
  ] as const)('lets them have it while %s', async (_what, run) => {
    const system = new World().start('a@one');
    // Else it would go on for ever, and no time-out would end it.
    let left = 300_000;
    run(system, () => left-- > 0);
    for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => setTimeout(resolve, 0));
    expect(left).toBeGreaterThan(0);
    left = 0;
  });

  it('lets them have it while one process sends to itself', async () => {
    const system = new World().start('a@one');
    let over = false;
    system.spawn(async (self: Self) => {
      while (!over) {
        self.send(self.pid, 1);
        await self.receive();
      }
    }, []);
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    over = true;
  });

  it('gives a process with one message its turn before another has handled a thousand', async () => {
    const system = new World().start('a@one');
    const order: string[] = [];
    const Sink = actor('sink', (self, name: string) => {
      self.onMessage(() => order.push(name));
      return {};
    });
    const busy = system.spawn(Sink, ['busy']);
    const other = system.spawn(Sink, ['other']);
    for (let i = 0; i < 1_000; i += 1) system.send(busy, i);
    system.send(other, 0);
    await settled();
    expect(order).toHaveLength(1_001);
    expect(order.indexOf('other')).toBeLessThan(100);
  });

  it('runs what is sent from a callback in the same turn of the event loop', async () => {
    const system = new World().start('a@one');
    const order: string[] = [];
    const pid = system.spawn(async (self: Self) => {
      await self.receive();
      order.push('message');
    }, []);
    await settled();
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        system.send(pid, 1);
        setImmediate(() => {
          order.push('next turn');
          resolve();
        });
      });
    });
    expect(order).toEqual(['message', 'next turn']);
  });
});

describe('bounded mailboxes', () => {
  it('drop what finds them full, say so, and refuse calls at once', async () => {
    const system = new World().start('a@one');
    const got: unknown[] = [];
    const body = async (self: Self): Promise<void> => {
      await self.receive((m) => m === 'go');
      for await (const message of self) got.push(message);
    };
    const pid = system.spawn(body, [], { mailbox: { max: 2 } });
    expect([1, 2, 3].map((message) => system.send(pid, message))).toEqual([true, true, false]);
    await expect(system.call(pid, 'get')).rejects.toMatchObject({ reason: atom('mailbox_full') });
    expect(system.telemetry.counter('process.mailbox_full')).toBe(2);
  });

  it('end the process when it asked for that', async () => {
    const system = new World().start('a@one');
    const pid = system.spawn(async (self: Self) => self.receive(isNumber), [], {
      mailbox: { max: 1, onFull: 'exit' },
    });
    const ended = system.ended(pid);
    system.send(pid, 'a');
    system.send(pid, 'b');
    expect(await ended).toBe(atom('mailbox_full'));
  });
});

describe('a mailbox', () => {
  it('is a queue with takes from anywhere', () => {
    const mailbox = new Mailbox<number>();
    const model: number[] = [];
    let seed = 1;
    for (let step = 0; step < 5_000; step += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      if (model.length === 0 || seed % 5 < 3) {
        mailbox.push(step);
        model.push(step);
      } else {
        const index = seed % model.length;
        expect(mailbox.takeAt(index)).toBe(model.splice(index, 1)[0]);
      }
      expect(mailbox.length).toBe(model.length);
    }
    expect(Array.from({ length: mailbox.length }, (_, i) => mailbox.at(i))).toEqual(model);
  });
});
