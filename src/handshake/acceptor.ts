import { strict as assert } from 'node:assert';
import { DecodeError } from '../errors.ts';
import { equalDigests, genDigest } from './digest.ts';
import { DistFlag, type DistFlags, expandMandatory25, hasFlag, missingFlags } from './flags.ts';
import {
  ARM,
  failure,
  goneMessage,
  type HandshakeAction,
  type HandshakeEvent,
  type LocalNode,
  peerNode,
  SETUP_TIMEOUT_MS,
} from './machine.ts';
import {
  decodeChallengeReply,
  decodeComplement,
  decodeName,
  decodeStatusReply,
  encodeChallenge,
  encodeChallengeAck,
  encodeStatus,
  type HandshakeVersion,
  type SendName,
  type StatusWord,
} from './messages.ts';
import { hostOf, isHost, isNodeName } from './name.ts';

export interface AcceptorOptions {
  /** We. */
  readonly local: LocalNode;
  /** Where the call comes from, for errors: the peer's name is not known before it says so. */
  readonly address: string;
  /** The cookie that this peer and we should share. Asked once, when the name is settled. */
  readonly cookieFor: (peer: string) => string;
  /** Unpredictable unsigned 32-bit number. */
  readonly challenge: number;
}

/** What the owner says of a name it was asked about. */
export type Decision =
  /**
   * - `ok`: not connected, go on
   * - `ok_simultaneous`: we are calling that node too, and its name is the greater: our call is given up, go on
   * - `nok`: we are calling that node too, and our name is the greater: that call wins, close
   * - `not_allowed`: this node may not connect, close
   * - `alive`: we believe to be connected with it already; it must say that it means it
   */
  | { readonly type: 'decide'; readonly status: StatusWord }
  /** The name for a node that asked for one, at the host it said, and its creation. */
  | { readonly type: 'decide'; readonly status: 'named'; readonly name: string; readonly creation: number };

export type AcceptorEvent = HandshakeEvent | Decision;

export type AcceptorAction =
  | HandshakeAction
  /**
   * What is known of this peer? Answer with `decide`. With `dynamic`, `peer` is only the host of a node that asks
   * for a name: answer `named`, or `not_allowed`.
   */
  | { readonly type: 'ask'; readonly peer: string; readonly dynamic: boolean };

type Stage =
  | 'recv_name'
  | 'mark_pending'
  | 'recv_status_reply'
  | 'recv_complement'
  | 'recv_challenge_reply'
  | 'done';

