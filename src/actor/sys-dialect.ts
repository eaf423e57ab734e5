import { At } from '../process/destination.ts';
import type { Self } from '../process/self.ts';
import type { ProcessSystem } from '../process/system.ts';
import { Down } from '../process/system-messages.ts';
import { atom } from '../term/atom.ts';
import { Tuple, tuple } from '../term/tuple.ts';

const PROBE = atom('beamish_probe');
const REX = atom('rex');
const OK = atom('ok');
/** Who asks for a state waits 5,000 ms for it. */
const PROBE_MS = 2_000;

/** Whether a request asks how states are answered, which is answered plainly. */
export function isProbe(tag: unknown): boolean {
  return tag instanceof Tuple && tag.elements[0] === PROBE;
}

/**
 * Whether the sys of a node takes states as `{ok, State}`, or bare. OTP changed it between 25 and 27, and its releases fail
 * at each other's form; nothing in the handshake tells them apart. So a process that every BEAM has is asked for its
 * state: it answers in the form that its release knows. Nodes without one get it bare.
 */
export function wantsOk(system: ProcessSystem, node: string): Promise<boolean> {
  return new Promise((resolve) => {
    // Nothing is spawned any more.
    if (system.stopping) {
      resolve(false);
      return;
    }
    const probe = async (self: Self): Promise<void> => {
      const tag = tuple(PROBE, system.makeRef());
      const rex = new At(node, REX);
      self.monitor(rex);
      self.send(rex, tuple(atom('system'), tuple(self.pid, tag), atom('get_state')));
      const isAnswer = (message: unknown): message is Tuple | Down =>
        message instanceof Down || (message instanceof Tuple && isProbe(message.elements[0]));
      const answer = await self.receive(isAnswer, { timeout: PROBE_MS });
      const state = answer instanceof Tuple ? answer.elements[1] : undefined;
      resolve(state instanceof Tuple && state.length === 2 && state.elements[0] === OK);
    };
    // It ends without an answer when none comes in time, or the node stops meanwhile.
    const process = system.start((self: Self) => probe(self).catch(() => undefined), []);
    system.whenEnded(process, () => resolve(false));
  });
}
