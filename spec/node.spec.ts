import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../src/env/index.ts';
import {
  actor,
  at,
  ConnectionError,
  EncodeError,
  ExitError,
  type Node,
  NodeDown,
  NodeUp,
  OptionsError,
  type Pid,
  startNode,
} from '../src/index.ts';
import { platformEnv } from '../src/platform/index.ts';
import { collector, history, Nodes, once } from './support/nodes.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const Counter = actor('counter', (_self, start: number) => {
  let n = start;
  return { get: () => n, add: (by: number) => (n += by) };
});

describe('two nodes', () => {
  it('connect, and both hear of it once', async () => {
    const [a, b] = await nodes.pair();
    const [atA, atB] = [history(a), history(b)];
    const up = [once(a, 'nodeup', b.name), once(b, 'nodeup', a.name)];
    await a.connect(b.name);
    await Promise.all(up);
    expect(atA).toEqual([`up ${b.name}`]);
    expect(atB).toEqual([`up ${a.name}`]);
    expect(a.nodes()).toEqual([b.name]);
    expect(b.nodes()).toEqual([a.name]);
    await a.connect(b.name);
    expect(a.inspect().connections).toMatchObject([
      { name: b.name, creation: b.creation, hidden: false, outgoing: true },
    ]);
    expect(b.inspect().connections).toMatchObject([{ name: a.name, outgoing: false }]);
  });

  it('start when the system hands out the port of the port mapper', async () => {
    const env = platformEnv();
    const asked: number[] = [];
    const listen: typeof env.streams.listen = (options, onStream) => {
      asked.push(options.port);
      return env.streams.listen(
        { ...options, port: asked.length === 1 ? nodes.epmdPort : options.port },
        onStream,
      );
    };
    const a = await nodes.start({ env: { ...env, streams: { ...env.streams, listen } } });
    expect(a.port).not.toBe(nodes.epmdPort);
    // Twice for itself, then as the port mapper.
    expect(asked).toEqual([0, 0, nodes.epmdPort]);
    const b = await nodes.start();
    expect(await b.ping(a.name)).toBe('pong');
  });

  it('refuse debug lines of an area that there is none, and a switch that is no boolean', async () => {
    const [a] = await nodes.pair();
    expect(() => a.debug('disco' as never, true)).toThrow(OptionsError);
    expect(() => a.debug('disco' as never, true)).toThrow(/expected one of .*discovery.*got disco/);
    expect(() => a.debug('discovery', 'on' as never)).toThrow(/expected true or false, got on/);
    a.debug('discovery', false);
  });

  it('ping each other, and themselves, and nobody who is not there', async () => {
    const [a, b] = await nodes.pair();
    expect(await a.ping(b.name)).toBe('pong');
    expect(await b.ping(a.name)).toBe('pong');
    expect(await a.ping(a.name)).toBe('pong');
    expect(await a.ping('nobody@127.0.0.1')).toBe('pang');
    expect(await a.ping('no node name')).toBe('pang');
  });

  it('call and cast named actors and pids across', async () => {
    const [a, b] = await nodes.pair();
    const pid = b.spawn(Counter, [5], { name: 'counter' });
    const far = at<typeof Counter>(b.name, 'counter');
    expect(await a.call(far, 'add', 2)).toBe(7);
    a.cast(pid, 'add', 10);
    expect(await a.call(pid, 'get')).toBe(17);
    expect(await a.client<typeof Counter>(far, { timeout: 1_000 }).get()).toBe(17);
    await expect(a.call(at(b.name, 'nobody'), 'get')).rejects.toThrow(ExitError);
  });

  it('take a pid that a program has wrapped in a proxy for the pid', async () => {
    const [a, b] = await nodes.pair();
    const pid = a.spawn(Counter, [5]);
    const wrapped = new Proxy(pid, {});
    const keeper = b.spawn(
      actor('keeper', (self) => ({
        ask: (counter: Pid<typeof Counter>) => self.call(counter, 'get'),
        same: (counter: Pid<typeof Counter>) => counter,
      })),
    );
    expect(await a.call(new Proxy(keeper, {}), 'same', wrapped)).toBe(pid);
    expect(await a.call(keeper, 'ask', wrapped)).toBe(5);
    expect([await a.call(wrapped, 'get'), await b.call(wrapped, 'get')]).toEqual([5, 5]);
    await a.groups.join('counters', wrapped);
    await a.global.register('proxied', wrapped);
    expect([a.groups.members('counters')[0] === pid, a.global.whereis('proxied') === pid]).toEqual([
      true,
      true,
    ]);
    a.exit(wrapped, 'kill');
    expect([a.isAlive(wrapped), a.groups.members('counters')]).toEqual([false, []]);
  });

  it('part, and both hear of it once, with a reason, and may connect again', async () => {
    const [a, b] = await nodes.pair();
    const [atA, atB] = [history(a), history(b)];
    const up = once(b, 'nodeup', a.name);
    await a.connect(b.name);
    await up;
    const down = once(b, 'nodedown', a.name);
    expect(a.disconnect(b.name)).toBe(true);
    expect(a.disconnect(b.name)).toBe(false);
    expect(await down).toBe('connection_closed');
    expect(a.nodes('connected')).toEqual([]);
    expect(b.nodes('connected')).toEqual([]);
    const again = once(b, 'nodeup', a.name);
    await a.connect(b.name);
    await again;
    expect(atA).toEqual([`up ${b.name}`, `down ${b.name} disconnect`, `up ${b.name}`]);
    expect(atB).toEqual([`up ${a.name}`, `down ${a.name} connection_closed`, `up ${a.name}`]);
  });

  it('lose a call under way when they part', async () => {
    const [a, b] = await nodes.pair();
    const Deaf = actor('deaf', () => ({ wait: () => new Promise<never>(() => {}) }));
    const pid = b.spawn(Deaf);
    await a.connect(b.name);
    const call = a.call(pid, 'wait');
    a.disconnect(b.name);
    await expect(call).rejects.toMatchObject({ code: 'ExitError', reason: { name: 'noconnection' } });
  });
});

