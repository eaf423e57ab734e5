/**
 * A program of its own, since what is at stake is its end: runs the scene named on the command line and prints one
 * line of JSON for each thing that happens.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { actor, Down, type Node, startNode } from '../../../src/index.ts';
import { platformEnv } from '../../../src/platform/index.ts';
import { describeReason } from '../../../src/process/reasons.ts';

const say = (what: unknown): void => console.log(JSON.stringify(what));

const start = (name: string): Promise<Node> =>
  startNode({
    name,
    cookie: 'c',
    listen: false,
    epmd: { mode: 'off' },
    env: { ...platformEnv(), log: { write: ({ level }) => say({ log: level }) } },
  });

const fail = async (what: string): Promise<never> => {
  await Promise.resolve();
  throw new RangeError(what);
};

const Careless = actor('careless', (self) => {
  let heard = 0;
  self.onMessage(() => {
    heard += 1;
  });
  return {
    // Each leaves a promise behind that is rejected, and answers all the same.
    now: () => {
      void fail('left behind by a synchronous handler');
      return heard;
    },
    later: async () => {
      await Promise.resolve();
      void delay(1).then(() => fail('left behind by an asynchronous handler'));
      return heard;
    },
    call: () => {
      void self.call('nobody', 'anything');
      return heard;
    },
  };
});

/** Resolves with the exit reason, for people. */
const endOf = (node: Node, act: () => unknown, name = 'careless'): Promise<string> =>
  new Promise((resolve, reject) => {
    node.spawn(async (self) => {
      try {
        self.monitor(name);
        act();
        const down = await self.receive((message): message is Down => message instanceof Down);
        resolve(describeReason(down.reason));
      } catch (error) {
        reject(error);
      }
    });
  });

const scenes: Record<string, () => Promise<void>> = {
  async handlers() {
    const node = await start('a@127.0.0.1');
    for (const method of ['now', 'later', 'call'] as const) {
      node.spawn(Careless, [], { name: 'careless' });
      const end = endOf(node, () => node.call<typeof Careless, typeof method>('careless' as never, method));
      say({ method, end: (await end).split(', [')[0] });
    }
    say({ alive: await node.ping('a@127.0.0.1'), left: node.registered().includes('careless') });
    await node.stop();
    say({ listeners: process.listenerCount('unhandledRejection') });
  },
  async bodies() {
    const [a, b] = [await start('a@127.0.0.1'), await start('b@127.0.0.1')];
    for (const node of [a, b]) {
      node.spawn(
        async (self) => {
          await self.receive();
          void fail(`of ${self.node}`);
          await self.receive();
        },
        [],
        { name: 'careless' },
      );
      say({ end: (await endOf(node, () => node.send('careless', 'go'))).split(', [')[0] });
    }
    await a.stop();
    say({ listeners: process.listenerCount('unhandledRejection') });
    await b.stop();
    await new Promise((resolve) => setImmediate(resolve));
    say({ listeners: process.listenerCount('unhandledRejection') });
  },
  async late() {
    const node = await start('a@127.0.0.1');
    node.spawn(
      (self) => {
        // Code that outlives its process: it may do nothing in its name any more, and that harms nobody.
        void delay(1).then(() => self.receive());
        void delay(2).then(() => fail('long after'));
      },
      [],
      { name: 'careless' },
    );
    await delay(50);
    say({ counters: node.inspect().counters['process.late_rejection'] });
    await node.stop();
  },
  async listeners() {
    const node = await start('a@127.0.0.1');
    const heard: string[] = [];
    node.spawn(
      async (self) => {
        const { signal } = self;
        const off = (): void => void heard.push('taken off');
        signal.addEventListener('abort', off);
        signal.addEventListener('abort', () => {
          throw new RangeError('in a listener');
        });
        signal.addEventListener('abort', () => fail('in an async listener'), { once: true });
        signal.onabort = () => {
          throw new RangeError('in onabort');
        };
        // It may do nothing in the name of its process any more, and that is no news.
        signal.addEventListener('abort', () => self.send(self.pid, 'bye'));
        signal.addEventListener('abort', { handleEvent: ({ type }: Event) => heard.push(type) } as never);
        signal.removeEventListener('abort', off);
        await self.receive();
      },
      [],
      { name: 'careless' },
    );
    await delay(1);
    say({ end: await endOf(node, () => node.exit(node.whereis('careless')!, 'kill')) });
    await delay(1);
    say({ heard, counters: node.inspect().counters['process.late_throw'], pong: await node.ping(node.name) });
    await node.stop();
  },
  async callers() {
    const node = await start('a@127.0.0.1');
    const Server = actor('server', (self) => ({
      crash: (): never => self.exit('shutdown'),
      refuse: () => {
        const deferred = self.deferReply<void>();
        setTimeout(() => deferred.fail('shutdown'), 1);
        return deferred;
      },
    }));
    const server = node.spawn(Server, []);
    // Whoever does not listen to its own call is to blame, not the process that refused it.
    const caller = (method: 'refuse' | 'crash') =>
      node.spawn(
        async (self) => {
          await self.receive();
          void self.call(server, method);
          await self.receive();
        },
        [],
        { name: 'careless' },
      );
    caller('refuse');
    say({ end: await endOf(node, () => node.send('careless', 'go')), server: node.isAlive(server) });
    caller('crash');
    const serverEnds = endOf(node, () => {}, 'server');
    node.register('server', server);
    say({ end: await endOf(node, () => node.send('careless', 'go')), server: node.isAlive(server) });
    await serverEnds;
    await node.stop();
  },
  async callbacks() {
    const node = await start('a@127.0.0.1');
    const Callbacks = actor('callbacks', () => ({
      timer: () => void setTimeout(() => void fail('in a timer'), 1),
      immediate: () => void setImmediate(async () => await fail('in an immediate')),
      socket: () => {
        const server = createServer((socket) => {
          socket.destroy();
          server.close();
          void fail('in a socket');
        });
        server.listen(0, '127.0.0.1', () => connect((server.address() as AddressInfo).port, '127.0.0.1'));
      },
    }));
    for (const method of ['timer', 'immediate', 'socket'] as const) {
      node.spawn(Callbacks, [], { name: 'careless' });
      const end = endOf(node, () => node.call<typeof Callbacks, typeof method>('careless' as never, method));
      say({ method, end: (await end).split(', [')[0] });
    }
    await node.stop();
  },
  async nobodys() {
    await start('a@127.0.0.1');
    void fail('of the program');
  },
  async nobodysHeard() {
    const node = await start('a@127.0.0.1');
    const heard = once(process, 'unhandledRejection');
    void fail('of the program');
    say({ heard: String((await heard)[0]) });
    await node.stop();
  },
  async nobodysCaught() {
    const node = await start('a@127.0.0.1');
    const caught = new Promise((resolve) => {
      process.once('uncaughtException', (error, origin) => resolve(`${origin}: ${error}`));
    });
    void fail('of the program');
    say({ caught: await caught });
    await new Promise((resolve) => setImmediate(resolve));
    // Processes are looked after as before.
    node.spawn(Careless, [], { name: 'careless' });
    const end = endOf(node, () => node.call<typeof Careless, 'now'>('careless' as never, 'now'));
    say({ end: (await end).split(', [')[0] });
    await node.stop();
  },
};

await scenes[process.argv[2] ?? '']?.();
