/**
 * What both halves of the handshake share. The room knows the exchange and nothing of sockets, clocks or other
 * connections: the owner feeds it frames and grants what it wishes for, in order.
 *
 * The exchange: the initiator says its name, the acceptor answers with a status (what it knows of that name) and
 * with a challenge; the initiator proves the cookie and challenges in turn; the acceptor proves it too. Both ends
 * are then `up`. The cookie itself never travels.
 *
 * Each step has 7 seconds. The owner keeps one timer: `arm` sets it anew, `up` and `close` end it. After either,
 * every further event is answered with nothing.
 */
import { HandshakeError, messageOf } from '../errors.ts';
import { DistFlag, type DistFlags, hasFlag } from './flags.ts';
import type { HandshakeVersion, StatusWord } from './messages.ts';

/** How long one step may take. As OTP's `net_setuptime`. */
export const SETUP_TIMEOUT_MS = 7000;

/** The other node, as the handshake learnt to know it. */
export interface PeerNode {
  readonly name: string;
  /** Incarnation, unsigned 32-bit. 0 where version 5 left it unsaid. */
  readonly creation: number;
  /** Flags in force: those that both sides told. */
  readonly flags: DistFlags;
  /** Either side is hidden, so both treat the connection as hidden. */
  readonly hidden: boolean;
  readonly version: HandshakeVersion;
}

/** What a node says of itself. */
export interface LocalNode {
  /** `name@host`; for an initiator that asks for its name, the host alone. */
  readonly name: string;
  readonly creation: number;
  readonly flags: DistFlags;
}

/** What can happen to either half. */
export type HandshakeEvent =
  /** A whole handshake message, without its length. Read before `step` returns; not kept. */
  | { readonly type: 'frame'; readonly body: Uint8Array }
  /** The armed timer fired. */
  | { readonly type: 'timeout' }
  /** The peer ended the stream, or it broke. */
  | { readonly type: 'closed'; readonly cause?: unknown };

/** What either half may wish for. */
export type HandshakeAction =
  /** Send this body, with a 2-byte length in front. */
  | { readonly type: 'send'; readonly body: Uint8Array }
  /** Send a `timeout` event this much later, unless armed again before. */
  | { readonly type: 'arm'; readonly timer: 'reply'; readonly afterMs: number }
  | UpAction
  | CloseAction;

export interface UpAction {
  readonly type: 'up';
  readonly peer: PeerNode;
  /** An older connection to the same node is to be closed first: the peer has proven that it is gone. */
  readonly replacesOld: boolean;
  /** The name and creation that the acceptor gave us, where we asked for one. */
  readonly given?: { readonly name: string; readonly creation: number };
}

export interface CloseAction {
  readonly type: 'close';
  readonly error: HandshakeError;
  /**
   * The refusing status, sent or received. An initiator that reads `nok` has lost a race of two calls: its owner
   * goes on waiting for the peer's call.
   */
  readonly status?: StatusWord;
}

/** Gives the next step its time. */
export const ARM = { type: 'arm', timer: 'reply', afterMs: SETUP_TIMEOUT_MS } as const;

/** The peer, from the flags in force. */
export function peerNode(
  name: string,
  creation: number,
  flags: DistFlags,
  version: HandshakeVersion,
): PeerNode {
  return { name, creation, flags, hidden: !hasFlag(flags, DistFlag.PUBLISHED), version };
}

/** The end of a handshake that failed. */
export function failure(
  stage: string,
  peer: string,
  message: string,
  options: { readonly cause?: unknown; readonly status?: StatusWord } = {},
): CloseAction {
  const error = new HandshakeError(
    stage,
    peer,
    message,
    options.cause === undefined ? {} : { cause: options.cause },
  );
  return options.status === undefined
    ? { type: 'close', error }
    : { type: 'close', error, status: options.status };
}

/** What is said of a peer that has gone: with what broke, where that is known, and what may be behind it. */
export function goneMessage(cause: unknown, guess = ''): string {
  return `the peer closed the connection${guess}${cause === undefined ? '' : ` (${messageOf(cause)})`}`;
}
