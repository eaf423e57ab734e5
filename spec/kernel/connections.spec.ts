import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EpmdClient } from '../../src/connection/epmd-client.ts';
import { Acceptor } from '../../src/handshake/acceptor.ts';
import { offeredFlags } from '../../src/handshake/flags.ts';
import { encodeName } from '../../src/handshake/messages.ts';
import { at, atom, hosts, type Node, startNode } from '../../src/index.ts';
import { platformEnv } from '../../src/platform/index.ts';
import { collector, history, Nodes, once } from '../support/nodes.ts';
import { freePort } from '../support/ports.ts';
import { RawListener, RawPeer } from '../support/raw-peer.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

/** Parts two nodes and waits until both know. */
async function part(a: Node, b: Node): Promise<void> {
  const downs = [once(a, 'nodedown', b.name), once(b, 'nodedown', a.name)];
  expect(a.disconnect(b.name)).toBe(true);
  await Promise.all(downs);
}

const links = (node: Node) => node.inspect().connections.map(({ name, outgoing }) => ({ name, outgoing }));

describe('two nodes that call each other at once', () => {
  /** So many times, in both orders, and with a head start for one of them of none to a few turns. */
  async function dialEachOther(a: Node, b: Node, times: number): Promise<void> {
    const [atA, atB] = [collector(a, 'sink'), collector(b, 'sink')];
    const events = new Map([a, b].map((node) => [node, history(node)]));
    for (let round = 0; round < times; round++) {
      const [first, second] = round % 2 === 0 ? [a, b] : [b, a];
      first.send(at(second.name, 'sink'), round);
      const one = first.connect(second.name);
      for (let turn = 0; turn < Math.floor(round / 2) % 12; turn++)
        await new Promise((resolve) => setImmediate(resolve));
      second.send(at(first.name, 'sink'), round);
      await Promise.all([one, second.connect(first.name)]);
      expect(await atA.take(1)).toEqual([round]);
      expect(await atB.take(1)).toEqual([round]);
      expect([events.get(a)!.splice(0), events.get(b)!.splice(0)]).toEqual([
        [`up ${b.name}`],
        [`up ${a.name}`],
      ]);
      expect(links(a)).toHaveLength(1);
      expect(links(b)).toHaveLength(1);
      expect(links(a)[0]!.outgoing).toBe(!links(b)[0]!.outgoing);
      await part(first, second);
      for (const heard of events.values()) expect(heard.splice(0)).toHaveLength(1);
    }
    expect([atA.got, atB.got]).toEqual([[], []]);
  }

  it('end with one link, both promises resolve, and nothing that waited is lost: 200 times', async () => {
    const [a, b] = await nodes.pair();
    await dialEachOther(a, b, 200);
  });

  it('and 800 times more closely, without the port mapper, whose answers part the calls', async () => {
    const [a, b] = await nodes.pair();
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      await from.connect(to.name, { port: to.port! });
    await part(a, b);
    await dialEachOther(a, b, 800);
  }, 90_000);

  it('in a cluster where all call all', async () => {
    const all = await Promise.all(
      Array.from({ length: 5 }, (_, i) => nodes.start({ name: nodes.name(`n${i}`) })),
    );
    await Promise.all(all.flatMap((a) => all.filter((b) => b !== a).map((b) => a.connect(b.name))));
    for (const node of all) expect(node.nodes()).toHaveLength(4);
  });
});