describe('what is sent before a link stands', () => {
  it('waits for it and arrives in order, exactly once', async () => {
    const [a, b] = await nodes.pair();
    const { pid, got, take } = collector(b, 'sink');
    for (let i = 0; i < 200; i++) a.send(i % 2 === 0 ? at(b.name, 'sink') : pid, i);
    await a.connect(b.name);
    for (let i = 200; i < 400; i++) a.send(pid, i);
    expect(await take(400)).toEqual(Array.from({ length: 400 }, (_, i) => i));
    expect(await a.ping(b.name)).toBe('pong');
    expect(got).toEqual([]);
  });

  it('goes before what a nodeup listener sends', async () => {
    const [a, b] = await nodes.pair();
    const { pid, take } = collector(b, 'sink');
    a.on('nodeup', () => a.send(pid, 'later'));
    a.send(pid, 'sooner');
    expect(await take(2)).toEqual(['sooner', 'later']);
  });

  it('is what it was when it was sent', async () => {
    const [a, b] = await nodes.pair();
    const { take } = collector(b, 'sink');
    const message = { list: [1, 2] };
    a.send(at(b.name, 'sink'), message);
    message.list.push(3);
    expect(await take(1)).toEqual([{ list: [1, 2] }]);
    a.send(at(b.name, 'sink'), message);
    message.list.push(4);
    expect(await take(1)).toEqual([{ list: [1, 2, 3] }]);
  });

  it('throws at once when it has no term, connected or not', async () => {
    const [a, b] = await nodes.pair({ limits: { frameBytes: 10_000 } });
    const { take } = collector(b, 'sink');
    const to = at(b.name, 'sink');
    const bad = { deep: [() => 1] };
    expect(() => a.send(to, bad)).toThrow(EncodeError);
    expect(() => a.send(to, 'x'.repeat(10_001))).toThrow(EncodeError);
    expect(a.nodes('connected')).toEqual([]);
    await a.connect(b.name);
    expect(() => a.send(to, bad)).toThrow(EncodeError);
    expect(() => a.send(to, 'x'.repeat(10_001))).toThrow(EncodeError);
    a.send(to, 'good');
    expect(await take(1)).toEqual(['good']);
  });

  it('is dropped, and calls end with noconnection, when nobody is there', async () => {
    const a = await nodes.start();
    const gone = 'gone@127.0.0.1';
    a.send(at(gone, 'x'), 1);
    const call = a.call(at(gone, 'x'), 'get');
    await expect(call).rejects.toMatchObject({ reason: { name: 'noconnection' } });
    await expect(a.connect(gone)).rejects.toThrow(ConnectionError);
    expect(a.inspect().counters['connection.dropped.unreachable']).toBeGreaterThan(0);
  });
});

