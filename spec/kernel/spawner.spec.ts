import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  actor,
  atom,
  Down,
  EncodeError,
  Exit,
  ExitError,
  mfa,
  NotSpawnableError,
  OptionsError,
  type Pid,
  type Self,
} from '../../src/index.ts';
import { Nodes } from '../support/nodes.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return { get: () => n, add: (by: number) => (n += by) };
});
const Parented = actor('parented', (self) => {
  self.trapExit = true;
  return {};
});
/** Ends before anybody can do anything about it. */
const Brief = actor('brief', (self) => self.exit('brief'));
const actors = [Counter, Parented, Brief];

/** Runs a body as a process and gives what it returns. */
function within<T>(node: { spawn(body: (self: Self) => unknown): Pid }, body: (self: Self) => Promise<T>) {
  return new Promise<T>((resolve, reject) => {
    node.spawn((self) => body(self).then(resolve, reject));
  });
}

describe('spawnOn', () => {
  it('starts an actor that the other node lists', async () => {
    const [a, b] = await nodes.pair({ actors });
    const pid = await a.spawnOn(b.name, Counter, [40]);
    expect(pid.node).toBe(b.name);
    expect(await a.call(pid, 'add', 2)).toBe(42);
    const own = await a.spawnOn(a.name, Counter, [1]);
    expect(own.node).toBe(a.name);
  });

  it('is refused, saying why, for an actor that is not listed there', async () => {
    const [a, b] = await nodes.pair({ actors: [] });
    const refused = a.spawnOn(b.name, Counter, [1]);
    await expect(refused).rejects.toThrow(NotSpawnableError);
    await expect(refused).rejects.toThrow(/counter:start\/1 \(undef\): .*`actors`/);
    expect(b.inspect().processes).toBe(a.inspect().processes);
  });

  it('throws for arguments that have no term, and leaves nothing behind', async () => {
    const Any = actor('counter', (_self, _value: unknown) => ({}));
    const [a, b] = await nodes.pair({ actors });
    await expect(a.spawnOn(b.name, Any, [() => {}])).rejects.toThrow(EncodeError);
    await expect(a.spawnOn(b.name, Any, [1])).resolves.toMatchObject({ node: b.name });
  });

  it('gives an aborted caller the reason of its signal', async () => {
    const [a, b] = await nodes.pair({ actors });
    await a.connect(b.name);
    const abort = new AbortController();
    const spawning = a.spawnOn(b.name, Counter, [1], { signal: abort.signal });
    abort.abort(new OptionsError('test', 'no longer wanted'));
    await expect(spawning).rejects.toThrow('no longer wanted');
  });

  it('links from a process, so that the end of each reaches the other', async () => {
    const [a, b] = await nodes.pair({ actors });
    const exit = await within(a, async (self) => {
      self.trapExit = true;
      const pid = await self.spawnOn(b.name, Counter, [1], { link: true });
      b.exit(pid, 'enough');
      return { pid, exit: await self.receive((message) => message instanceof Exit) };
    });
    expect(exit.exit).toMatchObject({ pid: exit.pid, reason: 'enough' });
    let child: Pid | undefined;
    await within(a, async (self) => {
      child = (await self.spawnOn(b.name, Counter, [1], { link: true })) as Pid;
      // Ends with an error reason, which takes the linked child along.
      queueMicrotask(() => a.exit(self.pid, atom('gone')));
    });
    const down = await within(b, (self) => {
      self.monitor(child!);
      return self.receive();
    });
    expect(down).toBeInstanceOf(Down);
  });

  it('is an order to a child that traps exits when its parent ends', async () => {
    const [a, b] = await nodes.pair({ actors });
    let told!: (pid: Pid) => void;
    const child = new Promise<Pid>((resolve) => {
      told = resolve;
    });
    const parent = a.spawn(async (self) => {
      told((await self.spawnOn(b.name, Parented, [], { link: true })) as Pid);
      await self.receive();
    });
    const pid = await child;
    const down = within(b, (self) => {
      self.monitor(pid);
      return self.receive<Down>();
    });
    a.exit(parent, atom('gone'));
    expect(await down).toMatchObject({ reason: atom('gone') });
  });

  it('monitors from a process, and gives the reference where it is asked for: its Down has it, demonitor takes it', async () => {
    const [a, b] = await nodes.pair({ actors });
    const [heard, quiet] = await within(a, async (self) => {
      const [pid, ref] = await self.spawnMonitorOn(b.name, Counter, [1]);
      const [other, otherRef] = await self.spawnMonitorOn(b.name, Counter, [1]);
      expect(self.demonitor(otherRef)).toBe(true);
      for (const each of [other, pid]) b.exit(each, 'enough');
      const down = await self.receive<Down>();
      expect([down.pid, down.ref.key, down.reason]).toEqual([pid, ref.key, 'enough']);
      const [own, ownRef] = await self.spawnMonitorOn(a.name, Counter, [1]);
      a.exit(own, 'mine');
      const last = await self.receive<Down>();
      return [
        [last.pid === own, last.ref === ownRef, last.reason],
        await self.receive({ timeout: 0 }).catch(() => 'quiet'),
      ];
    });
    expect(heard).toEqual([true, true, 'mine']);
    expect(quiet).toBe('quiet');
  });

  it('monitors from a process before anything runs there', async () => {
    const [a, b] = await nodes.pair({ actors });
    const down = await within(a, async (self) => {
      const pid = await self.spawnOn(b.name, Counter, [1], { monitor: true });
      b.exit(pid, 'enough');
      return { pid, down: await self.receive<Down>() };
    });
    expect(down.down).toBeInstanceOf(Down);
    expect(down.down).toMatchObject({ pid: down.pid, reason: 'enough' });
  });

  it('loses no end of a process that ends as it starts', async () => {
    const [a, b] = await nodes.pair({ actors });
    const heard = await within(a, async (self) => {
      self.trapExit = true;
      await self.spawnOn(b.name, Brief, [], { link: true, monitor: true });
      return [await self.receive<Exit | Down>(), await self.receive<Exit | Down>()];
    });
    expect(heard.map((message) => message.constructor)).toEqual(expect.arrayContaining([Exit, Down]));
    expect(heard.map(({ reason }) => reason)).toEqual(['brief', 'brief']);
  });

  it('answers a function that nobody has with a process that ends with undef, as a BEAM does', async () => {
    const [a, b] = await nodes.pair({ actors });
    const down = await within(a, async (self) => {
      await self.spawnOn(b.name, mfa('nowhere', 'to_be_found', [1]), [], { monitor: true });
      return self.receive<Down>();
    });
    expect(down.reason).toMatchObject({ elements: [atom('undef'), expect.anything()] });
  });

  it('throws once the process that asks has ended', async () => {
    const [a, b] = await nodes.pair({ actors });
    let late!: Self;
    await within(a, async (self) => {
      late = self;
    });
    await expect(late.spawnOn(b.name, Counter, [1])).rejects.toThrow(ExitError);
  });
});