describe('what a caller is told of itself', () => {
  /** The status word that a node answers to this name. */
  async function statusFor(node: Node, name: string): Promise<[string, RawPeer]> {
    const peer = await RawPeer.dial(node.port!);
    nodes.atEnd(() => peer.close());
    const body = encodeName({ version: 6, flags: offeredFlags(true), creation: 5, name });
    peer.write(Buffer.concat([Buffer.of(0, body.length), body]));
    const answer = (await peer.frame(2))!;
    return [answer.subarray(1).toString('latin1'), peer];
  }

  /** A name that the port mapper knows, and the node's call there, which is never answered. */
  async function called(by: Node, alive: string) {
    const listener = await RawListener.open();
    const name = nodes.name(alive);
    const { streams, clock } = platformEnv();
    const client = new EpmdClient({ streams, clock, host: '127.0.0.1', port: nodes.epmdPort });
    const { registration } = await client.register({
      name: name.split('@')[0]!,
      port: listener.port,
      hidden: true,
    });
    nodes.atEnd(() => {
      listener.close();
      return registration.close();
    });
    const done = by.connect(name).catch((error: unknown) => error);
    return { name, listener, call: await listener.call(), done };
  }

  it('`ok` when it is unknown, `alive` when it is connected', async () => {
    const [a, b] = await nodes.pair();
    const [status, peer] = await statusFor(a, b.name);
    expect(status).toBe('ok');
    peer.close();
    await a.connect(b.name);
    expect((await statusFor(a, b.name))[0]).toBe('alive');
    expect(a.nodes()).toEqual([b.name]);
  });

  it('holds nobody up: a stranger who claims a name and falls silent is passed by', async () => {
    const [a, b] = await nodes.pair();
    await statusFor(a, b.name);
    await a.connect(b.name);
    const m = await nodes.start({ name: nodes.name('m') });
    const { name, listener, done } = await called(m, 'z');
    expect((await statusFor(m, name))[0]).toBe('ok_simultaneous');
    await (await listener.call()).handshake(acceptorAs(name));
    expect(await done).toBeUndefined();
  });

  it('`nok` when we are calling it and our name is the greater: our call goes on', async () => {
    const m = await nodes.start({ name: nodes.name('m') });
    const { name, call, done } = await called(m, 'a');
    const [status, peer] = await statusFor(m, name);
    expect(status).toBe('nok');
    await peer.closed;
    await call.handshake(acceptorAs(name));
    expect(await done).toBeUndefined();
    expect(m.inspect().connections).toMatchObject([{ name, outgoing: true }]);
  });

  it('`ok_simultaneous` when its name is the greater: our call is given up', async () => {
    const m = await nodes.start({ name: nodes.name('m') });
    const { name, call, done } = await called(m, 'z');
    const [status] = await statusFor(m, name);
    expect(status).toBe('ok_simultaneous');
    await call.closed;
    const again = await RawPeer.call(m.port!, { name, to: m.name, cookie: nodes.cookie });
    nodes.atEnd(() => again.close());
    expect(await done).toBeUndefined();
    expect(m.inspect().connections).toMatchObject([{ name, outgoing: false }]);
  });

  it('our call takes its turn again at once when the one we gave way to comes to nothing', async () => {
    const env = platformEnv();
    // Not because its patience of a second is over.
    const setTimeout: typeof env.clock.setTimeout = (fn, ms) =>
      ms === 1_000 ? undefined : env.clock.setTimeout(fn, ms);
    const m = await nodes.start({
      name: nodes.name('m'),
      env: { ...env, clock: { ...env.clock, setTimeout }, log: { write: nodes.write } },
    });
    const { name, listener, done } = await called(m, 'z');
    const [, peer] = await statusFor(m, name);
    peer.close();
    await (await listener.call()).handshake(acceptorAs(name));
    expect(await done).toBeUndefined();
  });

  it('`nok` when it is told so: we wait for the call that it makes', async () => {
    const m = await nodes.start({ name: nodes.name('m') });
    const { name, call, done } = await called(m, 'z');
    await call.frame(2);
    call.write(Buffer.from('\0\x04snok', 'latin1'));
    await call.closed;
    const theirs = await RawPeer.call(m.port!, { name, to: m.name, cookie: nodes.cookie });
    nodes.atEnd(() => theirs.close());
    expect(await done).toBeUndefined();
    expect(m.inspect().connections).toMatchObject([{ name, outgoing: false }]);
  });

  function acceptorAs(name: string): Acceptor {
    const local = { name, creation: 9, flags: offeredFlags(true) };
    return new Acceptor({ local, address: 'here', cookieFor: () => nodes.cookie, challenge: 3 });
  }
});

describe('a peer that comes back under its name while its old link still looks alive', () => {
  it('takes its place: nodedown, then nodeup', async () => {
    const a = await nodes.start();
    const name = nodes.name('phoenix');
    const up = once(a, 'nodeup', name);
    const call = { name, to: a.name, cookie: nodes.cookie };
    const old = await RawPeer.call(a.port!, { ...call, creation: 10 });
    nodes.atEnd(() => old.close());
    await up;
    const events = history(a);
    const upAgain = once(a, 'nodeup', name);
    const fresh = await RawPeer.call(a.port!, { ...call, creation: 11 });
    nodes.atEnd(() => fresh.close());
    await upAgain;
    await old.closed;
    expect(events).toEqual([`down ${name} replaced`, `up ${name}`]);
    expect(a.inspect().connections).toMatchObject([{ name, creation: 11 }]);
  });

  it('does not with another cookie: the old link stays', async () => {
    const a = await nodes.start();
    const name = nodes.name('phoenix');
    const up = once(a, 'nodeup', name);
    const call = { name, to: a.name };
    const old = await RawPeer.call(a.port!, { ...call, cookie: nodes.cookie, creation: 10 });
    nodes.atEnd(() => old.close());
    await up;
    await expect(RawPeer.call(a.port!, { ...call, cookie: 'guess', creation: 11 })).rejects.toThrow();
    expect(a.inspect().connections).toMatchObject([{ name, creation: 10 }]);
  });
});

