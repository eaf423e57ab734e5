/** Groups on nodes of ours: what users see. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  atom,
  Down,
  EncodeError,
  ExitError,
  float,
  NameTakenError,
  type Node,
  NodeUp,
  OptionsError,
  type Pid,
  type Ref,
  type Self,
  type Tuple,
  tuple,
} from '../../../src/index.ts';
import { internPid } from '../../../src/term/identifiers.ts';
import { converged, SimCluster } from '../../../src/testing/index.ts';
import { collector, Nodes, once } from '../../support/nodes.ts';

let nodes: Nodes;
beforeEach(async () => {
  nodes = await Nodes.open();
});
afterEach(() => nodes.close());

const start = (alive: string) => nodes.start({ name: nodes.name(alive), hidden: false });
const idle = (node: Node): Pid => node.spawn(async (self: Self) => void (await self.receive()));
const end = (node: Node, pid: Pid) => node.exit(pid, 'kill');

/** Resolves when a group of a node has so many members. */
async function grown(
  scope: Node['groups'] | ReturnType<Node['groups']['scope']>,
  group: unknown,
  size: number,
) {
  if (scope.members(group).length === size) return;
  await new Promise<void>((resolve) => {
    const watch = scope.monitor(group, () => {
      if (scope.members(group).length !== size) return;
      watch.stop();
      resolve();
    });
  });
}

const sorted = (pids: readonly Pid[]) => pids.map(String).sort();

