import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actor, at, ConnectionError, EncodeError, ExitError } from '../src/index.ts';
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
      { name: b.name, creation: b.creation, hidden: true, outgoing: true },
    ]);
    expect(b.inspect().connections).toMatchObject([{ name: a.name, outgoing: false }]);
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
