import { describe, expect, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import { at } from '../../src/process/destination.ts';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { type Down, Exit } from '../../src/process/system-messages.ts';
import { atom } from '../../src/term/atom.ts';
import { internPid, Pid, publishPid } from '../../src/term/identifiers.ts';
import { tuple } from '../../src/term/tuple.ts';
import { Director, type Stage as DirectorStage, normal } from './director.ts';
import { keeper } from './puppet.ts';
import { rules } from './rules.ts';
import { settled, World } from './world.ts';

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

/** Rules that JavaScript adds to Erlang's. */
const ownRules: Record<string, (stage: Stage) => Promise<void>> = {
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
};

describe.each([
  ['within a node', 'a@one', 'a@one'],
  ['between nodes', 'a@one', 'b@two'],
])('signals %s', (_title, hereNode, thereNode) => {
  const possible = rules.filter((rule) => hereNode !== thereNode || rule.apart !== true);

  it.each(possible)('$title', async (rule) => {
    const world = new World();
    for (const node of new Set([hereNode, thereNode])) {
      world.start(node).spawn(
        keeper(() => {}),
        [],
        { name: 'keeper' },
      );
    }
    const stage: DirectorStage = {
      here: at(hereNode, 'keeper'),
      there: at(thereNode, 'keeper'),
      hereNode,
      thereNode,
      patienceMs: 200,
      disconnect: () => world.reconnect(hereNode, thereNode),
    };
    const outcome = await new Promise<string[]>((resolve, reject) => {
      world.start('director@three').spawn(async (self: Self) => {
        await new Director(self, stage).play(rule).then(resolve, reject);
      }, []);
    });
    expect(normal(outcome, rule.outcome)).toEqual(normal(rule.outcome, rule.outcome));
  });

  it.each(Object.entries(ownRules))('%s', async (_rule, run) => {
    const world = new World();
    const here = world.start(hereNode);
    const there = thereNode === hereNode ? here : world.start(thereNode);
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

  it('sends a call that monitors nobody as one message, answered by one, and ends it with the connection', async () => {
    const { world, one, two } = pair();
    const counter = two.spawn(
      actor('counter', () => ({ get: () => 0 })),
      [],
    );
    world.trace.length = 0;
    expect(await one.call(counter, atom('get'), { monitor: false })).toBe(0);
    expect(world.trace).toEqual(['a@one SEND b@two', 'b@two SEND a@one']);
    const silent = new Puppet(two);
    const lost = one.call(silent.pid, 'never', { monitor: false, timeout: Number.POSITIVE_INFINITY });
    const outcome = expect(lost).rejects.toMatchObject({ reason: NOCONNECTION });
    await settled();
    world.trace.length = 0;
    world.disconnect('a@one', 'b@two');
    await outcome;
    expect(world.trace).toEqual([]);
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

  it('tells nothing over a link whose unlink is still under way', async () => {
    const { world, one, two, a, b } = pair();
    await a.does((self) => self.link(b.pid));
    world.direction('a@one', 'b@two').held = true;
    await a.does((self) => self.unlink(b.pid));
    world.disconnect('a@one', 'b@two');
    await settled();
    expect([one.isAlive(a.pid), two.isAlive(b.pid)]).toEqual([true, false]);

    const later = pair();
    await later.a.does((self) => self.link(later.b.pid));
    later.world.direction('a@one', 'b@two').held = true;
    await later.a.does((self) => self.unlink(later.b.pid));
    await later.a.does((self) => self.exit('boom'));
    expect(later.world.trace.filter((line) => line.includes(' EXIT '))).toEqual([]);
  });

  it('drops a link of theirs that crosses an unlink of ours', async () => {
    const { world, one, two, a, b } = pair();
    await a.does((self) => self.link(b.pid));
    world.direction('b@two', 'a@one').held = true;
    world.direction('a@one', 'b@two').held = true;
    two.signals.linkFrom(a.pid, b.pid);
    one.signals.linkFrom(b.pid, a.pid);
    await a.does((self) => self.unlink(b.pid));
    one.signals.linkFrom(b.pid, a.pid);
    world.direction('a@one', 'b@two').release();
    world.direction('b@two', 'a@one').release();
    await settled();
    expect(one.info(a.pid)?.links).toEqual([]);
    expect(two.info(b.pid)?.links).toEqual([]);
  });

  it('acknowledges every unlink with its id, of strangers and the dead too', async () => {
    const { world, one, a, b } = pair();
    one.signals.unlinkFrom(7n, b.pid, a.pid);
    await a.does((self) => self.exit('normal'));
    one.signals.unlinkFrom(8n, b.pid, a.pid);
    expect(world.trace.filter((line) => line.includes('UNLINK_ID_ACK'))).toHaveLength(2);
  });

  it('takes a monitor of theirs once, however often they say it under one reference', async () => {
    const { one, two, a, b } = pair();
    const ref = two.makeRef();
    for (let i = 0; i < 3; i++) one.signals.monitorFrom(b.pid, a.pid, ref);
    expect(one.info(a.pid)?.monitoredBy).toEqual([b.pid]);
    one.nodeDown('b@two', 'lost');
    expect(one.info(a.pid)?.monitoredBy).toEqual([]);
  });

  it('takes no notice of pids of an earlier incarnation', async () => {
    const { one, two, a, b } = pair();
    const world = new World();
    const later = world.start('a@one', { creation: 8 });
    const c = new Puppet(later);
    expect(c.pid.id).toBe(a.pid.id);
    later.deliver(a.pid, 'hello');
    await settled();
    later.signals.exit2From(b.pid, a.pid, atom('kill'));
    await settled();
    expect([one.count, later.count, c.alive]).toEqual([1, 1, true]);
    expect(c.heard).toEqual([]);
    // The earlier life may still be in this program, its process behind the very pid.
    expect(a.heard).toEqual([]);
    expect(two.isAlive(b.pid) && one.isAlive(a.pid)).toBe(true);
  });

  it('finds a process by its own pid and by one made of the same parts, while it lives, and shows it to nobody else', async () => {
    const { one, a } = pair();
    const { pid } = a;
    const made = new Pid(pid.node, pid.id, pid.serial, pid.creation);
    one.send(pid, 'by its own');
    one.send(made, 'by another');
    await settled();
    expect(a.heard).toEqual(['by its own', 'by another']);
    expect(JSON.stringify(pid)).toBe(JSON.stringify(made));
    one.exit(pid, 'kill');
    expect([one.isAlive(pid), one.isAlive(made), pid.resident]).toEqual([false, false, undefined]);
  });

  it('is known by its parts alone, while it lives', () => {
    const world = new World();
    const [one, two] = [world.start('known@one'), world.start('known@two')];
    for (const { pid } of [new Puppet(one), new Puppet(two)])
      expect(internPid(pid.node, pid.id, pid.serial, pid.creation)).toBe(pid);
    const c = new Puppet(one).pid;
    const wrong: [id: number, serial: number, creation: number][] = [
      [c.id, c.serial, c.creation + 1],
      [c.id + 1, c.serial, c.creation],
    ];
    for (const parts of wrong) expect(one.isAlive(internPid(c.node, ...parts))).toBe(false);
    one.exit(c, 'kill');
    expect(internPid(c.node, c.id, c.serial, c.creation)).not.toBe(c);
    expect([one.count, two.count]).toEqual([1, 1]);
  });

  it('is known by no other parts', () => {
    const system = new World().start('many@one');
    let pid: Pid | undefined;
    while (pid?.serial !== 1) pid = system.spawn(() => {}, []);
    const other = internPid(pid.node, pid.id + 0x8000, 0, pid.creation);
    expect([other === pid, other.id, internPid(pid.node, pid.id, 1, pid.creation) === pid]).toEqual([
      false,
      pid.id + 0x8000,
      true,
    ]);
  });

  describe.each([
    ['a proxy around a pid', (pid: Pid): Pid => new Proxy(pid, {})],
    ['an object made from a pid', (pid: Pid): Pid => Object.create(pid) as Pid],
  ])('take %s', (_title, wrap) => {
    it('for the pid itself, on this node and on another', async () => {
      const { one, two, a, b } = pair();
      const c = new Puppet(one);
      expect([one.isAlive(wrap(c.pid)), one.info(wrap(c.pid))?.links]).toEqual([true, []]);
      // Nodes of other tests have had these names, and pids with these parts.
      publishPid(b.pid);
      one.register('c', wrap(c.pid));
      expect(one.whereis('c')).toBe(c.pid);
      for (const { pid } of [b, c]) {
        await a.does((self) => self.send(wrap(pid), 'hello'));
        await a.does((self) => self.link(wrap(pid)));
        await a.does((self) => self.unlink(pid));
        await a.does((self) => self.link(pid));
        await a.does((self) => self.unlink(wrap(pid)));
        await a.does((self) => self.demonitor(self.monitor(wrap(pid))));
        await a.does((self) => self.monitor(wrap(pid)));
        await a.does((self) => self.exit(wrap(pid), 'enough'));
      }
      expect([b.heard, b.reason, c.heard, c.reason]).toEqual([['hello'], 'enough', ['hello'], 'enough']);
      expect(a.heard.map((down) => (down as Down).pid === b.pid)).toEqual([true, false]);
      expect(a.heard.map((down) => (down as Down).pid === c.pid)).toEqual([false, true]);
      expect([a.alive, one.count, two.count]).toEqual([true, 1, 0]);
    });

    it('for the link it stands for', async () => {
      const { one, two, a, b } = pair();
      const c = new Puppet(one);
      publishPid(b.pid);
      await a.does((self) => {
        self.trapExit = true;
        self.link(wrap(b.pid));
        self.link(wrap(c.pid));
      });
      two.exit(wrap(b.pid), 'far');
      one.exit(wrap(c.pid), 'near');
      await settled();
      expect(a.heard).toEqual([new Exit(c.pid, 'near'), new Exit(b.pid, 'far')]);
      expect((a.heard[0] as Exit).pid).toBe(c.pid);
    });
  });

  it('refuse what is no pid', async () => {
    const { a } = pair();
    for (const wrong of ['c', undefined, { node: 'a@one', id: 1, serial: 0, creation: 7 }])
      await a.does((self) => {
        for (const act of ['link', 'unlink', 'monitor'] as const) {
          if (act === 'monitor' && wrong === 'c') continue;
          expect(() => self[act](wrong as never)).toThrow(/^pid: expected the pid of a process, got /);
        }
      });
    expect(a.alive).toBe(true);
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
