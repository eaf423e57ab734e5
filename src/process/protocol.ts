import type { Behaviour } from './behaviour.ts';
import type { Deferred } from './deferred.ts';
import type { Destination } from './destination.ts';
import type { Process } from './process.ts';
import type { Self } from './self.ts';

/**
 * What types say about who answers where. `T` of a `Destination<T>` is either an actor (`typeof Counter`) or a plain
 * interface of methods; the types below read methods, arguments and results out of it. `unknown` stands for a process
 * that nothing is known of: any method name, any arguments, an unknown result.
 */

declare const answers: unique symbol;

/** A named kind of process that answers calls. Made by `actor()`, `supervisor()` and their like. */
export interface Actor<Name extends string, Args extends readonly unknown[], Handlers> {
  readonly name: Name;
  /** Never set; carries the handlers' type. */
  readonly [answers]: (handlers: Handlers) => Handlers;
  /** Makes what runs in one process. @internal */
  behave(process: Process, args: Args): Behaviour;
}

// biome-ignore lint/suspicious/noExplicitAny: stands for every actor; only `any` is compatible with all of them
export type AnyActor = Actor<string, any, any>;

/** Arguments of an actor's setup function. */
// biome-ignore lint/suspicious/noExplicitAny: inferred around
export type ArgsOf<A> = A extends Actor<string, infer Args, any> ? Args : never;

/** Methods of an actor, or of a plain interface. */
// biome-ignore lint/suspicious/noExplicitAny: inferred around
export type MethodsOf<T> = T extends Actor<string, any, infer Handlers> ? Handlers : T;

// biome-ignore lint/suspicious/noExplicitAny: any function is a method
type AnyMethod = (...args: any[]) => unknown;

type MethodKeys<H> = {
  [K in keyof H & string]: H[K] extends AnyMethod ? K : never;
}[keyof H & string];

/** Names of the methods that answer at a `Destination<T>`. */
export type MethodName<T> = unknown extends T ? string : MethodKeys<MethodsOf<T>>;

export type MethodArgs<T, M> = unknown extends T
  ? unknown[]
  : M extends keyof MethodsOf<T>
    ? MethodsOf<T>[M] extends (...args: infer Args) => unknown
      ? Args
      : never
    : never;

export type MethodResult<T, M> = unknown extends T
  ? unknown
  : M extends keyof MethodsOf<T>
    ? MethodsOf<T>[M] extends (...args: never[]) => infer Result
      ? Answer<Result>
      : never
    : never;

/** What the caller gets when a handler returns `Result`. */
type Answer<Result> = Awaited<Result> extends Deferred<infer T> ? T : Awaited<Result>;

/** The methods of `T` as functions that call them, each returning a promise. */
export type Client<T> = unknown extends T
  ? // A typed index signature would make every method possibly undefined to those who check indexed access.
    // biome-ignore lint/suspicious/noExplicitAny: nothing is known of the methods
    { readonly [method: string]: any }
  : { readonly [M in MethodName<T>]: (...args: MethodArgs<T, M>) => Promise<MethodResult<T, M>> };

export interface CallOptions {
  /** Milliseconds to wait for the answer; `Infinity` waits for ever. @default 5000 */
  readonly timeout?: number;
  /** Gives up when aborted: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Also whether the end of the process that is called is news: true. False leaves out MONITOR_P and DEMONITOR_P, half of what a
 * call sends, where the loss of the connection, which always ends a call, and its time-out tell enough.
 */
export interface PlainCallOptions extends CallOptions {
  readonly monitor?: boolean;
}

export interface ReceiveOptions {
  /** Milliseconds to wait, then `CallTimeoutError`; 0 takes only what is there. @default Infinity */
  readonly timeout?: number;
  /** Gives up when aborted: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A bound on a mailbox. */
export interface MailboxOptions {
  /** Messages that may wait. */
  readonly max: number;
  /**
   * What a message does that finds it full: `drop` loses it (a call is refused at once, `send` answers false), `exit`
   * ends the process with reason `mailbox_full`. Either way `process.mailbox_full` is counted and published.
   * @default 'drop'
   */
  readonly onFull?: 'drop' | 'exit';
}

export interface SpawnOptions {
  /** Local name to register, before anything runs. */
  readonly name?: string;
  /** @default unbounded */
  readonly mailbox?: MailboxOptions;
}

export interface SpawnMonitorOptions extends SpawnOptions {
  /** Links the new process to the caller, before anything runs. */
  readonly link?: boolean;
}

export interface SpawnFromSelfOptions extends SpawnMonitorOptions {
  /** Monitors it, before anything runs: its `Down` carries its pid. `spawnMonitor` gives the monitor's reference too. */
  readonly monitor?: boolean;
}

export interface SpawnOnOptions {
  /** Gives up when aborted: the promise rejects with the signal's reason, the process may be started all the same. */
  readonly signal?: AbortSignal;
}

/** Ties are made by the node that spawns, together with the process: it cannot end in between. */
export interface SpawnMonitorOnOptions extends SpawnOnOptions {
  /** Links the new process to the caller, before anything runs. */
  readonly link?: boolean;
}

export interface SpawnOnFromSelfOptions extends SpawnMonitorOnOptions {
  /** Monitors it, before anything runs: its `Down` carries its pid. `spawnMonitorOn` gives the reference too. */
  readonly monitor?: boolean;
}

/** A function that is run as a process. */
export type Body<Args extends readonly unknown[]> = (self: Self, ...args: Args) => unknown;

/** Arguments and options behind the actor in `spawn`; arguments may be left out where there are none. */
export type SpawnRest<Args extends readonly unknown[], Options> = Args extends readonly []
  ? [args?: readonly [], options?: Options]
  : [] extends Args
    ? [args?: Args, options?: Options]
    : [args: Args, options?: Options];

export type { Destination };
