import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Self } from '../../src/process/self.ts';
import type { ProcessSystem } from '../../src/process/system.ts';
import { Down, Exit } from '../../src/process/system-messages.ts';
import { Atom } from '../../src/term/atom.ts';
import type { Pid, Ref } from '../../src/term/identifiers.ts';
import { Model, type ModelProcess, type Reason, type Step } from './model.ts';
import { settled, World } from './world.ts';

const NODES = ['a@one', 'b@two', 'c@three'];

/** A process that runs what it is handed, and keeps what else it hears. */
class Real {
  readonly pid: Pid;
  readonly system: ProcessSystem;
  readonly refs: Ref[] = [];
  readonly heard: unknown[] = [];
  reason: unknown = undefined;

  constructor(system: ProcessSystem) {
    this.system = system;
    this.pid = system.spawn(async (self: Self) => {
      for await (const message of self) {
        if (typeof message === 'function') message(self);
        else this.heard.push(message);
      }
    }, []);
    void system.ended(this.pid).then((reason) => {
      this.reason = reason;
    });
  }
}

/** The same program in the model and in three process systems. */
class Run {
  readonly model = new Model();
  readonly world = new World();
  readonly systems = NODES.map((node) => this.world.start(node));
  readonly real: Real[] = [];
  /** Numbers of messages, so that their order can be checked. */
  #sent = 0;

  constructor() {
    for (const node of [0, 0, 1, 2]) this.spawn(node);
  }

  spawn(node: number): void {
    this.model.spawn(node);
    this.real.push(new Real(this.systems[node]!));
  }

  /** Takes the step in both. With `numbered`, messages carry their number instead of their sender. */
  step(step: Step, numbered = false): void {
    const at = (n: number): readonly [ModelProcess, Real] => {
      const index = n % this.real.length;
      return [this.model.processes[index]!, this.real[index]!];
    };
    switch (step.do) {
      case 'spawn':
        this.spawn(step.node);
        return;
      case 'disconnect': {
        if (step.node === step.other) return;
        this.model.disconnect(step.node, step.other);
        this.world.reconnect(NODES[step.node]!, NODES[step.other]!);
        return;
      }
      case 'hold':
        this.world.direction(NODES[step.node]!, NODES[step.other]!).held = true;
        return;
      case 'release':
        this.world.direction(NODES[step.node]!, NODES[step.other]!).release();
        return;
    }
    const [who, actor] = at(step.who);
    if (!actor.system.isAlive(actor.pid)) return;
    const does = (run: (self: Self) => unknown) => actor.system.send(actor.pid, run);
    switch (step.do) {
      case 'trap':
        who.trap = step.on;
        does((self) => {
          self.trapExit = step.on;
        });
        return;
      case 'exit':
        this.model.exit(who, step.reason);
        does((self) => self.exit(step.reason));
        return;
      case 'demonitor': {
        const made = who.monitorsMade;
        if (made === 0) return;
        this.model.demonitor(who, step.nth % made);
        does((self) => {
          const ref = actor.refs[step.nth % made];
          if (ref !== undefined) self.demonitor(ref);
        });
        return;
      }
    }
    const [to, target] = at(step.to);
    switch (step.do) {
      case 'link':
        this.model.link(who, to);
        does((self) => self.link(target.pid));
        return;
      case 'unlink':
        this.model.unlink(who, to);
        does((self) => self.unlink(target.pid));
        return;
      case 'monitor':
        this.model.monitor(who, to);
        does((self) => actor.refs.push(self.monitor(target.pid)));
        return;
      case 'send': {
        this.#sent += 1;
        const message = numbered ? { from: who.id, n: this.#sent } : `from ${who.id}`;
        this.model.send(who, to);
        does((self) => self.send(target.pid, message));
        return;
      }
      case 'signal':
        this.model.signal(who, to, step.reason);
        does((self) => self.exit(target.pid, step.reason));
    }
  }

  idOf(pid: unknown): number {
    return this.real.findIndex((real) => real.pid === pid);
  }

  heard(real: Real): string[] {
    return real.heard.map((message) => {
      if (message instanceof Exit) return `exit ${this.idOf(message.pid)} ${text(message.reason)}`;
      if (!(message instanceof Down)) return String(message);
      const nth = real.refs.findIndex((ref) => ref.key === message.ref.key);
      return `down ${nth} ${this.idOf(message.pid)} ${text(message.reason)}`;
    });
  }

  /** What is to be seen of every process, in the model and in truth. */
  compare(): void {
    const expected = this.model.processes.map((process) => ({
      ended: process.ended,
      links: [...process.links].map((other) => other.id).sort(),
      monitors: [...process.monitors.values()].map((other) => other.id).sort(),
      watchedBy: this.model.processes
        .flatMap((other) => [...other.monitors.values()].filter((to) => to === process).map(() => other.id))
        .sort(),
      // A dead process takes what it heard along.
      heard: process.ended === undefined ? [...process.heard].sort() : [],
    }));
    const seen = this.real.map((real) => {
      const info = real.system.info(real.pid);
      return {
        ended: info === undefined ? text(real.reason) : undefined,
        links: (info?.links ?? []).map((pid) => this.idOf(pid)).sort(),
        monitors: (info?.monitors ?? []).map((pid) => this.idOf(pid)).sort(),
        watchedBy: (info?.monitoredBy ?? []).map((pid) => this.idOf(pid)).sort(),
        heard: info === undefined ? [] : this.heard(real).sort(),
      };
    });
    expect(seen).toEqual(expected);
  }
}

function text(reason: unknown): string {
  return reason instanceof Atom ? reason.name : String(reason);
}

const index = fc.nat({ max: 7 });
const node = fc.nat({ max: NODES.length - 1 });
const reason = fc.constantFrom<Reason>('normal', 'boom', 'shutdown', 'kill');

const calm: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('spawn' as const), node }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'link' as const,
        'link' as const,
        'unlink' as const,
        'monitor' as const,
        'send' as const,
      ),
      who: index,
      to: index,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('demonitor' as const), who: index, nth: index }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('trap' as const), who: index, on: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('exit' as const), who: index, reason }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('signal' as const), who: index, to: index, reason }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect' as const), node, other: node }) },
);

