/**
 * What a simulation cannot steer: real clocks, real timers, real randomness and real I/O. While code of simulated
 * processes runs, the platform's own functions for these are watched; who calls one is named, since from there on the
 * same seed does not tell the same story.
 *
 * The platform has one set of globals, so all simulations of a program share the watch, which is there while one of
 * them moves time. Code of a test, between two `await`s on the cluster, is not watched: real time is its own affair.
 */
import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import dnsPromises from 'node:dns/promises';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Something in a simulated process reached for the real world. The simulation goes no further. */
export class EscapeError extends Error {
  readonly code = 'EscapeError';
  /** What was called: `Date.now`, `setTimeout`, ... */
  readonly what: string;
  /** The caller's file and line. */
  readonly where: string;
  /** The node whose code ran last. */
  readonly node: string;

  constructor(what: string, where: string, node: string) {
    super(
      `${what} was called at ${where} in a simulated process of ${node}: it is outside of the simulation, so the same ` +
        `seed need not tell the same story. Use self.sendAfter for time, messages for input; or allow it with ` +
        `new SimCluster({ escapes: 'record' }).`,
    );
    this.name = 'EscapeError';
    this.what = what;
    this.where = where;
    this.node = node;
  }
}

/** One simulation's part in the watch. */
export interface EscapeWatch {
  /** Somebody called `what`. */
  escaped(what: string, where: string): void;
}

type Functions = Record<string, unknown>;

/** Objects and which of their functions leave the simulation. */
const WAYS_OUT: readonly (readonly [
  object: object,
  names: readonly string[],
  label: (name: string) => string,
])[] = [
  [globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'fetch'], (name) => name],
  [timers, ['setTimeout', 'setInterval', 'setImmediate'], (name) => `timers.${name}`],
  [timersPromises, ['setTimeout', 'setInterval', 'setImmediate'], (name) => `timers/promises.${name}`],
  [Math, ['random'], (name) => `Math.${name}`],
  [performance, ['now'], (name) => `performance.${name}`],
  [process, ['hrtime', 'uptime'], (name) => `process.${name}`],
  [globalThis.crypto, ['randomUUID', 'getRandomValues'], (name) => `crypto.${name}`],
  [
    crypto,
    ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync'],
    (name) => `crypto.${name}`,
  ],
  [AbortSignal, ['timeout'], (name) => `AbortSignal.${name}`],
  [net.Socket.prototype, ['connect'], () => 'a TCP connection'],
  [net.Server.prototype, ['listen'], () => 'a TCP server'],
  [dgram.Socket.prototype, ['bind', 'send'], () => 'a UDP socket'],
  [dns, ['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveSrv'], (name) => `dns.${name}`],
  [dnsPromises, ['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveSrv'], (name) => `dns.${name}`],
  [fs, ['readFile', 'writeFile', 'appendFile', 'readdir', 'stat', 'open'], (name) => `fs.${name}`],
  [fsPromises, ['readFile', 'writeFile', 'appendFile', 'readdir', 'stat', 'open'], (name) => `fs.${name}`],
  [childProcess, ['spawn', 'exec', 'execFile', 'fork'], (name) => `child_process.${name}`],
];

/** Those whose simulated code runs now; the last one began last. */
const running: EscapeWatch[] = [];
/** While it is not 0 the code of some test runs. */
let pardons = 0;
let installs = 0;
const realImmediate = setImmediate;
let originals: (() => void)[] = [];

/** Begins to watch the platform; the function it returns ends that. */
export function watchPlatform(): () => void {
  if (originals.length === 0) install();
  installs += 1;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    installs -= 1;
    // A test mostly goes on to move time again, and all this takes a millisecond: not before the next real turn.
    if (installs === 0) realImmediate(() => void (installs === 0 && uninstall()));
  };
}

/** From here on code of this simulation runs. */
export function enter(watch: EscapeWatch): void {
  running.push(watch);
}

/** It has come to rest. */
export function leave(watch: EscapeWatch): void {
  const at = running.lastIndexOf(watch);
  if (at >= 0) running.splice(at, 1);
}

