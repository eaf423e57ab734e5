import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Env } from '../src/env/index.ts';
import {
  actor,
  DEFAULT_OPTIONS,
  gossip,
  type NodeOptions,
  OptionsError,
  type Strategy,
  startNode,
  type Topology,
} from '../src/index.ts';
import * as checks from '../src/option-checks.ts';
import { resolveAddress, resolveOptions } from '../src/options.ts';
import { platformEnv } from '../src/platform/index.ts';

/** This machine, with these environment variables and no others. */
function world(variables: Record<string, string> = {}): Env {
  const env = platformEnv();
  const host = {
    hostname: () => 'shortname',
    variable: (name: string) => variables[name],
    cookie: () => 'FILECOOKIE',
    interfaces: () => env.host.interfaces(),
    memory: () => ({ residentBytes: 0, heapBytes: 0, heapUsedBytes: 0, externalBytes: 0 }),
    output: () => {},
  };
  return { ...env, host };
}

const resolve = (options: NodeOptions = {}, variables: Record<string, string> = {}) =>
  resolveOptions({ name: 'a@127.0.0.1', ...options }, world(variables));

function refusal(options: object, variables: Record<string, string> = {}): OptionsError {
  try {
    resolve(options as NodeOptions, variables);
  } catch (error) {
    expect(error).toBeInstanceOf(OptionsError);
    return error as OptionsError;
  }
  throw new Error(`these options were taken: ${JSON.stringify(options)}`);
}

const One = actor('one', () => ({}));

/** All options there are: an option that is added is asked for here by the compiler. */
const KNOWN_OPTIONS: Readonly<Record<keyof NodeOptions, true>> = {
  name: true,
  namedBy: true,
  cookie: true,
  cookies: true,
  allow: true,
  tls: true,
  hidden: true,
  listen: true,
  epmd: true,
  discovery: true,
  actors: true,
  exports: true,
  registry: true,
  preventOverlappingPartitions: true,
  netTickTime: true,
  netTickIntensity: true,
  busyWait: true,
  binaries: true,
  payload: true,
  limits: true,
  env: true,
};

