import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { atom, global, type Node, type Pid, type Resolve, type Self, tuple } from '../../../src/index.ts';
import { roomsOf } from '../../../src/node.ts';
import { Nodes } from '../../support/nodes.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const idle = (node: Node, heard: (message: unknown) => void = () => {}): Pid =>
  node.spawn(async (self: Self) => {
    for await (const message of self) heard(message);
  });

/** Nodes with names in this order, all connected. */
async function cluster(...aliases: string[]): Promise<Node[]> {
  const started: Node[] = [];
  for (const alias of aliases) started.push(await nodes.start({ name: nodes.name(alias) }));
  await joined(started);
  return started;
}

async function joined(all: readonly Node[]): Promise<void> {
  for (const node of all.slice(1)) await all[0]!.connect(node.name);
  for (const node of all) {
    await expect.poll(() => node.global.members().length).toBe(all.length - 1);
    await node.global.sync();
  }
}

describe('a node without the registry', () => {
  it('because it is hidden says so when it is asked to register', async () => {
    const node = await nodes.start({ hidden: true });
    const refused = { code: 'OptionsError', message: expect.stringMatching(/takes no part.*hidden/) };
    await expect(node.global.register('x', idle(node))).rejects.toMatchObject(refused);
    await expect(node.global.reRegister('x', idle(node))).rejects.toMatchObject(refused);
    await expect(node.global.unregister('x')).rejects.toMatchObject(refused);
    await expect(node.global.sync()).rejects.toMatchObject(refused);
    await expect(node.global.setLock('x')).rejects.toMatchObject(refused);
    await expect(node.global.trans('x', () => 1)).rejects.toMatchObject(refused);
    expect(node.global.whereis('x')).toBeUndefined();
    expect(node.whereis('global_name_server')).toBeUndefined();
    await expect(node.call(global('x'), 'get')).rejects.toThrow(/keeps no global names/);
  });

  it('because it was told so says that, and stays out of what others do', async () => {
    const [a, b] = await cluster('a', 'b');
    const silent = await nodes.start({ name: nodes.name('c'), registry: false });
    await expect(silent.global.register('x', idle(silent))).rejects.toThrow(/registry: false/);
    const hidden = await nodes.start({ name: nodes.name('d'), hidden: true });
    await a!.connect(hidden.name);
    expect(await a!.global.register('x', idle(a!))).toBe(true);
    expect(b!.global.whereis('x')).toBeDefined();
    expect(hidden.global.whereis('x')).toBeUndefined();
    expect(a!.global.members()).toEqual([b!.name]);
  });
});

