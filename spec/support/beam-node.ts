/**
 * Real BEAM nodes for tests and benchmarks: each is an `erl` of its own, told what to evaluate over a socket, so
 * that its standard output stays its own. Nothing here waits for a guess of time: a node is ready when it says so,
 * stopped when its process has ended.
 *
 * No test touches the machine's own port mapper. `startEpmd()` runs a real one on a free port for the test alone;
 * a node finds it (or Beamish's embedded one) by `epmdPort`, and never starts a daemon by itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';

export type OtpRelease = 23 | 25 | 27 | 29;

export interface BeamOptions {
  /** Full name, `alpha@127.0.0.1`. Without `shortNames` it needs a dot in the host. */
  readonly name: string;
  readonly cookie: string;
  readonly epmdPort: number;
  /** Where it listens, as Erlang writes an address. @default "{127,0,0,1}" */
  readonly listen?: string;
  /** Further arguments of `erl`: `['-hidden']`, `['-kernel', 'net_ticktime', '4']`. */
  readonly flags?: readonly string[];
  /** Environment variables beside those of the test. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Another release than that of the suite; needs BEAMISH_OTP_MATRIX (see `otpCommand`). */
  readonly release?: OtpRelease;
  /** The network namespace it runs in; the test talks to it by a socket file, which no namespace hides. */
  readonly namespace?: string;
}

/** What an expression came to: as Erlang prints it, and in the external term format (131 first). */
export interface BeamValue {
  readonly text: string;
  readonly etf: Uint8Array;
}

interface Waiter {
  readonly text: string;
  resolve(value: BeamValue): void;
  reject(error: Error): void;
}

const START_LIMIT_MS = 30_000;
const DRIVER = fileURLToPath(new URL('./beam/beamish_driver.erl', import.meta.url));

