import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Beam, describeBeam, startBeam } from '../support/beam.ts';
import { freePort } from '../support/ports.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAIN = join(ROOT, 'src/cli/main.ts');
const COOKIE = 'command_line_cookie';

let directory: string;
let epmdPort: number;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'beamish-cli-'));
  epmdPort = await freePort();
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function launch(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ERL_EPMD_PORT: String(epmdPort), BEAMISH_COOKIE: COOKIE, ...env },
  });
}

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(...args: string[]): Promise<Result> {
  const child = launch(args);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: code as number | null, out, err };
}

async function text(stream: AsyncIterable<unknown> | null): Promise<string> {
  let all = '';
  for await (const chunk of stream ?? []) all += String(chunk);
  return all;
}

/** A running `beamish start --json`: its events as they come. */
class Running {
  readonly child: ChildProcess;
  readonly #events: AsyncIterator<string>;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = launch(['start', '--json', ...args], env);
    this.child.stderr?.resume();
    if (this.child.stdout === null) throw new Error('no stdout');
    this.#events = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async event(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#events.next();
    if (done === true) throw new Error('the program has ended');
    return JSON.parse(value) as Record<string, unknown>;
  }

  /** The next event of this kind; others before it are passed over. */
  async eventOf(kind: string): Promise<Record<string, unknown>> {
    for (;;) {
      const event = await this.event();
      if (event.event === kind) return event;
    }
  }

  async end(signal: NodeJS.Signals): Promise<unknown> {
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    for (let next = await this.#events.next(); next.done !== true; next = await this.#events.next()) {
      // Read to the end, so that the pipe can close.
    }
    return (await closed)[0];
  }
}

/** A module for `--load`, which finds the library where the tests do. */
async function moduleFile(name: string, body: string): Promise<string> {
  const file = join(directory, name);
  const library = pathToFileURL(join(ROOT, 'src/index.ts')).href;
  await writeFile(file, `import { actor, tuple, atom } from ${JSON.stringify(library)};\n${body}`);
  return file;
}

describe('beamish start and the commands that talk to it', () => {
  let shop: Running;

  beforeAll(async () => {
    const file = await moduleFile(
      'stock.mjs',
      `export const Worker = actor('worker', () => ({ work: () => 'done' }));
       const Stock = actor('stock', (_self, n) => ({
         get: () => n,
         add: (by) => (n += by),
         pair: () => tuple(atom('ok'), n),
         list: () => ({ items: [1, 'two', null, true] }),
         echo: (value) => value,
       }));
       export default (node) => void node.spawn(Stock, [10], { name: 'stock' });`,
    );
    shop = new Running(['--name', 'shop@127.0.0.1', '--no-gossip', '--load', file]);
    const up = await shop.event();
    expect(up).toEqual({ event: 'up', name: 'shop@127.0.0.1', port: expect.any(Number) });
    expect(up.port).toBeGreaterThan(0);
  });
  afterAll(async () => {
    await shop.end('SIGTERM');
  });

  it('get a pong from it', async () => {
    const { code, out } = await run('ping', 'shop@127.0.0.1');
    expect(out).toMatch(/^pong from shop@127\.0\.0\.1 in \d+\.\d\d ms\n$/);
    expect(code).toBe(0);
  });

  it('call a named process with JSON arguments, negative numbers included', async () => {
    expect(await run('call', 'shop@127.0.0.1', 'stock', 'add', '-2')).toEqual({
      code: 0,
      out: '8\n',
      err: '',
    });
    expect(await run('call', 'shop@127.0.0.1', 'stock', 'list')).toMatchObject({
      out: '{"items":[1,"two",null,true]}\n',
    });
    expect(await run('call', 'shop@127.0.0.1', 'stock', 'echo', '{"a":["b",1.5]}', '--json')).toMatchObject({
      out: '{"result":{"a":["b",1.5]}}\n',
    });
  });

  it('print in Erlang syntax what JSON cannot say', async () => {
    expect((await run('call', 'shop@127.0.0.1', 'stock', 'pair')).out).toBe('{ok,8}\n');
    expect((await run('call', 'shop@127.0.0.1', 'stock', 'pair', '--json')).out).toBe('{"term":"{ok,8}"}\n');
  });

  it('switch its debug lines without a restart', async () => {
    expect((await run('debug', 'shop@127.0.0.1', 'discovery', 'on')).out).toBe(
      'shop@127.0.0.1: debug discovery on\n',
    );
    expect((await run('debug', 'shop@127.0.0.1', 'discovery', 'off', '--json')).out).toBe(
      '{"node":"shop@127.0.0.1","area":"discovery","on":false}\n',
    );
    const wrong = await run('debug', 'shop@127.0.0.1', 'weather', 'on');
    expect(wrong.err).toMatch(
      /^beamish: expected an area \(node, epmd, discovery, .*\) and true or false, got <<"weather">>/,
    );
  });

  it('list what it is connected to, and what the port mapper knows', async () => {
    const depot = new Running(['--name', 'depot@127.0.0.1', '--no-gossip']);
    await depot.eventOf('up');
    expect((await run('names')).out).toMatch(/^depot {2}\d+\nshop {3}\d+\n$/);
    expect(JSON.parse((await run('names', '--json')).out)).toMatchObject([
      { name: 'depot' },
      { name: 'shop' },
    ]);
    expect((await run('nodes', 'shop@127.0.0.1', '--json')).out).toBe('[]\n');
    expect(await depot.end('SIGINT')).toBe(0);
    // The mapper forgets a node with its connection, so a second look finds one name only.
    expect(JSON.parse((await run('names', '--json')).out)).toMatchObject([{ name: 'shop' }]);
  });

  it('say in one line on stderr what went wrong, and exit with 1', { timeout: 90_000 }, async () => {
    const cases: [string[], RegExp][] = [
      [['call', 'shop@127.0.0.1', 'nobody', 'get'], /noproc/],
      [['call', 'shop@127.0.0.1', 'stock', 'nope'], /\{undef,\s?nope\}/],
      [['call', 'shop@127.0.0.1', 'stock', 'add', 'two'], /argument 1 is not JSON: two/],
      [['ping', 'gone@127.0.0.1'], /no node named gone/],
      [['ping', 'shop@127.0.0.1', '--cookie', 'wrong'], /handshake/],
      [['ping', 'shop'], /"shop" is no node name/],
      [['start', '--name', 'shop@127.0.0.1', '--no-gossip'], /already/],
      [['start', '--load', join(directory, 'absent.mjs')], /there is no such file/],
      [['start', '--multicast-addr', '10.0.0.1'], /multicast/],
      [['dance'], /unknown command dance; commands are start, ping, nodes, call, debug, names/],
    ];
    for (const [args, complaint] of cases) {
      const { code, out, err } = await run(...args);
      expect(err).toMatch(/^beamish: [^\n]+\n$/);
      expect(err).toMatch(complaint);
      expect(err).not.toContain(COOKIE);
      expect(out).toBe('');
      expect(code).toBe(1);
    }
  });
});