describe('stop()', () => {
  it('is idempotent, tells the peers, and takes nothing more', async () => {
    const [a, b] = await nodes.pair();
    await b.connect(a.name);
    const down = once(a, 'nodedown', b.name);
    const Slow = actor('slow', () => ({ wait: () => new Promise<never>(() => {}) }));
    const call = b.call(b.spawn(Slow), 'wait');
    const [, , refused] = await Promise.all([b.stop(), b.stop(), call.catch((error: unknown) => error)]);
    await b.stop();
    expect(refused).toBeInstanceOf(ExitError);
    await down;
    expect(await a.ping(b.name)).toBe('pang');
    expect(await b.ping(a.name)).toBe('pang');
    await expect(b.connect(a.name)).rejects.toThrow(/is stopping/);
    expect(() => b.spawn(Slow)).toThrow(ExitError);
    expect(b.nodes('connected')).toEqual([]);
    expect(await a.names()).toEqual([{ name: a.name.split('@')[0], port: a.port }]);
  });

  it('delivers what was sent just before', async () => {
    const [a, b] = await nodes.pair();
    const { take } = collector(b, 'sink');
    await a.connect(b.name);
    for (let i = 0; i < 1_000; i++) a.send(at(b.name, 'sink'), i);
    const stopped = a.stop();
    expect(await take(1_000)).toHaveLength(1_000);
    await stopped;
  });

  it('ends calls and connects under way', async () => {
    const [a, b] = await nodes.pair();
    const connecting = a.connect(b.name).catch((error: unknown) => error);
    const calling = a.call(at(b.name, 'nobody'), 'get').catch((error: unknown) => error);
    await a.stop();
    expect(await connecting).toBeInstanceOf(ConnectionError);
    expect(await calling).toBeInstanceOf(ExitError);
    expect(b.nodes('connected')).toEqual([]);
  });

  it('is what `await using` does, and frees name and port', async () => {
    const name = nodes.name('scoped');
    let port = 0;
    {
      await using node = await startNode(nodes.options({ name }));
      port = node.port!;
    }
    await using again = await startNode(nodes.options({ name, listen: { port } }));
    expect(again.port).toBe(port);
  });

  it('leaves no timer behind, of any room', async () => {
    const pending = new Map<unknown, string>();
    const env = platformEnv();
    const clock: Clock = {
      ...env.clock,
      setTimeout: (fn, ms) => {
        const timer = env.clock.setTimeout(() => {
          pending.delete(timer);
          fn();
        }, ms);
        pending.set(timer, new Error(`${ms} ms`).stack!);
        return timer;
      },
      clearTimeout: (timer) => {
        pending.delete(timer);
        env.clock.clearTimeout(timer);
      },
    };
    const timed = { ...env, clock, log: { write: () => {} } };
    const [a, b] = await nodes.pair({ env: timed });
    await a.connect(b.name);
    const sink = collector(b, 'sink');
    a.send(at(b.name, 'sink'), 'hello');
    await sink.take(1);
    await a.global.register('sink', a.spawn(actor('idle', () => ({}))));
    await b.groups.join('sinks', sink.pid);
    const waits = expect(a.call(at(b.name, 'sink'), 'never' as never)).rejects.toBeInstanceOf(ExitError);
    void b.connect('nobody@127.0.0.1').catch(() => {});
    expect(pending.size).toBeGreaterThan(0);
    await b.stop();
    await waits;
    await a.stop();
    expect([...pending.values()]).toEqual([]);
  });

  it('leaves nothing that keeps the program running, also after failed starts', async () => {
    const program = fileURLToPath(new URL('./support/ends-by-itself.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', program, String(nodes.epmdPort)],
      { timeout: 20_000 },
    );
    expect(JSON.parse(stdout)).toEqual({ pong: 'pong', failures: ['NameTakenError', 'ConnectionError'] });
  });
});

describe('a start that fails', () => {
  it('says that the name is taken', async () => {
    const a = await nodes.start();
    await expect(startNode(nodes.options({ name: a.name }))).rejects.toMatchObject({
      code: 'NameTakenError',
    });
    expect(await a.names()).toHaveLength(1);
  });

  it('says that the port is taken', async () => {
    const a = await nodes.start();
    const name = nodes.name('b');
    const failing = startNode(nodes.options({ name, listen: { port: a.port! } }));
    await expect(failing).rejects.toThrow(/cannot listen on 127\.0\.0\.1, port \d+: EADDRINUSE/);
    await nodes.start({ name });
  });

  it('says that no port mapper answers', async () => {
    const options = nodes.options({ epmd: { mode: 'external', port: nodes.epmdPort } });
    await expect(startNode(options)).rejects.toThrow(ConnectionError);
  });
});

