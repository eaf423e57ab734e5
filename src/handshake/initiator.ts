import { strict as assert } from 'node:assert';
import { DecodeError } from '../errors.ts';
import { equalDigests, genDigest } from './digest.ts';
import { DistFlag, expandMandatory25, hasFlag, missingFlags } from './flags.ts';
import {
  ARM,
  failure,
  goneMessage,
  type HandshakeAction,
  type HandshakeEvent,
  type LocalNode,
  type PeerNode,
  peerNode,
  SETUP_TIMEOUT_MS,
  type UpAction,
} from './machine.ts';
import {
  decodeChallenge,
  decodeChallengeAck,
  decodeStatus,
  encodeChallengeReply,
  encodeComplement,
  encodeName,
  encodeStatusReply,
  type HandshakeVersion,
  type StatusWord,
} from './messages.ts';
import { hostOf, isNodeName } from './name.ts';

export interface InitiatorOptions {
  /** We. With the flag NAME_ME: `name` is our host, and the acceptor gives us a name. */
  readonly local: LocalNode;
  /** Name of the node that is called. */
  readonly peer: string;
  /** The cookie that this peer and we should share. Asked once, when it is needed. */
  readonly cookieFor: (peer: string) => string;
  /** Unpredictable unsigned 32-bit number. */
  readonly challenge: number;
  /** 5 where the port mapper says that the peer's highest is 5. @default 6 */
  readonly version?: HandshakeVersion;
}

export type InitiatorEvent =
  | HandshakeEvent
  /** Answer to `ask`. */
  | { readonly type: 'decide'; readonly wanted: boolean };

export type InitiatorAction =
  | HandshakeAction
  /** The peer believes to be connected with us already. Is this call still wanted? Answer with `decide`. */
  | { readonly type: 'ask'; readonly peer: string };

type Stage = 'send_name' | 'recv_status' | 'is_pending' | 'recv_challenge' | 'recv_challenge_ack' | 'done';

/** The half that calls. `start()` once, then one `step` per event; each answers what to do, in order. */
export class Initiator {
  readonly #options: InitiatorOptions;
  readonly #version: HandshakeVersion;
  #stage: Stage = 'send_name';
  #given: { readonly name: string; readonly creation: number } | undefined;
  #peer: PeerNode | undefined;
  #cookie = '';