/** Fetches the driver's source over the control socket, compiles it in memory and hands over to it. */
const bootstrap = (address: Address) => `
spawn(fun() -> try
  {ok, S} = gen_tcp:connect(${typeof address === 'number' ? `{127,0,0,1}, ${address}, [{nodelay,true}` : `{local, "${address}"}, 0, [local`}, binary, {packet,4}, {active,false}]),
  {ok, Source} = gen_tcp:recv(S, 0),
  Forms = (fun Split(Text, Line) -> case erl_scan:tokens([], Text, Line) of
    {done, {ok, Tokens, Next}, Rest} -> {ok, Form} = erl_parse:parse_form(Tokens), [Form | Split(Rest, Next)];
    _ -> [] end end)(unicode:characters_to_list(Source), 1),
  {ok, M, Binary} = compile:forms(Forms, [report_errors]),
  {module, M} = code:load_binary(M, "beamish_driver", Binary),
  M:run(S)
catch C:R -> io:format(standard_error, "driver: ~0tp:~0tp~n", [C, R]), halt(1) end end).`;

/** One running BEAM node. */
export class Beam {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #socket: Socket;
  readonly #waiters = new Map<number, Waiter>();
  readonly #output: Output;
  readonly #ended: Promise<void>;
  #nextId = 1;
  #gone = false;

  /** @internal use `startBeam()` */
  constructor(name: string, process: ChildProcess, socket: Socket, output: Output, ended: Promise<void>) {
    this.name = name;
    this.#process = process;
    this.#socket = socket;
    this.#output = output;
    this.#ended = ended;
    readPackets(socket, (packet) => this.#answered(packet));
    void ended.then(() => {
      this.#gone = true;
      for (const waiter of this.#waiters.values())
        waiter.reject(new Error(`${name} has ended\n${output.text}`));
      this.#waiters.clear();
    });
  }

  /** Everything the node printed so far. */
  get output(): string {
    return this.#output.text;
  }

  /** Resolves once this text stands in the output. One wait at a time. */
  printed(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#output.onMore = () => {
        if (this.output.includes(text)) resolve();
      };
      this.#output.onMore();
    });
  }

  /** What it was asked to evaluate and has not answered yet, oldest first. */
  get unanswered(): readonly string[] {
    return [...this.#waiters.values()].map((waiter) => waiter.text);
  }

  /** Of the operating system. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the operating system process is gone. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /**
   * Evaluates comma-separated Erlang expressions, in a process of their own that lives on until the node ends.
   * @returns the last value, as Erlang prints it on one line
   * @throws Error with class, reason and stack when they fail
   */
  async eval(expressions: string): Promise<string> {
    return (await this.#request('e', expressions)).text;
  }

  /** As `eval`, but the value as an external term: for comparing terms rather than their looks. */
  async evalTerm(expressions: string): Promise<Uint8Array> {
    return (await this.#request('e', expressions)).etf;
  }

  /** Compiles and loads a module from its source file. No macros or includes: nothing preprocesses it. */
  async load(file: string): Promise<void> {
    await this.#request('l', await readFile(file, 'utf8'));
  }

  /** Stops the node in order, as `init:stop()`. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#gone) {
      await this.#request('s', '').catch(() => undefined);
      // init:stop() takes down applications one by one; a node stuck in that would hang the suite.
      const limit = setTimeout(() => this.signal('SIGKILL'), START_LIMIT_MS);
      await this.#ended;
      clearTimeout(limit);
    }
    this.#socket.destroy();
  }

  /** Ends it at once, without a goodbye to anyone. Idempotent. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
    this.#socket.destroy();
  }

  /** `SIGSTOP` freezes the node (its sockets stay open), `SIGCONT` wakes it. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#gone) signalGroup(this.#process, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #request(kind: 'e' | 'l' | 's', text: string): Promise<BeamValue> {
    if (this.#gone) return Promise.reject(new Error(`${this.name} has ended\n${this.#output.text}`));
    const id = this.#nextId++;
    const body = Buffer.from(text, 'utf8');
    const head = Buffer.alloc(5);
    head.writeUInt32BE(id, 0);
    head.write(kind, 4, 'latin1');
    return new Promise((resolve, reject) => {
      this.#waiters.set(id, { text, resolve, reject });
      writePacket(this.#socket, Buffer.concat([head, body]));
    });
  }

  #answered(packet: Buffer): void {
    const id = packet.readUInt32BE(0);
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    if (waiter === undefined) return;
    if (packet.toString('latin1', 4, 5) === 'x') {
      waiter.reject(new Error(`${this.name}: ${packet.toString('utf8', 5)}`));
      return;
    }
    const textEnd = 9 + packet.readUInt32BE(5);
    waiter.resolve({ text: packet.toString('utf8', 9, textEnd), etf: packet.subarray(textEnd) });
  }
}

/**
 * Starts a BEAM node and resolves once it is distributed and ready to evaluate.
 * @throws Error with what it printed, when it ended or was not ready in time
 */
export async function startBeam(options: BeamOptions): Promise<Beam> {
  const server = createServer();
  const directory = options.namespace === undefined ? undefined : await mkdtemp(join(tmpdir(), 'beamish-'));
  const address = await listenLocally(server, directory && join(directory, 'control'));
  const host = options.name.slice(options.name.indexOf('@') + 1);
  const args = [
    ...(host.includes('.') || host.includes(':') ? ['-name', options.name] : ['-sname', options.name]),
    ...['-setcookie', options.cookie, '-start_epmd', 'false', '-noinput', '-boot', 'start_clean'],
    ...['-kernel', 'inet_dist_use_interface', options.listen ?? '{127,0,0,1}'],
    ...(options.flags ?? []),
    ...['-eval', bootstrap(address)],
  ];
  const [command, prefix] = otpCommand('erl', options.release);
  const outside = options.namespace === undefined ? [] : ['ip', 'netns', 'exec', options.namespace];
  const [program, ...rest] = [...outside, command, ...prefix, ...args];
  const child = spawn(program!, rest, {
    // A group of its own, so that a wrapping script and the node in it get the same signals.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ERL_EPMD_PORT: String(options.epmdPort),
      // A node that crashes says why on its output; its dump would land in whoever's directory we are in.
      ERL_CRASH_DUMP: '/dev/null',
      ERL_CRASH_DUMP_SECONDS: '0',
      HOME: process.env.HOME ?? '/',
      ...options.variables,
    },
  });
  const output = new Output(child);
  const ended = endOf(child);
  const limit = setTimeout(() => signalGroup(child, 'SIGKILL'), START_LIMIT_MS);
  try {
    const socket = await Promise.race([
      greet(server),
      ended.then(() => {
        throw new Error(`${options.name} ended before it was ready\n${output.text}`);
      }),
    ]);
    return new Beam(options.name, child, socket, output, ended);
  } finally {
    clearTimeout(limit);
    server.close();
    if (directory !== undefined) await rm(directory, { recursive: true });
  }
}

/** A real `epmd` on a port of its own. */
export interface Epmd {
  readonly port: number;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts OTP's port mapper in the foreground on a free port; resolves once it takes connections. */
export async function startEpmd(): Promise<Epmd> {
  const port = await freePort();
  const child = spawn('epmd', ['-port', String(port), '-address', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new Output(child);
  const ended = endOf(child);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!(await answers(port))) {
    if (over) throw new Error(`epmd ended at once on port ${port}\n${output.text}`);
  }
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  return { port, stop, [Symbol.asyncDispose]: stop };
}

/** Whether `erl`, or another program of OTP's or Elixir's, can be started here: of the release the suite is run against. */
export function otpAvailable(program: string, versionFlag: string): boolean {
  const [command, prefix] = otpCommand(program);
  const { error, status } = spawnSync(command, [...prefix, versionFlag], { stdio: 'ignore' });
  return error === undefined && status !== 127;
}

export function beamAvailable(): boolean {
  return otpAvailable('erl', '-version');
}

/**
 * How a program of OTP's is started: of a given release, else of BEAMISH_OTP_RELEASE (set by `npm run test:matrix`),
 * else the one that is installed. BEAMISH_OTP_MATRIX names a script that is called as `script 27 erl …` and runs that
 * release's program on this machine's network; it sees none of our files.
 */
export function otpCommand(
  program: string,
  release: OtpRelease | undefined = otpRelease(),
): readonly [command: string, prefix: readonly string[]] {
  if (release === undefined) return [program, []];
  const script = process.env.BEAMISH_OTP_MATRIX;
  if (script === undefined || script === '')
    throw new Error('set BEAMISH_OTP_MATRIX to a script that runs other releases of OTP');
  return [script, [String(release), program]];
}

/** The release that the whole suite is run against; undefined: the installed one. */
export function otpRelease(): OtpRelease | undefined {
  const given = process.env.BEAMISH_OTP_RELEASE;
  return given === undefined || given === '' ? undefined : (Number(given) as OtpRelease);
}

/** The end of what a child printed: enough to explain a failure, bounded however long it runs. */
class Output {
  text = '';
  onMore: () => void = () => {};

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (more: string) => {
        this.text = (this.text + more).slice(-64 * 1024);
        this.onMore();
      });
    }
  }
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It ended by itself in between.
  }
}

/** A port of 127.0.0.1, or a socket file. */
type Address = number | string;

function listenLocally(server: Server, path?: string): Promise<Address> {
  return new Promise((resolve, reject) => {
    const listening = (): void => {
      const address = server.address();
      if (address === null) reject(new Error('no address was given'));
      else resolve(typeof address === 'string' ? address : address.port);
    };
    server.once('error', reject);
    if (path === undefined) server.listen(0, '127.0.0.1', listening);
    else server.listen(path, listening);
  });
}

/** Sends the driver to the node that calls back, and waits for its first word. */
async function greet(server: Server): Promise<Socket> {
  const socket = await new Promise<Socket>((resolve) => server.once('connection', resolve));
  socket.on('error', () => socket.destroy());
  socket.setNoDelay(true);
  writePacket(socket, await readFile(DRIVER));
  await new Promise<void>((resolve) => {
    socket.once('readable', () => {
      // The greeting: 4 bytes of length and 9 of an empty answer, too small to arrive in parts on loopback.
      socket.read(13);
      resolve();
    });
  });
  return socket;
}

function writePacket(socket: Socket, body: Uint8Array): void {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length, 0);
  socket.write(Buffer.concat([head, body]));
}

function readPackets(socket: Socket, each: (packet: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0);
      each(pending.subarray(4, end));
      pending = pending.subarray(end);
    }
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
