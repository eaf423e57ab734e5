/**
 * Statecharts: any XState v5 logic (machine, promise, callback, observable, transition) run as a process.
 *
 * The process is the outside of one XState actor system: it owns the root actor, and all that the root spawns or
 * invokes lives and ends with it. Messages of the process are its events, one at a time; its delays run on the node's
 * clock; `sendTo(actorRef(...))` leaves as a message of the process. XState handles an event to its end at once, so
 * between two messages the machine always rests in a state, and a delay that falls due never meets it half-way.
 *
 * Ends meet in both directions. The root is done: the process ends with `normal`. The root fails, in a handler or when
 * a delay fires: the process crashes with that error as reason. The process ends, for whatever reason, killed too: the
 * machine is stopped, with its children and its timers.
 */
import { format } from 'node:util';
import {
  type AnyActorLogic,
  type AnyEventObject,
  createActor,
  type EventFromLogic,
  type InputFrom,
  type InspectionEvent,
} from 'xstate';
import { OptionsError } from '../errors.ts';
import { checkKnown } from '../option-checks.ts';
import { checkName, show } from '../process/checks.ts';
import type { AnyDestination } from '../process/destination.ts';
import type { Process } from '../process/process.ts';
import type { Actor } from '../process/protocol.ts';
import { NORMAL } from '../process/reasons.ts';
import { atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { ProcessRef } from './actor-ref.ts';
import type { ActorSelf } from './actor-self.ts';
import { ActorBehaviour } from './behaviour.ts';
import { eventOf } from './statechart-event.ts';
import { type StatechartSnapshot, snapshotData } from './statechart-snapshot.ts';
import { Subscribers } from './subscribers.ts';

/** Arguments to spawn a statechart with: its input, which may be left out where the logic does without. */
export type StatechartArgs<Logic extends AnyActorLogic> =
  undefined extends InputFrom<Logic> ? [input?: InputFrom<Logic>] : [input: InputFrom<Logic>];

/** The methods of a statechart. */
export interface StatechartMethods<Logic extends AnyActorLogic> {
  /** The latest snapshot, as plain data. When it cannot travel to the caller, that is refused to the caller alone. */
  snapshot(): StatechartSnapshot<Logic>;
  /** An event; a call is answered once it has been handled to its end. Sent as a message, events are not answered. */
  send(event: EventFromLogic<Logic>): void;
}

export interface StatechartOptions {
  /** Told what happens inside, as the option of XState's `createActor`. An error it throws ends the process. */
  readonly inspect?: (event: InspectionEvent) => void;
}

const BADARG = atom('badarg');

/**
 * Makes XState logic a kind of process. Objects with a `type`, `{type, Map}` tuples and bare atoms that reach it are its
 * events; other messages are counted and ignored, and so are events whose type XState keeps for itself (`xstate.…`).
 *
 * ```ts
 * const Light = statechart('light', lightMachine);
 * const pid = node.spawn(Light, [{ seconds: 30 }], { name: 'light' });
 * node.send(pid, { type: 'tick' });
 * for await (const { value } of node.watch(pid)) console.log(value);
 * ```
 *
 * @param name - for people, for `spawnOn` and for a BEAM, where it is the module
 */
export function statechart<const Name extends string, Logic extends AnyActorLogic>(
  name: Name,
  logic: Logic,
  options: StatechartOptions = {},
): Actor<Name, StatechartArgs<Logic>, StatechartMethods<Logic>> {
  checkName('statechart', name);
  if (typeof (logic as AnyActorLogic | undefined)?.transition !== 'function')
    throw new OptionsError('logic', `statechart ${name}: expected XState logic, got ${show(logic)}`);
  checkKnown(options, '', ['inspect']);
  const behave: Actor<Name, readonly unknown[], unknown>['behave'] = (process, args) => {
    const setup = (self: ActorSelf, input?: unknown): object => run(process, self, logic, input, options);
    return new ActorBehaviour(process, setup, args);
  };
  return Object.freeze({ name, behave }) as unknown as Actor<
    Name,
    StatechartArgs<Logic>,
    StatechartMethods<Logic>
  >;
}

/** Setup of one process: starts the machine, and returns the methods. */
function run(
  process: Process,
  self: ActorSelf,
  logic: AnyActorLogic,
  input: unknown,
  { inspect }: StatechartOptions,
): object {
  const { system } = process;
  /** What the machine, or a send of it, failed with while we hold the reins: thrown once XState has returned. */
  let failure: { readonly error: unknown } | undefined;
  let holding = false;
  let done = false;

  const fail = (error: unknown): void => {
    if (holding) failure ??= { error };
    else if (process.alive) system.fail(process, error);
    else system.reportCrash(process, error);
  };
  /** Runs XState; its errors come out here. */
  const hold = (work: () => void): void => {
    holding = true;
    try {
      work();
    } finally {
      holding = false;
    }
    const { error } = failure ?? {};
    const failed = failure !== undefined;
    failure = undefined;
    if (failed) throw error;
  };
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      fail(error);
    }
  };
  const route = (to: AnyDestination, event: AnyEventObject): void => guarded(() => self.send(to, event));

  const root = createActor(logic, {
    input,
    clock: system.clock,
    logger: (...line: unknown[]) => system.logger.info('process', `${process.label}: ${format(...line)}`),
    inspect: (seen) => {
      // XState tells of an event right before it hands it over: the one place that knows both the target and the system.
      if (seen.type === '@xstate.event' && (seen.actorRef as unknown) instanceof ProcessRef)
        (seen.actorRef as unknown as ProcessRef).routeNext(route);
      if (inspect !== undefined) guarded(() => inspect(seen));
    },
  });
  const data = (): unknown => snapshotData(root.getSnapshot());
  const subscribers = new Subscribers(self, data);
  let told: unknown = root.getSnapshot();
  root.subscribe({
    next: (snapshot) => {
      if (snapshot === told || !process.alive) return;
      told = snapshot;
      guarded(() => subscribers.changed(snapshot.status === 'done'));
    },
    error: fail,
    complete: () => {
      if (root.getSnapshot().status !== 'done') return;
      done = true;
      // After the answer to whoever sent the last event.
      queueMicrotask(() => system.terminate(process, NORMAL, undefined));
    },
  });

  const stop = (): void => {
    root.stop();
  };
  self.onStop(stop);
  // Who is killed has no `onStop`.
  system.whenEnded(process, stop);
  hold(() => root.start());

  const accept = (event: AnyEventObject): void => {
    if (done) self.exit(NORMAL);
    hold(() => root.send(event));
  };
  self.onMessage((message) => {
    const event = eventOf(message);
    if (event === undefined) system.telemetry.count('actor.unhandled_message');
    else accept(event);
  });
  self.onDown((down) => subscribers.down(down.ref));

  /** Refuses to the caller alone what makes no sense. */
  const refuse = (term: unknown): void => self.deferReply().fail(tuple(BADARG, term));
  return {
    snapshot: data,
    send: (message: unknown) => {
      const event = eventOf(message);
      if (event === undefined) refuse(message);
      else accept(event);
    },
    watch: (pid: unknown): Tuple | undefined => {
      if (!(pid instanceof Pid)) {
        refuse(pid);
        return undefined;
      }
      subscribers.add(pid);
      return new Tuple([self.pid, data()]);
    },
    next: (pid: unknown): void => {
      if (pid instanceof Pid) subscribers.ask(pid);
    },
    unwatch: (pid: unknown): void => {
      if (pid instanceof Pid) subscribers.remove(pid);
    },
  };
}
