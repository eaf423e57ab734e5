import { describe, expectTypeOf, it } from 'vitest';
import { actor } from '../../src/actor/actor.ts';
import type { ActorSelf } from '../../src/actor/actor-self.ts';
import { child } from '../../src/actor/child.ts';
import type { Node } from '../../src/index.ts';
import { at, type Destination, type Global, global } from '../../src/process/destination.ts';
import { mfa } from '../../src/process/mfa.ts';
import type { Client, MethodName } from '../../src/process/protocol.ts';
import type { Self } from '../../src/process/self.ts';
import type { Pid, Ref } from '../../src/term/identifiers.ts';

/*
 * Checked by the compiler: what is marked `@ts-expect-error` must not compile, and nothing here is run.
 */

const Counter = actor('counter', (self, start: number) => {
  let n = start;
  return {
    get: () => n,
    add: (by: number) => {
      n += by;
      return n;
    },
    load: async (key: string) => ({ key }),
    wait: () => self.deferReply<boolean>(),
    label: 'not a method',
  };
});
const Silent = actor('silent', (self: ActorSelf) => {
  self.onMessage(() => {});
});
const Late = actor('late', async () => ({ get: () => 1 }));

// Through the front door, as users do; the compiler does not join augmentations by two paths.
declare module '../../src/index.ts' {
  interface GlobalNames {
    tally: typeof Counter;
  }
}

interface Server {
  add(by: number): number;
  render(view: string, options?: { readonly wide: boolean }): Promise<string>;
}

const neverNode = (_run: (node: Node, pid: Pid<typeof Counter>) => void): void => {};
const never = (_run: (self: Self, pid: Pid<typeof Counter>) => void): void => {};

