import { actor } from '../actor/actor.ts';
import type { ActorSelf } from '../actor/actor-self.ts';
import { isUnsendable, unsendableReason } from '../process/reasons.ts';
import type { Self } from '../process/self.ts';
import type { ProcessSystem } from '../process/system.ts';
import { Atom, atom } from '../term/atom.ts';
import { encodeTerm } from '../term/etf/codec.ts';
import { Pid } from '../term/identifiers.ts';
import { Tuple, tuple } from '../term/tuple.ts';
import { exitReason, invoke, type Outcome, reportFailedCast, rexResult } from './erpc.ts';
import type { Exports } from './exports.ts';
import { IO_REPLY, IO_REQUEST, serve } from './user.ts';

const REX = atom('rex');
const CALL = atom('call');
const SEND = atom('send');
const SEND_STDOUT = atom('send_stdout_to_caller');
const SBCAST = atom('sbcast');
const FEATURES_REQUEST = atom('features_request');
const FEATURES_REPLY = atom('features_reply');
const NONEXISTING_NAME = atom('nonexisting_name');

/**
 * The registered process `rex`, where callers of old knock: `rpc:block_call`, `erl_call -a`, Jinterface's `sendRPC`,
 * `ei_rpc`, `rpc:sbcast`. As in OTP:
 *
 * - the requests `{call, M, F, A, GroupLeader}` and `{block_call, ...}` are answered with the plain result or
 *   `{badrpc, {'EXIT', Reason}}`; a `call` runs in a process of its own, a `block_call` holds up all others
 * - the cast `{cast, M, F, A, GroupLeader}` is not answered
 * - the bare message `{Pid, {call, M, F, A, GroupLeader}}` is answered `{rex, Result}`; with `send_stdout_to_caller` for
 *   a group leader, output comes first, as `{rex_stdout, Binary}`
 * - `{Pid, {sbcast, Name, Msg}}` is answered `{rex, Node, Node}`, or `{rex, Node, {nonexisting_name, Name}}`;
 *   `{Pid, {send, Name, Msg}}` passes on `{Pid, Msg}` and is answered in the second case alone
 * - `{Pid, features_request}` is answered `{features_reply, Node, [erpc]}`
 *
 * Unlike OTP's it cannot be stopped by a request.
 */
export const rex = actor('rex', (self: ActorSelf, exports: Exports, processes: ProcessSystem) => {
  const here = atom(self.node);

  /** Runs a function in a process of its own, and tells how it ended. */
  const run = ([module, fn, args, leader]: readonly unknown[], told: (outcome: Outcome) => void): void => {
    let settled = false;
    const once = (outcome: Outcome): void => {
      if (!settled) told(outcome);
      settled = true;
    };
    const rpc = async (caller: Self) => once(await invoke(exports, caller, module, fn, args));
    const process = processes.start(rpc, []);
    // Else the atom `user`: output stays here.
    if (leader instanceof Pid) process.extra.groupLeader = leader;
    processes.whenEnded(process, (reason) => once({ kind: 'signal', reason }));
  };

  const bare = (from: Pid, request: unknown): void => {
    if (request === FEATURES_REQUEST) {
      processes.send(from, tuple(FEATURES_REPLY, here, [atom('erpc')]));
      return;
    }
    if (!(request instanceof Tuple)) return;
    const [what, a, b, c, leader] = request.elements;
    if (what === CALL && request.length === 5) {
      // A C node that wants the output beside the result: its leader hands over both, so that they keep their order.
      const scribe = leader === SEND_STDOUT ? processes.spawn(stdoutToCaller, [from]) : undefined;
      run([a, b, c, scribe ?? leader], (outcome) =>
        processes.send(scribe ?? from, tuple(REX, sendable(outcome))),
      );
    } else if ((what === SBCAST || what === SEND) && request.length === 3) {
      const name = a instanceof Atom ? self.whereis(a.name) : a instanceof Pid ? a : undefined;
      if (name === undefined) processes.send(from, tuple(REX, here, tuple(NONEXISTING_NAME, a)));
      else if (what === SEND) processes.send(name, tuple(from, b));
      else {
        processes.send(name, b);
        processes.send(from, tuple(REX, here, here));
      }
    }
  };
  const isBare = (message: unknown): message is Tuple =>
    message instanceof Tuple && message.length === 2 && message.elements[0] instanceof Pid;
  self.onMessage(isBare, (message) => bare(message.elements[0] as Pid, message.elements[1]));

  return {
    call: (...call: readonly unknown[]) => {
      const deferred = self.deferReply();
      run(call, (outcome) => deferred.reply(sendable(outcome)));
      return deferred;
    },
    block_call: async (...call: readonly unknown[]) =>
      sendable(await new Promise<Outcome>((resolve) => run(call, resolve))),
    cast: (...call: readonly unknown[]) =>
      run(call, (outcome) => {
        if (outcome.kind !== 'return')
          reportFailedCast(processes, tuple(...call.slice(0, 3)), exitReason(outcome));
      }),
  };
});

/**
 * A group leader that sends text to a C node as `{rex_stdout, Binary}`, until the result comes, which it passes on, too.
 */
async function stdoutToCaller(self: Self, caller: Pid): Promise<void> {
  for await (const message of self) {
    if (!(message instanceof Tuple)) continue;
    const [what, from, replyAs, request] = message.elements;
    if (what === REX) {
      self.send(caller, message);
      return;
    }
    if (what !== IO_REQUEST || !(from instanceof Pid)) continue;
    const reply = serve(request, (text) => self.send(caller, tuple(atom('rex_stdout'), text)));
    self.send(from, tuple(IO_REPLY, replyAs, reply));
  }
}

/** The result as a term that can travel: what has none is a failure of that call, not of rex. */
function sendable(outcome: Outcome): unknown {
  const result = rexResult(outcome);
  try {
    encodeTerm(result);
    return result;
  } catch (error) {
    if (!isUnsendable(error)) throw error;
    return rexResult({ kind: 'exit', reason: unsendableReason(error) });
  }
}
