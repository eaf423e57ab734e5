/**
 * What stands in for the name server on a node that all see and that keeps no global names (`registry: false`). A BEAM's
 * `global:sync/0` waits for every visible node to say that it is in sync; so this one says it, and nothing else: it takes
 * no lock, keeps no name, and is nobody's member.
 *
 * @see OTP, global.erl, sync_loop/2 and handle_cast({in_sync, …})
 */
import { actor } from '../../actor/actor.ts';
import { At } from '../../process/destination.ts';
import type { AnyActor } from '../../process/protocol.ts';
import { GEN_CAST } from '../../process/requests.ts';
import { NodeUp } from '../../process/system-messages.ts';
import { atom } from '../../term/atom.ts';
import { tuple } from '../../term/tuple.ts';
import { isVisible } from '../node-up.ts';
import { GLOBAL_NAME_SERVER, inSync } from './messages.ts';

/** Its name: the other one would be taken for a name server by who looks. */
export const GLOBAL_ABSENCE = 'global_absence';

/** @param visible - connected nodes, without hidden ones */
export function absentNameServer(visible: () => readonly string[]): AnyActor {
  return actor(GLOBAL_ABSENCE, (self) => {
    const greet = (node: string): void => {
      self.send(new At(node, atom(GLOBAL_NAME_SERVER)), tuple(GEN_CAST, inSync(self.node)));
    };
    self.onMessage((message) => {
      if (message instanceof NodeUp && isVisible(message)) greet(message.node);
    });
    self.monitorNodes();
    for (const node of visible()) greet(node);
    return {};
  });
}
