import { checkNamed } from '../process/checks.ts';
import type { Actor } from '../process/protocol.ts';
import type { ActorSelf } from './actor-self.ts';
import { ActorBehaviour, type Setup } from './behaviour.ts';

/**
 * Defines a kind of process that answers calls. `setup` runs first in each process of it and returns the methods; what
 * it closes over is the process's state. Handlers run one at a time, also when they are async; a throw or a rejection
 * ends the process with that as its reason. None may be called `then`: an object with that is a promise to JavaScript.
 *
 * @param name - for people, for `spawnOn` and for a BEAM, where it is the module
 */
export function actor<const Name extends string, Args extends readonly unknown[], Handlers>(
  name: Name,
  setup: (self: ActorSelf, ...args: Args) => Handlers,
): Actor<Name, Args, HandlersOf<Handlers>> {
  checkNamed('actor', name, setup);
  const behave: Actor<Name, Args, unknown>['behave'] = (process, args) =>
    new ActorBehaviour(process, setup as unknown as Setup, args);
  return Object.freeze({ name, behave }) as unknown as Actor<Name, Args, HandlersOf<Handlers>>;
}

/** What setup returns, or promises; no methods where it returns nothing or only throws. */
type HandlersOf<Made> = [Awaited<Made>] extends [never]
  ? object
  : Awaited<Made> extends object
    ? Awaited<Made>
    : object;
