import { checkTls, type TlsOptions, type TlsSettings } from './connection/tls.ts';
import type { Strategy, Topology } from './discovery/strategy.ts';
import type { Env } from './env/index.ts';
import { DEFAULT_LIMITS, type Limits } from './env/limits.ts';
import { OptionsError } from './errors.ts';
import { hostOf, isLongName } from './handshake/name.ts';
import { checkExports, type ExportOptions } from './kernel/exports.ts';
import {
  address,
  boolean,
  checkKeys,
  checkKnown,
  integer,
  isPlain,
  number,
  object,
  oneOf,
  plain,
  show,
} from './option-checks.ts';
import type { AnyActor } from './process/protocol.ts';

/** Where this node listens for other nodes. */
export interface ListenOptions {
  /** Address to bind. @default the name's own address where that is an IP, else all interfaces */
  readonly host?: string;
  /** Port to bind; 0 lets the system choose. @default 0 */
  readonly port?: number;
}

/** How this node uses the port mapper. */
export interface EpmdOptions {
  /**
   * - `auto`: register with whoever answers on the port; when none does, become the port mapper
   * - `external`: only ever register with another's
   * - `embedded`: be the port mapper, or fail
   * - `off`: do not register. Others find this node by `connect(name, { port })`, `hosts([{ name, port }])` or their
   *   `nodePort`; this one still asks the port mappers of others for nodes that it was not told the port of
   * @default "auto"
   */
  readonly mode?: 'auto' | 'external' | 'embedded' | 'off';
  /** @default `ERL_EPMD_PORT`, then 4369 */
  readonly port?: number;
  /** Address where the embedded one listens. @default `ERL_EPMD_ADDRESS`, then where the node listens */
  readonly host?: string;
  /**
   * Port where every other node listens, each on a host of its own: no port mapper is asked for it. The same as OTP's
   * `-erl_epmd_port`. @default none
   */
  readonly nodePort?: number;
}

/**
 * What `startNode` takes. Unknown keys are refused, naming the known ones; so is null, whose place is taken by leaving a key
 * out, and a `Map` or an instance of a class where keys are read.
 */