describe('beamish start', () => {
  it('stops cleanly on SIGINT and SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const node = new Running(['--name', 'brief@127.0.0.1', '--no-gossip']);
      await node.eventOf('up');
      expect(await node.end(signal)).toBe(0);
    }
  });

  it('refuses a module that brings nothing', async () => {
    const file = await moduleFile('empty.mjs', 'export const answer = 42;');
    const { code, err } = await run('start', '--no-gossip', '--load', file);
    expect(err).toMatch(/^beamish: .*empty\.mjs exports neither .*\n$/);
    expect(code).toBe(1);
  });

  it('tells of nodes that come and go', async () => {
    const node = new Running(['--name', 'watch@127.0.0.1', '--no-gossip']);
    await node.eventOf('up');
    await run('ping', 'watch@127.0.0.1');
    expect(await node.eventOf('nodeup')).toMatchObject({ name: expect.stringMatching(/^beamish-cli-/) });
    expect(await node.eventOf('nodedown')).toMatchObject({ name: expect.stringMatching(/^beamish-cli-/) });
    expect(await node.end('SIGTERM')).toBe(0);
  });
});

describe('help', () => {
  it('is there for the program and for each command', async () => {
    const overview = await run('--help');
    expect(overview.code).toBe(0);
    for (const command of ['start', 'ping', 'nodes', 'call', 'names']) {
      expect(overview.out).toContain(`\n  ${command}`);
      const { code, out } = await run(command, '--help');
      expect(out).toMatch(new RegExp(`^Usage: beamish ${command} `));
      expect(code).toBe(0);
    }
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describeBeam('the command line and a real Erlang node', () => {
  let beam: Beam;

  beforeAll(async () => {
    // The port mapper of these tests is a node of ours; Erlang registers with it.
    const mapper = new Running(['--name', 'mapper@127.0.0.1', '--no-gossip']);
    await mapper.eventOf('up');
    beam = await startBeam({ name: 'erl_cli@127.0.0.1', cookie: COOKIE, epmdPort });
    return async () => {
      await beam.stop();
      await mapper.end('SIGTERM');
    };
  });

  it('get a pong and a list of nodes', async () => {
    expect(await run('ping', 'erl_cli@127.0.0.1')).toMatchObject({ code: 0, err: '' });
    await beam.eval("net_adm:ping('mapper@127.0.0.1')");
    expect(await run('nodes', 'erl_cli@127.0.0.1')).toEqual({ code: 0, out: 'mapper@127.0.0.1\n', err: '' });
  });
});
