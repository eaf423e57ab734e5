import { describe, expect, it } from 'vitest';
import { at } from '../../src/process/destination.ts';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { Down, Exit } from '../../src/process/system-messages.ts';
import { atom } from '../../src/term/atom.ts';
import type { Pid } from '../../src/term/identifiers.ts';
import { tuple } from '../../src/term/tuple.ts';
import { settled, World } from './world.ts';

const NORMAL = atom('normal');
const KILLED = atom('killed');
const NOPROC = atom('noproc');
const NOCONNECTION = atom('noconnection');

/** A process that runs what it is told, and keeps what else it hears. */
class Puppet {
  readonly heard: unknown[] = [];
  reason: unknown = undefined;
  readonly pid: Pid;
  readonly #system: ProcessSystem;

  constructor(system: ProcessSystem, name?: string) {
    this.#system = system;
    this.pid = system.spawn(
      async (self: Self) => {
        for await (const message of self) {
          if (message instanceof Order) await message.run(self);
          else this.heard.push(message);
        }
      },
      [],
      name === undefined ? {} : { name },
    );
    void system.ended(this.pid).then((reason) => {
      this.reason = reason;
    });
  }

  async does(run: (self: Self) => unknown): Promise<void> {
    this.#system.send(this.pid, new Order(run));
    await settled();
  }

  get alive(): boolean {
    return this.#system.isAlive(this.pid);
  }
}

class Order {
  readonly run: (self: Self) => unknown;
  constructor(run: (self: Self) => unknown) {
    this.run = run;
  }
}

interface Stage {
  world: World;
  /** A puppet on the first node. */
  a: Puppet;
  /** A puppet on the same node, or on the other. */
  b: Puppet;
  here: ProcessSystem;
  there: ProcessSystem;
}