export interface NodeOptions {
  /**
   * `a@host`: with a dot or an IP address in the host a long name, otherwise a short one; `a` alone gets this
   * machine's short host name. @default `beamish-<random>@127.0.0.1`
   */
  readonly name?: string;
  /**
   * A node that gives this one its name, as OTP's `-name undefined` asks: `startNode` connects to it first. Such a node is
   * hidden and does not listen; `name` may say its host (`"undefined@host"`). When the connection to the giver ends, so
   * do all others, and the node connects no more: its name may be another's then, and the pids that the program holds carry
   * it. Start another node. (OTP's goes back to `nonode@nohost`, and asks for another name when it connects.) @default none
   */
  readonly namedBy?: string;
  /** Shared text, at most 255 Latin-1 characters. @default `BEAMISH_COOKIE`, then `~/.erlang.cookie` as Erlang keeps it */
  readonly cookie?: string;
  /** Cookies for single peers, by full node name, where they differ from `cookie`. @default none */
  readonly cookies?: Readonly<Record<string, string>>;
  /**
   * Nodes that may connect to this one, and that it connects to: whole names (`a@host`), hosts (`host`) or names at any
   * host (`a@`), as in OTP's `net_kernel:allow/1`. Others are told `not_allowed`. A member of a full mesh that the list
   * leaves out is asked by the others to leave it, where `preventOverlappingPartitions` is on. @default all
   */
  readonly allow?: readonly string[];
  /** Distribution over TLS, as OTP's `-proto_dist inet_tls`: all nodes of a cluster have it, or none. @default none */
  readonly tls?: TlsOptions;
  /**
   * A hidden node is not in `nodes()` of other nodes, is not spread through their mesh, and takes no part in global names.
   * @default false; true with `listen: false`, since a visible node that others cannot reach is thrown out of a mesh
   */
  readonly hidden?: boolean;
  /** `false`: other nodes cannot connect to this one; it can still connect to them. @default `{}` */
  readonly listen?: ListenOptions | false;
  readonly epmd?: EpmdOptions;
  /**
   * A strategy, or topologies by name as in libcluster: each a strategy, or `{ strategy, connect, disconnect, listNodes }`
   * where its nodes are connected in another way than this node's own. @default none
   */
  readonly discovery?: Strategy | Readonly<Record<string, Strategy | Topology>>;
  /** Actors that other nodes may spawn here, by the actors' names. @default none */
  readonly actors?: readonly AnyActor[];
  /**
   * Functions that `rpc:call` and `erpc:call` of other nodes may call, by module: `{ math: { add: (a, b) => a + b } }`.
   * `erlang: true` switches on what shells and tools ask of a node (`processes/0`, `memory/0`, `process_info/2`, ...). Nothing
   * else is reachable, except the node's own module `beamish` (`debug/2`, `nodes/0`, `info/0`). @default none
   */
  readonly exports?: ExportOptions;
  /**
   * Whether this node takes part in names and groups that all nodes share. Without it, a visible node is best hidden: on
   * a node that does not speak `global`, `global:sync()` of its peers never returns. @default true
   */
  readonly registry?: boolean;
  /**
   * When two members of a cluster lose each other, the others part with both, as OTP does since 25: so whoever is connected
   * is connected with everybody, and global names stay unique. All nodes of a cluster must agree on it. @default true
   */
  readonly preventOverlappingPartitions?: boolean;
  /** A peer that sends nothing for this long (within a quarter of it) is given up. Milliseconds. @default 60_000 */
  readonly netTickTime?: number;
  /**
   * How often within `netTickTime` a silent link is ticked and looked at, as OTP's `net_tickintensity`; the bounds of
   * `netTickTime` are wider or narrower by one such part. From 4 to 1000. @default 4
   */
  readonly netTickIntensity?: number;
  /**
   * How long the next bytes are waited for busily on a link where reads follow each other closely, less than a quarter
   * of a millisecond apart on the average of the last some; Erlang's schedulers wait likewise (`+sbwt`). Calls one after the
   * other are several times as fast for it, long messages by a sixth, and as long as they come one processor has no rest.
   * Milliseconds, from 0 (never) to 1,000; never also on a machine with one processor. @default 0.25
   */
  readonly busyWait?: number;
  /** How binaries that are valid UTF-8 arrive: as `string`, or like all others as `Uint8Array`. @default "text" */
  readonly binaries?: 'text' | 'bytes';
  /**
   * What messages to other Beamish nodes look like: `"msgpack"`, in which a `Map`, a `Date` or bytes arrive as what they
   * were; or `"etf"`, as for BEAM nodes. Either node of a pair can ask for `"etf"`. @default "msgpack"
   */
  readonly payload?: 'msgpack' | 'etf';
  readonly limits?: Partial<Limits>;
  /** The outside world. @default Node.js itself */
  readonly env?: Env;
}

/** All defaults that do not depend on the machine. */
export const DEFAULT_OPTIONS = {
  hidden: false,
  epmd: { mode: 'auto', port: 4369 },
  registry: true,
  preventOverlappingPartitions: true,
  netTickTime: 60_000,
  netTickIntensity: 4,
  busyWait: 0.25,
  binaries: 'text',
  payload: 'msgpack',
  limits: DEFAULT_LIMITS,
} as const;

/** Options after checking: nothing is optional any more. */
export interface ResolvedOptions {
  readonly name: string;
  readonly longNames: boolean;
  readonly namedBy: string | undefined;
  readonly cookie: string;
  readonly cookies: ReadonlyMap<string, string>;
  /** Undefined: all. */
  readonly allow: readonly string[] | undefined;
  readonly tls: TlsSettings | undefined;
  readonly hidden: boolean;
  readonly listen: { readonly host: string | undefined; readonly port: number } | false;
  readonly epmd: {
    readonly mode: 'auto' | 'external' | 'embedded' | 'off';
    readonly port: number;
    readonly host: string | undefined;
    readonly nodePort: number | undefined;
  };
  readonly topologies: Readonly<Record<string, Strategy | Topology>>;
  readonly actors: readonly AnyActor[];
  readonly exports: ExportOptions;
  readonly registry: boolean;
  readonly preventOverlappingPartitions: boolean;
  readonly netTickTimeMs: number;
  readonly netTickIntensity: number;
  readonly busyWaitMs: number;
  readonly binaries: 'text' | 'bytes';
  readonly payload: 'msgpack' | 'etf';
  readonly limits: Limits;
}

const KNOWN = [
  'name',
  'namedBy',
  'cookie',
  'cookies',
  'allow',
  'tls',
  'hidden',
  'listen',
  'epmd',
  'discovery',
  'actors',
  'exports',
  'registry',
  'preventOverlappingPartitions',
  'netTickTime',
  'netTickIntensity',
  'busyWait',
  'binaries',
  'payload',
  'limits',
  'env',
] as const satisfies readonly (keyof NodeOptions)[];