describe('groups of one node', () => {
  it('hold processes, each as often as it joined, until they leave or end', async () => {
    const node = await start('a');
    const { groups } = node;
    const [one, two] = [idle(node), idle(node)];
    expect(groups.members('room')).toEqual([]);
    await groups.join('room', one);
    await groups.join('room', [one, two]);
    await groups.join('other', two);
    expect(sorted(groups.members('room'))).toEqual(sorted([one, one, two]));
    expect(groups.localMembers('room')).toHaveLength(3);
    expect(groups.which().sort()).toEqual(['other', 'room']);
    expect(groups.whichLocal().sort()).toEqual(['other', 'room']);

    expect(await groups.leave('room', one)).toBe(true);
    expect(sorted(groups.members('room'))).toEqual(sorted([one, two]));
    expect(await groups.leave('room', [one, one])).toBe(true);
    expect(await groups.leave('room', one)).toBe(false);
    expect(await groups.leave('nowhere', one)).toBe(false);

    end(node, two);
    expect(groups.members('room')).toEqual([]);
    expect(groups.which()).toEqual([]);
  });

  it('are named by any term, equal as terms are', async () => {
    const node = await start('a');
    const { groups } = node;
    const pid = idle(node);
    await groups.join(tuple(atom('room'), 7, { a: 1, b: [2] }), pid);
    expect(
      groups.members(
        tuple(
          atom('room'),
          7n,
          new Map<string, unknown>([
            ['b', [2]],
            ['a', 1],
          ]),
        ),
      ),
    ).toEqual([pid]);
    await groups.join('text', pid);
    expect(groups.members(Buffer.from('text'))).toEqual([pid]);
    expect(groups.members(atom('text'))).toEqual([]);
    await groups.join(1, pid);
    expect(groups.members(float(1))).toEqual([]);
    for (const group of [() => 1, [new Set()], '\ud800'])
      await expect(groups.join(group, pid)).rejects.toThrow(EncodeError);
  });

  it('take processes of this node only', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await expect(a.groups.join('room', [idle(a), idle(b)])).rejects.toThrow(OptionsError);
    await expect(a.groups.join('room', 'name' as never)).rejects.toThrow(
      /only processes of a-.*"name"|<<"name">>/,
    );
    await expect(a.groups.leave('room', idle(b))).rejects.toThrow(OptionsError);
    expect(a.groups.which()).toEqual([]);
    // One that has ended joins, and has left.
    const dead = idle(a);
    end(a, dead);
    await a.groups.join('room', dead);
    expect(a.groups.members('room')).toEqual([]);
    await a.groups.join('room', []);
    expect(a.groups.which()).toEqual([]);
  });

  it('tell who joins and leaves', async () => {
    const node = await start('a');
    const { groups } = node;
    const pid = idle(node);
    const told: unknown[] = [];
    const stops = (['join', 'leave'] as const).map((event) =>
      groups.on(event, (group, pids) => told.push([event, group, pids])),
    );
    groups.on('join', () => {
      throw new Error('a listener that fails');
    });
    groups.on('join', async () => {
      throw new Error('a listener that fails');
    });
    await groups.join('room', pid);
    const watch = groups.monitor('room', (event) => told.push(event));
    expect(watch.members).toEqual([pid]);
    await groups.join('elsewhere', pid);
    await groups.leave('room', pid);
    end(node, pid);
    expect(groups.which()).toEqual([]);
    expect(told).toEqual([
      ['join', 'room', [pid]],
      ['join', 'elsewhere', [pid]],
      ['leave', 'room', [pid]],
      expect.objectContaining({ change: 'leave', group: 'room', pids: [pid] }),
      ['leave', 'elsewhere', [pid]],
    ]);
    expect(nodes.log.filter(({ message }) => message.includes('a listener that fails'))).toHaveLength(4);
    watch.stop();
    for (const stop of stops) stop();
    await groups.join('room', idle(node));
    expect(told).toHaveLength(5);
    expect(() => groups.on('joined' as never, () => {})).toThrow(OptionsError);
  });

  it('are kept apart by scope', async () => {
    const node = await start('a');
    const pid = idle(node);
    const chat = node.groups.scope('chat');
    expect(node.groups.scope('chat')).toBe(chat);
    expect(node.groups.scope('pg')).toBe(node.groups);
    await chat.join('room', pid);
    expect(chat.members('room')).toEqual([pid]);
    expect(node.groups.members('room')).toEqual([]);
    expect(node.registered()).toEqual(expect.arrayContaining(['pg', 'chat']));
    expect(() => node.groups.scope('')).toThrow(OptionsError);
    expect(() => node.groups.scope(7 as never)).toThrow(OptionsError);
    node.register('taken', pid);
    expect(() => node.groups.scope('taken')).toThrow(NameTakenError);
  });

  it('tell who comes too late for a name that was taken meanwhile', async () => {
    const node = await start('a');
    const scope = node.groups.scope('mine');
    const joined = scope.join('room', idle(node));
    node.register('mine', idle(node));
    await expect(joined).rejects.toThrow(ExitError);
  });

  it('outlive their scope process', async () => {
    const node = await start('a');
    const { groups } = node;
    const [one, two] = [idle(node), idle(node)];
    await groups.join('room', [one, two, two]);
    const told: unknown[] = [];
    groups.on('leave', (group, pids) => told.push([group, pids]));
    end(node, node.whereis('pg')!);
    expect(sorted(groups.members('room'))).toEqual(sorted([one, two, two]));
    end(node, two);
    const three = idle(node);
    await groups.join('room', three);
    expect(sorted(groups.members('room'))).toEqual(sorted([one, three]));
    expect(told).toEqual([
      ['room', [two]],
      ['room', [two]],
    ]);
    end(node, node.whereis('pg_scopes')!);
    await groups.join('room', three);
    end(node, three);
    expect(groups.members('room')).toEqual([one]);
  });

  it('end with the node, and are not there without a registry', async () => {
    const node = await start('a');
    const pid = idle(node);
    const { groups } = node;
    await node.stop();
    await expect(groups.join('room', pid)).rejects.toThrow(/has stopped/);
    await expect(groups.scope('late').join('room', pid)).rejects.toThrow(/has stopped/);

    const without = await nodes.start({ registry: false });
    expect(() => without.groups).toThrow(/registry: false/);
    expect(without.registered()).not.toContain('pg');
  });
});

