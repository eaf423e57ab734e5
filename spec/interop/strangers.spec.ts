/** Peers that never heard of us, and are no BEAM: erl_call, Jinterface, and a C node made with ei. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actor, at, atom, type Node, type Pid, tuple } from '../../src/index.ts';
import { ei, jinterface, without } from '../support/strangers.ts';
import { inProcess, Lab, once } from './lab.ts';

const run = promisify(execFile);
const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url));

const Counter = actor('counter', () => {
  let n = 0;
  return { add: (by: number) => (n += by) };
});

/** Sends back what it was sent, to the pid and to the name `box` of the same node, then its own pid, and ends. */
const Mirror = actor('mirror', (self) => {
  self.onMessage((message) => {
    const [from, what] = message as unknown as [Pid, unknown];
    self.send(from, tuple(atom('back'), what));
    self.send(at(from.node, 'box'), atom('by_name'));
    const brief = self.spawn(async (other) => {
      // Linked by then; the one that asked is told of the end.
      await other.receive({ timeout: 300 }).catch(() => undefined);
      other.exit(atom('enough'));
    });
    self.send(at(from.node, 'box'), tuple(atom('link'), brief));
  });
  return {};
});

const java = jinterface();
const c = ei();

/** A suite of what may not be installed: skipped aloud, or a failure with BEAMISH_REQUIRE_BEAM=1. */
function describeTool(title: string, missing: readonly string[], suite: () => void): void {
  if (missing.length > 0) {
    if (process.env.BEAMISH_REQUIRE_BEAM === '1')
      throw new Error(`"${title}" needs ${missing.join(', ')}, and BEAMISH_REQUIRE_BEAM=1 forbids skipping`);
    console.warn(`SKIPPED "${title}": not installed: ${missing.join(', ')}`);
  }
  describe.skipIf(missing.length > 0)(title, suite);
}

let lab: Lab;
let node: Node;
let work: string;
const children: ChildProcess[] = [];

/** Where they find the port mapper, and no home of theirs is touched. */
const env = () => ({ ...process.env, ERL_EPMD_PORT: String(lab.epmdPort) });

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'beamish-strangers-'));
  lab = await Lab.open();
  node = await lab.node('host', {
    exports: {
      sums: {
        add: (a: number, b: number) => a + b,
        fail: () => {
          throw new TypeError('no');
        },
        async speak(this: { io: { write(text: string): Promise<void> } }) {
          await this.io.write('spoken\n');
          return atom('done');
        },
      },
    },
  });
  node.spawn(Counter, [], { name: 'counter' });
  node.spawn(Mirror, [], { name: 'mirror' });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await lab?.close();
  rmSync(work, { recursive: true, force: true });
});

describeTool('erl_call', without('erl_call'), () => {
  const call = async (...args: readonly string[]) => {
    const all = ['-c', lab.cookie, '-name', node.name, '-h', 'caller', ...args];
    const { stdout } = await run('erl_call', all, { env: env(), timeout: 20_000 }).catch((error) => error);
    return String(stdout);
  };

  it('-a calls exported functions and no others', async () => {
    expect(await call('-a', 'sums add [2,3]')).toBe('5');
    expect(await call('-a', 'os cmd ["id"]')).toMatch(/badrpc.*undef/);
    expect(await call('-a', 'sums fail []')).toMatch(/badrpc.*js_error/);
  });

  it('-fetch_stdout shows what they print, before the result', async () => {
    expect(await call('-fetch_stdout', '-a', 'sums speak []')).toBe('spoken\ndone');
  });

  it('-e and -m are refused: nothing is evaluated here, and the node lives', async () => {
    const child = spawn('erl_call', ['-c', lab.cookie, '-name', node.name, '-h', 'caller', '-e'], {
      env: env(),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (more) => (output += more));
    child.stdin.end('1+1.');
    await new Promise((resolve) => child.once('close', resolve));
    expect(output).toMatch(/undef/);
    expect(await call('-a', 'sums add [1,1]')).toBe('2');
  });
});

describeTool('Jinterface', java.missing, () => {
  it('pings, calls, is sent to and linked to, both ways, and does rpc', async () => {
    const program = await java.compile(join(FIXTURES, 'Visitor.java'), work);
    const { stdout } = await run('java', [...program, node.name, lab.cookie], {
      env: env(),
      timeout: 60_000,
    });
    expect(stdout.trim().split('\n')).toEqual([
      'ping: true',
      'ping of nobody: false',
      'gen_call: true 2',
      'to its pid: {back,"text"}',
      'to its name: by_name',
      'exit: enough',
      'rpc: 5',
      expect.stringMatching(/^rpc of what is not exported: \{badrpc,\{'EXIT',\{undef,/),
    ]);
  }, 120_000);
});

describeTool('a C node', c.missing, () => {
  it('connects to us and accepts from us, sends, receives, and does ei_rpc', async () => {
    // What is sent before the end of its first link is noticed goes down with that.
    const left = once(node, 'nodedown', 'cnode@127.0.0.1');
    const program = join(work, 'cnode');
    await c.compile(join(FIXTURES, 'cnode.c'), program);
    const child = spawn(program, ['cnode', lab.cookie, node.name], {
      env: env(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value;
    expect(await next()).toBe('rpc: 5');
    expect(await next()).toBe('answer: {back, "from C"}');
    expect(await next()).toBe('listening: cnode@127.0.0.1');
    await left;
    const answer = await inProcess(node, async (self) => {
      self.send(at('cnode@127.0.0.1', 'anybody'), tuple(atom('hello'), [1, 2000]));
      const got = await self.receive({ timeout: 20_000 });
      self.send(at('cnode@127.0.0.1', 'anybody'), atom('bye'));
      return got;
    });
    expect(answer).toBe(atom('got_it'));
    expect(await next()).toBe(`called by: ${node.name}`);
    expect(await next()).toBe('name: anybody');
    expect(await next()).toBe('message: {hello, [1, 2000]}');
  }, 60_000);
});
