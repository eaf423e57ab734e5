/** The scope machine by itself: pairs of it, its answers to single events, and random stories with OTP's among them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScopeMachine, type ScopeWish } from '../../../src/registry/groups/scope-machine.ts';
import { atom } from '../../../src/term/atom.ts';
import { Pid } from '../../../src/term/identifiers.ts';
import { inspectTerm } from '../../../src/term/print.ts';
import { Tuple, tuple } from '../../../src/term/tuple.ts';
import { Otp25Scope } from './otp-scope.ts';

const A = 'a@h';
const B = 'b@h';
const pid = (node: string, number: number) => new Pid(node, number, 0, 1);
const discover = (peer: Pid) => tuple(atom('discover'), peer);
const sync = (peer: Pid, ...groups: readonly [unknown, Pid[]][]) =>
  tuple(
    atom('sync'),
    peer,
    groups.map((group) => tuple(...group)),
  );

function started(nodes: readonly string[] = []): ScopeMachine {
  const machine = new ScopeMachine();
  machine.step({ type: 'start', self: pid(A, 1), nodes });
  return machine;
}

/** One line for each wish. */
const text = (wishes: readonly ScopeWish[]) =>
  wishes.map((wish) => {
    switch (wish.type) {
      case 'send':
        return `${wish.to} ! ${inspectTerm(wish.message)}`;
      case 'tell':
        return `${wish.change} ${inspectTerm(wish.group)} ${wish.pids.join(' ')}`;
      case 'arm':
        return `arm ${wish.node} ${wish.afterMs}`;
      case 'ignore':
        return `ignore ${wish.why}`;
      default:
        return `${wish.type} ${wish.pid}`;
    }
  });
const heard = (machine: ScopeMachine, message: unknown) => text(machine.step({ type: 'message', message }));