describe('an earlier incarnation', () => {
  it('is not the present one: what is sent to its pids reaches nobody', async () => {
    const [a, b] = await nodes.pair();
    const name = nodes.name('again');
    const first = await startNode(nodes.options({ name }));
    const old = collector(first, 'sink').pid;
    await first.stop();
    const second = await nodes.start({ name });
    expect(second.creation).not.toBe(first.creation);
    // The same number as the old pid.
    const fresh = collector(second, 'sink');
    expect([fresh.pid.id, fresh.pid.serial]).toEqual([old.id, old.serial]);
    expect(fresh.pid).not.toBe(old);
    a.send(old, 'to the old one');
    b.send(old, 'to the old one');
    a.send(fresh.pid, 'to the new one');
    expect(await fresh.take(1)).toEqual(['to the new one']);
    expect(await b.ping(name)).toBe('pong');
    expect(fresh.got).toEqual([]);
    await expect(a.call(old, 'get')).rejects.toMatchObject({ reason: atom('noproc') });
    expect(second.isAlive(old)).toBe(false);
    // Nor is it for the new life itself.
    const exit = new Promise((resolve) => {
      second.spawn(async (self) => {
        self.trapExit = true;
        self.unlink(old);
        self.exit(old, atom('kill'));
        self.link(old);
        resolve(await self.receive());
      });
    });
    expect(await exit).toMatchObject({ pid: old, reason: atom('noproc') });
    expect(second.isAlive(fresh.pid)).toBe(true);
  });
});

describe('names that cannot be connected', () => {
  it('are refused at once, saying why', async () => {
    const a = await nodes.start();
    const refusal = (name: string) => a.connect(name).then(String, (error: Error) => error.message);
    expect(await refusal('b@short')).toMatch(/b@short has a short name and this node .* a long one/);
    expect(await refusal('b')).toMatch(/expected a node name "name@host", got "b"/);
    expect(await refusal('b@h@i')).toMatch(/expected a node name/);
    expect(await refusal(`b@${'h'.repeat(300)}.x`)).toMatch(/expected a node name/);
    expect(await refusal(a.name)).toMatch(/is this node itself/);
    const short = await nodes.start({ name: nodes.name('s').split('@')[0]!, listen: { host: '127.0.0.1' } });
    await expect(short.connect(a.name)).rejects.toThrow(/has a long name and this node .* a short one/);
  });
});