describe('a name', () => {
  it('is found by a node that has just connected, by the time register resolves', async () => {
    const [a, b] = await nodes.pair();
    await a.connect(b.name);
    await a.global.register('x', idle(a));
    expect(b.global.whereis('x')).toBe(a.global.whereis('x'));
  });

  it('costs each member one message and its answer, and the locks of some', async () => {
    const COUNT = 100;
    const [a, b, c] = await cluster('a', 'b', 'c');
    const pid = idle(a!);
    const writes = (from: Node, to: Node): number =>
      from.inspect().connections.find(({ name }) => name === to.name)!.writes;
    await expect.poll(() => b!.nodes()).toContain(c!.name);
    const before = [writes(a!, b!), writes(b!, a!), writes(b!, c!)];
    for (let i = 0; i < COUNT; i++) await a!.global.register(i, pid);
    const after = [writes(a!, b!), writes(b!, a!), writes(b!, c!)];
    const [told, answered, between] = after.map((count, i) => count - before[i]!);
    expect(told).toBeGreaterThanOrEqual(COUNT);
    expect(told).toBeLessThan(1.5 * COUNT);
    expect(answered).toBeLessThan(1.5 * COUNT);
    expect(between).toBeLessThan(COUNT / 4);
  });

  it('is refused for what cannot have one, and nothing is registered', async () => {
    const [a, b] = await cluster('a', 'b');
    const pid = idle(a!);
    const dead = idle(a!);
    a!.exit(dead, 'kill');
    await expect(a!.global.register('x', dead)).rejects.toMatchObject({ code: 'ExitError' });
    await expect(a!.global.register('x', 'pid' as never)).rejects.toMatchObject({ code: 'OptionsError' });
    await expect(a!.global.register(() => 1, pid)).rejects.toMatchObject({ code: 'EncodeError' });
    await expect(a!.global.register('x', pid, { resolve: 'mine' as never })).rejects.toThrow(
      /random_exit, random_notify, notify_all or a function/,
    );
    await expect(a!.global.register('x', idle(b!), { resolve: () => undefined })).rejects.toThrow(
      /decides on the node of the process/,
    );
    await expect(a!.global.register('x', pid, { ifTaken: 'maybe' as never })).rejects.toThrow(
      /"throw" or "false"/,
    );
    const unknown = { tiemout: 5 } as never;
    for (const mistake of [
      a!.global.register('x', pid, unknown),
      a!.global.reRegister('x', pid, unknown),
      a!.global.unregister('x', unknown),
      a!.global.sync(unknown),
      a!.global.whenRegistered('x', unknown),
      a!.global.setLock('x', unknown),
      a!.global.delLock('x', unknown),
      a!.global.trans('x', () => 1, unknown),
    ])
      await expect(mistake).rejects.toThrow(/unknown option tiemout; known are: .*signal/);
    expect(() => a!.global.send('x', 1)).toThrow(/no process has the global name/);
    expect(() => a!.global.on('other' as 'conflict', () => {})).toThrow(/registered, unregistered, conflict/);
    await expect(a!.global.trans('x', () => 1, { holder: idle(b!) })).rejects.toThrow(/live process of/);
    await expect(a!.global.setLock('x', { nodes: [] })).rejects.toThrow(/at least one/);
    await expect(a!.global.sync({ nodes: 'b' as never })).rejects.toThrow(
      /nodes: expected names of nodes, got/,
    );
    expect([a!, b!].map((node) => node.global.registered())).toEqual([[], []]);
  });

  it('may be one of several that a process has, each free when it ends', async () => {
    const [a, b] = await cluster('a', 'b');
    const pid = idle(a!);
    for (const name of ['x', 'y', tuple('z', 1)]) await b!.global.register(name, pid);
    expect(a!.global.registered()).toHaveLength(3);
    await a!.global.unregister('y');
    expect(b!.global.whereis('x')).toBe(pid);
    a!.exit(pid, 'kill');
    for (const node of [a!, b!]) await expect.poll(() => node.global.registered()).toEqual([]);
  });

  it('is given up on when asked for with a signal or a time that ends first', async () => {
    const [a, b] = await cluster('a', 'b');
    // Somebody has the lock on names and keeps it.
    const release = open();
    const inside = open();
    const busy = b!.global.trans(atom('global'), () => {
      inside.resolve();
      return release.promise;
    });
    await inside.promise;
    await expect(a!.global.register('x', idle(a!), { timeout: 20 })).rejects.toMatchObject({
      code: 'CallTimeoutError',
    });
    await expect(
      a!.global.register('y', idle(a!), { signal: AbortSignal.timeout(20) }),
    ).rejects.toMatchObject({ name: 'TimeoutError' });
    release.resolve();
    await busy;
    await a!.global.register('z', idle(a!));
    // What was given up was not registered behind everybody's back.
    expect(b!.global.registered()).toEqual(['z']);
  });

  it('is remembered by nobody once it was given up on', async () => {
    const [a] = await cluster('a', 'b');
    const { processes } = roomsOf(a!);
    const server = processes.lookup(a!.whereis('global_name_server')!)!;
    const nodes = ['nobody@nowhere.invalid'];
    for (let i = 0; i < 5; i++)
      await expect(a!.global.sync({ nodes, timeout: 1 })).rejects.toMatchObject({ code: 'CallTimeoutError' });
    await a!.global.sync();
    expect(server.extras!.taken!.size).toBe(0);
  });

  it('that is waited for when the node stops is waited for no more', async () => {
    const a = await nodes.start();
    const waiting = [a.global.whenRegistered('x'), a.global.whenRegistered('x', { timeout: 60_000 })];
    const told = Promise.allSettled(waiting);
    await a.stop();
    for (const outcome of await told)
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'ExitError', message: /has stopped/ },
      });
    await expect(a.global.whenRegistered('x')).rejects.toThrow(/has stopped/);
  });
});