describe('a scope', () => {
  it('asks who is there at its start, and whoever comes up', () => {
    const machine = new ScopeMachine();
    expect(text(machine.step({ type: 'start', self: pid(A, 1), nodes: [B] }))).toEqual([
      'b@h ! {discover,#Pid<a@h.1.0>}',
      'arm b@h 5000',
    ]);
    expect(text(machine.step({ type: 'nodeup', node: 'c@h' }))).toEqual([
      'c@h ! {discover,#Pid<a@h.1.0>}',
      'arm c@h 5000',
    ]);
  });

  it('answers who asks, in the old form, and asks back whom it does not know', () => {
    const machine = started();
    machine.step({ type: 'join', group: 'g', pids: [pid(A, 7)] });
    const answer = [
      '#Pid<b@h.1.0> ! {\'$gen_cast\',{sync,#Pid<a@h.1.0>,[{<<"g">>,[#Pid<a@h.7.0>]}]}}',
      'monitor #Pid<b@h.1.0>',
      '#Pid<b@h.1.0> ! {discover,#Pid<a@h.1.0>}',
    ];
    expect(heard(machine, tuple(atom('discover'), pid(B, 1), 1))).toEqual(
      answer.map((line) => line.replaceAll('b@h', 'b@h')),
    );
    const known = machine.peers()[0]!;
    expect(heard(machine, discover(known))).toEqual(answer.slice(0, 1));
  });

  it('tells a peer of changes alone once it has had a sync, never before', () => {
    const machine = started();
    const peer = pid(B, 1);
    const [one, two] = [pid(A, 7), pid(A, 8)];
    machine.step({ type: 'join', group: 'g', pids: [one] });
    // It answers our discover, and its own has not come: a bare leave would crash it.
    expect(heard(machine, sync(peer))).toEqual(['monitor #Pid<b@h.1.0>']);
    machine.step({ type: 'join', group: 'h', pids: [two] });
    expect(text(machine.step({ type: 'leave', group: 'g', pids: [one] })).at(1)).toBe(
      '#Pid<b@h.1.0> ! {leave,#Pid<a@h.1.0>,#Pid<a@h.7.0>,[<<"g">>]}',
    );
    const other = started();
    heard(other, sync(peer));
    other.step({ type: 'join', group: 'g', pids: [one, two] });
    expect(text(other.step({ type: 'leave', group: 'g', pids: [two] }))).toContain(
      '#Pid<b@h.1.0> ! {leave,#Pid<a@h.1.0>,#Pid<a@h.8.0>,[<<"g">>]}',
    );
  });

  it('tells a node that has not answered under its name: all at first, then changes, and no longer when it is late', () => {
    const machine = started([B]);
    const lines = (event: Parameters<ScopeMachine['step']>[0]) =>
      text(machine.step(event)).filter((line) => line.includes('!'));
    const one = pid(A, 7);
    expect(lines({ type: 'join', group: 'g', pids: [one] })).toEqual([
      'b@h ! {\'$gen_cast\',{sync,#Pid<a@h.1.0>,[{<<"g">>,[#Pid<a@h.7.0>]}]}}',
    ]);
    expect(lines({ type: 'join', group: 'h', pids: [one] })).toEqual([
      'b@h ! {join,#Pid<a@h.1.0>,<<"h">>,#Pid<a@h.7.0>}',
    ]);
    machine.step({ type: 'late', node: B });
    expect(lines({ type: 'leave', group: 'h', pids: [one] })).toEqual([]);

    const gone = started([B]);
    gone.step({ type: 'nodedown', node: B });
    expect(text(gone.step({ type: 'join', group: 'g', pids: [one] })).join()).not.toContain('!');
  });

  it('cuts what is long into parts that nothing overtakes, and sends the whole only to who has it already', () => {
    const machine = started();
    const many = Array.from({ length: 2_500 }, (_, i) => pid(A, i + 2));
    machine.step({ type: 'join', group: 'g', pids: many.slice(0, 1_500) });
    machine.step({ type: 'join', group: 'h', pids: many.slice(1_500) });
    const sizes = (wishes: readonly ScopeWish[]) =>
      wishes.flatMap((wish): (string | number)[] => {
        if (wish.type !== 'send') return [];
        const [kind, first, ...rest] = wish.message.elements;
        if (kind !== atom('$gen_cast')) return kind === atom('join') ? [(rest[1] as Pid[]).length] : [];
        return [
          `sync ${((first as Tuple).elements[2] as Tuple[]).map((g) => (g.elements[1] as Pid[]).length)}`,
        ];
      });
    const peer = pid(B, 1);
    const ask = () => machine.step({ type: 'message', message: discover(peer) });
    expect(sizes(ask())).toEqual(['sync 1000', 500, 1000]);
    expect(sizes(ask())).toEqual(['sync 1500,1000']);
    expect(sizes(machine.step({ type: 'join', group: 'i', pids: many }))).toEqual([1000, 1000, 500]);
  });

  it('takes a sync for the whole truth, and tells what is different', () => {
    const machine = started();
    const peer = pid(B, 1);
    const [x, y] = [pid(B, 2), pid(B, 3)];
    heard(machine, discover(peer));
    expect(heard(machine, sync(peer, ['g', [x, x, y]], ['h', [x]], ['empty', []]))).toEqual([
      'join <<"g">> #Pid<b@h.2.0> #Pid<b@h.2.0> #Pid<b@h.3.0>',
      'join <<"h">> #Pid<b@h.2.0>',
    ]);
    expect(heard(machine, sync(peer, ['g', [y, x, x]], ['h', [x]]))).toEqual([]);
    expect(heard(machine, sync(peer, ['g', [x, y, y]], ['i', [y]]))).toEqual([
      'leave <<"h">> #Pid<b@h.2.0>',
      'leave <<"g">> #Pid<b@h.2.0>',
      'join <<"g">> #Pid<b@h.3.0>',
      'join <<"i">> #Pid<b@h.3.0>',
    ]);
    expect(machine.which()).toEqual(['g', 'i']);
    expect(heard(machine, sync(peer, ['g', [pid(B, 9)]]))).toHaveLength(3);
    expect(machine.members('g').map(String)).toEqual(['#Pid<b@h.9.0>']);
  });

  it('forgets a peer with its members, and keeps its own when it ends', () => {
    const machine = started([B]);
    const peer = pid(B, 1);
    const [mine, theirs] = [pid(A, 7), pid(B, 2)];
    machine.step({ type: 'join', group: 'g', pids: [mine, mine] });
    heard(machine, sync(peer, ['g', [theirs]]));
    expect(text(machine.step({ type: 'down', pid: peer }))).toEqual(['leave <<"g">> #Pid<b@h.2.0>']);
    expect(heard(machine, tuple(atom('join'), peer, 'g', theirs))).toEqual(['ignore unknown_peer']);
    heard(machine, sync(peer, ['g', [theirs]]));
    expect(text(machine.step({ type: 'stop' }))).toEqual(['leave <<"g">> #Pid<b@h.2.0>']);
    expect(machine.members('g')).toEqual([mine, mine]);
    expect(text(machine.step({ type: 'start', self: pid(A, 2), nodes: [] }))).toEqual([
      'monitor #Pid<a@h.7.0>',
    ]);
    expect(heard(machine, discover(peer))[0]).toBe(
      '#Pid<b@h.1.0> ! {\'$gen_cast\',{sync,#Pid<a@h.2.0>,[{<<"g">>,[#Pid<a@h.7.0>,#Pid<a@h.7.0>]}]}}',
    );
    expect(text(machine.step({ type: 'down', pid: mine }))).toEqual([
      '#Pid<b@h.1.0> ! {leave,#Pid<a@h.2.0>,#Pid<a@h.7.0>,[<<"g">>,<<"g">>]}',
      'leave <<"g">> #Pid<a@h.7.0>',
      'leave <<"g">> #Pid<a@h.7.0>',
    ]);
  });

  it('ignores what no scope says, and what is no term', () => {
    const machine = started();
    for (const message of [
      discover(pid(A, 9)),
      tuple(atom('discover'), pid(B, 1), 1, 2),
      sync(pid(B, 1), ['g', [pid('c@h', 2)]]),
      sync(pid(B, 1), [new Set(), [pid(B, 2)]]),
      tuple(atom('update'), pid(B, 1), [tuple([() => 1], [], [pid(B, 2)])]),
      'text',
    ])
      expect(heard(machine, message)).toEqual(['ignore malformed']);
    expect(machine.peers()).toEqual([]);
  });
});