describe('a list of allowed nodes', () => {
  it('keeps others out, and is not left either; both are told so', async () => {
    const b = await nodes.start({ name: nodes.name('b') });
    const a = await nodes.start({ allow: [nodes.name('c'), 'elsewhere.org'] });
    await expect(b.connect(a.name)).rejects.toMatchObject({
      code: 'HandshakeError',
      stage: 'recv_status',
      message: expect.stringContaining('not_allowed'),
    });
    await expect(a.connect(b.name)).rejects.toThrow(/is not in the list of allowed nodes \(option allow\)/);
    await expect(a.call(at(b.name, 'nobody'), 'get')).rejects.toMatchObject({ reason: atom('noconnection') });
    expect(nodes.log.map(({ message }) => message).join('\n')).toMatch(
      new RegExp(`handshake with ${b.name} .* failed at mark_pending: that node may not connect`),
    );
    expect([a.nodes('connected'), b.nodes('connected')]).toEqual([[], []]);
  });

  it.each([
    ['its whole name', (name: string) => name],
    ['its host', () => '127.0.0.1'],
    ['its name at any host', (name: string) => name.slice(0, name.indexOf('@') + 1)],
  ])('lets in a node that it lists by %s', async (_, entry) => {
    const b = await nodes.start({ name: nodes.name('b') });
    const a = await nodes.start({ allow: [entry(b.name)] });
    expect(await b.ping(a.name)).toBe('pong');
    expect(a.disconnect(b.name)).toBe(true);
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('that is empty lets nobody in', async () => {
    const a = await nodes.start({ allow: [] });
    const b = await nodes.start({ name: nodes.name('b') });
    expect(await b.ping(a.name)).toBe('pang');
  });

  it('does not take a part of a name for the whole', async () => {
    const b = await nodes.start({ name: nodes.name('b') });
    const a = await nodes.start({
      allow: ['127.0.0', '0.0.1', b.name.slice(0, -1), 'b@', b.name.split('@')[0]!],
    });
    expect(await b.ping(a.name)).toBe('pang');
  });
});

describe('without a port mapper', () => {
  /** Nobody listens there: whoever asks is told so. */
  const off = { mode: 'off' } as const;

  it('a node is reached at the port that connect() is told, also when the link is made anew', async () => {
    const port = await freePort();
    const [a, b] = await nodes.pair({ epmd: { ...off, port } });
    await expect(a.connect(b.name)).rejects.toThrow(
      /^the port mapper of 127.0.0.1 cannot be asked for b-.*@127.0.0.1: cannot connect to .*ECONNREFUSED/,
    );
    await a.connect(b.name, { port: b.port! });
    expect(await a.ping(b.name)).toBe('pong');
    await part(a, b);
    expect(await a.ping(b.name)).toBe('pong');
    await expect(a.connect('c@127.0.0.1', { host: '127.0.0.1' })).rejects.toThrow(
      /expected a port beside the host/,
    );
    await expect(a.connect('c@127.0.0.1', { port: 70_000 })).rejects.toThrow(/connect.port: .*got 70000/);
    await expect(a.connect('c@127.0.0.1', { prot: 1 } as object)).rejects.toThrow(
      /known are: host, port, signal/,
    );
  });

  it('a name may be of another host than the address', async () => {
    const b = await nodes.start({ name: 'b@far.example', listen: { host: '127.0.0.1' }, epmd: off });
    const a = await nodes.start({ epmd: off });
    await a.connect(b.name, { host: '127.0.0.1', port: b.port! });
    expect(await a.ping(b.name)).toBe('pong');
  });

  it('all nodes may listen on one port, each on a host of its own', async () => {
    const port = await freePort();
    const epmd = { ...off, nodePort: port, port: await freePort() };
    const [a, b] = await Promise.all(
      ['127.0.0.2', '127.0.0.3'].map((host) =>
        nodes.start({ name: nodes.name('n').replace('127.0.0.1', host), listen: { port }, epmd }),
      ),
    );
    expect(await a!.ping(b!.name)).toBe('pong');
    expect(b!.nodes()).toEqual([a!.name]);
  });

  it('hosts() may know the ports', async () => {
    const port = await freePort();
    const b = await nodes.start({ name: nodes.name('b'), epmd: off });
    const a = await startNode(
      nodes.options({ epmd: { ...off, port }, discovery: hosts([{ name: b.name, port: b.port! }]) }),
    );
    nodes.atEnd(() => a.stop());
    while (a.nodes().length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(a.nodes()).toEqual([b.name]);
    expect(() => hosts([{ name: 'b@h', port: 0 }])).toThrow(/the port of b@h is 0/);
  });
});

describe('names at IPv6 addresses', () => {
  it('connect, with a port mapper there too', async () => {
    const port = await freePort();
    const [a, b] = await Promise.all(
      ['a', 'b'].map((alive) => nodes.start({ name: `${alive}@::1`, epmd: { port } })),
    );
    expect([await a!.ping(b!.name), await b!.ping(a!.name)]).toEqual(['pong', 'pong']);
    expect(a!.inspect().connections).toMatchObject([
      { name: 'b@::1', address: expect.stringMatching(/^::1:/) },
    ]);
    await part(a!, b!);
    expect(await b!.ping(a!.name)).toBe('pong');
  });
});

describe('connect()', () => {
  it('can be given up, and the others who wait are not', async () => {
    const [a, b] = await nodes.pair();
    const controller = new AbortController();
    const [one, two] = [a.connect(b.name, { signal: controller.signal }), a.connect(b.name)];
    controller.abort(new Error('enough'));
    await expect(one).rejects.toThrow('enough');
    await two;
    await expect(a.connect('c@127.0.0.1', { signal: controller.signal })).rejects.toThrow('enough');
    expect(a.nodes()).toEqual([b.name]);
  });

  it('with `listen: false` works one way', async () => {
    const a = await nodes.start();
    const b = await nodes.start({ name: nodes.name('b'), listen: false });
    expect(b.port).toBeUndefined();
    await expect(a.connect(b.name)).rejects.toThrow(/no node named/);
    expect(await b.ping(a.name)).toBe('pong');
    expect(await a.ping(b.name)).toBe('pong');
  });
});

describe('a signal that undoes one that still waits for its link', () => {
  it('waits behind it: who linked and died is heard of', async () => {
    const [a, b] = await nodes.pair();
    const exits: unknown[] = [];
    const heard = new Promise<void>((resolve) => {
      b.spawn(
        async (self) => {
          self.trapExit = true;
          exits.push(await self.receive());
          resolve();
        },
        [],
        { name: 'target' },
      );
    });
    const target = b.whereis('target')!;
    const pid = a.spawn(async (self) => {
      self.link(target);
      self.exit(atom('bye'));
    });
    await heard;
    expect(exits).toMatchObject([{ pid, reason: atom('bye') }]);
  });

  it('waits behind it: who linked and unlinked may die', async () => {
    const [a, b] = await nodes.pair();
    const { pid: target, take } = collector(b, 'sink');
    a.spawn(async (self) => {
      self.link(target);
      self.unlink(target);
      self.send(target, 'after');
      self.exit(atom('bye'));
    });
    expect(await take(1)).toEqual(['after']);
    expect(await a.ping(b.name)).toBe('pong');
    expect(b.isAlive(target)).toBe(true);
  });
});