/** The half that is called. `start()` once, then one `step` per event; each answers what to do, in order. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #stage: Stage = 'recv_name';
  #peerName = '';
  #peerFlags: DistFlags = 0n;
  #peerCreation = 0;
  /** Version of the peer's name message. */
  #version: HandshakeVersion = 6;
  /** Version of our challenge. */
  #challengeVersion: HandshakeVersion = 6;
  #dynamic = false;
  #replacesOld = false;
  #cookie = '';

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** Where the exchange stands, in the words of OTP's dist_util. */
  get stage(): string {
    return this.#stage;
  }

  start(): readonly AcceptorAction[] {
    assert(this.#stage === 'recv_name', 'start() is called once');
    return [ARM];
  }

  step(event: AcceptorEvent): readonly AcceptorAction[] {
    if (this.#stage === 'done') return [];
    if (event.type === 'timeout') return this.#fail(`no answer within ${SETUP_TIMEOUT_MS} ms`);
    if (event.type === 'closed') return this.#closed(event.cause);
    try {
      return this.#next(event);
    } catch (error) {
      if (error instanceof DecodeError) return this.#fail(error.message, error);
      throw error;
    }
  }

  #next(event: Exclude<AcceptorEvent, { type: 'timeout' | 'closed' }>): readonly AcceptorAction[] {
    switch (this.#stage) {
      case 'recv_name':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#name(event.body);
      case 'mark_pending':
        if (event.type === 'frame') return this.#fail('a message came before its time');
        return this.#decision(event);
      case 'recv_status_reply':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#statusReply(event.body);
      case 'recv_complement':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#complement(event.body);
      case 'recv_challenge_reply':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#challengeReply(event.body);
      case 'done':
        return [];
      default:
        return this.#stage satisfies never;
    }
  }

  #name(body: Uint8Array): readonly AcceptorAction[] {
    const message = decodeName(body);
    const { name } = message;
    this.#dynamic = hasFlag(message.flags, DistFlag.NAME_ME);
    if (!(this.#dynamic ? isHost(name) : isNodeName(name)))
      return this.#fail(
        `${JSON.stringify(name.slice(0, 300))} is no ${this.#dynamic ? 'host' : 'node name'}`,
      );
    this.#peerName = name;
    this.#peerFlags = expandMandatory25(message.flags);
    this.#peerCreation = message.creation;
    this.#setVersions(message);
    const missing = missingFlags(this.#peerFlags, message.version);
    if (missing.length > 0)
      return this.#refuse('not_allowed', `the peer lacks the mandatory flags ${missing.join(', ')}`);
    // A stranger under our own name: OTP answers nok, as to a call that lost against its own.
    if (name === this.#options.local.name) return this.#refuse('nok', 'the peer claims our own name');
    this.#stage = 'mark_pending';
    return [{ type: 'ask', peer: name, dynamic: this.#dynamic }];
  }

  #setVersions(message: SendName): void {
    this.#version = message.version;
    this.#challengeVersion = hasFlag(this.#peerFlags, DistFlag.HANDSHAKE_23) ? 6 : message.version;
  }

  #decision(decision: Decision): readonly AcceptorAction[] {
    switch (decision.status) {
      case 'ok':
      case 'ok_simultaneous':
      case 'alive':
        assert(!this.#dynamic, 'a name was asked for: answer named or not_allowed');
        if (decision.status !== 'alive') return this.#accept(encodeStatus(decision));
        this.#stage = 'recv_status_reply';
        return [ARM, { type: 'send', body: encodeStatus(decision) }];
      case 'named': {
        const { name, creation } = decision;
        assert(this.#dynamic, 'no name was asked for');
        assert(
          isNodeName(name) && hostOf(name) === this.#peerName,
          'the name must be at the host of the peer',
        );
        this.#peerName = name;
        this.#peerCreation = creation;
        return this.#accept(encodeStatus(decision));
      }
      case 'nok':
        return this.#refuse('nok', 'we are calling that node ourselves');
      case 'not_allowed':
        return this.#refuse('not_allowed', 'that node may not connect');
      default:
        return decision satisfies never;
    }
  }

  #statusReply(body: Uint8Array): readonly AcceptorAction[] {
    if (!decodeStatusReply(body))
      return this.#fail('the peer does not want to replace the connection there is', undefined, 'alive');
    this.#replacesOld = true;
    return this.#accept(undefined);
  }

  /** Sends what is left of the status, then the challenge. */
  #accept(status: Uint8Array | undefined): readonly AcceptorAction[] {
    const { local, challenge, cookieFor } = this.#options;
    this.#cookie = cookieFor(this.#peerName);
    this.#stage = this.#challengeVersion === this.#version ? 'recv_challenge_reply' : 'recv_complement';
    const body = encodeChallenge({
      version: this.#challengeVersion,
      flags: this.#localFlags,
      challenge,
      creation: local.creation,
      name: local.name,
    });
    const send: AcceptorAction = { type: 'send', body };
    return status === undefined ? [ARM, send] : [ARM, { type: 'send', body: status }, send];
  }

  #complement(body: Uint8Array): readonly AcceptorAction[] {
    const { flagsHigh, creation } = decodeComplement(body);
    this.#peerFlags |= flagsHigh << 32n;
    this.#peerCreation = creation;
    this.#stage = 'recv_challenge_reply';
    return [ARM];
  }

  #challengeReply(body: Uint8Array): readonly AcceptorAction[] {
    const { challenge, digest } = decodeChallengeReply(body);
    if (!equalDigests(digest, genDigest(this.#cookie, this.#options.challenge)))
      return this.#fail('the cookies differ');
    const ack: AcceptorAction = {
      type: 'send',
      body: encodeChallengeAck(genDigest(this.#cookie, challenge)),
    };
    const peer = peerNode(
      this.#peerName,
      this.#peerCreation,
      this.#localFlags & this.#peerFlags,
      this.#challengeVersion,
    );
    this.#end();
    return [ack, { type: 'up', peer, replacesOld: this.#replacesOld }];
  }

  /** A node that asks for its name and the one that names it are hidden to each other; OTP echoes the flag. */
  get #localFlags(): DistFlags {
    const { flags } = this.#options.local;
    const told = this.#challengeVersion === 5 ? flags & 0xffffffffn : flags;
    return this.#dynamic ? (told & ~DistFlag.PUBLISHED) | DistFlag.NAME_ME : told;
  }

  #refuse(status: 'nok' | 'not_allowed', message: string): readonly AcceptorAction[] {
    return [{ type: 'send', body: encodeStatus({ status }) }, ...this.#fail(message, undefined, status)];
  }

  #end(): void {
    this.#stage = 'done';
    this.#cookie = '';
  }

  #closed(cause: unknown): readonly AcceptorAction[] {
    const guess = this.#stage === 'recv_challenge_reply' ? '; it may not allow us' : '';
    return this.#fail(goneMessage(cause, guess), cause);
  }

  #fail(message: string, cause?: unknown, status?: StatusWord): readonly AcceptorAction[] {
    const { address } = this.#options;
    const stage = this.#stage;
    this.#end();
    return [
      failure(stage, this.#peerName === '' ? address : `${this.#peerName} (${address})`, message, {
        ...(cause === undefined ? {} : { cause }),
        ...(status === undefined ? {} : { status }),
      }),
    ];
  }
}
