import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actor, child, type Node, type Pid, supervisor } from '../../src/index.ts';
import { elixirAvailable, spawnElixir } from '../support/elixir.ts';
import { Lab } from './lab.ts';

const SCRIPT = new URL('./fixtures/visitor.exs', import.meta.url).pathname;

const Counter = actor('counter', (self, start: number) => {
  let n = start;
  const stopped: unknown[] = [];
  self.onMessage((reason) => {
    stopped.push(reason);
  });
  self.onGetState(() => n);
  return {
    get: () => n,
    add: (by: number) => {
      n += by;
      return n;
    },
    slow: async (value: unknown) => {
      await new Promise((resolve) => setImmediate(resolve));
      return value;
    },
    another: (): Pid => self.spawn(Another, []) as Pid,
    stopped: () => stopped,
    crash: () => {
      throw new Error('asked to');
    },
  };
});

/** Its state is what its handlers hold. */
const Another = actor('another', (self) => {
  self.onStop((reason) => self.send('counter', reason));
  return {
    n: 0,
    add(by: number) {
      this.n += by;
      return this.n;
    },
    get() {
      return this.n;
    },
    leave: (reason: unknown) => self.exit(reason),
  };
});

const Top = supervisor('top', { intensity: 10 }, () => [
  child(Counter, [10], { id: 'first' }),
  child(Counter, [20], { id: 'second' }),
]);

/** What each title came to, in order, with the node's answers as Elixir prints them. */
const expected: readonly (readonly [title: string, value: string | RegExp])[] = [
  ['ping', ':pong'],
  ['call', '2'],
  ['cast', ':ok'],
  ['after the cast', '5'],
  ['unknown', /^\{:exit, \{:undef, :no_such\}\}$/],
  ['crash', /^\{:exit, \{\{:js_error, "Error", "asked to"\}, \["at /],
  ['task', '7'],
  ['tasks', '210'],
  ['exit', ':asked'],
  ['kill', ':killed'],
  ['monitor of the dead', ':noproc'],
  ['monitor of nobody', ':noproc'],
  ['demonitor', 'true'],
  ['stop', ':ok'],
  ['stopped', ':normal'],
  ['stop with a reason', ':ok'],
  ['stopped with a reason', '{:shutdown, :done}'],
  ['told by onStop', '[:asked, :normal, {:shutdown, :done}]'],
  ['theirs takes ours', ':theirs'],
  ['ours takes theirs', ':ours'],
  ['an Elixir process dies with it', ':gone'],
  ['children', '[{"second", true, :worker, [:counter]}, {"first", true, :worker, [:counter]}]'],
  ['count', '[active: 2, specs: 2, supervisors: 0, workers: 2]'],
  ['restarted', '10'],
  ['terminate', ':ok'],
  ['restart', ':ok'],
  ['not found', '{:error, :not_found}'],
  ['started', '30'],
  ['count again', '[active: 3, specs: 3, supervisors: 0, workers: 3]'],
  ['state', '[n: 0]'],
  ['own state', '5'],
  ['status', '{:gen_server, :running}'],
  ['suspend', ':ok'],
  ['suspended', ':suspended'],
  ['called while suspended', '{nil, :ok}'],
  ['resume', ':ok'],
  ['answered after all', 'true'],
  ['both were done', '2'],
  ['replace_state', '[n: 40]'],
  ['replaced', '42'],
  ['failing fun', 'true'],
  ['no way to replace', 'true'],
  ['lives on', '42'],
];

const available = elixirAvailable('"from Elixir"');

describe.skipIf(!available)('from Elixir', () => {
  let lab: Lab;
  let node: Node;
  let said: Map<string, string>;
  let output = '';

  beforeAll(async () => {
    lab = await Lab.open();
    node = await lab.node('ours');
    node.spawn(Counter, [0], { name: 'counter' });
    node.spawn(Counter, [0], { name: 'fragile' });
    node.spawn(Top, [], { name: 'top' });
    output = await visit(lab, node);
    said = new Map(
      output.split('\n').flatMap((line) => {
        const at = line.indexOf(': ');
        return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 2)] as const];
      }),
    );
  });

  afterAll(() => lab?.close());

  it.each(expected)('%s: %s', (title, value) => {
    const came = said.get(title);
    if (came === undefined)
      throw new Error(`nothing was said of it; the last that was: ${output.slice(-500)}`);
    if (typeof value === 'string') expect(came).toBe(value);
    else expect(came).toMatch(value);
  });

  it('says nothing else', () => {
    expect([...said.keys()]).toEqual(expected.map(([title]) => title));
  });
});

/** Runs the script to its end and hands out what it printed. */
async function visit(lab: Lab, node: Node): Promise<string> {
  const child = await spawnElixir({
    name: 'visitor@127.0.0.1',
    cookie: lab.cookie,
    script: SCRIPT,
    args: [node.name],
    epmdPort: lab.epmdPort,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      output += more;
    });
  }
  const limit = setTimeout(() => child.kill('SIGKILL'), 40_000);
  await new Promise<void>((resolve) => child.once('close', () => resolve()));
  clearTimeout(limit);
  return output;
}
