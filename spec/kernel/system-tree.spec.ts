import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  actor,
  at,
  atom,
  type Clock,
  child,
  inspectTerm,
  type LogRecord,
  OptionsError,
  type Pid,
  type Strategy,
  type SupervisorMethods,
  supervisor,
  tuple,
} from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { history, Nodes, once } from '../support/nodes.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

type SystemNode = Awaited<ReturnType<Nodes['start']>>;

const SYSTEM = [
  ...[
    'beamish_sup',
    'epmd',
    'net_kernel',
    'beamish',
    'user',
    'logger',
    'logger_proxy',
    'rex',
    'global_name_server',
  ],
  ...['pg_scopes', 'net_connections'],
];
/** Further down. */
const SCOPE = 'pg';

/** Kills a process of a node and waits until another has its name. */
async function killed(node: SystemNode, name: string): Promise<void> {
  const pid = node.whereis(name)!;
  node.exit(pid, 'kill');
  await until(() => ![undefined, pid].includes(node.whereis(name)));
}

/** Looks again each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const children = (node: SystemNode, name: string) =>
  node.call(at<SupervisorMethods>(node.name, name), 'whichChildren');

async function linkProcess(node: SystemNode): Promise<Pid> {
  for (;;) {
    const [link] = await children(node, 'net_connections');
    if (link?.pid !== undefined) return link.pid;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A strategy that counts its runs and names one node at the start of each. */
function counting(peer: () => string | undefined): Strategy & { starts: number; stops: number } {
  const strategy = {
    kind: 'counting',
    starts: 0,
    stops: 0,
    start({ found }: { found(nodeName: string): void }) {
      strategy.starts += 1;
      const name = peer();
      if (name !== undefined) found(name);
      return {
        stop: () => {
          strategy.stops += 1;
        },
      };
    },
  };
  return strategy;
}

