import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MALFORMED as MALFORMED_CALL } from '../../../src/registry/global/machine.ts';
import { atom } from '../../../src/term/atom.ts';
import { internPid, type Pid } from '../../../src/term/identifiers.ts';
import { ImproperList } from '../../../src/term/list.ts';
import { tuple } from '../../../src/term/tuple.ts';
import { NOTIFY_ALL, SILENT, World } from './world.ts';

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

/** The same under many orders of arrival. */
function under(title: string, story: (world: World) => void): void {
  it(title, () => {
    for (const seed of SEEDS) {
      try {
        story(new World(seed));
      } catch (error) {
        (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
        throw error;
      }
    }
  });
}

const quiet = (world: World): void => {
  world.settle();
  expect(world.wrong()).toBeUndefined();
};

describe('two name servers that meet', () => {
  under('have the names of both', (world) => {
    const [a, b] = world.start('a@h', 'b@h');
    const x = world.register('a@h', 'x');
    const y = world.register('b@h', 'y');
    world.connect('a@h', 'b@h');
    quiet(world);
    for (const member of [a!, b!]) {
      expect(member.table.get('x')?.pid).toBe(x);
      expect(member.table.get('y')?.pid).toBe(y);
      expect(member.conflicts).toEqual([]);
    }
    expect(a!.machine.synced).toEqual(['b@h']);
  });

  under('agree on who keeps a name that both have, and both tell so', (world) => {
    const [a, b] = world.start('a@h', 'b@h');
    const [ours, his] = [world.register('a@h', 'x'), world.register('b@h', 'x')];
    world.connect('b@h', 'a@h');
    quiet(world);
    for (const member of [a!, b!]) expect(member.table.get('x')?.pid).toBe(ours);
    expect(world.isAlive(his)).toBe(false);
    expect(a!.conflicts).toEqual([{ name: 'x', pids: [ours, his], winner: ours }]);
    expect(b!.conflicts).toEqual([{ name: 'x', pids: [his, ours], winner: ours }]);
  });

  for (const [side, one, other] of [
    ['the one that decides', ['a@h', 'b@h', 'c@h'], ['d@h', 'e@h']],
    ['the other one', ['d@h', 'a@h', 'e@h'], ['b@h', 'c@h']],
  ] as const)
    under(
      `tell all members who keeps it, also one that has lost sight of him, on the side of ${side}`,
      (world) => {
        world.start(...one, ...other);
        for (const [first, ...others] of [one, other]) for (const node of others) world.connect(first, node);
        world.settle();
        const [, holder, friend] = one;
        const kept = world.register(holder, 'x');
        world.register(other[1], 'x');
        world.settle();
        const { table } = world.members.get(friend)!;
        table.delete('x');
        world.connect(one[0], other[0]);
        quiet(world);
        expect(table.get('x')?.pid).toBe(kept);
      },
    );

  under('tell all members of both sides what both have alike, also one that has lost it', (world) => {
    const sides = [
      ['a@h', 'b@h', 'c@h'],
      ['d@h', 'e@h'],
    ] as const;
    world.start(...sides.flat());
    for (const [first, ...others] of sides) for (const node of others) world.connect(first, node);
    world.settle();
    const pid = world.register('b@h', 'x');
    world.settle();
    const table = (node: string) => world.members.get(node)!.table;
    // It came with the names of a member that has lost b meanwhile.
    table('d@h').add(table('a@h').get('x')!);
    table('c@h').delete('x');
    world.connect('a@h', 'd@h');
    quiet(world);
    for (const node of sides.flat()) expect(table(node).get('x')?.pid).toBe(pid);
  });

  under('leave a name to the other side when whoever would decide does not answer', (world) => {
    const [a, b] = world.start('a@h', 'b@h');
    world.register('a@h', 'x', world.spawn('a@h'), SILENT);
    const his = world.register('b@h', 'x');
    world.connect('a@h', 'b@h');
    quiet(world);
    for (const member of [a!, b!]) expect(member.table.get('x')?.pid).toBe(his);
  });

  under('wait for no lock that the other side cannot have', (world) => {
    const all = world.start('a@h', 'b@h', 'c@h', 'd@h', 'e@h');
    world.connect('a@h', 'b@h');
    world.connect('c@h', 'd@h');
    world.settle();
    // Three pairs want to join at once, and everybody registers.
    for (const [one, other] of ['ac', 'bd', 'ae']) world.connect(`${one}@h`, `${other}@h`);
    const sinceMs = world.nowMs;
    // Whenever somebody begins to lock.
    for (let count = 0; world.step(); )
      if (count < 50 && world.said.at(-1)?.includes('call {set_lock'))
        for (const { name } of all) world.register(name, `${name} ${count++}`);
    quiet(world);
    expect(world.components()).toHaveLength(1);
    expect(all.map(({ counters }) => counters['global.given_up'])).toEqual(all.map(() => undefined));
    expect(world.nowMs - sinceMs).toBeLessThan(20_000);
  });

  under('free a name that neither is to keep', (world) => {
    const [a, b] = world.start('a@h', 'b@h');
    for (const node of ['a@h', 'b@h']) world.register(node, 'x', world.spawn(node), NOTIFY_ALL);
    world.connect('a@h', 'b@h');
    quiet(world);
    for (const member of [a!, b!]) {
      expect(member.table.get('x')).toBeUndefined();
      expect(member.conflicts).toMatchObject([{ name: 'x', winner: undefined }]);
    }
  });

  under('take one name for the same process for no conflict', (world) => {
    const [a, b] = world.start('a@h', 'b@h');
    const pid = world.spawn('a@h');
    world.connect('a@h', 'b@h');
    quiet(world);
    world.register('b@h', 'x', pid);
    quiet(world);
    expect([a!, b!].map(({ table }) => table.get('x')?.pid)).toEqual([pid, pid]);
  });

  under('let go of everything when they part in the middle of it', (world) => {
    world.start('a@h', 'b@h', 'c@h');
    world.connect('a@h', 'c@h');
    world.settle();
    for (let steps = 1; steps < 40; steps += 3) {
      world.connect('a@h', 'b@h');
      world.run(steps);
      world.disconnect('a@h', 'b@h');
      quiet(world);
      expect(world.members.get('a@h')!.machine.isQuiet).toBe(true);
    }
    const pid = world.register('c@h', 'x');
    quiet(world);
    expect(world.members.get('c@h')!.table.get('x')?.pid).toBe(pid);
  });
});

describe('parts of a cluster that meet', () => {
  const names = ['a@h', 'b@h', 'c@h', 'd@h', 'e@h'];

  under('become one mesh, in which everybody knows all names', (world) => {
    const members = world.start(...names);
    const pids = names.map((node) => world.register(node, node));
    world.connect('a@h', 'b@h');
    world.connect('d@h', 'e@h');
    world.settle();
    world.connect('b@h', 'c@h');
    world.connect('a@h', 'e@h');
    quiet(world);
    expect(world.components()).toHaveLength(1);
    for (const member of members) expect(names.map((name) => member.table.get(name)?.pid)).toEqual(pids);
  });

  under('all connecting at once end the same way', (world) => {
    const members = world.start(...names);
    for (const node of names) world.register(node, 'x');
    for (const one of names) for (const other of names) if (one < other) world.connect(one, other);
    quiet(world);
    expect(new Set(members.map(({ table }) => table.get('x')?.pid)).size).toBe(1);
    expect(members[0]!.table.get('x')).toBeDefined();
  });

  under('part with both of two members that lose each other, and join again', (world) => {
    world.start(...names);
    for (const name of names) world.connect('a@h', name);
    quiet(world);
    world.disconnect('b@h', 'c@h');
    quiet(world);
    expect(
      world
        .components()
        .map((part) => part.sort().join())
        .sort(),
    ).toEqual(['a@h,d@h,e@h', 'b@h', 'c@h']);
    world.connect('b@h', 'a@h');
    world.connect('c@h', 'a@h');
    quiet(world);
    expect(world.components()).toHaveLength(1);
  });
});

describe('a member that is not connected yet', () => {
  /** a and b have met c and d, but a's attempts at c hang; then the two parts lost each other. */
  const halfMet = (world: World): Pid => {
    world.start('a@h', 'b@h', 'c@h', 'd@h');
    world.stall('a@h', 'c@h', true);
    world.connect('a@h', 'b@h');
    world.connect('c@h', 'd@h');
    const pid = world.register('c@h', 'x');
    world.settle();
    world.connect('a@h', 'd@h');
    world.settle();
    const a = world.members.get('a@h')!;
    expect(a.machine.known).toContain('c@h');
    expect(a.table.get('x')?.pid).toBe(pid);
    expect(world.isLinked('a@h', 'c@h')).toBe(false);
    world.cut(['a@h', 'b@h'], ['c@h', 'd@h']);
    world.settle();
    expect(a.machine.known).toEqual(['b@h']);
    return pid;
  };

  under('is forgotten with its names, so that all hear of them when it joins again', (world) => {
    const pid = halfMet(world);
    expect(world.members.get('a@h')!.table.get('x')).toBeUndefined();
    world.heal();
    world.connect('a@h', 'd@h');
    world.settle();
    for (const { table } of world.members.values()) expect(table.get('x')?.pid).toBe(pid);
  });

  under('is not greeted as one once it is forgotten, but joined with', (world) => {
    const pid = halfMet(world);
    world.said.length = 0;
    world.heal();
    world.stall('a@h', 'c@h', false);
    world.connect('a@h', 'c@h');
    world.run(2);
    expect(world.said.filter((line) => /[ac]@h -> [ac]@h cast/.test(line)).join()).not.toContain('in_sync');
    quiet(world);
    for (const { table } of world.members.values()) expect(table.get('x')?.pid).toBe(pid);
  });
});

describe('names of a cluster', () => {
  under('go to one of many who want the same at once', (world) => {
    const nodes = Array.from({ length: 10 }, (_, i) => `n${i}@h`);
    const members = world.start(...nodes);
    for (const node of nodes) world.connect('n0@h', node);
    quiet(world);
    for (let i = 0; i < 100; i++) for (const node of nodes) world.register(node, 'wanted');
    quiet(world);
    const outcomes = members.flatMap((member) => [...member.outcomes.values()]);
    expect(outcomes).toHaveLength(1_000);
    expect(outcomes.filter(({ done }) => done)).toHaveLength(1);
    for (const { done, holder } of outcomes)
      if (!done) expect(holder).toBe(members[0]!.table.get('wanted')?.pid);
  });

  under('are found on every member when the outcome is told', (world) => {
    const members = world.start('a@h', 'b@h', 'c@h');
    for (const node of ['b@h', 'c@h']) world.connect('a@h', node);
    quiet(world);
    for (const node of ['a@h', 'b@h', 'c@h']) {
      const pid = world.spawn(node);
      const request = world.change(node, { kind: 'register', name: node, pid, resolver: 0 });
      const member = world.members.get(node)!;
      while (!member.outcomes.has(request)) expect(world.step()).toBe(true);
      for (const one of members) expect(one.table.get(node)?.pid).toBe(pid);
    }
  });

  under('end with their process and with its node, on every member', (world) => {
    const members = world.start('a@h', 'b@h', 'c@h');
    for (const node of ['b@h', 'c@h']) world.connect('a@h', node);
    quiet(world);
    const pid = world.register('a@h', 'x');
    world.register('b@h', 'y', world.spawn('c@h'));
    quiet(world);
    world.kill(pid);
    quiet(world);
    for (const { table } of members) expect([...table.all()].map(({ name }) => name)).toEqual(['y']);
    world.restart('c@h');
    quiet(world);
    for (const { table } of members) expect(table.size).toBe(0);
  });

  under(
    'are registered though the registering node dies in the middle of it: by all, or by none',
    (world) => {
      world.start('a@h', 'b@h', 'c@h', 'd@h');
      for (const node of ['b@h', 'c@h', 'd@h']) world.connect('a@h', node);
      quiet(world);
      for (let steps = 1; steps < 30; steps += 2) {
        world.register('d@h', `x${steps}`, world.spawn('b@h'));
        world.run(steps);
        world.restart('d@h');
        quiet(world);
        world.connect('d@h', 'a@h');
        quiet(world);
      }
      // Nobody is left waiting for a lock.
      const pid = world.register('a@h', 'last');
      quiet(world);
      expect(world.members.get('d@h')!.table.get('last')?.pid).toBe(pid);
    },
  );
});

describe('a member that keeps others waiting', () => {
  under('in the middle of a join is given up, and the others go on', (world) => {
    const [a] = world.start('a@h', 'b@h', 'c@h');
    world.connect('a@h', 'c@h');
    world.settle();
    world.connect('a@h', 'b@h');
    const b = world.members.get('b@h')!;
    // He has said hello, and then nothing more.
    while (a!.machine.isQuiet || !world.said.some((line) => line.startsWith('b@h -> a@h cast {init_connect')))
      world.step();
    b.frozen = true;
    const pid = world.register('c@h', 'x');
    for (let i = 0; i < 2_000 && world.isLinked('a@h', 'b@h'); i++) world.step();
    // Calls that he does not answer, the driver gives up; a join that has the lock, the machine.
    if (world.isLinked('a@h', 'b@h')) world.tell(a!, { type: 'silent', nodes: ['b@h'] });
    world.settle();
    expect(world.isLinked('a@h', 'b@h')).toBe(false);
    expect(a!.table.get('x')?.pid).toBe(pid);
    expect(a!.counters['global.given_up']).toBe(1);
    expect(a!.warnings.join()).toContain('b@h');
  });
});

describe('what is not of the protocol', () => {
  const pid = internPid('b@h', 9, 0, 1);
  const stranger = internPid('x@h', 9, 0, 1);
  const node = atom('b@h');
  const MALFORMED: readonly unknown[] = [
    'text',
    42,
    [],
    tuple(),
    tuple('init_connect'),
    tuple(atom('init_connect')),
    tuple(atom('init_connect'), 8, node, tuple(atom('locker'), 0, 0, pid)),
    tuple(atom('init_connect'), tuple(8, 'tag'), node, tuple(atom('locker'), 0, 0, pid)),
    tuple(atom('init_connect'), tuple(4, 1), node, tuple(atom('locker'), 0, 0, pid)),
    tuple(atom('init_connect'), tuple(8, 1), node, tuple(atom('locker'), 0, 0, atom('pid'))),
    tuple(atom('init_connect'), tuple(8, 1), node, tuple(atom('locker'), 0, 0, stranger)),
    tuple(atom('init_connect'), tuple(8, 1), atom('x@h'), tuple(atom('locker'), 0, 0, stranger)),
    tuple(atom('exchange'), node, 'names', [], 1),
    tuple(atom('exchange'), node, [], [], 'tag'),
    tuple(atom('resolved'), node, [], 'known', 0, [], 1),
    tuple(atom('resolved'), node, 7, [], 0, [], 1),
    tuple(atom('resolved'), node, [], [tuple(atom('no node'), 8)], 0, [], 1),
    tuple(atom('new_nodes'), node, [], [], [tuple(atom('c@h'), -1)], []),
    tuple(atom('new_nodes'), atom('x@h'), [], [], [], []),
    tuple(atom('new_nodes'), node, 'ops', [], [], []),
    tuple(atom('in_sync'), 'b@h', true),
    tuple(atom('in_sync'), atom('x@h'), true),
    tuple(atom('lock_set'), atom('b@h'), true, [], 1),
    tuple(atom('lock_set'), pid, 'true', [], 1),
    tuple(atom('lock_set'), stranger, true, [], 1),
    tuple(atom('lock_is_set'), node, 1, 1),
    tuple(atom('exchange_ops'), node, 1, [], []),
    tuple(atom('init_connect_ack'), node, 'a', 'b'),
    tuple(atom('cancel_connect'), node, 'a'),
    tuple(atom('lost_connection'), node, 'a', 1, atom('c@h')),
    tuple(atom('lost_connection'), node, 1, 1, 'c@h'),
    tuple(atom('remove_connection'), atom('x@h')),
  ];
  const CALLS: readonly unknown[] = [
    'text',
    atom('unknown'),
    tuple(atom('register'), 'x', 'pid', 0),
    tuple(atom('register'), 'x'),
    tuple(atom('unregister')),
    tuple(atom('set_lock'), 'lock'),
    tuple(atom('set_lock'), tuple(1, 2, 3)),
    tuple(atom('del_lock'), 'lock'),
    tuple(atom('register_ext'), 'x', pid, 0, 'node'),
    // No terms: a link between nodes of ours carries them.
    ...[new Date(0), new Set([1]), new ImproperList([1], new Date(0)), tuple([new Date(0)])].flatMap(
      (none) => [
        tuple(atom('register'), none, pid, 0),
        tuple(atom('register'), 'x', pid, none),
        tuple(atom('register_ext'), none, pid, 0, node),
        tuple(atom('unregister'), none),
        tuple(atom('set_lock'), tuple(none, pid)),
        tuple(atom('set_lock'), tuple(atom('global'), none)),
        tuple(atom('del_lock'), tuple(atom('global'), none)),
      ],
    ),
  ];

  it('is counted, and changes nothing', () => {
    const world = new World(1);
    const [a] = world.start('a@h', 'b@h');
    world.connect('a@h', 'b@h');
    world.register('b@h', 'x');
    quiet(world);
    const before = a!.holders();
    for (const type of ['cast', 'info'] as const)
      for (const message of MALFORMED) world.tell(a!, { type, message });
    for (const request of CALLS) expect(a!.machine.serve(request, pid).reply).toBe(MALFORMED_CALL);
    world.tell(a!, { type: 'timeout', timer: 0 });
    quiet(world);
    expect(a!.holders()).toEqual(before);
    expect(a!.counters['global.ignored.malformed']).toBe(2 * MALFORMED.length);
    expect(a!.machine.serve('x', pid).wishes).toEqual([
      { type: 'count', counter: 'global.ignored.malformed' },
    ]);
  });

  it('of the entries of a list costs those entries alone', () => {
    const world = new World(1);
    const [a, b] = world.start('a@h', 'b@h');
    world.connect('a@h', 'b@h');
    quiet(world);
    const good = tuple(atom('insert'), tuple('good', pid, 0));
    const bad = [
      tuple(atom('insert'), tuple('bad', 'pid', 0)),
      tuple(atom('delete')),
      5,
      tuple(atom('insert'), 'x'),
      tuple(atom('insert'), tuple(new Date(0), pid, 0)),
      tuple(atom('insert'), tuple('bad', pid, new Date(0))),
      tuple(atom('delete'), new Set()),
    ];
    const ops = [...bad, good];
    world.tell(a!, { type: 'cast', message: tuple(atom('new_nodes'), atom('b@h'), ops, [], [], []) });
    expect(a!.table.get('good')?.pid).toBe(pid);
    expect(a!.table.size).toBe(1);
    expect(a!.counters['global.ignored.malformed']).toBe(bad.length);
    expect(b!.table.size).toBe(0);
  });

  it('in the middle of a join stops no join', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.tuple(fc.nat(30), fc.constantFrom(...MALFORMED), fc.constantFrom('cast', 'info'))),
        (seed, noise) => {
          const world = new World(seed);
          const [a] = world.start('a@h', 'b@h', 'c@h');
          world.register('a@h', 'x');
          world.register('b@h', 'y');
          world.connect('a@h', 'b@h');
          world.connect('c@h', 'b@h');
          for (const [steps, message, type] of noise) {
            world.run(steps);
            world.tell(a!, { type, message } as never);
          }
          quiet(world);
          expect(world.components()).toHaveLength(1);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a cluster under any course of events', () => {
  const nodes = ['a@h', 'b@h', 'c@h', 'd@h', 'e@h'];
  const node = fc.nat(nodes.length - 1);
  const command = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant('register' as const), node, name: fc.nat(3), on: node }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('re_register' as const), node, name: fc.nat(3), on: node }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('unregister' as const), node, name: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('kill' as const), nth: fc.nat() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('split' as const),
        parts: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('heal' as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('connect' as const), node, on: node }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect' as const), node, on: node }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), node }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('run' as const), steps: fc.nat(30) }) },
  );

  it('is quiet in the end, with equal replicas, one live holder of a name, and no lock left', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(command, { maxLength: 40 }), (seed, commands) => {
        const world = new World(seed, { attemptsHang: seed % 2 === 0 });
        world.start(...nodes);
        for (const one of nodes) world.connect('a@h', one);
        const pids: Pid[] = [];
        for (const one of commands) {
          switch (one.do) {
            case 'register':
            case 're_register': {
              const pid = world.spawn(nodes[one.on]!);
              pids.push(pid);
              world.change(nodes[one.node]!, { kind: one.do, name: one.name, pid, resolver: 0 });
              break;
            }
            case 'unregister':
              world.change(nodes[one.node]!, { kind: 'unregister', name: one.name });
              break;
            case 'kill':
              if (pids.length > 0) world.kill(pids[one.nth % pids.length]!);
              break;
            case 'split':
              world.cut(
                nodes.filter((_, index) => one.parts[index]),
                nodes.filter((_, index) => !one.parts[index]),
              );
              break;
            case 'heal':
              world.heal();
              break;
            case 'connect':
              world.connect(nodes[one.node]!, nodes[one.on]!);
              break;
            case 'disconnect':
              world.disconnect(nodes[one.node]!, nodes[one.on]!);
              break;
            case 'restart':
              world.restart(nodes[one.node]!);
              break;
            case 'run':
              world.run(one.steps);
              break;
            default:
              one satisfies never;
          }
        }
        quiet(world);
        // And when everybody can meet again, all are one.
        world.heal();
        for (let i = 0; i < 10 && world.components().length > 1; i++) {
          for (const one of nodes) world.connect('a@h', one);
          quiet(world);
        }
        expect(world.components()).toHaveLength(1);
      }),
      { numRuns: 200 },
    );
  });
});
