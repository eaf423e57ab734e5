import type { Rejections } from '../env/rejections.ts';
import { ContextOwners, type Owners, PromiseOwners } from './owners.ts';

/*
 * Promises that are rejected while nobody waits for them, told to the process whose code made them.
 *
 * How far a process's code is followed depends on the platform. From Node.js 24 on: everywhere, into the callbacks of
 * timers, sockets and emitters too. On Node.js 20 and 22: through promises alone. What a raw callback there leaves behind
 * (`setTimeout(async () => { throw … })`) belongs to nobody, and the platform does with it what it always does: it ends the
 * program, with the error on stderr. Following callbacks as well would cost two fifths of local calls and spawns there.
 * What such a callback throws outright is an uncaught exception, not a rejection, and ends the program everywhere.
 *
 * The program has one `unhandledRejection` event, so all nodes in it share listener and owners, which are there while one
 * of them runs.
 */
const FOLLOWS_CALLBACKS = Number.parseInt(process.versions.node, 10) >= 24;

const owners: Owners = FOLLOWS_CALLBACKS ? new ContextOwners() : new PromiseOwners();
let listening = 0;

/** Tells the owner of a promise that was rejected for nobody. False: it has none. */
export function tellOwner(error: unknown, promise: Promise<unknown>): boolean {
  const owner = owners.ownerOf(promise);
  if (owner === undefined) return false;
  // Whatever is done about it is not the doing of that process.
  owners.run(undefined, () => owner.unhandledRejection(error), undefined);
  return true;
}

function onUnhandledRejection(error: unknown, promise: Promise<unknown>): void {
  if (tellOwner(error, promise)) return;
  if (process.listenerCount('unhandledRejection') > 1) return;
  // Nobody's, and nobody else listens: a promise rejected anew meets no listener at all, so that the platform does what
  // it does by default, whatever `--unhandled-rejections` says.
  process.off('unhandledRejection', onUnhandledRejection);
  void Promise.reject(error);
  setImmediate(() => {
    if (listening > 0 && !process.listeners('unhandledRejection').includes(onUnhandledRejection))
      process.on('unhandledRejection', onUnhandledRejection);
  }).unref();
}

export const rejections: Rejections = {
  listen() {
    if (listening === 0) {
      process.on('unhandledRejection', onUnhandledRejection);
      owners.follow();
    }
    listening += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      listening -= 1;
      if (listening > 0) return;
      process.off('unhandledRejection', onUnhandledRejection);
      owners.unfollow();
    };
  },
  run: (owner, fn, arg) => owners.run(owner, fn, arg),
  current: () => owners.current(),
};