/** The code of a test runs, until the function that is returned is called. */
export function pardon(): () => void {
  pardons += 1;
  return () => {
    pardons -= 1;
  };
}

function tell(what: string): void {
  if (running.length === 0 || pardons > 0) return;
  // XState stamps its events and names its actors by these; nothing that happens hangs on either.
  if ((what === 'Date.now' || what === 'Math.random') && isCalledByXState()) return;
  const where = callerOf(new Error().stack ?? '');
  if (where !== undefined) running.at(-1)!.escaped(what, where);
}

/** Frames from here to whoever called a watched function: three of ours, his, and one to spare. */
const FRAMES_TO_CALLER = 5;
const OWN_ROOMS = new URL('../', import.meta.url).href;
const OWN_PATH = fileURLToPath(OWN_ROOMS);

const asSites = (_error: Error, sites: NodeJS.CallSite[]): NodeJS.CallSite[] => sites;

/** Asked at every heartbeat: it looks at the frames as they are, since to print a stack means to read source maps. */
function isCalledByXState(): boolean {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = FRAMES_TO_CALLER;
  Error.prepareStackTrace = asSites;
  const sites = new Error().stack as unknown as NodeJS.CallSite[];
  Error.stackTraceLimit = stackTraceLimit;
  if (prepareStackTrace === undefined) delete (Error as Partial<ErrorConstructor>).prepareStackTrace;
  else Error.prepareStackTrace = prepareStackTrace;
  for (const site of sites) {
    const file = site.getFileName();
    if (file === null || file === undefined || file.startsWith('node:')) continue;
    if (file.startsWith(OWN_ROOMS) || file.startsWith(OWN_PATH)) continue;
    return file.includes('/node_modules/xstate/');
  }
  return false;
}

/**
 * The nearest frame that is neither the platform's nor ours. None: the platform called itself (a module is loaded, an
 * error is printed), and nobody's code decides anything by it.
 */
function callerOf(stack: string): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    const place = /\(?((?:file:\/\/|\/|[A-Za-z]:\\).*:\d+:\d+)\)?$/.exec(line.trim())?.[1];
    if (place === undefined) continue;
    const path = place.startsWith('file:') ? place : `file://${place}`;
    if (!path.startsWith(OWN_ROOMS)) return place.replace(/^file:\/\//, '');
  }
  return undefined;
}

function install(): void {
  for (const [object, names, label] of WAYS_OUT)
    for (const name of names) {
      const original = (object as Functions)[name];
      if (typeof original !== 'function') continue;
      const what = label(name);
      const own = Object.getOwnPropertyDescriptor(object, name);
      const watched = new Proxy(original, {
        apply(target, self, args) {
          tell(what);
          return Reflect.apply(target, self, args);
        },
      });
      // What belongs to a prototype is shadowed, and comes to light again.
      Object.defineProperty(object, name, {
        value: watched,
        configurable: true,
        writable: true,
        enumerable: own?.enumerable ?? true,
      });
      originals.push(() => {
        if ((object as Functions)[name] !== watched) return;
        if (own === undefined) delete (object as Functions)[name];
        else Object.defineProperty(object, name, own);
      });
    }
  installDate();
  // So that `import { setTimeout } from 'node:timers/promises'` is watched as well.
  syncBuiltinESMExports();
}

/** `Date.now()`, `new Date()` and `Date()` tell the real time; dates that are given their time do not. */
function installDate(): void {
  const original = Date;
  const now = new Proxy(original.now, {
    apply(target, self, args) {
      tell('Date.now');
      return Reflect.apply(target, self, args);
    },
  });
  const watched = new Proxy(original, {
    construct(target, args, newTarget) {
      if (args.length === 0) tell('new Date()');
      return Reflect.construct(target, args, newTarget);
    },
    apply(target, self, args) {
      tell('Date()');
      return Reflect.apply(target, self, args);
    },
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  });
  globalThis.Date = watched;
  originals.push(() => {
    if (globalThis.Date === watched) globalThis.Date = original;
  });
}

function uninstall(): void {
  for (const restore of originals.reverse()) restore();
  originals = [];
  syncBuiltinESMExports();
}