// ---- random stories

/** What a story needs of a scope, ours or OTP's. */
interface Player {
  readonly self: Pid;
  members(group: string): string[];
  join(group: string, member: Pid): void;
  leave(group: string, member: Pid): void;
  hear(message: unknown): void;
  down(member: Pid): void;
  nodeUp(node: string): void;
  /** What it has to say since last asked. */
  take(): { readonly to: Pid | string; readonly message: unknown }[];
  watches(peer: Pid): boolean;
}

const names = (pids: readonly Pid[]) => pids.map(String).sort();

function ours(self: Pid, nodes: readonly string[]): Player {
  const machine = new ScopeMachine();
  const watched = new Set<Pid>();
  const sent: { to: Pid | string; message: unknown }[] = [];
  const step = (event: Parameters<ScopeMachine['step']>[0]): void => {
    for (const wish of machine.step(event)) {
      if (wish.type === 'send') sent.push(wish);
      if (wish.type === 'monitor') watched.add(wish.pid);
      if (wish.type === 'demonitor') watched.delete(wish.pid);
      if (wish.type === 'ignore') expect(wish.why).toBe('unknown_peer');
    }
  };
  step({ type: 'start', self, nodes });
  return {
    self,
    members: (group) => names(machine.members(group)),
    join: (group, member) => step({ type: 'join', group, pids: [member] }),
    leave: (group, member) => step({ type: 'leave', group, pids: [member] }),
    hear: (message) => {
      const isCast = message instanceof Tuple && message.elements[0] === atom('$gen_cast');
      step({ type: 'message', message: isCast ? message.elements[1] : message });
    },
    down: (member) => {
      watched.delete(member);
      step({ type: 'down', pid: member });
    },
    nodeUp: (node) => step({ type: 'nodeup', node }),
    take: () => sent.splice(0),
    watches: (peer) => watched.has(peer),
  };
}