/** Each row is a rule of the Erlang reference manual (Processes), and runs within a node and between two. */
const rules: Record<string, (stage: Stage) => Promise<void>> = {
  'an exit of one side of a link ends the other with the same reason': async ({ a, b }) => {
    await a.does((self) => self.link(b.pid));
    await b.does((self) => self.exit(tuple(atom('bad'), 1)));
    expect(b.reason).toEqual(tuple(atom('bad'), 1));
    expect(a.reason).toEqual(tuple(atom('bad'), 1));
  },
  'a link works both ways': async ({ a, b }) => {
    await a.does((self) => self.link(b.pid));
    await a.does((self) => self.exit('shutdown'));
    expect(b.reason).toBe(atom('shutdown'));
  },
  'linking twice makes one link, which one unlink takes away': async ({ a, b }) => {
    await a.does((self) => self.link(b.pid));
    await a.does((self) => self.link(b.pid));
    await a.does((self) => self.unlink(b.pid));
    await b.does((self) => self.exit('boom'));
    expect(b.alive).toBe(false);
    expect(a.alive).toBe(true);
  },
  'either side may unlink': async ({ a, b }) => {
    await a.does((self) => self.link(b.pid));
    await b.does((self) => self.unlink(a.pid));
    await b.does((self) => self.exit('boom'));
    expect(a.alive).toBe(true);
  },
  'a link that was unlinked can be made again': async ({ a, b }) => {
    await a.does((self) => {
      self.link(b.pid);
      self.unlink(b.pid);
      self.link(b.pid);
    });
    await b.does((self) => self.exit('boom'));
    expect(a.reason).toBe('boom');
  },
  'a normal exit does not end a linked process': async ({ a, b }) => {
    await a.does((self) => self.link(b.pid));
    await b.does((self) => self.exit('normal'));
    expect(b.reason).toBe(NORMAL);
    expect(a.alive).toBe(true);
  },
  'a trapping process gets the exit of a link partner as a message, a normal one too': async ({ a, b }) => {
    await a.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
    });
    await b.does((self) => self.exit('normal'));
    expect(a.heard).toEqual([new Exit(b.pid, NORMAL)]);
    expect((a.heard[0] as Exit).pid).toBe(b.pid);
  },
  'exit/2 with any reason ends a process that does not trap': async ({ a, b }) => {
    await a.does((self) => self.exit(b.pid, 'boom'));
    expect(b.reason).toBe('boom');
    expect(a.alive).toBe(true);
  },
  'exit/2 with normal does nothing to another process': async ({ a, b }) => {
    await a.does((self) => self.exit(b.pid, 'normal'));
    expect(b.alive).toBe(true);
  },
  'exit/2 with normal is a message to a trapping process': async ({ a, b }) => {
    await b.does((self) => {
      self.trapExit = true;
    });
    await a.does((self) => self.exit(b.pid, 'normal'));
    expect(b.heard).toEqual([new Exit(a.pid, NORMAL)]);
  },
  'exit/2 to oneself with normal ends': async ({ a }) => {
    await a.does((self) => self.exit(self.pid, 'normal'));
    expect(a.reason).toBe(NORMAL);
  },
  'kill cannot be trapped, and is told as killed': async ({ a, b, here }) => {
    const c = new Puppet(here);
    await b.does((self) => {
      self.trapExit = true;
    });
    await c.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
    });
    await a.does((self) => self.exit(b.pid, 'kill'));
    expect(b.reason).toBe(KILLED);
    expect(c.heard).toEqual([new Exit(b.pid, KILLED)]);
  },
  'a link partner that ended with kill of its own accord can be trapped': async ({ a, b }) => {
    await a.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
    });
    await b.does((self) => self.exit('kill'));
    expect(a.heard).toEqual([new Exit(b.pid, atom('kill'))]);
  },
  'a link partner that ended with kill ends who does not trap with kill': async ({ a, b }) => {
    await a.does((self) => self.link(b.pid));
    await b.does((self) => self.exit('kill'));
    expect(a.reason).toBe(atom('kill'));
  },
  'a link to a process that is gone is answered with noproc': async ({ a, b }) => {
    await b.does((self) => self.exit('normal'));
    await a.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
    });
    expect(a.heard).toEqual([new Exit(b.pid, NOPROC)]);
  },
  'a link to a process that is gone ends who does not trap': async ({ a, b }) => {
    await b.does((self) => self.exit('normal'));
    await a.does((self) => self.link(b.pid));
    expect(a.reason).toBe(NOPROC);
  },
  'a monitor tells the end, whatever the reason, and leaves the watcher alone': async ({ a, b }) => {
    await a.does((self) => self.monitor(b.pid));
    await b.does((self) => self.exit('normal'));
    expect(a.heard).toEqual([new Down(expect.anything() as never, b.pid, NORMAL)]);
    expect(a.alive).toBe(true);
  },
  'monitors stack: each brings its own message': async ({ a, b }) => {
    const refs: unknown[] = [];
    await a.does((self) => {
      refs.push(self.monitor(b.pid), self.monitor(b.pid));
    });
    await b.does((self) => self.exit('boom'));
    expect(a.heard.map((down) => (down as Down).ref)).toEqual(refs);
  },
  'a monitor is one-way': async ({ a, b }) => {
    await a.does((self) => self.monitor(b.pid));
    await a.does((self) => self.exit('boom'));
    expect(b.alive).toBe(true);
    expect(b.heard).toEqual([]);
  },
  'a monitor of a process that is gone is answered with noproc': async ({ a, b }) => {
    await b.does((self) => self.exit('boom'));
    await a.does((self) => self.monitor(b.pid));
    expect((a.heard[0] as Down).reason).toBe(NOPROC);
  },
  'a monitor taken away says nothing': async ({ a, b }) => {
    await a.does((self) => expect(self.demonitor(self.monitor(b.pid))).toBe(true));
    await b.does((self) => self.exit('boom'));
    expect(a.heard).toEqual([]);
  },
  'demonitor with flush takes out the message that has come': async ({ a, b }) => {
    await a.does(async (self) => {
      const ref = self.monitor(b.pid);
      self.exit(b.pid, 'kill');
      await settled();
      expect(self.demonitor(ref, { flush: true })).toBe(false);
    });
    expect(a.heard).toEqual([]);
  },
  'a monitor by name tells the name, and survives the name being freed': async ({ a, b, there }) => {
    there.register('target', b.pid);
    const to = at(there.node, 'target');
    await a.does((self) => self.monitor(to));
    there.unregister('target');
    await b.does((self) => self.exit('boom'));
    expect(a.heard).toEqual([new Down(expect.anything() as never, to, 'boom')]);
  },
  'a monitor by an unknown name is answered with noproc': async ({ a, there }) => {
    await a.does((self) => self.monitor(at(there.node, 'nobody')));
    expect(a.heard).toMatchObject([{ reason: NOPROC, pid: { node: there.node } }]);
  },
  'messages and signals of one sender arrive in the order of sending': async ({ a, b }) => {
    await b.does((self) => {
      self.trapExit = true;
      self.link(a.pid);
      self.monitor(a.pid);
    });
    await a.does((self) => {
      for (let i = 0; i < 3; i += 1) self.send(b.pid, i);
      self.exit(b.pid, 'between');
      self.send(b.pid, 3);
      self.exit('last');
    });
    expect(b.heard.slice(0, 5)).toEqual([0, 1, 2, new Exit(a.pid, 'between'), 3]);
    expect(b.heard.slice(5).map((message) => (message as Exit).constructor.name)).toHaveLength(2);
  },
  'sending to a process that is gone is silent': async ({ a, b, there }) => {
    await b.does((self) => self.exit('normal'));
    await a.does((self) => {
      self.send(b.pid, 'hello');
      self.send(at(there.node, 'nobody'), 'hello');
      self.exit(b.pid, 'boom');
      self.unlink(b.pid);
    });
    expect(a.alive).toBe(true);
  },
  'an error ends a process with its name, message and stack as reason': async ({ a, b }) => {
    await a.does((self) => self.monitor(b.pid));
    await b.does(() => {
      throw new RangeError('too far');
    });
    const { reason } = a.heard[0] as Down;
    expect(reason).toEqual(
      tuple(tuple(atom('js_error'), 'RangeError', 'too far'), expect.arrayContaining([expect.any(String)])),
    );
  },
  'a thrown term ends a process with nocatch': async ({ b }) => {
    await b.does(() => {
      throw atom('oops');
    });
    expect(b.reason).toEqual(tuple(atom('nocatch'), atom('oops')));
  },
  'a process that ended can be neither linked nor heard of again': async ({ a, b }) => {
    await a.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
      self.monitor(b.pid);
    });
    await b.does((self) => self.exit('boom'));
    await a.does((self) => self.exit(b.pid, 'again'));
    expect(a.heard).toHaveLength(2);
  },
};

