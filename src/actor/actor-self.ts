import type { Deferred } from '../process/deferred.ts';
import type { Process } from '../process/process.ts';
import { Self } from '../process/self.ts';
import type { Down, Exit } from '../process/system-messages.ts';
import type { ActorBehaviour } from './behaviour.ts';

/** `self` of an actor: that of any process, and places for what is neither call nor cast. Set them during setup or later. */
export class ActorSelf extends Self {
  readonly #behaviour: ActorBehaviour;

  /** @internal */
  constructor(process: Process, behaviour: ActorBehaviour) {
    super(process);
    this.#behaviour = behaviour;
  }

  /** Messages that are neither call nor cast. With a guard, those it accepts; the first handler that accepts has it. */
  onMessage(handler: (message: unknown) => unknown): void;
  onMessage<M>(guard: (message: unknown) => message is M, handler: (message: M) => unknown): void;
  onMessage(...args: readonly ((message: never) => unknown)[]): void {
    const handler = args.at(-1) as (message: unknown) => unknown;
    const guard = args.length > 1 ? (args[0] as (message: unknown) => boolean) : undefined;
    this.#behaviour.onMessage(guard, handler);
  }

  /** `Down` messages of our monitors. Without it they go to `onMessage`. */
  onDown(handler: (down: Down) => unknown): void {
    this.#behaviour.hooks.onDown = handler;
  }

  /** `Exit` messages, which come when `trapExit` is set. Without it they go to `onMessage`. */
  onExit(handler: (exit: Exit) => unknown): void {
    this.#behaviour.hooks.onExit = handler;
  }

  /**
   * Runs before the end is announced, whatever the reason, a crash included; not when the process is killed. What has
   * to happen even then hangs on `signal`. Several run last first; a promise is waited for.
   */
  onStop(handler: (reason: unknown) => unknown): void {
    this.#behaviour.hooks.onStop.push(handler);
  }

  /**
   * The state that `sys:get_state/1` and `sys:get_status/1` of a BEAM are told, as a term. By default it is what the
   * object of handlers holds beside the methods, as a map with atom keys.
   */
  onGetState(read: () => unknown): void {
    this.#behaviour.hooks.onGetState = read;
  }

  /**
   * Takes the state that `sys:replace_state/2` of a BEAM has made of the one that it was told. By default the values
   * beside the methods are set; where `onGetState` shows something else, this has to be set too, or it is refused.
   */
  onReplaceState(replace: (state: unknown) => void): void {
    this.#behaviour.hooks.onReplaceState = replace;
  }

  /**
   * Inside a handler: its caller gets the answer later, from the object this returns, and what the handler itself
   * returns is nobody's answer (return the object, so that callers see the right type). For a cast it does nothing.
   */
  deferReply<T = unknown>(): Deferred<T> {
    return this.#behaviour.deferReply() as Deferred<T>;
  }
}
