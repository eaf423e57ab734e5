import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';
import type { GossipOptions, NodeOptions } from '../../../src/index.ts';
import { type BadCable, type Disturbance, disturbance, netemOn, relayBetween } from './disturbance.ts';
import { ip } from './ip.ts';

const MEMBER = fileURLToPath(new URL('./member.ts', import.meta.url));
const PREFIX = 'beamish-';
/** How long anything may take before a test calls it lost, and where packets are lost. */
const PATIENCE_MS = 25_000;
const LONG_PATIENCE_MS = 170_000;
/** Handshakes of a dozen segments, each of which may be lost: half a minute as a rule, now and then two. */
const BAD_CABLES_MS = 240_000;

export interface MemberEvent {
  readonly event:
    | 'up'
    | 'nodeup'
    | 'nodedown'
    | 'log'
    | 'counters'
    | 'message'
    | 'held'
    | 'registered'
    | 'names'
    | 'pong';
  readonly name?: string;
  readonly message?: string;
  readonly bytes?: number;
  readonly ms?: number;
  readonly counters?: Readonly<Record<string, number>>;
  readonly done?: boolean;
  readonly holders?: Names['holders'];
  readonly members?: Names['members'];
}

/** What a node knows of global names: on which node each has its process; and with whom it shares them. */
export interface Names {
  readonly holders: Readonly<Record<string, string>>;
  readonly members: readonly string[];
}