  constructor(options: InitiatorOptions) {
    this.#options = options;
    this.#version = options.version ?? 6;
    assert(!this.#dynamic || this.#version === 6, 'version 5 has no way to ask for a name');
  }

  /** Where the exchange stands, in the words of OTP's dist_util. */
  get stage(): string {
    return this.#stage;
  }

  start(): readonly InitiatorAction[] {
    assert(this.#stage === 'send_name', 'start() is called once');
    const { local } = this.#options;
    this.#stage = 'recv_status';
    return [
      ARM,
      {
        type: 'send',
        body: encodeName({
          version: this.#version,
          flags: local.flags,
          creation: this.#dynamic ? 0 : local.creation,
          name: local.name,
        }),
      },
    ];
  }

  step(event: InitiatorEvent): readonly InitiatorAction[] {
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

  #next(event: Exclude<InitiatorEvent, { type: 'timeout' | 'closed' }>): readonly InitiatorAction[] {
    switch (this.#stage) {
      case 'recv_status':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#status(event.body);
      case 'is_pending':
        if (event.type === 'frame') return this.#fail('a message came before its time');
        return this.#statusReply(event.wanted);
      case 'recv_challenge':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#challenge(event.body);
      case 'recv_challenge_ack':
        assert(event.type === 'frame', 'nothing was asked');
        return this.#challengeAck(event.body);
      case 'send_name':
        assert.fail('start() comes first');
        break;
      case 'done':
        return [];
      default:
        return this.#stage satisfies never;
    }
  }

  #status(body: Uint8Array): readonly InitiatorAction[] {
    const message = decodeStatus(body);
    if (message.status === 'not_allowed')
      return this.#fail('the peer answered not_allowed', undefined, 'not_allowed');
    if (message.status === 'named') {
      const { name, creation } = message;
      if (!this.#dynamic) return this.#fail('the peer gave a name that was not asked for');
      if (!isNodeName(name) || hostOf(name) !== this.#options.local.name)
        return this.#fail(`the peer gave the unusable name ${JSON.stringify(name)}`);
      this.#given = { name, creation };
      this.#stage = 'recv_challenge';
      return [];
    }
    if (this.#dynamic) return this.#fail(`a name was asked for, the peer answered ${message.status}`);
    switch (message.status) {
      case 'ok':
      case 'ok_simultaneous':
        this.#stage = 'recv_challenge';
        return [];
      case 'nok':
        return this.#fail('the peer answered nok: it is calling us itself', undefined, 'nok');
      case 'alive':
        this.#stage = 'is_pending';
        return [{ type: 'ask', peer: this.#options.peer }];
      default:
        return message.status satisfies never;
    }
  }

  #statusReply(wanted: boolean): readonly InitiatorAction[] {
    const send = { type: 'send', body: encodeStatusReply(wanted) } as const;
    if (!wanted)
      return [
        send,
        ...this.#fail('the peer is connected already, the call is not wanted', undefined, 'alive'),
      ];
    this.#stage = 'recv_challenge';
    return [ARM, send];
  }

  #challenge(body: Uint8Array): readonly InitiatorAction[] {
    const { local, peer, challenge, cookieFor } = this.#options;
    const message = decodeChallenge(body);
    if (message.version === 5 && this.#version === 6)
      return this.#fail('the peer answered a version 6 name with a version 5 challenge');
    if (message.name !== peer) return this.#fail(`the peer says it is ${JSON.stringify(message.name)}`);
    const peerFlags = expandMandatory25(message.flags);
    const missing = missingFlags(peerFlags, message.version);
    if (missing.length > 0) return this.#fail(`the peer lacks the mandatory flags ${missing.join(', ')}`);
    const localFlags = message.version === 5 ? local.flags & 0xffffffffn : local.flags;
    this.#peer = peerNode(peer, message.creation, localFlags & peerFlags, message.version);
    this.#cookie = cookieFor(peer);
    const actions: InitiatorAction[] = [ARM];
    if (message.version !== this.#version)
      actions.push({
        type: 'send',
        body: encodeComplement({ flagsHigh: local.flags >> 32n, creation: local.creation }),
      });
    const digest = genDigest(this.#cookie, message.challenge);
    actions.push({ type: 'send', body: encodeChallengeReply({ challenge, digest }) });
    this.#stage = 'recv_challenge_ack';
    return actions;
  }

  #challengeAck(body: Uint8Array): readonly InitiatorAction[] {
    const digest = decodeChallengeAck(body);
    if (!equalDigests(digest, genDigest(this.#cookie, this.#options.challenge)))
      return this.#fail('the cookies differ');
    assert(this.#peer !== undefined);
    const up: UpAction = { type: 'up', peer: this.#peer, replacesOld: false };
    this.#end();
    return [this.#given === undefined ? up : { ...up, given: this.#given }];
  }

  get #dynamic(): boolean {
    return hasFlag(this.#options.local.flags, DistFlag.NAME_ME);
  }

  #end(): void {
    this.#stage = 'done';
    this.#cookie = '';
  }

  #closed(cause: unknown): readonly InitiatorAction[] {
    const guess = this.#stage === 'recv_challenge_ack' ? '; the cookies may differ' : '';
    return this.#fail(goneMessage(cause, guess), cause);
  }

  #fail(message: string, cause?: unknown, status?: StatusWord): readonly InitiatorAction[] {
    const stage = this.#stage;
    this.#end();
    return [
      failure(stage, this.#options.peer, message, {
        ...(cause === undefined ? {} : { cause }),
        ...(status === undefined ? {} : { status }),
      }),
    ];
  }
}
