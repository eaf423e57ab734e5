import type { Rejections } from '../env/rejections.ts';
import { rejections, tellOwner } from '../platform/rejections.ts';
import type { SimProcess } from './process.ts';
import type { VirtualClock } from './virtual-clock.ts';

/*
 * Promises that are rejected for nobody are the affair of the process that made them, in a simulation as elsewhere: they
 * are its exit reason. Test runners listen too, and call any such promise a failure of the test. So while a simulated node
 * runs, what has an owner is told to him alone; the rest goes to whoever listens, as ever.
 *
 * The clock gives the platform a turn after callbacks that run a process, so that it is told at the same virtual moment each
 * time.
 */

const EVENT = 'unhandledRejection';
type Emit = (this: NodeJS.Process, event: string | symbol, ...args: unknown[]) => boolean;

let listening = 0;
let emit: Emit = process.emit as Emit;

function emitToOwners(this: NodeJS.Process, event: string | symbol, ...args: unknown[]): boolean {
  if (event === EVENT && tellOwner(args[0], args[1] as Promise<unknown>)) return true;
  return emit.call(this, event, ...args);
}

function begin(): void {
  listening += 1;
  if (listening > 1 || (process.emit as Emit) === emitToOwners) return;
  emit = process.emit as Emit;
  process.emit = emitToOwners as typeof process.emit;
}

function end(): void {
  listening -= 1;
  // Whoever has put his own before ours meanwhile keeps it; ours hands on what has no owner.
  if (listening === 0 && (process.emit as Emit) === emitToOwners) process.emit = emit as typeof process.emit;
}

/** Rejections of one simulated process; it ends with it, whether its node was stopped or crashed. */
export function simRejections(owner: SimProcess, clock: VirtualClock): Rejections {
  return {
    listen() {
      begin();
      const unlisten = rejections.listen();
      let isOver = false;
      const over = (): void => {
        if (isOver) return;
        isOver = true;
        unlisten();
        end();
      };
      const forget = owner.onEnd(over);
      return () => {
        forget();
        over();
      };
    },
    run(to, fn, arg) {
      clock.oweTurn();
      rejections.run(to, fn, arg);
    },
    current: rejections.current,
  };
}
