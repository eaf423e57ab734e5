import {
  Acceptor,
  type AcceptorAction,
  type AcceptorOptions,
  type Decision,
} from '../../src/handshake/acceptor.ts';
import { offeredFlags } from '../../src/handshake/flags.ts';
import { Initiator, type InitiatorAction, type InitiatorOptions } from '../../src/handshake/initiator.ts';
import type { CloseAction, UpAction } from '../../src/handshake/machine.ts';

export const ALPHA = { name: 'alpha@127.0.0.1', creation: 7, flags: offeredFlags(false) };
export const BETA = { name: 'beta@127.0.0.1', creation: 9, flags: offeredFlags(false) };

export function initiator(options: Partial<InitiatorOptions> = {}): Initiator {
  return new Initiator({
    local: ALPHA,
    peer: BETA.name,
    cookieFor: () => 'shared',
    challenge: 0xfedcba98,
    ...options,
  });
}

export function acceptor(options: Partial<AcceptorOptions> = {}): Acceptor {
  return new Acceptor({
    local: BETA,
    address: '127.0.0.1:5000',
    cookieFor: () => 'shared',
    challenge: 0x89abcdef,
    ...options,
  });
}

export interface Outcome {
  initiator?: UpAction | CloseAction;
  acceptor?: UpAction | CloseAction;
  /** Messages in the order they were sent. */
  readonly wire: { readonly by: 'initiator' | 'acceptor'; readonly body: Uint8Array }[];
}

/** Joins two halves with a list. The one that closes takes the other's stream down. */
export function join(
  i: Initiator,
  a: Acceptor,
  decide: (peer: string, dynamic: boolean) => Decision = () => ({ type: 'decide', status: 'ok' }),
  wanted = true,
): Outcome {
  const outcome: Outcome = { wire: [] };
  const queue: (() => void)[] = [];
  const performInitiator = (actions: readonly InitiatorAction[]): void => {
    for (const action of actions) {
      if (action.type === 'send') {
        outcome.wire.push({ by: 'initiator', body: action.body });
        queue.push(() => performAcceptor(a.step({ type: 'frame', body: action.body })));
      } else if (action.type === 'ask')
        queue.push(() => performInitiator(i.step({ type: 'decide', wanted })));
      else if (action.type === 'up') outcome.initiator = action;
      else if (action.type === 'close') {
        outcome.initiator = action;
        queue.push(() => performAcceptor(a.step({ type: 'closed' })));
      }
    }
  };
  const performAcceptor = (actions: readonly AcceptorAction[]): void => {
    for (const action of actions) {
      if (action.type === 'send') {
        outcome.wire.push({ by: 'acceptor', body: action.body });
        queue.push(() => performInitiator(i.step({ type: 'frame', body: action.body })));
      } else if (action.type === 'ask')
        queue.push(() => performAcceptor(a.step(decide(action.peer, action.dynamic))));
      else if (action.type === 'up') outcome.acceptor = action;
      else if (action.type === 'close') {
        outcome.acceptor = action;
        queue.push(() => performInitiator(i.step({ type: 'closed' })));
      }
    }
  };
  performAcceptor(a.start());
  performInitiator(i.start());
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) next();
  return outcome;
}