describe('what a node tells', () => {
  it('of its peers, by kind', async () => {
    const a = await nodes.start();
    const b = await nodes.start({ name: nodes.name('b') });
    const c = await nodes.start({ name: nodes.name('c'), hidden: true });
    await a.connect(b.name);
    await a.connect(c.name);
    expect(a.nodes()).toEqual([b.name]);
    expect(a.nodes('visible')).toEqual([b.name]);
    expect(a.nodes('hidden')).toEqual([c.name]);
    expect(a.nodes('connected').sort()).toEqual([b.name, c.name].sort());
    await c.ping(a.name);
    expect(c.nodes()).toEqual([a.name]);
    expect(c.nodes('visible')).toEqual([]);
  });

  it('its processes, of peers of the type they asked for', async () => {
    const a = await nodes.start();
    const b = await nodes.start({ name: nodes.name('b') });
    const c = await nodes.start({ name: nodes.name('c'), hidden: true });
    /** What a process of `on` is told until that peer is gone; it asks before anything else here happens. */
    const told = (on: Node, last: Node, nodeType?: 'visible' | 'hidden' | 'all') =>
      new Promise<string[]>((resolve) => {
        const events: string[] = [];
        on.spawn(async (self) => {
          self.monitorNodes(true, nodeType === undefined ? {} : { nodeType });
          for await (const message of self) {
            if (message instanceof NodeUp) {
              events.push(`up ${message.node}`);
              expect(message.info).toMatchObject({ name: message.node, hidden: message.node === c.name });
            }
            if (!(message instanceof NodeDown)) continue;
            events.push(`down ${message.node}`);
            if (message.node === last.name) resolve(events);
          }
        });
      });
    const all = [told(a, b), told(a, b, 'all'), told(a, b, 'visible'), told(a, c, 'hidden')];
    for (const peer of [c, b]) {
      await a.connect(peer.name);
      const down = once(a, 'nodedown', peer.name);
      await a.disconnect(peer.name);
      await down;
    }
    const events = ({ name }: Node) => [`up ${name}`, `down ${name}`];
    const both = [...events(c), ...events(b)];
    expect(await Promise.all(all)).toEqual([both, both, events(b), events(c)]);
  });

  it('of the names that the port mapper knows', async () => {
    const [a, b] = await nodes.pair();
    const known = [a, b].map((node) => ({ name: node.name.split('@')[0], port: node.port }));
    expect(await b.names()).toEqual(expect.arrayContaining(known));
    expect(await b.names('127.0.0.1')).toHaveLength(2);
  });

  it('of its registered names', async () => {
    const a = await nodes.start();
    const pid = a.spawn(Counter, [1], { name: 'counter' });
    expect(a.whereis('counter')).toBe(pid);
    expect(a.whereis('nobody')).toBeUndefined();
    expect(a.registered()).toEqual(expect.arrayContaining(['net_kernel', 'beamish', 'counter']));
    expect(() => a.register('counter', pid)).toThrow(/counter is taken/);
    a.register('also', pid);
    expect(await a.call('also', 'get')).toBe(1);
    expect(a.unregister('counter')).toBe(true);
    expect(a.unregister('counter')).toBe(false);
    expect(a.whereis('counter')).toBeUndefined();
  });

  it('of nodes that come and go, until it is told not to', async () => {
    const [a, b] = await nodes.pair();
    let heard = 0;
    const end = a.on('nodeup', (name, info) => {
      heard++;
      expect([name, info]).toEqual([b.name, { name: b.name, creation: b.creation, hidden: false }]);
    });
    a.on('nodeup', () => {
      throw new Error('a bad listener');
    });
    a.on('nodeup', async () => {
      throw new Error('a promise that is broken');
    });
    await a.connect(b.name);
    end();
    end();
    a.disconnect(b.name);
    await a.connect(b.name);
    expect(heard).toBe(1);
    for (const text of ['a bad listener', 'a promise that is broken'])
      await expect.poll(() => nodes.log.filter(({ message }) => message.includes(text)).length).toBe(2);
    for (const event of ['nodeUp', 'toString', '__proto__'])
      expect(() => a.on(event as 'nodeup', () => {})).toThrow(/"nodeup" or "nodedown"/);
  });

  it('as plain data', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    const snapshot = a.inspect();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(structuredClone(snapshot));
    expect(snapshot).toMatchObject({
      name: a.name,
      creation: a.creation,
      port: a.port,
      epmd: { port: a.epmdPort, role: 'owner' },
    });
  });
});

describe('ping() with a time-out', () => {
  it('does not wait longer for a node that is not there', async () => {
    const a = await nodes.start();
    // A call that nobody takes up.
    const before = performance.now();
    expect(await a.ping('nobody@127.0.0.1', { timeout: 50 })).toBe('pang');
    expect(performance.now() - before).toBeLessThan(900);
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(a.ping('nobody@127.0.0.1', { signal: controller.signal })).rejects.toThrow('enough');
  });
});
