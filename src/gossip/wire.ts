import { type GossipFormat, type IgnoredCause, MAX_DATAGRAM_BYTES } from './datagram.ts';
import { Freshness } from './freshness.ts';
import { NONCE_BYTES, type SealedFormat } from './sealed.ts';

/**
 * Which datagrams are sent and heard: `libcluster`'s (plain, or with a secret), `sealed` ones, or `both`, which moves a
 * cluster from the first to the second without a gap: every node to `both`, then every node to `sealed`. As long as a
 * node hears both it is as open as libcluster's form is.
 */
export type Wire = 'libcluster' | 'sealed' | 'both';

/** The node that gossips, as far as its datagrams tell. */
export interface Speaker {
  readonly name: string;
  readonly port: number;
  readonly creation: number;
}

/**
 * What a datagram came to. `port` is 0 when the datagram does not tell, or the node accepts no connections; `creation` is
 * undefined when it does not tell.
 */
export type Word =
  | {
      readonly type: 'node';
      readonly name: string;
      readonly port: number;
      readonly creation: number | undefined;
    }
  /** One of our own has come back, for the first time. */
  | { readonly type: 'own' }
  | { readonly type: 'ignored'; readonly cause: IgnoredCause };

/** Both clocks at one moment. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

const OWN: Word = { type: 'own' };

/** One topology's speech: makes its datagrams and judges what is heard. Keeps the sequence and the senders' state. */
export class GossipWire {
  readonly #self: Speaker;
  readonly #open: GossipFormat | undefined;
  readonly #sealed: SealedFormat | undefined;
  readonly #maxBytes: number;
  readonly #freshness = new Freshness();
  #sequence = 0;

  /**
   * @param open - libcluster's form, when the wire has it
   * @param sealed - the sealed form, when the wire has it; at least one of the two
   * @param maxBytes - longest datagram that is looked at
   */
  constructor(
    self: Speaker,
    open: GossipFormat | undefined,
    sealed: SealedFormat | undefined,
    maxBytes = MAX_DATAGRAM_BYTES,
  ) {
    this.#self = self;
    this.#maxBytes = maxBytes;
    this.#open = open;
    this.#sealed = sealed;
  }

  /**
   * The datagrams of one heartbeat for one address. Every address gets its own: a sealed datagram is taken only once, and a
   * node may hear several of our addresses.
   */
  datagrams(wallMs: number, random: (count: number) => Uint8Array): readonly Uint8Array[] {
    const { name, port, creation } = this.#self;
    const datagrams: Uint8Array[] = [];
    if (this.#open !== undefined) datagrams.push(this.#open.encode(name, random(this.#open.entropyBytes)));
    if (this.#sealed !== undefined) {
      // From the wall clock on, so that it also grows when this node, or only its gossip, starts again.
      this.#sequence = Math.max(this.#sequence + 1, Math.floor(wallMs));
      const heartbeat = { node: name, port, creation, sequence: this.#sequence, wallMs: Math.floor(wallMs) };
      datagrams.push(this.#sealed.seal(heartbeat, random(NONCE_BYTES)));
    }
    return datagrams;
  }

  /** Never throws. */
  hear(datagram: Uint8Array, moment: () => Moment): Word {
    const sealed = this.#sealed?.open(datagram, this.#maxBytes);
    if (sealed !== undefined && 'node' in sealed) {
      const { nowMs, wallMs } = moment();
      const judgement = this.#freshness.judge(sealed, nowMs, wallMs);
      if (sealed.node === this.#self.name) {
        // Another creation: recorded from an earlier life of ours. Taken before: somebody sends ours back.
        const isOwn = judgement === 'fresh' && sealed.creation === this.#self.creation;
        return isOwn ? OWN : { type: 'ignored', cause: 'reflected' };
      }
      if (judgement !== 'fresh') return { type: 'ignored', cause: judgement };
      return { type: 'node', name: sealed.node, port: sealed.port, creation: sealed.creation };
    }
    // What has no seal may be libcluster's; what has a wrong one is not.
    if (this.#open === undefined || (sealed !== undefined && sealed.ignored !== 'unsealed'))
      return { type: 'ignored', cause: sealed?.ignored ?? 'foreign' };
    const heard = this.#open.decode(datagram, this.#maxBytes);
    if ('ignored' in heard) return { type: 'ignored', cause: heard.ignored };
    return heard.node === this.#self.name
      ? OWN
      : { type: 'node', name: heard.node, port: 0, creation: undefined };
  }
}