describe('groups of several nodes', () => {
  it('are one: who joins, leaves, ends or is cut off', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const [early, late] = [idle(a), idle(a)];
    await a.groups.join('room', early);
    await b.connect(a.name);
    await grown(b.groups, 'room', 1);
    await a.groups.join('room', [late, late]);
    await grown(b.groups, 'room', 3);
    expect(sorted(b.groups.members('room'))).toEqual(sorted([early, late, late]));
    expect(b.groups.localMembers('room')).toEqual([]);
    expect(b.groups.whichLocal()).toEqual([]);

    await a.groups.leave('room', late);
    await grown(b.groups, 'room', 2);
    const mine = idle(b);
    await b.groups.join('room', mine);
    await grown(a.groups, 'room', 3);
    end(a, early);
    await grown(b.groups, 'room', 2);
    expect(sorted(b.groups.members('room'))).toEqual(sorted([late, mine]));

    const told: unknown[] = [];
    b.groups.on('leave', (group, pids) => told.push([group, pids]));
    b.disconnect(a.name);
    await grown(b.groups, 'room', 1);
    await grown(a.groups, 'room', 1);
    expect(told).toEqual([['room', [late]]]);
    await a.connect(b.name);
    await grown(b.groups, 'room', 2);
    await grown(a.groups, 'room', 2);
    expect(a.inspect().counters['groups.ignored.malformed']).toBe(undefined);
  });

  it('find a scope that starts after the link, and one that was killed', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await a.connect(b.name);
    const [one, two] = [idle(a), idle(b)];
    await a.groups.scope('chat').join('room', one);
    const there = b.groups.scope('chat');
    await grown(there, 'room', 1);
    await there.join('room', two);
    await grown(a.groups.scope('chat'), 'room', 2);
    end(a, a.whereis('chat')!);
    await grown(there, 'room', 1);
    await grown(there, 'room', 2);
    await grown(a.groups.scope('chat'), 'room', 2);
    expect(sorted(there.members('room'))).toEqual(sorted([one, two]));
  });

  it('ask a dozen nodes at once, and the platform suspects no leak', async () => {
    const warnings: string[] = [];
    const warned = ({ message }: Error) => void warnings.push(message);
    process.on('warning', warned);
    try {
      await using cluster = new SimCluster({ seed: 3 });
      for (let i = 1; i <= 12; i++) await cluster.start(`n${i}@sim`);
      await cluster.until(converged, { withinMs: 60_000 });
      // The platform warns in a tick of its own.
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('warning', warned);
    }
    expect(warnings).toEqual([]);
  });

  it('do not reach over hidden links', async () => {
    const a = await start('a');
    const hidden = await nodes.start({ name: nodes.name('h'), hidden: true });
    await a.groups.join('room', idle(a));
    await hidden.groups.join('room', idle(hidden));
    await hidden.connect(a.name);
    expect(await hidden.ping(a.name)).toBe('pong');
    expect(await a.ping(hidden.name)).toBe('pong');
    expect(a.groups.members('room')).toHaveLength(1);
    expect(hidden.groups.members('room')).toHaveLength(1);
  });

  it('let a message find what was joined before it was sent', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const answers = collector(a, 'answers');
    b.spawn(
      async (self: Self) => {
        for await (const message of self) {
          const [group, to] = message as [unknown, Pid];
          self.send(to, b.groups.members(group).length);
        }
      },
      [],
      { name: 'looker' },
    );
    // From the very first moment of the link, with what was joined before and after, few and many.
    const up = once(a, 'nodeup', b.name);
    const mine = idle(a);
    // More than goes into one fragment of a message, which small ones overtake.
    const many = Array.from({ length: 6_000 }, () => mine);
    await a.groups.join('before', many);
    void a.connect(b.name);
    await up;
    const looker = b.whereis('looker')!;
    // Who is slow to read sees what came later too: so each is answered before the next joins.
    const found = async (group: string): Promise<unknown> => {
      a.send(looker, [group, answers.pid]);
      return (await answers.take(1))[0];
    };
    for (const [group, pids, count] of [
      ['first', many.slice(0, 1), 1],
      ['before', many.slice(0, 2), 6_002],
      ['many', many, 6_000],
      ['first', many.slice(0, 5), 6],
    ] as const) {
      await a.groups.join(group, pids);
      expect(await found(group)).toBe(count);
    }
    await a.groups.leave('before', many);
    expect(await found('before')).toBe(2);
  });

  it('let a message find what was joined before it, also when its reader was busy', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await a.connect(b.name);
    const answers = collector(b, 'answers');
    const looker = b.spawn(async (self: Self) => {
      for await (const message of self) b.send(answers.pid, b.groups.members(message).length);
    });
    for (let i = 0; i < 300; i += 1) {
      await a.groups.join(`g${i}`, answers.pid.node === a.name ? answers.pid : idle(a));
      a.send(looker, `g${i}`);
    }
    expect(new Set(await answers.take(300))).toEqual(new Set([1]));
  });

  it('count what is no message of a scope, and go on', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await a.connect(b.name);
    await a.groups.join('room', idle(a));
    await grown(b.groups, 'room', 1);
    const scope = b.whereis('pg')!;
    const stranger = idle(a);
    const hostile: unknown[] = [
      'text',
      atom('discover'),
      tuple(atom('discover')),
      tuple(atom('discover'), 'nobody'),
      tuple(atom('join'), stranger, 'room'),
      tuple(atom('join'), stranger, 'room', [stranger, 7]),
      tuple(atom('join'), stranger, 'room', idle(b)),
      tuple(atom('leave'), stranger, stranger, 'room'),
      tuple(atom('update'), stranger, [tuple('room', stranger)]),
      tuple(atom('$gen_cast'), tuple(atom('sync'), stranger, [['room', []]])),
      tuple(atom('$gen_cast'), tuple(atom('sync'), stranger, 'x')),
      tuple(atom('$gen_cast'), tuple(atom('local_data'), stranger, 1, [])),
    ];
    for (const message of hostile) a.send(scope, message);
    // Of a node that is not connected (here, b itself), and of a process that was never discovered.
    a.send(scope, tuple(atom('discover'), idle(b)));
    a.send(scope, tuple(atom('join'), stranger, 'room', stranger));
    a.send(scope, tuple(atom('$gen_cast'), atom('who')));
    await a.groups.join('room', idle(a));
    await grown(b.groups, 'room', 2);
    const { counters } = b.inspect();
    expect(counters['groups.ignored.malformed']).toBe(hostile.length);
    expect(counters['groups.ignored.unknown_peer']).toBe(2);
    expect(b.whereis('pg')).toBe(scope);
  });

  it('are told of a join before what is sent after it, also by one that was just discovered', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await a.connect(b.name);
    const peer = collector(b, 'peer');
    const scope = a.groups.scope('late');
    await scope.join('warm', idle(a));
    // It is in the mailbox of the scope process, and in no table yet, when the join is asked for.
    for (let i = 0; i < 20_000; i++) a.send(a.whereis('late')!, 'noise');
    a.send(a.whereis('late')!, tuple(atom('discover'), peer.pid));
    const member = idle(a);
    await scope.join('room', member);
    a.send(peer.pid, 'after');
    await expect.poll(() => peer.got).toContain('after');
    const before = peer.got.slice(0, peer.got.indexOf('after'));
    expect(before).toContainEqual(tuple(atom('join'), a.whereis('late'), 'room', member));
  });

  it('are watched while they are in, and forgotten when they are out', async () => {
    const a = await nodes.start({ name: nodes.name('a'), exports: { erlang: true } });
    const pid = idle(a);
    const watchers = async () => {
      const answer = await a.rpc(a.name, 'erlang', 'process_info', [pid, atom('monitored_by')]);
      return ((answer as Tuple).at(1) as Pid[]).filter((one) => one === a.whereis('pg')).length;
    };
    await a.groups.join('room', [pid, pid]);
    expect(await watchers()).toBe(1);
    await a.groups.leave('room', pid);
    expect(await watchers()).toBe(1);
    await a.groups.leave('room', pid);
    expect(await watchers()).toBe(0);
  });

  it('stay, whatever end is told that was not watched for; and no node is asked that is not connected', async () => {
    const a = await start('a');
    const pid = idle(a);
    await a.groups.join('room', pid);
    const scope = a.whereis('pg')!;
    const ref = await new Promise<Ref>((resolve) => {
      a.spawn((self: Self) => resolve(self.monitor(pid)));
    });
    a.send(scope, new Down(ref, pid, atom('killed')));
    a.send(scope, new NodeUp('nobody@127.0.0.1', {}));
    a.send(scope, tuple(atom('discover'), internPid('nobody@127.0.0.1', 1, 0, 1)));
    expect(a.groups.members('room')).toEqual([pid]);
    await a.groups.join('room', idle(a));
    // Had it been dialled, what was for it would be dropped by the time that this fails.
    await expect(a.connect('nobody@127.0.0.1')).rejects.toThrow();
    const { counters } = a.inspect();
    expect(counters['groups.ignored.unknown_peer']).toBe(1);
    expect(counters['connection.dropped.unreachable']).toBeUndefined();
  });
});