function otp(self: Pid, nodes: readonly string[]): Player {
  const scope = new Otp25Scope(self, nodes);
  return {
    self,
    members: (group) => names(scope.members(group)),
    join: (group, member) => scope.join(group, member),
    leave: (group, member) => scope.leave(group, member),
    hear: (message) => scope.hear(message),
    down: (member) => {
      scope.monitored.delete(member);
      scope.down(member);
    },
    nodeUp: (node) => scope.nodeUp(node),
    take: () => scope.sent.splice(0),
    watches: (peer) => scope.monitored.has(peer),
  };
}

const NODES = ['a@h', 'b@h', 'c@h', 'd@h'] as const;
const GROUPS = ['g', 'h'] as const;

/** Nodes with a scope each, links between them that keep the order, and members that come and go. */
class Story {
  readonly players = new Map<string, Player>();
  readonly links = new Map<
    string,
    { readonly from: string; readonly to: string; readonly queue: (() => void)[] }
  >();
  /** Who is in which group, by node. */
  readonly truth = new Map<string, { readonly group: string; readonly member: Pid }[]>();
  #numbers = 100;

  up(from: string, to: string): boolean {
    return this.links.has(`${from} ${to}`);
  }

  connect(a: string, b: string): void {
    if (a === b || this.up(a, b)) return;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      this.links.set(`${from} ${to}`, { from, to, queue: [] });
    this.players.get(a)?.nodeUp(b);
    this.flush(a);
    this.players.get(b)?.nodeUp(a);
    this.flush(b);
  }

