import { actor } from '../actor/actor.ts';
import type { ChildInfo, SupervisorMethods } from '../actor/supervisor.ts';
import type { Process } from '../process/process.ts';
import { SHUTDOWN } from '../process/reasons.ts';
import type { ProcessSystem } from '../process/system.ts';
import { atom } from '../term/atom.ts';
import { Pid } from '../term/identifiers.ts';
import { type Tuple, tuple } from '../term/tuple.ts';

export const USER_SUPERVISOR = 'user_sup';

const SIMPLE = atom('simple_one_for_one');
const NOT_FOUND = atom('not_found');

/** What it answers: as a supervisor of children that are all temporary, and are started by others. */
type UserMethods = Pick<SupervisorMethods, 'whichChildren' | 'countChildren'>;

/**
 * The place in the tree of all processes that a program starts by itself. It keeps no list of them (who is in the table
 * of processes and has no supervisor is here), so it costs them nothing; it starts none, and starts none again. It takes
 * them down when the node stops. Its own end does them no harm, and the next one finds them all.
 */
export function userSupervisor(processes: ProcessSystem) {
  return actor(USER_SUPERVISOR, (self) => {
    processes.rootKeeper = self.pid;
    self.trapExit = true;
    self.onStop(async () => {
      if (processes.stopping) await processes.stopRoots();
    });
    const count = () => {
      const roots = processes.roots();
      const supervisors = roots.filter(supervises).length;
      return { specs: 1, active: roots.length, supervisors, workers: roots.length - supervisors };
    };
    const refused = (): Tuple => tuple(atom('error'), SIMPLE);
    const methods: UserMethods = {
      whichChildren: () =>
        processes.roots().map(
          (process): ChildInfo => ({
            id: process.label,
            pid: process.pid,
            type: supervises(process) ? 'supervisor' : 'worker',
            actor: process.label,
          }),
        ),
      countChildren: count,
    };
    return {
      ...methods,
      which_children: () =>
        processes
          .roots()
          .reverse()
          .map((process) =>
            tuple(atom('undefined'), process.pid, atom(supervises(process) ? 'supervisor' : 'worker'), [
              atom(process.label),
            ]),
          ),
      count_children: () => Object.entries(count()).map(([key, value]) => tuple(atom(key), value)),
      terminate_child: (pid: unknown) => {
        if (!(pid instanceof Pid)) return refused();
        const process = processes.lookup(pid);
        if (process === undefined || process.supervised) return tuple(atom('error'), NOT_FOUND);
        processes.exit(pid, SHUTDOWN);
        return atom('ok');
      },
      start_child: refused,
      restart_child: refused,
      delete_child: refused,
    };
  });
}

function supervises(process: Process): boolean {
  return process.extras?.supervises === true;
}