describe.each([
  ['within a node', 'a@one', 'a@one'],
  ['between nodes', 'a@one', 'b@two'],
])('signals %s', (_title, hereName, thereName) => {
  it.each(Object.entries(rules))('%s', async (_rule, run) => {
    const world = new World();
    const here = world.start(hereName);
    const there = thereName === hereName ? here : world.start(thereName);
    await run({ world, here, there, a: new Puppet(here), b: new Puppet(there) });
    await settled();
  });
});

describe('signals between nodes', () => {
  function pair(): { world: World; one: ProcessSystem; two: ProcessSystem; a: Puppet; b: Puppet } {
    const world = new World();
    const one = world.start('a@one');
    const two = world.start('b@two');
    return { world, one, two, a: new Puppet(one), b: new Puppet(two) };
  }

  it('settles links, monitors and calls with noconnection when the connection is lost, once', async () => {
    const { world, one, a, b } = pair();
    const outcome: unknown[] = [];
    await a.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
      self.monitor(b.pid);
      self.monitor(at('b@two', 'nobody-yet'));
    });
    a.heard.length = 0;
    await b.does((self) => self.link(a.pid));
    one.call(b.pid, 'never').catch((error) => outcome.push(error.reason));
    await settled();
    world.disconnect('a@one', 'b@two');
    world.disconnect('a@one', 'b@two');
    await settled();
    expect(outcome).toEqual([NOCONNECTION]);
    expect(a.heard.map((m) => (m as Down | Exit).reason)).toEqual([NOCONNECTION, NOCONNECTION]);
    expect(b.reason).toBe(NOCONNECTION);
  });

  it('answers a link and a monitor to a node that cannot be reached with noconnection', async () => {
    const { world, a, b } = pair();
    world.direction('a@one', 'b@two').cut = true;
    await a.does((self) => {
      self.trapExit = true;
      self.link(b.pid);
      self.monitor(b.pid);
      self.monitor(at('b@two', 'server'));
    });
    expect(a.heard.map((m) => (m as Down | Exit).reason)).toEqual([NOCONNECTION, NOCONNECTION, NOCONNECTION]);
  });

  it('ignores an exit that crosses an unlink', async () => {
    const { world, a, b } = pair();
    await a.does((self) => self.link(b.pid));
    world.direction('b@two', 'a@one').held = true;
    await b.does((self) => self.exit('boom'));
    await a.does((self) => self.unlink(b.pid));
    world.direction('b@two', 'a@one').release();
    await settled();
    expect(a.alive).toBe(true);
  });

  it('drops a link of theirs that crosses an unlink of ours', async () => {
    const { world, one, two, a, b } = pair();
    await a.does((self) => self.link(b.pid));
    world.direction('b@two', 'a@one').held = true;
    world.direction('a@one', 'b@two').held = true;
    two.signals.linkFrom(a.pid, b.pid);
    one.signalLink(b.pid, a.pid);
    await a.does((self) => self.unlink(b.pid));
    one.signalLink(b.pid, a.pid);
    world.direction('a@one', 'b@two').release();
    world.direction('b@two', 'a@one').release();
    await settled();
    expect(one.info(a.pid)?.links).toEqual([]);
    expect(two.info(b.pid)?.links).toEqual([]);
  });

  it('acknowledges every unlink with its id, of strangers and the dead too', async () => {
    const { world, one, a, b } = pair();
    one.signalUnlinkId(7n, b.pid, a.pid);
    await a.does((self) => self.exit('normal'));
    one.signalUnlinkId(8n, b.pid, a.pid);
    expect(world.trace.filter((line) => line.includes('UNLINK_ID_ACK'))).toHaveLength(2);
  });

  it('takes no notice of pids of an earlier incarnation', async () => {
    const { one, two, a, b } = pair();
    const world = new World();
    const later = world.start('a@one', { creation: 8 });
    const c = new Puppet(later);
    expect(c.pid.id).toBe(a.pid.id);
    later.signalExit2(b.pid, a.pid, atom('kill'));
    later.deliver(a.pid, 'hello');
    await settled();
    expect(c.alive).toBe(true);
    expect(c.heard).toEqual([]);
    expect(two.isAlive(b.pid) && one.isAlive(a.pid)).toBe(true);
  });
});