  disconnect(a: string, b: string): void {
    if (!this.up(a, b)) return;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      this.links.delete(`${from} ${to}`);
      this.downOf(from, (peer) => peer.node === to);
    }
  }

  /** The scope of `node` hears of the end of those that it watches. */
  downOf(node: string, ended: (peer: Pid) => boolean): void {
    const player = this.players.get(node);
    for (const peer of this.everScope) if (ended(peer) && player?.watches(peer)) player.down(peer);
    this.flush(node);
  }

  readonly everScope: Pid[] = [];

  start(node: string, make: typeof ours): void {
    if (this.players.has(node)) return;
    this.#numbers += 1;
    const self = pid(node, this.#numbers);
    this.everScope.push(self);
    this.players.set(
      node,
      make(
        self,
        NODES.filter((other) => this.up(node, other)),
      ),
    );
    this.truth.set(node, []);
    this.flush(node);
  }

  /** The scope ends; what it said before is still on its way. */
  kill(node: string): void {
    const player = this.players.get(node);
    if (player === undefined) return;
    this.players.delete(node);
    this.truth.delete(node);
    for (const other of NODES)
      this.links
        .get(`${node} ${other}`)
        ?.queue.push(() => this.downOf(other, (peer) => peer === player.self));
  }

  join(node: string, group: string, fresh: boolean): void {
    const player = this.players.get(node);
    const known = this.truth.get(node)?.at(-1)?.member;
    if (player === undefined) return;
    this.#numbers += 1;
    const member = fresh || known === undefined ? pid(node, this.#numbers) : known;
    this.truth.get(node)!.push({ group, member });
    player.join(group, member);
    this.flush(node);
  }

  leave(node: string, index: number): void {
    const list = this.truth.get(node);
    if (list === undefined || list.length === 0) return;
    const [{ group, member }] = list.splice(index % list.length, 1) as [{ group: string; member: Pid }];
    this.players.get(node)!.leave(group, member);
    this.flush(node);
  }

  exit(node: string, index: number): void {
    const list = this.truth.get(node);
    if (list === undefined || list.length === 0) return;
    const { member } = list[index % list.length]!;
    this.truth.set(
      node,
      list.filter((one) => one.member !== member),
    );
    this.players.get(node)!.down(member);
    this.flush(node);
  }

  /** Puts what a scope has said on the links. */
  flush(node: string): void {
    for (const { to, message } of this.players.get(node)?.take() ?? []) {
      const target = to instanceof Pid ? to.node : to;
      this.links.get(`${node} ${target}`)?.queue.push(() => {
        const player = this.players.get(target);
        if (player === undefined || (to instanceof Pid && to !== player.self)) return;
        // As a monitor on a process that has gone answers at once.
        player.hear(message);
        this.flush(target);
        for (const peer of this.everScope)
          if (
            player.watches(peer) &&
            this.players.get(peer.node)?.self !== peer &&
            this.up(target, peer.node)
          )
            this.links
              .get(`${peer.node} ${target}`)
              ?.queue.push(() => this.downOf(target, (one) => one === peer));
      });
    }
  }

  deliver(index: number): boolean {
    const busy = [...this.links.values()].filter(({ queue }) => queue.length > 0);
    if (busy.length === 0) return false;
    busy[index % busy.length]!.queue.shift()!();
    return true;
  }

  settle(): void {
    let rounds = 0;
    while (this.deliver(rounds)) {
      rounds += 1;
      if (rounds > 20_000) throw new Error('they never stop talking');
    }
  }

  /** Everybody who is connected sees the same. */
  check(): void {
    for (const [node, player] of this.players)
      for (const group of GROUPS) {
        const seen = [...this.truth].flatMap(([other, list]) =>
          other === node || this.up(node, other) ? list.filter((one) => one.group === group) : [],
        );
        expect([node, group, player.members(group)]).toEqual([
          node,
          group,
          names(seen.map(({ member }) => member)),
        ]);
      }
  }
}

const index = fc.nat(NODES.length - 1);
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('connect' as const), a: index, b: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disconnect' as const), a: index, b: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), a: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), a: index }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      a: index,
      group: fc.nat(1),
      fresh: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), a: index, at: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('exit' as const), a: index, at: fc.nat(9) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      at: fc.nat(20),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

describe('scopes of ours and of OTP 25, in any story', () => {
  it.each([
    ['all ours', [ours, ours, ours, ours]],
    ['two of each', [ours, otp, ours, otp]],
    ['one of ours among three of OTP', [ours, otp, otp, otp]],
  ] as const)('agree when it is quiet, and nobody crashes: %s', (_, kinds) => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 5, maxLength: 60 }), (commands) => {
        const story = new Story();
        for (const [i, node] of NODES.entries()) story.start(node, kinds[i]!);
        for (const one of commands) {
          const node = 'a' in one ? NODES[one.a]! : NODES[0];
          if (one.do === 'connect') story.connect(node, NODES[one.b]!);
          else if (one.do === 'disconnect') story.disconnect(node, NODES[one.b]!);
          else if (one.do === 'kill') story.kill(node);
          else if (one.do === 'start') story.start(node, kinds[one.a]!);
          else if (one.do === 'join') story.join(node, GROUPS[one.group]!, one.fresh);
          else if (one.do === 'leave') story.leave(node, one.at);
          else if (one.do === 'exit') story.exit(node, one.at);
          else for (let i = 0; i < one.times; i += 1) story.deliver(one.at + i);
        }
        story.settle();
        story.check();
      }),
      { numRuns: 300 },
    );
  });
});
