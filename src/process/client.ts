import { Pid } from '../term/identifiers.ts';
import { checkWaiting } from './checks.ts';
import { At, type Destination, Global } from './destination.ts';
import type { CallOptions } from './protocol.ts';

type CallMethod = (
  to: Destination,
  method: string,
  args: readonly unknown[],
  options: CallOptions | undefined,
) => Promise<unknown>;

/**
 * Makes the object that `client(...)` returns: every method name is a function that calls it. Of `(actor, to, options)`
 * and `(to, options)` the first argument tells which it is.
 * @throws OptionsError
 */
export function makeClient(args: readonly unknown[], call: CallMethod): object {
  const first = args[0];
  const isDestination =
    typeof first === 'string' || first instanceof Pid || first instanceof At || first instanceof Global;
  const [to, options] = (isDestination ? args : args.slice(1)) as [Destination, CallOptions | undefined];
  if (options !== undefined) checkWaiting(options);
  const methods = new Map<string, (...callArgs: unknown[]) => Promise<unknown>>();
  return new Proxy(Object.create(null) as object, {
    get(_target, key) {
      // A client is no promise, though it is often returned from async functions.
      if (typeof key !== 'string' || key === 'then') return undefined;
      let method = methods.get(key);
      if (method === undefined) {
        method = (...callArgs) => call(to, key, callArgs, options);
        methods.set(key, method);
      }
      return method;
    },
  });
}