const ENV_PARTS = [
  'clock',
  'random',
  'streams',
  'datagrams',
  'resolver',
  'host',
  'log',
] as const satisfies readonly (keyof Env)[];

/**
 * Checks options and fills in defaults.
 * @throws OptionsError naming the option, what was expected and what came
 */
export function resolveOptions(options: NodeOptions, env: Env): ResolvedOptions {
  checkKnown(options, '', KNOWN);
  for (const part of ENV_PARTS)
    if (typeof (env as Partial<Env>)[part] !== 'object' || env[part] === null)
      throw new OptionsError(
        'env',
        `env: expected an object with ${ENV_PARTS.join(', ')}; ${part} is missing`,
      );
  const namedBy = resolveNamedBy(options);
  const { name, longNames } =
    namedBy === undefined ? resolveName(options.name, env) : resolveNameless(options.name, namedBy, env);
  const listen = namedBy === undefined ? resolveListen(options.listen, name) : false;
  const limits = resolveLimits(options.limits);
  const epmd = resolveEpmd(options.epmd, listen, env);
  if (listen !== false && listen.port === epmd.port && epmd.mode !== 'off')
    throw new OptionsError(
      'listen.port',
      `listen.port: ${listen.port} is the port mapper's (epmd.port), where a node cannot listen too`,
    );
  return {
    name,
    longNames,
    namedBy,
    cookie: resolveCookie(
      'cookie',
      options.cookie ?? env.host.variable('BEAMISH_COOKIE') ?? env.host.cookie(),
    ),
    cookies: resolveCookies(options.cookies),
    allow: resolveAllow(options.allow),
    tls: options.tls === undefined ? undefined : checkTls(options.tls),
    hidden: boolean('hidden', options.hidden ?? (listen === false || DEFAULT_OPTIONS.hidden)),
    listen,
    epmd,
    topologies: resolveTopologies(options.discovery),
    actors: resolveActors(options.actors),
    exports: checkExports(options.exports),
    registry: boolean('registry', options.registry ?? DEFAULT_OPTIONS.registry),
    preventOverlappingPartitions: boolean(
      'preventOverlappingPartitions',
      options.preventOverlappingPartitions ?? DEFAULT_OPTIONS.preventOverlappingPartitions,
    ),
    netTickTimeMs: integer(
      'netTickTime',
      options.netTickTime ?? DEFAULT_OPTIONS.netTickTime,
      100,
      2 ** 31 - 1,
    ),
    netTickIntensity: integer(
      'netTickIntensity',
      options.netTickIntensity ?? DEFAULT_OPTIONS.netTickIntensity,
      4,
      1000,
    ),
    busyWaitMs: number('busyWait', options.busyWait ?? DEFAULT_OPTIONS.busyWait, 0, 1000),
    binaries: oneOf('binaries', options.binaries ?? DEFAULT_OPTIONS.binaries, ['text', 'bytes']),
    payload: oneOf('payload', options.payload ?? DEFAULT_OPTIONS.payload, ['msgpack', 'etf']),
    limits,
  };
}

/** Whether a host is an address rather than a name that must be looked up. */
function isAddress(host: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(host) || host.includes(':');
}

function resolveName(given: string | undefined, env: Env): { name: string; longNames: boolean } {
  if (given === undefined) {
    const random = Buffer.from(env.random.bytes(5)).toString('hex');
    return { name: `beamish-${random}@127.0.0.1`, longNames: true };
  }
  const parts = typeof given === 'string' ? given.split('@') : [];
  const alive = parts[0] ?? '';
  const valid =
    parts.length >= 1 &&
    parts.length <= 2 &&
    /^[0-9A-Za-z_-]+$/.test(alive) &&
    (parts.length === 1 || /^[^\s\p{Cc}]+$/u.test(parts[1] ?? ''));
  if (!valid)
    throw new OptionsError(
      'name',
      `name: expected "a" or "a@host" with letters, digits, "_" and "-" before the "@" and no blanks behind it, got ${show(given)}`,
    );
  if (alive === UNDEFINED)
    throw new OptionsError(
      'name',
      'name: "undefined" asks another node for a name; the option namedBy must say which',
    );
  const name = parts.length === 2 ? given : `${alive}@${env.host.hostname().split('.')[0]}`;
  if (name.length > 255) throw new OptionsError('name', `name: at most 255 characters, got ${name.length}`);
  return { name, longNames: isLongName(name) };
}

