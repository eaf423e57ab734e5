import type { SealedHeartbeat } from './sealed.ts';

/** How far a datagram may be off in time, either way: 5 minutes, as Kerberos allows. */
export const FRESH_WINDOW_MS = 300_000;
/** Senders whose last datagram is remembered; past it, the one that has been silent longest is forgotten. */
export const MAX_SENDERS = 4_096;
/** A sender that is silent for so long is forgotten: what was recorded before is too old by then. */
const FORGET_SENDER_MS = 2 * FRESH_WINDOW_MS;
/** Datagrams that may overtake each other, counted back from the newest. */
const REORDER_WINDOW = 32;

/** `replayed`: it, or a later one, was taken before. `late`, `early`: too far off in time. */
export type Judgement = 'fresh' | 'replayed' | 'late' | 'early';

interface Sender {
  creation: number;
  sequence: number;
  /** Bit n: `sequence - n` was taken. */
  taken: number;
  wallMs: number;
  /** Our clock, which never jumps, when the newest was taken. */
  atMs: number;
}

/**
 * Whether an authentic datagram is of now, or a recording.
 *
 * Clocks are trusted no more than needed. A sender that is known is judged by its sequence alone as to order: only a
 * number that was not taken yet passes (the last 32 may overtake each other). Its time must fit in one of two ways: our
 * wall clock is within the window of it; or, by its own clock, as much time has passed since its newest datagram as by
 * our steady one, give or take the window. So two nodes that have met keep hearing each other when a clock is
 * set, and a datagram that was held back is refused whatever the clocks say. Only at the first datagram of a sender are
 * the two wall clocks compared alone: with nothing remembered, nothing else tells a recording from a heartbeat.
 *
 * A sender that has restarted shows another creation; its sequence begins at its wall clock and so goes on above the old one,
 * and an earlier incarnation's datagrams stay below what was taken.
 *
 * What remains: a receiver that has itself restarted remembers nothing, and can be shown recordings of the last five minutes,
 * each once. They name a node and a port; whoever answers there must still prove the cookie.
 */
export class Freshness {
  readonly #senders = new Map<string, Sender>();

  get size(): number {
    return this.#senders.size;
  }

  /**
   * Judges, and remembers what is fresh.
   *
   * @param nowMs - our steady clock
   * @param wallMs - our wall clock
   */
  judge(heartbeat: SealedHeartbeat, nowMs: number, wallMs: number): Judgement {
    const { node, creation, sequence } = heartbeat;
    const aheadMs = heartbeat.wallMs - wallMs;
    let sender = this.#senders.get(node);
    if (sender !== undefined && nowMs - sender.atMs > FORGET_SENDER_MS) {
      this.#senders.delete(node);
      sender = undefined;
    }
    if (sender === undefined) {
      if (Math.abs(aheadMs) > FRESH_WINDOW_MS) return aheadMs < 0 ? 'late' : 'early';
      this.#senders.set(node, { creation, sequence, taken: 1, wallMs: heartbeat.wallMs, atMs: nowMs });
      this.#makeRoom();
      return 'fresh';
    }
    const behind = sender.sequence - sequence;
    if (behind >= 0) {
      const bit = behind < REORDER_WINDOW ? 1 << behind : 0;
      if (bit === 0 || creation !== sender.creation || (sender.taken & bit) !== 0) return 'replayed';
      if (!this.#isTimely(heartbeat, sender, nowMs, aheadMs)) return aheadMs < 0 ? 'late' : 'early';
      sender.taken |= bit;
      return 'fresh';
    }
    if (!this.#isTimely(heartbeat, sender, nowMs, aheadMs)) return aheadMs < 0 ? 'late' : 'early';
    const ahead = -behind;
    sender.taken = ahead < REORDER_WINDOW && creation === sender.creation ? (sender.taken << ahead) | 1 : 1;
    sender.creation = creation;
    sender.sequence = sequence;
    sender.wallMs = heartbeat.wallMs;
    sender.atMs = nowMs;
    // Last in the order of the map: heard most recently.
    this.#senders.delete(node);
    this.#senders.set(node, sender);
    return 'fresh';
  }

  #isTimely(heartbeat: SealedHeartbeat, sender: Sender, nowMs: number, aheadMs: number): boolean {
    const theirsMs = heartbeat.wallMs - sender.wallMs;
    const oursMs = nowMs - sender.atMs;
    return Math.abs(aheadMs) <= FRESH_WINDOW_MS || Math.abs(theirsMs - oursMs) <= FRESH_WINDOW_MS;
  }

  #makeRoom(): void {
    if (this.#senders.size > MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value!);
  }
}