const stormy: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: calm },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('hold' as const, 'release' as const), node, other: node }),
  },
);

/** Two processes that cannot leave each other alone, on a bad line. */
const entangled: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('link' as const, 'unlink' as const),
      who: fc.constantFrom(0, 2),
      to: fc.constantFrom(0, 2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('hold' as const, 'release' as const),
      node: fc.nat({ max: 1 }),
      other: fc.nat({ max: 1 }),
    }),
  },
);

describe('random programs of signals', () => {
  it('do what the simple model of the rules says, after every step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(calm, { minLength: 1, maxLength: 25 }), async (program) => {
        const run = new Run();
        await settled();
        for (const step of program) {
          run.step(step);
          await settled();
          run.compare();
        }
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['of all kinds', stormy],
    ['of links alone', entangled],
  ])('%s leave both sides agreed when all signals have arrived, whatever crossed', async (_kind, step) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (program) => {
        const run = new Run();
        await settled();
        for (const one of program) {
          run.step(one, true);
          // One turn: orders are carried out, and held signals stay on their way.
          await new Promise((resolve) => setImmediate(resolve));
        }
        for (const from of NODES) for (const to of NODES) run.world.direction(from, to).release();
        await settled();
        await settled();
        checkAgreement(run);
      }),
      { numRuns: 400 },
    );
  });
});

/** Holds however signals were delayed: ties are known on both sides or on none, and every end is told once. */
function checkAgreement(run: Run): void {
  const alive = run.real.filter((real) => real.system.isAlive(real.pid));
  for (const real of alive) {
    const info = real.system.info(real.pid)!;
    for (const pid of info.links) {
      const other = run.real[run.idOf(pid)]!;
      expect(other.system.info(pid)?.links).toContain(real.pid);
    }
    for (const pid of info.monitors) {
      const other = run.real[run.idOf(pid)]!;
      expect(other.system.info(pid as Pid)?.monitoredBy).toContain(real.pid);
    }
    for (const pid of info.monitoredBy) {
      const other = run.real[run.idOf(pid)]!;
      expect(other.system.info(pid)?.monitors).toContain(real.pid);
    }
    const downs = real.heard.filter((message) => message instanceof Down).map((down) => down.ref.key);
    expect(new Set(downs).size).toBe(downs.length);
    const last = new Map<number, number>();
    for (const message of real.heard) {
      const { from, n } = message as { from?: number; n: number };
      if (from === undefined) continue;
      expect(n).toBeGreaterThan(last.get(from) ?? 0);
      last.set(from, n);
    }
  }
}