describe('types', () => {
  it('flow from the actor to every call', () => {
    never((self, pid) => {
      expectTypeOf(self.call(pid, 'get')).toEqualTypeOf<Promise<number>>();
      expectTypeOf(self.call(pid, 'add', 1)).toEqualTypeOf<Promise<number>>();
      expectTypeOf(self.call(pid, 'load', 'k')).toEqualTypeOf<Promise<{ key: string }>>();
      expectTypeOf(self.call(pid, 'wait')).toEqualTypeOf<Promise<boolean>>();
      // @ts-expect-error no such method
      void self.call(pid, 'sub', 1);
      // @ts-expect-error not a method
      void self.call(pid, 'label');
      // @ts-expect-error wrong argument
      void self.call(pid, 'add', '1');
      // @ts-expect-error missing argument
      void self.call(pid, 'add');
      // @ts-expect-error too many arguments
      void self.call(pid, 'get', 1);
      // @ts-expect-error wrong result
      const text: Promise<string> = self.call(pid, 'get');
      void text;
      self.cast(pid, 'add', 1);
      // @ts-expect-error wrong argument
      self.cast(pid, 'add', '1');
      // @ts-expect-error no such method
      self.cast(pid, 'sub');
    });
    expectTypeOf<MethodName<typeof Counter>>().toEqualTypeOf<'get' | 'add' | 'load' | 'wait'>();
    expectTypeOf<MethodName<typeof Late>>().toEqualTypeOf<'get'>();
    expectTypeOf<MethodName<typeof Silent>>().toEqualTypeOf<never>();
  });

  it('flow into clients', () => {
    never((self, pid) => {
      const client = self.client(pid);
      expectTypeOf(client).toEqualTypeOf<Client<typeof Counter>>();
      expectTypeOf(client.add(1)).toEqualTypeOf<Promise<number>>();
      expectTypeOf(self.client(Counter, 'counter', { timeout: 1 }).load('k')).toEqualTypeOf<
        Promise<{ key: string }>
      >();
      void self.client(Counter, global('tally')).get();
      // @ts-expect-error no such method
      void client.sub;
      // @ts-expect-error wrong argument
      void client.add('1');
      // @ts-expect-error another actor's pid
      void self.client(Late, pid);
    });
  });

  it('flow from the names that are declared to who has them', () => {
    neverNode((node) => {
      expectTypeOf(node.global.whereis('tally')).toEqualTypeOf<Pid<typeof Counter> | undefined>();
      expectTypeOf(node.global.whenRegistered('tally', { timeout: 1 })).toEqualTypeOf<
        Promise<Pid<typeof Counter>>
      >();
      expectTypeOf(node.global.whereis('other')).toEqualTypeOf<Pid<unknown> | undefined>();
      expectTypeOf(node.global.whereis<typeof Late>(42)).toEqualTypeOf<Pid<typeof Late> | undefined>();
    });
  });

  it('flow from setup to spawn', () => {
    never((self) => {
      expectTypeOf(self.spawn(Counter, [1])).toEqualTypeOf<Pid<typeof Counter>>();
      expectTypeOf(self.spawn(Silent)).toEqualTypeOf<Pid<typeof Silent>>();
      expectTypeOf(self.spawn(Late, [], { name: 'late', link: true })).toEqualTypeOf<Pid<typeof Late>>();
      expectTypeOf(self.spawn(async (inner) => inner.receive())).toEqualTypeOf<Pid<unknown>>();
      expectTypeOf(self.spawnMonitor(Counter, [1])).toEqualTypeOf<[pid: Pid<typeof Counter>, ref: Ref]>();
      expectTypeOf(self.spawnMonitor(async (inner) => inner.receive())).toEqualTypeOf<
        [pid: Pid<unknown>, ref: Ref]
      >();
      // @ts-expect-error wrong argument
      self.spawnMonitor(Counter, ['1']);
      // @ts-expect-error it is monitored anyway
      self.spawnMonitor(Silent, [], { monitor: true });
      self.spawn((inner, count: number) => inner.exit(count), [1]);
      // @ts-expect-error wrong argument
      self.spawn(Counter, ['1']);
      // @ts-expect-error missing arguments
      self.spawn(Counter);
      // @ts-expect-error too many arguments
      self.spawn(Silent, [1]);
      // @ts-expect-error missing arguments
      self.spawn((inner: Self, count: number) => inner.exit(count));
      // @ts-expect-error unknown option
      self.spawn(Silent, [], { nam: 'late' });
    });
  });

  it('are known of names', () => {
    expectTypeOf(global('tally')).toEqualTypeOf<Global<typeof Counter>>();
    expectTypeOf(global('other')).toEqualTypeOf<Global<unknown>>();
    expectTypeOf(global<typeof Late>('other')).toEqualTypeOf<Global<typeof Late>>();
    never((self) => {
      expectTypeOf(self.call(global('tally'), 'get')).toEqualTypeOf<Promise<number>>();
      expectTypeOf(self.call(global('other'), 'anything', 1)).toEqualTypeOf<Promise<unknown>>();
      expectTypeOf(self.call('local', 'anything', 1, 2)).toEqualTypeOf<Promise<unknown>>();
      // @ts-expect-error no such method
      void self.call(global('tally'), 'anything');
    });
  });

  it('flow through a node as through a process', () => {
    neverNode((node, pid) => {
      expectTypeOf(node.call(pid, 'add', 1)).toEqualTypeOf<Promise<number>>();
      // A typed pid may be named, be a member and hold a lock, whatever it answers.
      const counter = node.spawn(Counter, [0]);
      expectTypeOf(node.global.register('tally', counter)).toEqualTypeOf<Promise<boolean>>();
      void node.global.reRegister('tally', counter);
      void node.global.trans('t', () => 1, { holder: counter });
      void node.groups.join('counters', [counter, node.spawn(Silent)]);
      void node.register('tally', counter);
      expectTypeOf(node.call(global('tally'), 'get')).toEqualTypeOf<Promise<number>>();
      // @ts-expect-error no such method
      void node.call(pid, 'sub', 1);
      // @ts-expect-error wrong argument
      void node.call(global('tally'), 'add', '1');
      // @ts-expect-error wrong argument
      node.cast(pid, 'add', '1');
      expectTypeOf(node.spawnOn('a@b', Counter, [1])).toEqualTypeOf<Promise<Pid<typeof Counter>>>();
      // @ts-expect-error wrong argument
      void node.spawnOn('a@b', Counter, ['1']);
      // @ts-expect-error missing argument
      void node.spawnOn('a@b', Counter);
      // @ts-expect-error nobody is there to be linked
      void node.spawnOn('a@b', Counter, [1], { link: true });
    });
    never((self) => {
      expectTypeOf(self.spawnOn('a@b', Counter, [1], { link: true, monitor: true })).toEqualTypeOf<
        Promise<Pid<typeof Counter>>
      >();
      expectTypeOf(self.spawnOn('a@b', mfa('m', 'f', [1]))).toEqualTypeOf<Promise<Pid<unknown>>>();
      expectTypeOf(self.spawnMonitorOn('a@b', Counter, [1], { link: true })).toEqualTypeOf<
        Promise<[pid: Pid<typeof Counter>, ref: Ref]>
      >();
      expectTypeOf(self.spawnMonitorOn('a@b', mfa('m', 'f'))).toEqualTypeOf<
        Promise<[pid: Pid<unknown>, ref: Ref]>
      >();
      // @ts-expect-error wrong argument
      void self.spawnMonitorOn('a@b', Counter, ['1']);
      // @ts-expect-error wrong argument
      void self.spawnOn('a@b', Counter, ['1']);
    });
  });

  it('are asked of child specs', () => {
    neverNode(() => {
      child(Counter, [1]);
      // @ts-expect-error wrong argument
      child(Counter, ['1']);
      // @ts-expect-error missing argument
      child(Counter, []);
    });
  });

  it('may be a plain interface, of a server that is written elsewhere', () => {
    const server = at<Server>('beam@host', 'server');
    never((self) => {
      expectTypeOf(self.call(server, 'add', 1)).toEqualTypeOf<Promise<number>>();
      expectTypeOf(self.call(server, 'render', 'home')).toEqualTypeOf<Promise<string>>();
      expectTypeOf(self.client(server).render('home', { wide: true })).toEqualTypeOf<Promise<string>>();
      // @ts-expect-error wrong argument
      void self.call(server, 'render', 'home', { wide: 1 });
    });
  });

  it('are invariant in what answers', () => {
    never((_self, pid) => {
      const same: Destination<typeof Counter> = pid;
      // @ts-expect-error another actor
      const other: Destination<typeof Late> = pid;
      // @ts-expect-error fewer methods are another type too
      const fewer: Pid<{ get: () => number }> = pid;
      // @ts-expect-error nothing known is another type too
      const unknown: Pid<unknown> = pid;
      void [same, other, fewer, unknown];
    });
  });
});