/** Why this machine has no network namespaces for us; undefined: it has. */
function namespacesRefused(): string | undefined {
  const probe = probeName();
  try {
    ip('netns', 'add', probe);
    ip('-n', probe, 'link', 'add', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1');
    ip('-n', probe, 'link', 'add', 'probe2', 'type', 'bridge');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  } finally {
    try {
      ip('netns', 'del', probe);
    } catch {
      // It was never made.
    }
  }
}

/**
 * A suite that needs network namespaces (root, iproute2 and a kernel that allows them). Without them it is skipped, and says so;
 * with BEAMISH_REQUIRE_NETNS=1 their absence is a failure instead.
 */
export function describeNetns(title: string, suite: () => void): void {
  const refused = namespacesRefused();
  if (refused === undefined) {
    describe(title, suite);
    return;
  }
  if (process.env.BEAMISH_REQUIRE_NETNS === '1')
    throw new Error(
      `"${title}" needs network namespaces, and BEAMISH_REQUIRE_NETNS=1 forbids skipping: ${refused}`,
    );
  console.warn(
    `SKIPPED "${title}": no network namespaces here, so nothing was tried between hosts: ${refused}`,
  );
  describe.skipIf(true)(title, suite);
}

/** Name of a namespace that is made to try something, and taken away at once. */
const probeName = (): string => `${PREFIX}${process.pid}-probe`;

/**
 * A test on cables that lose and delay. Where the machine can do neither it is skipped, and says so; with BEAMISH_REQUIRE_NETNS=1 that is
 * a failure instead.
 */
export function itOnBadCables(title: string, test: (by: Disturbance) => Promise<void>): void {
  const by = disturbance(probeName());
  if (typeof by === 'string') {
    it(`${title} (by ${by})`, { timeout: BAD_CABLES_MS }, () => test(by));
    return;
  }
  if (process.env.BEAMISH_REQUIRE_NETNS === '1')
    throw new Error(
      `"${title}" needs lossy cables, and BEAMISH_REQUIRE_NETNS=1 forbids skipping: ${by.refused}`,
    );
  console.warn(`SKIPPED "${title}": ${by.refused}`);
  it.skip(title);
}

/** Hosts on bridges, all of them network namespaces of this machine. `close` leaves nothing of them. */
export class NetLab {
  readonly #id = `${PREFIX}${process.pid}`;
  readonly #namespaces: string[] = [];
  readonly #hosts: Host[] = [];
  #ports = 0;

  constructor() {
    removeLeftovers();
  }

  /** A bridge in a namespace of its own, so that nothing of this machine is touched. */
  bridge(name: string): string {
    const namespace = this.#namespace(name);
    ip('-n', namespace, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    ip('-n', namespace, 'link', 'set', 'br0', 'up');
    return namespace;
  }

  /** A cable between two bridges. */
  trunk(left: string, right: string): Trunk {
    const end = `t${this.#ports++}`;
    ip('link', 'add', end, 'netns', left, 'type', 'veth', 'peer', 'name', end, 'netns', right);
    const trunk = new Trunk(left, right, end);
    trunk.plug();
    return trunk;
  }

  /** A host with one interface for each of these bridges: eth0, eth1, … The first has the default route. */
  host(name: string, ...links: readonly { readonly bridge: string; readonly address: string }[]): Host {
    const namespace = this.#namespace(name);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    const ports: Port[] = [];
    for (const [index, { bridge, address }] of links.entries()) {
      const port = `p${this.#ports++}`;
      const [device, peer] = [`eth${index}`, ['peer', 'name', port, 'netns', bridge]];
      ip('link', 'add', device, 'netns', namespace, 'type', 'veth', ...peer);
      ip('-n', namespace, 'addr', 'add', `${address}/24`, 'brd', '+', 'dev', device);
      ip('-n', bridge, 'link', 'set', port, 'master', 'br0');
      ip('-n', bridge, 'link', 'set', port, 'up');
      ports.push({ bridge, port });
    }
    const host = new Host(namespace, links[0]!.address, ports);
    this.#hosts.push(host);
    for (const index of links.keys()) host.linkUp(`eth${index}`);
    return host;
  }

  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
    for (const host of this.#hosts) host.repair();
    for (const namespace of this.#namespaces) ip('netns', 'del', namespace);
  }

  #namespace(name: string): string {
    const namespace = `${this.#id}-${name}`;
    ip('netns', 'add', namespace);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

/** Two bridges that are one network while it is plugged in; both ends stay up all the while. */
export class Trunk {
  readonly #bridges: readonly string[];
  readonly #end: string;

  constructor(left: string, right: string, end: string) {
    this.#bridges = [left, right];
    this.#end = end;
  }

  unplug(): void {
    ip('-n', this.#bridges[0]!, 'link', 'set', this.#end, 'nomaster');
  }

  plug(): void {
    for (const bridge of this.#bridges) {
      ip('-n', bridge, 'link', 'set', this.#end, 'master', 'br0');
      ip('-n', bridge, 'link', 'set', this.#end, 'up');
    }
  }
}

/** Where a host is plugged in. */
interface Port {
  readonly bridge: string;
  readonly port: string;
}

/** One host, and the node that runs on it. */
export class Host {
  readonly address: string;
  readonly namespace: string;
  #ports: readonly Port[];
  #badCable: BadCable | undefined;
  readonly #events: MemberEvent[] = [];
  readonly #waiting = new Set<() => void>();
  #child: ChildProcess | undefined;
  #exited: Promise<void> | undefined;
  #stderr = '';
  #patienceMs = PATIENCE_MS;

  constructor(namespace: string, address: string, ports: readonly Port[]) {
    this.namespace = namespace;
    this.address = address;
    this.#ports = ports;
  }

  linkUp(device = 'eth0'): void {
    ip('-n', this.namespace, 'link', 'set', device, 'up');
    // Groups without a chosen interface follow the routes, as on any host that has a gateway.
    if (device === 'eth0') ip('-n', this.namespace, 'route', 'replace', 'default', 'dev', 'eth0');
  }

  linkDown(device = 'eth0'): void {
    ip('-n', this.namespace, 'link', 'set', device, 'down');
  }

  /**
   * Takes the host's first interface away and makes it anew at once, with the same names and addresses: as a driver that is
   * loaded anew does, and a VPN that dials again.
   */
  replaceLink(): void {
    const { bridge, port } = this.#ports[0]!;
    const shown = JSON.parse(ip('-n', this.namespace, '-j', 'link', 'show', 'eth0')) as { address: string }[];
    ip('-n', this.namespace, 'link', 'del', 'eth0');
    const peer = ['peer', 'name', port, 'netns', bridge];
    const veth = ['type', 'veth', ...peer];
    ip('link', 'add', 'eth0', 'address', shown[0]!.address, 'netns', this.namespace, ...veth);
    ip('-n', this.namespace, 'addr', 'add', `${this.address}/24`, 'brd', '+', 'dev', 'eth0');
    this.plug();
    ip('-n', bridge, 'link', 'set', port, 'up');
    this.linkUp();
  }

  /** Takes the host off its first bridge, or puts it back: its own link stays up all the while. */
  unplug(): void {
    const { bridge, port } = this.#ports[0]!;
    ip('-n', bridge, 'link', 'set', port, 'nomaster');
  }

  plug(): void {
    const { bridge, port } = this.#ports[0]!;
    ip('-n', bridge, 'link', 'set', port, 'master', 'br0');
  }

  /** Loses 30% of what this host sends, and delays the rest by 200 ms. */
  async disturb(by: Disturbance): Promise<void> {
    this.#patienceMs = LONG_PATIENCE_MS;
    if (by === 'netem') {
      this.#badCable = netemOn(this.namespace, 'eth0');
      return;
    }
    // Between the host's port and the bridge: from now on the relay's far end is what is plugged into the bridge.
    const [{ bridge, port }, ...others] = this.#ports as readonly [Port, ...Port[]];
    const [far, plugged] = [`${port}f`, `${port}b`];
    this.unplug();
    ip('-n', bridge, 'link', 'add', far, 'type', 'veth', 'peer', 'name', plugged);
    for (const end of [far, plugged]) ip('-n', bridge, 'link', 'set', end, 'up');
    this.#ports = [{ bridge, port: plugged }, ...others];
    this.plug();
    this.#badCable = await relayBetween(bridge, port, far, Number(port.slice(1)) + 1);
  }

  /** Ends what disturbs it, when the lab is closed. */
  repair(): void {
    this.#badCable?.close();
    this.#badCable = undefined;
  }

  /** Frames of this host that its bad cable has lost. */
  lost(): Promise<number> {
    if (this.#badCable === undefined) throw new Error(`the cable of ${this.namespace} is a good one`);
    return this.#badCable.lost();
  }

  /** Starts a node here: `alive@address`. */
  async start(
    alive: string,
    options: { readonly gossip?: GossipOptions } & Pick<NodeOptions, 'netTickTime' | 'listen' | 'epmd'> & {
        readonly address?: string;
      } = {},
  ): Promise<string> {
    const { gossip = {}, address = this.address, ...more } = options;
    const name = `${alive}@${address}`;
    // Port mappers are the hosts' own: a namespace has all ports to itself.
    const node = { name, cookie: 'netns', epmd: { port: 5369 }, gossip, ...more };
    const argv = ['netns', 'exec', this.namespace, process.execPath, '--import', 'tsx', MEMBER];
    const child = spawn('ip', [...argv, JSON.stringify(node)], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const since = this.mark();
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        resolve();
        for (const look of [...this.#waiting]) look();
      });
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#events.push(JSON.parse(line) as MemberEvent);
      for (const look of [...this.#waiting]) look();
    });
    await this.until('up', (event) => event.event === 'up', since);
    return name;
  }

  /** The first event from `since` on (a number that `mark` gave) that passes. */
  until(what: string, passes: (event: MemberEvent) => boolean, since = 0): Promise<MemberEvent> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#events.slice(since).find(passes);
        if (found !== undefined) settle(() => resolve(found));
        else if (child?.exitCode !== null) settle(() => reject(this.#failure('the node has ended')));
      };
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        then();
      };
      const timer = setTimeout(
        () => settle(() => reject(this.#failure(`${what} did not come`))),
        this.#patienceMs,
      );
      this.#waiting.add(look);
      look();
    });
  }

  nodeUp(name: string, since = 0): Promise<MemberEvent> {
    return this.until(`nodeup ${name}`, (event) => event.event === 'nodeup' && event.name === name, since);
  }

  nodeDown(name: string, since = 0): Promise<MemberEvent> {
    return this.until(
      `nodedown ${name}`,
      (event) => event.event === 'nodedown' && event.name === name,
      since,
    );
  }

  mark(): number {
    return this.#events.length;
  }

  /** Names that came up so far. */
  get met(): readonly string[] {
    return this.#events.flatMap(({ event, name }) => (event === 'nodeup' ? [name!] : []));
  }

  /** Gives the node an order (see member.ts). */
  tell(line: string): void {
    this.#child?.stdin?.write(`${line}\n`);
  }

  /** Sizes of the messages that its sink has got. */
  get got(): readonly number[] {
    return this.#events.flatMap(({ event, bytes }) => (event === 'message' ? [bytes!] : []));
  }

  async counters(): Promise<Readonly<Record<string, number>>> {
    const since = this.mark();
    this.tell('counters');
    const { counters } = await this.until('counters', ({ event }) => event === 'counters', since);
    return counters!;
  }

  /** Names a new process; false when the name was taken. */
  async register(name: string): Promise<boolean> {
    const since = this.mark();
    this.tell(`register ${name}`);
    const passes = (event: MemberEvent): boolean => event.event === 'registered' && event.name === name;
    return (await this.until(`registered ${name}`, passes, since)).done!;
  }

  /** Milliseconds until a node has answered a ping. */
  async pingMs(name: string): Promise<number> {
    const since = this.mark();
    this.tell(`ping ${name}`);
    const { ms } = await this.until('pong', ({ event }) => event === 'pong', since);
    return ms!;
  }

  async names(): Promise<Names> {
    const since = this.mark();
    this.tell('names');
    const { holders, members } = await this.until('names', ({ event }) => event === 'names', since);
    return { holders: holders!, members: members! };
  }

  /** Ends the node at once, without a goodbye to anyone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    await this.#exited;
  }

  /** Ends the node. The end of its stdin tells it also when a signal would reach only `ip`. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await this.#exited;
    clearTimeout(timer);
    this.#exited = undefined;
  }

  #failure(what: string): Error {
    const seen = this.#events.map((event) => JSON.stringify(event)).join('\n');
    return new Error(`${this.namespace}: ${what}. It said:\n${seen}\n${this.#stderr}`);
  }
}

/** Namespaces of runs that were killed before they could clean up. */
function removeLeftovers(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const [, pid] = /^beamish-(\d+)-/.exec(line) ?? [];
    if (pid === undefined || isAlive(Number(pid))) continue;
    ip('netns', 'del', line.split(' ')[0]!);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