describe('bad values are refused, naming the option, what would do and what came', () => {
  const cases: [object, string, RegExp][] = [
    [{ name: '' }, 'name', /expected "a" or "a@host".*got ""/],
    [{ name: 7 }, 'name', /got 7/],
    [{ name: 'a@b@c' }, 'name', /got "a@b@c"/],
    [{ name: 'a@' }, 'name', /got "a@"/],
    [{ name: '@b' }, 'name', /got "@b"/],
    [{ name: 'a b@c' }, 'name', /letters, digits/],
    [{ name: 'a@b c' }, 'name', /no blanks/],
    [{ name: 'ä@b' }, 'name', /letters, digits/],
    [{ name: `a@${'h'.repeat(254)}` }, 'name', /at most 255 characters, got 256/],
    [
      { name: 'undefined@127.0.0.1' },
      'name',
      /asks another node for a name; the option namedBy must say which/,
    ],
    [{ namedBy: 'b' }, 'namedBy', /expected a node name.*got "b"/],
    [{ namedBy: 'b@127.0.0.1' }, 'name', /"undefined@host".*got "a@127.0.0.1"/],
    [{ namedBy: 'b@127.0.0.1', name: 'undefined@short' }, 'name', /with a long host/],
    [{ namedBy: 'b@h', name: 'undefined', listen: {} }, 'listen', /does not listen/],
    [{ namedBy: 'b@h', name: 'undefined', hidden: false }, 'hidden', /is hidden/],
    [{ cookie: '' }, 'cookie', /1 to 255 characters, got 0/],
    [{ cookie: 'c'.repeat(256) }, 'cookie', /1 to 255 characters, got 256/],
    [{ cookie: 5 }, 'cookie', /expected text, got number/],
    [{ cookie: 'Ω' }, 'cookie', /Latin-1/],
    [{ cookies: 'secret' }, 'cookies', /expected an object/],
    [{ cookies: { b: 'x' } }, 'cookies', /full node names.*got "b"/],
    [{ cookies: { 'b@h': '' } }, 'cookies.b@h', /1 to 255/],
    [{ hidden: 'yes' }, 'hidden', /true or false, got "yes"/],
    [{ listen: true }, 'listen', /expected an object, got true/],
    [{ listen: { port: -1 } }, 'listen.port', /0 to 65535, got -1/],
    [{ listen: { port: 1.5 } }, 'listen.port', /whole number/],
    [{ listen: { host: '' } }, 'listen.host', /expected an address/],
    [{ listen: { hots: 'x' } }, 'listen.hots', /known are: host, port/],
    [{ listen: { port: 4369 } }, 'listen.port', /4369 is the port mapper's/],
    [{ epmd: 4369 }, 'epmd', /expected an object, got 4369/],
    [{ epmd: { mode: 'on' } }, 'epmd.mode', /auto, external, embedded, off, got "on"/],
    [{ epmd: { port: 0 } }, 'epmd.port', /1 to 65535, got 0/],
    [{ epmd: { port: 65_536 } }, 'epmd.port', /got 65536/],
    [{ epmd: { host: 5 } }, 'epmd.host', /expected an address, got 5/],
    [{ epmd: { mod: 'auto' } }, 'epmd.mod', /known are: mode, port, host, nodePort/],
    [{ epmd: { nodePort: 0 } }, 'epmd.nodePort', /1 to 65535, got 0/],
    [{ allow: 'b@h' }, 'allow', /expected an array of node names and hosts, got "b@h"/],
    [{ allow: ['b@h', 'x@y@z'] }, 'allow[1]', /a@host.*got "x@y@z"/],
    [{ allow: [''] }, 'allow[0]', /got ""/],
    [{ allow: ['@h'] }, 'allow[0]', /got "@h"/],
    [{ allow: [7] }, 'allow[0]', /got 7/],
    [{ discovery: 'gossip' }, 'discovery', /expected a strategy or topologies by name, got "gossip"/],
    [{ discovery: [] }, 'discovery', /got an array of 0/],
    [{ discovery: null }, 'discovery', /got null/],
    [{ discovery: { lan: gossip } }, 'discovery.lan', /such as gossip\(\).*got a function/],
    [{ actors: One }, 'actors', /expected an array of actors/],
    [{ actors: [{ name: 'x' }] }, 'actors[0]', /expected an actor\(\), got an object/],
    [{ actors: [null] }, 'actors[0]', /got null/],
    [{ actors: [One, One] }, 'actors[1]', /two actors are named "one"/],
    [{ netTickTime: 99 }, 'netTickTime', /from 100 to 2147483647, got 99/],
    [{ netTickTime: Number.NaN }, 'netTickTime', /got NaN/],
    [{ netTickTime: Number.POSITIVE_INFINITY }, 'netTickTime', /got Infinity/],
    [{ netTickIntensity: 3 }, 'netTickIntensity', /from 4 to 1000, got 3/],
    [{ netTickIntensity: 1001 }, 'netTickIntensity', /got 1001/],
    [{ busyWait: -0.1 }, 'busyWait', /from 0 to 1000, got -0.1/],
    [{ busyWait: 1000.5 }, 'busyWait', /got 1000.5/],
    [{ busyWait: Number.NaN }, 'busyWait', /got NaN/],
    [{ busyWait: '1' }, 'busyWait', /expected a number.*got "1"/],
    [{ binaries: 'hex' }, 'binaries', /text, bytes, got "hex"/],
    [{ payload: 'json' }, 'payload', /msgpack, etf, got "json"/],
    [{ limits: [] }, 'limits', /expected an object, got an array of 0/],
    [{ limits: { frames: 1 } }, 'limits.frames', /known are: frameBytes/],
    [{ limits: { frameBytes: 8191 } }, 'limits.frameBytes', /from 8192/],
    [{ limits: { handshakeBytes: 1 } }, 'limits.handshakeBytes', /from 2048/],
    [{ limits: { termDepth: 0 } }, 'limits.termDepth', /from 1 .*got 0/],
    [{ limits: { highWaterBytes: '1' } }, 'limits.highWaterBytes', /got "1"/],
    [
      { limits: { highWaterBytes: 10, unsentBytes: 9 } },
      'limits.unsentBytes',
      /at least limits.highWaterBytes \(10\), got 9/,
    ],
    [{ ssl: {} }, 'ssl', /unknown option ssl; known are: name, namedBy, cookie, cookies/],
  ];
  it.each(cases)('%j', (options, option, message) => {
    const error = refusal(options);
    expect(error.option).toBe(option);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(option);
  });

  it('also each limit alone, and what is no object of options at all', () => {
    for (const name of Object.keys(DEFAULT_OPTIONS.limits))
      for (const bad of [0, -1, 0.5, 2 ** 31, Number.NaN, 'x', {}])
        expect(refusal({ limits: { [name]: bad } }).option).toBe(`limits.${name}`);
    for (const bad of [null, 'x', 5, []])
      expect(() => resolveOptions(bad as unknown as NodeOptions, world())).toThrow(OptionsError);
  });

  const { Text, Nameless } = {
    Text: class Text {
      readonly erlang = true;
    },
    Nameless: (() => class {})(),
  };
  const noPlainObjects: [unknown, RegExp][] = [
    [new Map([['peer@127.0.0.1', 'x']]), /got a Map$/],
    [new Set(['port']), /got a Set$/],
    [new Date(), /got a Date$/],
    [Promise.resolve({}), /got a Promise$/],
    [new Error('sesame'), /got an Error$/],
    [new Text(), /got a Text$/],
    [new Nameless(), /got an object with a prototype of its own$/],
    [Object.create({ port: 1 }), /got an object with a prototype of its own$/],
    [[['peer@127.0.0.1', 'x']], /got an array of 1$/],
    [() => ({}), /got a function$/],
    [5n, /got 5n$/],
  ];
  it.each(noPlainObjects)('also %s where keys are read', (value, got) => {
    const tls = { cert: 'c', key: 'k' };
    for (const [path, options] of [
      ['cookies', { cookies: value }],
      ['exports', { exports: value }],
      ['exports.math', { exports: { math: value } }],
      ['exports.erlang', { exports: { erlang: value } }],
      ['limits', { limits: value }],
      ['epmd', { epmd: value }],
      ['listen', { listen: value }],
      ['tls', { tls: value }],
      ['tls.client', { tls: { ...tls, client: value } }],
      ['tls.server', { tls: { ...tls, server: value } }],
      ['discovery', { discovery: value }],
      ['discovery.lan', { discovery: { lan: value } }],
      ['allow', { allow: Array.isArray(value) ? undefined : value }],
    ] as const) {
      if (path === 'allow' && Array.isArray(value)) continue;
      const error = refusal(options);
      expect(error.option).toBe(path);
      expect(error.message).toMatch(got);
    }
    expect(() => resolveOptions(value as NodeOptions, world())).toThrow(got);
    expect(() => resolveAddress(value as object)).toThrow(got);
  });

  it('also null, everywhere: the default is what is left out', () => {
    const options = Object.keys(KNOWN_OPTIONS) as (keyof NodeOptions)[];
    for (const option of options) {
      const error = refusal({ [option]: null });
      expect(error.option).toBe(option);
      expect(error.message).toMatch(/expected .*, got null$/);
    }
    const nested: [string, object][] = [
      ['listen.host', { listen: { host: null } }],
      ['listen.port', { listen: { port: null } }],
      ['epmd.mode', { epmd: { mode: null } }],
      ['epmd.port', { epmd: { port: null } }],
      ['epmd.host', { epmd: { host: null } }],
      ['epmd.nodePort', { epmd: { nodePort: null } }],
      ['cookies.b@h', { cookies: { 'b@h': null } }],
      ['allow[0]', { allow: [null] }],
      ['actors[0]', { actors: [null] }],
      ['exports.math', { exports: { math: null } }],
      ['exports.math.add', { exports: { math: { add: null } } }],
      ['discovery.lan', { discovery: { lan: null } }],
      ['discovery.lan.connect', { discovery: { lan: { strategy: gossip(), connect: null } } }],
      ...Object.keys(DEFAULT_OPTIONS.limits).map((limit): [string, object] => [
        `limits.${limit}`,
        { limits: { [limit]: null } },
      ]),
      ...['key', 'ca', 'verify', 'minVersion', 'checkHost', 'checkNodeName', 'client', 'server'].map(
        (key): [string, object] => [`tls.${key}`, { tls: { cert: 'c', key: 'k', [key]: null } }],
      ),
      ['tls.client.verify', { tls: { cert: 'c', key: 'k', client: { verify: null } } }],
      ['tls.server.cert', { tls: { cert: 'c', key: 'k', server: { cert: null } } }],
    ];
    for (const [path, given] of nested) {
      const error = refusal(given);
      expect(error.option).toBe(path);
      expect(error.message).toMatch(/got null$/);
    }
    for (const key of ['host', 'port', 'signal'])
      expect(() => resolveAddress({ port: 1, [key]: null })).toThrow(`connect.${key}: expected`);
  });

  it('and undefined is the default, everywhere', () => {
    const none = Object.fromEntries(Object.keys(KNOWN_OPTIONS).map((option) => [option, undefined]));
    const { name: _, ...resolved } = resolveOptions(none as NodeOptions, world());
    const { name: __, ...defaults } = resolveOptions({}, world());
    expect(resolved).toEqual(defaults);
  });

  it('also when they come from the environment', () => {
    expect(refusal({}, { ERL_EPMD_PORT: 'no' })).toMatchObject({
      option: 'ERL_EPMD_PORT',
      message: expect.stringContaining('got "no"'),
    });
    expect(refusal({}, { ERL_EPMD_PORT: '' }).option).toBe('ERL_EPMD_PORT');
    expect(refusal({}, { ERL_EPMD_PORT: '70000' }).option).toBe('ERL_EPMD_PORT');
  });

  it('by startNode too, as a rejection, before anything is started', async () => {
    await expect(startNode({ name: 'a b' })).rejects.toThrow(OptionsError);
    await expect(startNode(null as unknown as NodeOptions)).rejects.toThrow(OptionsError);
    await expect(startNode({ env: {} as Env })).rejects.toThrow(/env: expected an object with clock/);
    await expect(startNode({ env: null as unknown as Env })).rejects.toThrow(/^env: expected .*, got null/);
    await expect(startNode({ env: { ...world(), log: null } as unknown as Env })).rejects.toThrow(
      /env: expected an object with clock.*; log is missing/,
    );
    await expect(startNode({ cookie: null } as unknown as NodeOptions)).rejects.toThrow(
      'cookie: expected a value, or undefined for the default, got null',
    );
  });

  it('without the cookie in the message', () => {
    for (const cookie of ['sesame-Ω', `sesame${'x'.repeat(300)}`])
      for (const options of [{ cookie }, { cookies: { 'b@h': cookie } }])
        expect(refusal(options).message).not.toContain('sesame');
  });
});

describe('defaults', () => {
  it('are those that are written down', () => {
    expect(resolve({ cookie: 'c' })).toMatchObject({
      cookie: 'c',
      hidden: DEFAULT_OPTIONS.hidden,
      listen: { host: '127.0.0.1', port: 0 },
      epmd: { mode: 'auto', port: 4369, host: '127.0.0.1' },
      topologies: {},
      actors: [],
      netTickTimeMs: 60_000,
      busyWaitMs: 0.25,
      binaries: 'text',
      payload: 'msgpack',
      limits: DEFAULT_OPTIONS.limits,
    });
    const { name, longNames } = resolveOptions({}, world());
    expect(name).toMatch(/^beamish-[0-9a-f]{10}@127\.0\.0\.1$/);
    expect(longNames).toBe(true);
    expect(resolveOptions({}, world()).name).not.toBe(name);
  });

  it('for the cookie: BEAMISH_COOKIE, then the account’s file', () => {
    expect(resolve({}, { BEAMISH_COOKIE: 'fromenv' }).cookie).toBe('fromenv');
    expect(resolve({ cookie: 'given' }, { BEAMISH_COOKIE: 'fromenv' }).cookie).toBe('given');
    expect(resolve().cookie).toBe('FILECOOKIE');
  });

  it('for the port mapper: ERL_EPMD_PORT and ERL_EPMD_ADDRESS', () => {
    const variables = { ERL_EPMD_PORT: '14369', ERL_EPMD_ADDRESS: '10.0.0.1' };
    expect(resolve({}, variables).epmd).toMatchObject({ port: 14_369, host: '10.0.0.1' });
    expect(resolve({ epmd: { port: 5, host: '::1' } }, variables).epmd).toMatchObject({
      port: 5,
      host: '::1',
    });
  });
});

describe('names', () => {
  it('are long with a dot or an address behind the @, short otherwise', () => {
    const kind = (name: string) => {
      const options = resolve({ name });
      return [options.name, options.longNames];
    };
    expect(kind('a')).toEqual(['a@shortname', false]);
    expect(kind('a@host')).toEqual(['a@host', false]);
    expect(kind('a@host.example')).toEqual(['a@host.example', true]);
    expect(kind('a_B-9@10.1.2.3')).toEqual(['a_B-9@10.1.2.3', true]);
    expect(kind('a@::1')).toEqual(['a@::1', true]);
  });

  it('say where a node listens: at their own address, else everywhere', () => {
    expect(resolve({ name: 'a@127.0.0.1' }).listen).toEqual({ host: '127.0.0.1', port: 0 });
    expect(resolve({ name: 'a@::1' }).listen).toEqual({ host: '::1', port: 0 });
    expect(resolve({ name: 'a@host.example' }).listen).toEqual({ host: undefined, port: 0 });
    expect(resolve({ listen: { host: '0.0.0.0', port: 7 } }).listen).toEqual({ host: '0.0.0.0', port: 7 });
    expect(resolve({ listen: false }).listen).toBe(false);
    expect(resolve({ listen: false }).epmd.host).toBe('127.0.0.1');
  });
});

it('a single strategy is a topology by the name of its kind', () => {
  const strategy = gossip();
  expect(resolve({ discovery: strategy }).topologies).toEqual({ [strategy.kind]: strategy });
  expect(resolve({ discovery: { lan: strategy } }).topologies).toEqual({ lan: strategy });
});

it('a limit that is given as undefined keeps its default', () => {
  const limits = { frameBytes: undefined, termDepth: 5 } as unknown as NonNullable<NodeOptions['limits']>;
  expect(resolve({ limits }).limits).toEqual({ ...DEFAULT_OPTIONS.limits, termDepth: 5 });
});

describe('exports', () => {
  it('are functions by module; erlang alone can be true', () => {
    const add = (a: number, b: number) => a + b;
    expect(resolve({ exports: { math: { add }, erlang: true } }).exports).toEqual({
      math: { add },
      erlang: true,
    });
    expect(refusal({ exports: { math: true } }).message).toMatch(/^exports\.math: only erlang can be true/);
    expect(refusal({ exports: { erlang: false } }).option).toBe('exports.erlang');
    expect(refusal({ exports: { math: { add: 1 } } }).message).toBe(
      'exports.math.add: expected a function, got number',
    );
    expect(refusal({ exports: [add] }).option).toBe('exports');
  });
});

it('plain is also what has no prototype, and the namespace of a module; what is only called may be an instance', () => {
  const cookies = Object.assign(Object.create(null), { 'b@h': 'x' }) as Record<string, string>;
  expect([...resolve({ cookies }).cookies]).toEqual([['b@h', 'x']]);
  expect(resolve({ exports: { checks } }).exports.checks).toBe(checks);
  expect(resolve(runInNewContext('({ limits: { termDepth: 5 } })')).limits.termDepth).toBe(5);

  class Found {
    readonly kind = 'found';
    start() {
      return { stop() {} };
    }
  }
  class Tunnel {
    readonly strategy = new Found();
    connect() {}
  }
  expect(Object.keys(resolve({ discovery: new Found() as unknown as Strategy }).topologies)).toEqual([
    'found',
  ]);
  const lan = new Tunnel() as unknown as Topology;
  expect(resolve({ discovery: { lan } }).topologies).toEqual({ lan });
  class OwnEnv {
    readonly own = true;
  }
  const env: Env = Object.assign(new OwnEnv(), world());
  expect(resolveOptions({ name: 'a@h', env }, env).name).toBe('a@h');
});