describe('ends', () => {
  it('takes down 100,000 linked processes without a deep stack', async () => {
    const system = new World().start('a@one');
    let last: Pid | undefined;
    const first = system.spawn(async (self: Self) => self.receive(), []);
    for (let i = 0; i < 100_000; i += 1) {
      const previous: Pid = last ?? first;
      last = system.spawn(async (self: Self) => {
        self.link(previous);
        await self.receive();
      }, []);
    }
    while (system.info(last!)?.links.length !== 1) await settled();
    expect(system.count).toBe(100_001);
    system.exit(first, 'boom');
    expect(system.count).toBe(0);
  });

  it('rejects what a process awaits, aborts its signal, and refuses what it still tries', async () => {
    const system = new World().start('a@one');
    const seen: unknown[] = [];
    const other = system.spawn(async (self: Self) => self.receive(() => false), []);
    const pid = system.spawn(async (self: Self) => {
      self.signal.addEventListener('abort', () => seen.push('aborted'));
      const call = self.call(other, 'get').catch((error) => seen.push(['call', error.code]));
      await self.receive().catch((error) => seen.push(['receive', error.code, error.reason]));
      await call;
      try {
        self.send(other, 1);
      } catch (error) {
        seen.push(['send', (error as { code: string }).code]);
      }
      await self.receive().catch((error) => seen.push(['again', error.code]));
    }, []);
    await settled();
    system.exit(pid, 'boom');
    await settled();
    expect(seen).toEqual([
      'aborted',
      ['call', 'ExitError'],
      ['receive', 'ExitError', 'boom'],
      ['send', 'ExitError'],
      ['again', 'ExitError'],
    ]);
  });

  it('logs a crash once, and neither exits nor killings', async () => {
    const world = new World();
    const system = world.start('a@one');
    const crash = new Puppet(system);
    const linked = new Puppet(system);
    await linked.does((self) => self.link(crash.pid));
    await crash.does(() => {
      throw new Error('once');
    });
    expect(linked.alive).toBe(false);
    system.exit(new Puppet(system).pid, 'kill');
    expect(world.log.map((record) => record.level)).toEqual(['error']);
    expect(world.log[0]?.message).toContain('Error: once');
    expect(system.telemetry.counter('process.exit')).toBe(3);
  });

  it('stops in the reverse order of start, waits for those that clean up, and kills those that do not', async () => {
    const world = new World();
    const system = world.start('a@one');
    const order: string[] = [];
    for (const name of ['first', 'second']) {
      const pid = system.spawn(async (self: Self) => {
        self.trapExit = true;
        await self.receive();
        order.push(`${name} cleans up`);
      }, []);
      void system.ended(pid).then(() => order.push(`${name} ended`));
    }
    const stubborn = system.spawn(async (self: Self) => {
      self.trapExit = true;
      for await (const message of self) void message;
    }, []);
    void system.ended(stubborn).then((reason) => order.push(`stubborn ${String(reason)}`));
    const call = system.call(stubborn, 'get').catch((error) => order.push(`call ${error.reason}`));
    await settled();
    const stopped = system.stop({ timeoutMs: 100 });
    await world.clock.advance(50);
    expect(order).toEqual([]);
    await world.clock.advance(60);
    await stopped;
    await call;
    expect(order.filter((line) => line.includes('cleans up'))).toEqual([
      'second cleans up',
      'first cleans up',
    ]);
    expect(order).toContain('stubborn killed');
    expect(order).toContain('call killed');
    expect(system.count).toBe(0);
    expect(world.clock.pending).toBe(0);
    expect(() => system.spawn(() => {}, [])).toThrow('stopping');
  });
});