/** As in OTP, the name of a node that asks for one. */
const UNDEFINED = 'undefined';

function resolveNamedBy({ namedBy, listen, hidden }: NodeOptions): string | undefined {
  if (namedBy === undefined) return undefined;
  if (typeof namedBy !== 'string' || !/^[^@\s]+@[^@\s]+$/.test(namedBy))
    throw new OptionsError('namedBy', `namedBy: expected a node name ("name@host"), got ${show(namedBy)}`);
  if (listen !== undefined && listen !== false)
    throw new OptionsError('listen', 'listen: a node that is named by another does not listen');
  if (hidden === false) throw new OptionsError('hidden', 'hidden: a node that is named by another is hidden');
  return namedBy;
}

/** The host is what it says of itself: that of its name, else one of the same kind as the giver has. */
function resolveNameless(
  given: string | undefined,
  namedBy: string,
  env: Env,
): { name: string; longNames: boolean } {
  const longNames = isLongName(namedBy);
  const ownHost = longNames ? '127.0.0.1' : env.host.hostname().split('.')[0];
  const [, host = ownHost] = /^undefined(?:@([^@\s]+))?$/.exec(given ?? UNDEFINED) ?? [undefined, ''];
  if (host === '' || host === undefined || isLongName(`${UNDEFINED}@${host}`) !== longNames)
    throw new OptionsError(
      'name',
      `name: beside namedBy expected "undefined@host" with a ${longNames ? 'long' : 'short'} host, as ${namedBy} has, got ${show(given)}`,
    );
  return { name: `${UNDEFINED}@${host}`, longNames };
}

function resolveCookie(option: string, cookie: string): string {
  // The value itself never enters a message.
  if (typeof cookie !== 'string')
    throw new OptionsError(
      option,
      `${option}: expected text, got ${cookie === null ? 'null' : typeof cookie}`,
    );
  if (cookie.length === 0 || cookie.length > 255)
    throw new OptionsError(option, `${option}: expected 1 to 255 characters, got ${cookie.length}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of Latin-1 is allowed, as in an Erlang atom
  if (!/^[\u0000-\u00ff]*$/.test(cookie))
    throw new OptionsError(option, `${option}: expected Latin-1 characters only, as Erlang's cookies have`);
  return cookie;
}

function resolveCookies(given: NodeOptions['cookies']): ReadonlyMap<string, string> {
  const cookies = new Map<string, string>();
  for (const [peer, cookie] of Object.entries(plain('cookies', given ?? {}))) {
    if (!/^[^@]+@[^@]+$/.test(peer))
      throw new OptionsError(
        'cookies',
        `cookies: expected full node names ("name@host") as keys, got ${show(peer)}`,
      );
    cookies.set(peer, resolveCookie(`cookies.${peer}`, cookie));
  }
  return cookies;
}

function resolveAllow(given: NodeOptions['allow']): readonly string[] | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given))
    throw new OptionsError('allow', `allow: expected an array of node names and hosts, got ${show(given)}`);
  for (const [index, entry] of given.entries())
    if (typeof entry !== 'string' || !/^(?:[^@\s]+@)?[^@\s]+$|^[^@\s]+@$/.test(entry))
      throw new OptionsError(
        `allow[${index}]`,
        `allow[${index}]: expected a node name ("a@host"), a host ("host") or a name at any host ("a@"), got ${show(entry)}`,
      );
  return [...given];
}

/**
 * The address among the options of `connect`; undefined when there is none.
 * @throws OptionsError
 */
export function resolveAddress(given: {
  readonly host?: string;
  readonly port?: number;
  readonly signal?: AbortSignal;
}): { readonly host?: string; readonly port: number } | undefined {
  const { host, port } = object('connect', given, ['host', 'port', 'signal']);
  if (port === undefined) {
    if (host === undefined) return undefined;
    throw new OptionsError(
      'connect.port',
      'connect.port: expected a port beside the host; without one the port mapper of the node is asked',
    );
  }
  integer('connect.port', port, 1, 65_535);
  return host === undefined ? { port } : { host: address('connect.host', host), port };
}

function resolveListen(given: NodeOptions['listen'], name: string): ResolvedOptions['listen'] {
  if (given === false) return false;
  const options = object('listen', given ?? {}, ['host', 'port']);
  const nameHost = hostOf(name);
  const host = options.host ?? (isAddress(nameHost) ? nameHost : undefined);
  if (host !== undefined) address('listen.host', host);
  return { host, port: integer('listen.port', options.port ?? 0, 0, 65_535) };
}