/** A promise, and what resolves it. */
function open(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('two parts that meet with the same name', () => {
  async function clash(resolve: Resolve, heard: (of: string, message: unknown) => void = () => {}) {
    const a = await nodes.start({ name: nodes.name('a') });
    const b = await nodes.start({ name: nodes.name('b') });
    const ours = idle(a, (message) => heard('a', message));
    const theirs = idle(b, (message) => heard('b', message));
    await a.global.register('x', ours, { resolve });
    await b.global.register('x', theirs, { resolve });
    const told: unknown[] = [];
    for (const node of [a, b])
      node.global.on('conflict', ({ name, pids, winner }) =>
        told.push([node.name[0], name, [...pids], winner]),
      );
    await joined([b, a]);
    return { a, b, ours, theirs, told };
  }

  it('leave the one on the smaller node, and kill the other: random_exit', async () => {
    const { a, b, ours, theirs, told } = await clash('random_exit');
    for (const node of [a, b]) expect(node.global.whereis('x')).toBe(ours);
    await expect.poll(() => b.isAlive(theirs)).toBe(false);
    expect(a.isAlive(ours)).toBe(true);
    expect(told).toEqual(
      expect.arrayContaining([
        ['a', 'x', [ours, theirs], ours],
        ['b', 'x', [theirs, ours], ours],
      ]),
    );
  });

  it('leave the one on the smaller node, and tell the other: random_notify', async () => {
    const heard: unknown[] = [];
    const { a, b, ours, theirs } = await clash('random_notify', (of, message) => heard.push([of, message]));
    for (const node of [a, b]) expect(node.global.whereis('x')).toBe(ours);
    await expect.poll(() => heard).toEqual([['b', tuple(atom('global_name_conflict'), 'x')]]);
    expect(b.isAlive(theirs)).toBe(true);
  });

  it('free the name, and tell both: notify_all', async () => {
    const heard: unknown[] = [];
    const { a, b, ours, theirs, told } = await clash('notify_all', (of, message) =>
      heard.push([of, message]),
    );
    for (const node of [a, b]) expect(node.global.whereis('x')).toBeUndefined();
    await expect.poll(() => heard.length).toBe(2);
    expect(heard).toEqual(
      expect.arrayContaining([
        ['a', tuple(atom('global_name_conflict'), 'x', theirs)],
        ['b', tuple(atom('global_name_conflict'), 'x', ours)],
      ]),
    );
    expect(told.map((one) => (one as unknown[])[3])).toEqual([undefined, undefined]);
  });

  it('ask a function once, of the smaller node’s, and do as it says', async () => {
    const asked: unknown[] = [];
    const { a, b, ours, theirs } = await clash(async (name, one, other) => {
      asked.push([name, one, other]);
      return one;
    });
    expect(asked).toEqual([['x', theirs, ours]]);
    for (const node of [a, b]) expect(node.global.whereis('x')).toBe(theirs);
    expect([a.isAlive(ours), b.isAlive(theirs)]).toEqual([true, true]);
  });

  it('free the name when the function fails, or answers nonsense', async () => {
    const { a, b } = await clash(() => {
      throw new Error('cannot decide');
    });
    for (const node of [a, b]) expect(node.global.whereis('x')).toBeUndefined();
    expect(nodes.log.some(({ message }) => message.includes('cannot decide'))).toBe(true);
    await expect(a.global.register('x', idle(a))).resolves.toBe(true);
  });

  it('ask the node where the process is, also when a third one has met first', async () => {
    const [a, c] = await cluster('a', 'c');
    const b = await nodes.start({ name: nodes.name('b') });
    const asked: string[] = [];
    const [ours, theirs] = [idle(c!), idle(b)];
    await c!.global.register('x', ours, {
      resolve: (_name, _one, other) => {
        asked.push(c!.name);
        return other;
      },
    });
    await b.global.register('x', theirs);
    // The smaller of the two that meet decides, and asks where its holder lives.
    await a!.connect(b.name);
    await joined([a!, b, c!]);
    expect(asked).toEqual([c!.name]);
    for (const node of [a!, b, c!]) expect(node.global.whereis('x')).toBe(ours);
  });
});

describe('a name server', () => {
  it('that is killed is started again, joins anew, and keeps the names of this node’s processes', async () => {
    const [a, b, c] = await cluster('a', 'b', 'c');
    const [ours, theirs] = [idle(a!), idle(b!)];
    await a!.global.register('ours', ours);
    await b!.global.register('theirs', theirs);
    const before = a!.whereis('global_name_server')!;
    a!.exit(before, 'kill');
    await expect.poll(() => a!.whereis('global_name_server')).not.toBe(before);
    await expect.poll(() => a!.whereis('global_name_server')).toBeDefined();
    await joined([a!, b!, c!]);
    for (const node of [a!, b!, c!]) {
      expect(node.global.whereis('ours')).toBe(ours);
      expect(node.global.whereis('theirs')).toBe(theirs);
    }
    expect(await c!.global.register('new', idle(c!))).toBe(true);
    expect(a!.global.whereis('new')).toBeDefined();
  });

  it('lives on whatever is sent to it, and counts it', async () => {
    const [a, b] = await cluster('a', 'b');
    const server = a!.whereis('global_name_server')!;
    const NOISE = [
      'text',
      tuple(atom('remove_connection'), atom('nobody@nowhere')),
      tuple(atom('$gen_cast'), tuple(atom('exchange'), 1, 2, 3, 4)),
      tuple(atom('$gen_cast'), tuple(atom('init_connect'))),
      tuple(atom('$gen_cast'), 5),
      tuple(atom('$gen_call'), 'from', tuple(atom('set_lock'), 1)),
    ];
    for (const message of NOISE) b!.send(server, message);
    for (const request of [tuple(atom('register'), 1), tuple(atom('set_lock'), 'x'), atom('stop'), 7])
      await expect(b!.request(server, request)).rejects.toMatchObject({ code: 'ExitError' });
    expect(await b!.request(server, atom('get_protocol_version'))).toBe(8);
    expect(a!.whereis('global_name_server')).toBe(server);
    expect(a!.inspect().counters['global.ignored.malformed']).toBeGreaterThanOrEqual(5);
    expect(await b!.global.register('x', idle(b!))).toBe(true);
  });
});

describe('a lock', () => {
  it('is refused for an id that has no term, and nothing is left of a transaction that is refused', async () => {
    const [a, b] = await cluster('a', 'b');
    const servers = [a!, b!].map((node) => node.whereis('global_name_server'));
    const { processes } = roomsOf(a!);
    const before = processes.count;
    for (const id of [new Date(0), tuple('x', new Set()), () => 1]) {
      const asked = [a!.global.setLock(id), a!.global.delLock(id), a!.global.trans(id, () => 1)];
      for (const outcome of await Promise.allSettled(asked))
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'EncodeError' } });
    }
    for (const options of [{ nodes: 'b' as never }, { retries: -1 }])
      await expect(a!.global.trans('x', () => 1, options)).rejects.toMatchObject({ code: 'OptionsError' });
    expect([a!, b!].map((node) => node.whereis('global_name_server'))).toEqual(servers);
    expect(processes.count).toBe(before);
  });

  it('is waited for no more when who was to hold it ends, or the node stops', async () => {
    const [a, b] = await cluster('a', 'b');
    await b!.global.setLock('x');
    let ran = 0;
    const holder = idle(a!);
    const waiting = [a!.global.trans('x', () => void ran++, { holder }), a!.global.setLock('x', { holder })];
    const refused = Promise.allSettled(waiting);
    // What a transaction, and two pauses between attempts, want to hear of its end.
    const told = () => roomsOf(a!).processes.lookup(holder)!.extras?.onEnd?.length;
    while (told() !== 3) await new Promise((resolve) => setImmediate(resolve));
    a!.exit(holder, 'kill');
    for (const outcome of await refused)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ExitError' } });
    const last = Promise.allSettled([a!.global.trans('x', () => void ran++), a!.global.setLock('x')]);
    await a!.stop();
    for (const outcome of await last)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ExitError' } });
    expect(ran).toBe(0);
  });

  it('leaves nothing with its holder when it is free again', async () => {
    const [a] = await cluster('a', 'b');
    const holder = idle(a!);
    for (let i = 0; i < 5; i++) await a!.global.trans('x', () => i, { holder });
    expect(roomsOf(a!).processes.lookup(holder)!.extras?.onEnd ?? []).toEqual([]);
  });

  it('that this node itself has lost with its name server ends the transaction, and its process', async () => {
    const [a] = await cluster('a', 'b');
    const { processes } = roomsOf(a!);
    const before = new Set(processes.processes());
    await expect(
      a!.global.trans('x', () => void a!.exit(a!.whereis('global_name_server')!, 'kill')),
    ).rejects.toMatchObject({ code: 'ExitError' });
    await expect.poll(() => a!.whereis('global_name_server')).toBeDefined();
    const labels = processes.all().flatMap(({ pid, label }) => (before.has(pid) ? [] : [label]));
    expect(labels).not.toContain('hold');
  });

  it('is lost with its holder, whatever a listener of the signal makes of that', async () => {
    const [a] = await cluster('a');
    const holder = idle(a!);
    const outcome = a!.global.trans(
      'x',
      (signal) => {
        signal.addEventListener('abort', () => {
          throw new Error('when it was lost');
        });
        a!.exit(holder, 'kill');
        return String(signal.reason);
      },
      { holder },
    );
    expect(await outcome).toMatch(/the holder of the lock, .*, has ended/);
    await nodes.logged(/^a listener of the signal of a lock threw: Error: when it was lost/);
  });

  it('is let go when the node of its holder goes, and trans gives what its function gives', async () => {
    const [a, b, c] = await cluster('a', 'b', 'c');
    const inside = open();
    const held = (): Promise<never> => {
      inside.resolve();
      return new Promise(() => {});
    };
    void c!.global.trans('mine', held).catch(() => {});
    await inside.promise;
    expect(await a!.global.setLock('mine', { retries: 0 })).toBe(false);
    await c!.stop();
    expect(await b!.global.trans('mine', async () => 'done')).toBe('done');
    await expect(
      b!.global.trans('mine', () => {
        throw new Error('failed inside');
      }),
    ).rejects.toThrow('failed inside');
    expect(await a!.global.trans('mine', () => 'free again')).toBe('free again');
  });

  it('that one node refuses is left on none', async () => {
    const [a, b] = await cluster('a', 'b');
    expect(await a!.global.setLock('x', { nodes: [a!.name], holder: idle(a!) })).toBe(true);
    // The greater name is locked first, and gives it.
    expect(await b!.global.setLock('x', { nodes: [a!.name, b!.name], retries: 1 })).toBe(false);
    expect(await a!.global.setLock('x', { nodes: [b!.name], retries: 0, holder: idle(a!) })).toBe(true);
  });

  it('that its holder loses is told to the function that runs under it', async () => {
    const [a] = await cluster('a', 'b');
    const holder = idle(a!);
    const inside = open();
    const lost = a!.global.trans(
      'mine',
      (signal) => {
        inside.resolve();
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      { holder },
    );
    await inside.promise;
    expect(await a!.global.setLock(tuple('mine', 'other'), { retries: 0 })).toBe(false);
    a!.exit(holder, 'kill');
    await expect(lost).rejects.toThrow(/holder of the lock/);
  });

  it('runs one at a time, however many want it on however many nodes', async () => {
    const all = await cluster('a', 'b', 'c');
    let inside = 0;
    let most = 0;
    await Promise.all(
      all.flatMap((node) =>
        Array.from({ length: 5 }, () =>
          node.global.trans('one', async () => {
            inside += 1;
            most = Math.max(most, inside);
            await new Promise((resolve) => setImmediate(resolve));
            inside -= 1;
          }),
        ),
      ),
    );
    expect(most).toBe(1);
  });
});