describe('the tree of system processes', () => {
  it('holds them all under their names, in the order they start', async () => {
    const node = await nodes.start({ discovery: counting(() => undefined) });
    expect(node.registered().filter((name) => name !== SCOPE)).toEqual([...SYSTEM, 'discovery', 'user_sup']);
    const listed = await children(node, 'beamish_sup');
    expect(listed.map(({ id }) => id)).toEqual([
      'epmd',
      'net_kernel',
      'beamish',
      'user',
      'logger',
      'logger_proxy',
      'rex',
      'global_name_server',
      'pg_scopes',
      'net_connections',
      'discovery',
      'user_sup',
    ]);
    expect(listed.map(({ pid }) => pid)).toEqual(
      [...SYSTEM.slice(1), 'discovery', 'user_sup'].map((name) => node.whereis(name)),
    );
    const alone = await nodes.start({ listen: false, registry: false });
    expect(alone.registered()).toEqual([
      ...SYSTEM.filter((name) => name !== 'global_name_server' && name !== 'pg_scopes'),
      'user_sup',
    ]);
  });

  it.each(['net_kernel', 'beamish'])('starts %s again under its name', async (name) => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    await killed(b, name);
    expect(await a.ping(b.name)).toBe('pong');
    const view = at<{ nodes(): string[] }>(b.name, 'beamish');
    expect(await a.call(view, 'nodes')).toEqual([a.name]);
    expect(a.nodes('connected')).toEqual([b.name]);
  });

  it('registers the node anew when its epmd process is killed', async () => {
    const [a, b] = await nodes.pair();
    // The first is the port mapper: it lets go of the port and takes it again, or the other does.
    for (const node of [b, a]) {
      const { creation } = node;
      await killed(node, 'epmd');
      const alive = node.name.split('@')[0];
      await until(() => ['guest', 'owner'].includes(node.inspect().epmd.role));
      expect((await node.names()).map(({ name }) => name)).toContain(alive);
      expect(node.creation).toBe(creation);
    }
    await a.connect(b.name);
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('closes the link whose process is killed; the next message makes it again', async () => {
    const [a, b] = await nodes.pair();
    const [atA, atB] = [history(a), history(b)];
    await a.connect(b.name);
    const pid = await linkProcess(a);
    expect(await a.call<{ peer(): string }, 'peer'>(pid as never, 'peer')).toBe(b.name);
    const down = [once(a, 'nodedown', b.name), once(b, 'nodedown', a.name)];
    a.exit(pid, 'kill');
    await Promise.all(down);
    expect(await a.ping(b.name)).toBe('pong');
    expect(atA).toEqual([`up ${b.name}`, `down ${b.name} killed`, `up ${b.name}`]);
    expect(atB).toEqual([`up ${a.name}`, `down ${a.name} connection_closed`, `up ${a.name}`]);
    expect(await linkProcess(a)).not.toBe(pid);
  });

  it('ends the process of a link with the link', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    const pid = await linkProcess(a);
    a.disconnect(b.name);
    await until(() => !a.isAlive(pid));
    expect(await children(a, 'net_connections')).toEqual([]);
  });

  it('starts the strategies again when discovery is killed, and touches no link', async () => {
    const [b] = [await nodes.start({ name: nodes.name('b') })];
    let peer: string | undefined = b.name;
    const strategy = counting(() => peer);
    const a = await nodes.start({ name: nodes.name('a'), discovery: strategy });
    const atA = history(a);
    await until(() => a.nodes('connected').length === 1);
    peer = undefined;
    await killed(a, 'discovery');
    expect([strategy.starts, strategy.stops]).toEqual([2, 1]);
    peer = b.name;
    a.disconnect(b.name);
    await killed(a, 'discovery');
    await until(() => a.nodes('connected').length === 1);
    expect(atA).toEqual([`up ${b.name}`, `down ${b.name} disconnect`, `up ${b.name}`]);
  });

  it('tries a strategy that cannot be started again until it can', async () => {
    let broken = false;
    const strategy: Strategy = {
      kind: 'moody',
      start() {
        if (broken) throw new OptionsError('moody', 'not now');
        return { stop: () => {} };
      },
    };
    const a = await nodes.start({ discovery: strategy });
    broken = true;
    await killed(a, 'discovery');
    await until(() =>
      nodes.log.some(({ message }) => message.includes('discovery cannot be started again yet: ')),
    );
    broken = false;
    await until(() => a.inspect().discovery !== undefined);
    expect(a.whereis('discovery')).toBeDefined();
  });

  it('leaves no timer behind when the node stops while it waits to try again', async () => {
    const timers = new Set<unknown>();
    const real = platformEnv();
    const clock: Clock = {
      ...real.clock,
      setTimeout: (fn, delayMs) => {
        const timer = real.clock.setTimeout(() => {
          timers.delete(timer);
          fn();
        }, delayMs);
        timers.add(timer);
        return timer;
      },
      clearTimeout: (timer) => {
        timers.delete(timer);
        real.clock.clearTimeout(timer);
      },
    };
    let told = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      told = resolve;
    });
    const log = {
      write: ({ message }: LogRecord) => {
        if (message.includes('cannot be started again yet')) told();
      },
    };
    let broken = false;
    const discovery: Strategy = {
      kind: 'moody',
      start() {
        if (broken) throw new OptionsError('moody', 'not now');
        return { stop: () => {} };
      },
    };
    const a = await nodes.start({ discovery, env: { ...real, clock, log } });
    broken = true;
    a.exit(a.whereis('discovery')!, 'kill');
    await waiting;
    await new Promise((resolve) => setImmediate(resolve));
    await a.stop();
    expect([...timers]).toEqual([]);
  });

  it('starts anew as a whole when its supervisors are killed, links included', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    await linkProcess(a);
    for (const name of ['net_connections', 'beamish_sup']) {
      await killed(a, name);
      await until(() => SYSTEM.every((each) => a.whereis(each) !== undefined));
      await until(() => ['guest', 'owner'].includes(a.inspect().epmd.role));
      expect(await a.ping(b.name)).toBe('pong');
      expect(await linkProcess(a)).toBeDefined();
    }
  });

  it('gives up, and stops the node, when it ends over and over again', async () => {
    const a = await nodes.start();
    for (let i = 0; i < 3; i += 1) await killed(a, 'beamish_sup');
    a.exit(a.whereis('beamish_sup')!, 'kill');
    await until(() => nodes.log.some(({ message }) => message.includes('the node stops')));
    await a.stop();
    expect(() => a.spawn(() => {})).toThrow('is stopping');
  });

  it('is not started again by stop, which takes the processes down in reverse order', async () => {
    const ends: string[] = [];
    const strategy: Strategy = {
      kind: 'last',
      start: () => ({ stop: () => void ends.push('discovery') }),
    };
    const a = await nodes.start({ discovery: strategy });
    for (const name of ['first', 'second'])
      a.spawn(
        (self) => {
          self.signal.addEventListener('abort', () => ends.push(name));
          return self.receive();
        },
        [],
        { name },
      );
    await new Promise((resolve) => setImmediate(resolve));
    await a.stop();
    expect(ends).toEqual(['second', 'first', 'discovery']);
    expect(a.registered()).toEqual([]);
  });

  it('has the program’s own processes under user_sup, which harms none when it is killed', async () => {
    const a = await nodes.start();
    const Leaf = actor('leaf', () => ({}));
    const Top = supervisor('top', {}, () => [child(Leaf, [])]);
    const top = a.spawn(Top, []);
    const waiting = a.spawn((self) => self.receive());
    await a.call(top, 'countChildren');
    const mine = [
      { id: 'top', pid: top, type: 'supervisor', actor: 'top' },
      { id: 'function', pid: waiting, type: 'worker', actor: 'function' },
    ];
    for (let i = 0; i < 2; i += 1) {
      expect(await children(a, 'user_sup')).toEqual(mine);
      const to = at<SupervisorMethods>(a.name, 'user_sup');
      expect(await a.call(to, 'countChildren')).toEqual({ specs: 1, active: 2, supervisors: 1, workers: 1 });
      await killed(a, 'user_sup');
    }
    const asked = (term: unknown) => a.request('user_sup', term).then(inspectTerm);
    const [topPid, waitingPid] = [top, waiting].map(inspectTerm);
    expect(await asked(atom('which_children'))).toBe(
      `[{undefined,${waitingPid},worker,[function]},{undefined,${topPid},supervisor,[top]}]`,
    );
    const leaf = (await a.call(top, 'whichChildren'))[0]!.pid!;
    expect(await asked(tuple(atom('terminate_child'), leaf))).toBe('{error,not_found}');
    expect(await asked(tuple(atom('terminate_child'), waiting))).toBe('ok');
    expect(await asked(tuple(atom('restart_child'), atom('x')))).toBe('{error,simple_one_for_one}');
    expect([a.isAlive(waiting), a.isAlive(top), a.isAlive(leaf)]).toEqual([false, true, true]);
  });

  it('takes nobody down with user_sup where that alone is told to shut down', async () => {
    const a = await nodes.start();
    const mine = a.spawn((self) => self.receive());
    const tree = at<SupervisorMethods>(a.name, 'beamish_sup');
    await a.call(tree, 'terminateChild', 'user_sup');
    expect([a.whereis('user_sup'), a.isAlive(mine)]).toEqual([undefined, true]);
    await a.call(tree, 'restartChild', 'user_sup');
    expect((await children(a, 'user_sup')).map(({ pid }) => pid)).toEqual([mine]);
  });

  it('goes down from the last started to the first: the program’s own with their supervisors, then ours', async () => {
    const ends: string[] = [];
    const strategy: Strategy = { kind: 'last', start: () => ({ stop: () => void ends.push('discovery') }) };
    const a = await nodes.start({ discovery: strategy });
    const Slow = actor('slow', (self, name: string) => {
      self.onStop(async () => {
        ends.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        ends.push(name);
      });
      return {};
    });
    const Top = supervisor('top', {}, () => [
      child(Slow, ['child 1'], { id: '1' }),
      child(Slow, ['child 2'], { id: '2' }),
    ]);
    a.spawn(Slow, ['first']);
    const top = a.spawn(Top, []);
    a.spawn(Slow, ['last']);
    await a.call(top, 'countChildren');
    await a.stop();
    expect(ends).toEqual(
      ['last', 'child 2', 'child 1', 'first'].flatMap((name) => [`${name} begins`, name]).concat('discovery'),
    );
  });

  it('stops though user_sup is dead at that very moment, and all of it', async () => {
    const a = await nodes.start();
    const ends: string[] = [];
    for (const name of ['first', 'last'])
      a.spawn((self) => {
        self.signal.addEventListener('abort', () => ends.push(name));
        return self.receive();
      });
    await new Promise((resolve) => setImmediate(resolve));
    for (const name of ['user_sup', 'beamish_sup']) a.exit(a.whereis(name)!, 'kill');
    await a.stop();
    expect(ends).toEqual(['last', 'first']);
    expect(a.registered()).toEqual([]);
  });

  it('tells what kept a strategy from starting as startNode always did', async () => {
    const strategy: Strategy = {
      kind: 'impossible',
      start() {
        throw new OptionsError('strategy', 'impossible here');
      },
    };
    await expect(nodes.start({ discovery: strategy })).rejects.toThrow(OptionsError);
    expect(nodes.log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