function resolveEpmd(given: EpmdOptions | undefined, listen: ResolvedOptions['listen'], env: Env) {
  const options = object('epmd', given ?? {}, ['mode', 'port', 'host', 'nodePort']);
  const fromEnv = env.host.variable('ERL_EPMD_PORT');
  return {
    mode: oneOf('epmd.mode', options.mode ?? DEFAULT_OPTIONS.epmd.mode, [
      'auto',
      'external',
      'embedded',
      'off',
    ]),
    port:
      options.port !== undefined
        ? integer('epmd.port', options.port, 1, 65_535)
        : fromEnv !== undefined
          ? portOf('ERL_EPMD_PORT', fromEnv)
          : DEFAULT_OPTIONS.epmd.port,
    host:
      (options.host === undefined ? undefined : address('epmd.host', options.host)) ??
      env.host.variable('ERL_EPMD_ADDRESS') ??
      (listen === false ? '127.0.0.1' : listen.host),
    nodePort:
      options.nodePort === undefined ? undefined : integer('epmd.nodePort', options.nodePort, 1, 65_535),
  };
}

function resolveTopologies(given: NodeOptions['discovery']): ResolvedOptions['topologies'] {
  if (given === undefined) return {};
  const topologies: ResolvedOptions['topologies'] = isStrategy(given) ? { [given.kind]: given } : given;
  if (!isPlain(topologies))
    throw new OptionsError(
      'discovery',
      `discovery: expected a strategy or topologies by name, got ${show(given)}`,
    );
  for (const [name, topology] of Object.entries(topologies)) {
    if (isStrategy(topology)) continue;
    const path = `discovery.${name}`;
    if (!isStrategy((topology as Topology | undefined)?.strategy))
      throw new OptionsError(
        path,
        `${path}: expected a strategy such as gossip() or hosts([...]), got ${show(topology)}`,
      );
    // It may be an instance of a class that has these as methods.
    checkKeys(topology, path, ['strategy', 'connect', 'disconnect', 'listNodes']);
    for (const key of ['connect', 'disconnect', 'listNodes'] as const)
      if (topology[key] !== undefined && typeof topology[key] !== 'function')
        throw new OptionsError(
          `${path}.${key}`,
          `${path}.${key}: expected a function, got ${show(topology[key])}`,
        );
  }
  return topologies;
}

function isStrategy(value: unknown): value is Strategy {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Strategy).kind === 'string' &&
    typeof (value as Strategy).start === 'function'
  );
}

function resolveActors(given: NodeOptions['actors']): readonly AnyActor[] {
  if (given === undefined) return [];
  if (!Array.isArray(given))
    throw new OptionsError('actors', `actors: expected an array of actors, got ${show(given)}`);
  const names = new Set<string>();
  for (const [index, actor] of given.entries()) {
    const isActor =
      (typeof actor === 'object' || typeof actor === 'function') &&
      typeof actor?.name === 'string' &&
      typeof actor.behave === 'function';
    if (!isActor)
      throw new OptionsError(`actors[${index}]`, `actors[${index}]: expected an actor(), got ${show(actor)}`);
    if (names.has(actor.name))
      throw new OptionsError(`actors[${index}]`, `actors[${index}]: two actors are named "${actor.name}"`);
    names.add(actor.name);
  }
  return given as readonly AnyActor[];
}

/** Below these a node could not work: a handshake message holds a name, a frame the longest control tuple. */
const LEAST: Partial<Limits> = { handshakeBytes: 2048, frameBytes: 8192 };

function resolveLimits(given: Partial<Limits> | undefined): Limits {
  const known = Object.keys(DEFAULT_LIMITS) as (keyof Limits)[];
  const options = object('limits', given ?? {}, known);
  const limits: { -readonly [K in keyof Limits]: number } = { ...DEFAULT_LIMITS };
  for (const name of known) {
    const value = options[name];
    if (value !== undefined) limits[name] = integer(`limits.${name}`, value, LEAST[name] ?? 1, 2 ** 31 - 1);
  }
  if (limits.unsentBytes < limits.highWaterBytes)
    throw new OptionsError(
      'limits.unsentBytes',
      `limits.unsentBytes: expected at least limits.highWaterBytes (${limits.highWaterBytes}), got ${limits.unsentBytes}`,
    );
  return limits;
}

function portOf(variable: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535)
    throw new OptionsError(variable, `${variable}: expected a port from 1 to 65535, got ${show(text)}`);
  return port;
}
