import { OptionsError } from '../errors.ts';
import type { SeededRandom } from './seeded-random.ts';

/**
 * Time a packet takes, in milliseconds:
 *
 * - a number: always that
 * - `[min, max]`: uniform between two bounds
 * - `{ median, p99 }`: log-normal, as real networks are: half of the packets take less than `median`, one in a hundred
 *   more than `p99`
 */
export type Latency =
  | number
  | readonly [min: number, max: number]
  | { readonly median: number; readonly p99: number };

/** How one direction between two nodes behaves. */
export interface LinkSettings {
  /** Time a packet takes. @default [1, 10] */
  readonly latencyMs: Latency;
  /** Share of datagrams that vanish, 0 to 1. A stream loses nothing: what is lost is sent again, later. @default 0 */
  readonly loss: number;
  /** Share of datagrams that arrive twice, 0 to 1. @default 0 */
  readonly duplicate: number;
  /** Share of datagrams that fall behind by up to `reorderMs`, so that later ones overtake them, 0 to 1. @default 0 */
  readonly reorder: number;
  /** How far a datagram may fall behind, milliseconds. @default 500 */
  readonly reorderMs: number;
  /** Share of datagrams of which some bytes arrive changed, 0 to 1. @default 0 */
  readonly garble: number;
  /** Bytes that leave in a second; what comes faster waits in line. @default Infinity */
  readonly bandwidthBytesPerSec: number;
}

/** Defaults of a link. */
export const LINK_DEFAULTS: LinkSettings = {
  latencyMs: [1, 10],
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 500,
  garble: 0,
  bandwidthBytesPerSec: Number.POSITIVE_INFINITY,
};

const KNOWN = Object.keys(LINK_DEFAULTS) as (keyof LinkSettings)[];
/** First wait before a lost part of a stream is sent again, as Linux does; it doubles. */
const RETRANSMIT_MS = 200;
const MAX_RETRANSMITS = 6;
/** A router drops datagrams rather than let them wait longer than this for their turn. */
const MAX_DATAGRAM_QUEUE_MS = 1_000;
/** Bytes on the wire around a payload: headers of Ethernet, IP and UDP or TCP. */
const HEADER_BYTES = 60;
/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.326_347_874;
/** Datagrams that one held direction keeps back; more are lost. */
const MAX_HELD = 10_000;

/** Checks settings that a user gave. @throws OptionsError */
export function checkLinkSettings(settings: Partial<LinkSettings>): Partial<LinkSettings> {
  for (const name of Object.keys(settings))
    if (!(KNOWN as string[]).includes(name))
      throw new OptionsError(name, `unknown link setting "${name}"; known are ${KNOWN.join(', ')}`);
  const { latencyMs, loss, duplicate, reorder, garble, reorderMs, bandwidthBytesPerSec } = settings;
  if (latencyMs !== undefined && !isLatency(latencyMs))
    throw new OptionsError(
      'latencyMs',
      `latencyMs: expected milliseconds, [min, max] or { median, p99 }, got ${JSON.stringify(latencyMs)}`,
    );
  for (const [name, share] of Object.entries({ loss, duplicate, reorder, garble }))
    if (share !== undefined && !(share >= 0 && share <= 1))
      throw new OptionsError(name, `${name}: expected a number from 0 to 1, got ${share}`);
  if (reorderMs !== undefined && !(reorderMs >= 0 && reorderMs < Number.POSITIVE_INFINITY))
    throw new OptionsError('reorderMs', `reorderMs: expected milliseconds from 0, got ${reorderMs}`);
  if (bandwidthBytesPerSec !== undefined && !(bandwidthBytesPerSec > 0))
    throw new OptionsError(
      'bandwidthBytesPerSec',
      `bandwidthBytesPerSec: expected a number above 0, got ${bandwidthBytesPerSec}`,
    );
  return settings;
}

function isLatency(latency: Latency): boolean {
  if (typeof latency === 'number') return latency >= 0 && latency < Number.POSITIVE_INFINITY;
  const [low, high] = Array.isArray(latency)
    ? (latency as readonly [number, number])
    : [(latency as { median: number }).median, (latency as { p99: number }).p99];
  return low >= 0 && high >= low && high < Number.POSITIVE_INFINITY && (Array.isArray(latency) || low > 0);
}

/** One datagram as it arrives. */
export interface Arrival {
  readonly afterMs: number;
  readonly isGarbled: boolean;
}

/** The latest attempt of one node to connect to another. */
export interface Dial {
  readonly atMs: number;
  /** What became of it, as far as the network knows: `ECONNREFUSED`, `a stream`, ... */
  readonly outcome: string;
}

/** One direction between two nodes. It draws from a generator of its own. */
export class Link {
  isCut = false;
  isHeld = false;
  settings: LinkSettings;
  /** When the receiver last heard a datagram of the sender. */
  lastDatagramMs: number | undefined;
  lastDial: Dial | undefined;
  /** Datagrams that are kept back. */
  readonly #kept: (() => void)[] = [];
  readonly #random: SeededRandom;
  /** When everything that was sent so far has left. */
  #leftMs = 0;

  constructor(settings: LinkSettings, random: SeededRandom) {
    this.settings = settings;
    this.#random = random;
  }

  get isOpen(): boolean {
    return !this.isCut && !this.isHeld;
  }

  /** How long the next packet travels. */
  latencyMs(): number {
    const { latencyMs } = this.settings;
    if (typeof latencyMs === 'number') return latencyMs;
    if ('median' in latencyMs) {
      const { median, p99 } = latencyMs;
      return median * (p99 / median) ** (this.#normal() / Z99);
    }
    const [min, max] = latencyMs;
    return min + this.#random.fraction() * (max - min);
  }

  /** Standard normal, by Box and Muller. */
  #normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random.fraction()));
    return radius * Math.cos(2 * Math.PI * this.#random.fraction());
  }

  /** How long bytes take to leave, with those before them. */
  #lineMs(bytes: number, nowMs: number): number {
    const { bandwidthBytesPerSec } = this.settings;
    if (bandwidthBytesPerSec === Number.POSITIVE_INFINITY) return 0;
    const beginMs = Math.max(this.#leftMs, nowMs);
    this.#leftMs = beginMs + ((bytes + HEADER_BYTES) * 1_000) / bandwidthBytesPerSec;
    return this.#leftMs - nowMs;
  }

  /** How long the next part of a stream travels, with what it costs to send it again. */
  streamLatencyMs(bytes: number, nowMs: number): number {
    let totalMs = this.#lineMs(bytes, nowMs) + this.latencyMs();
    for (let lost = 0; lost < MAX_RETRANSMITS && this.#random.chance(this.settings.loss); lost++)
      totalMs += RETRANSMIT_MS * 2 ** lost;
    return totalMs;
  }

  /** How each copy of the next datagram arrives; empty when it is lost. */
  datagram(bytes: number, nowMs: number): Arrival[] {
    const { loss, duplicate, reorder, reorderMs, garble } = this.settings;
    if (this.isCut || this.#random.chance(loss)) return [];
    if (this.#leftMs - nowMs > MAX_DATAGRAM_QUEUE_MS) return [];
    const lineMs = this.#lineMs(bytes, nowMs);
    const copies = this.#random.chance(duplicate) ? 2 : 1;
    return Array.from({ length: copies }, () => {
      const behindMs = this.#random.chance(reorder) ? this.#random.fraction() * reorderMs : 0;
      return {
        afterMs: lineMs + this.latencyMs() + behindMs,
        isGarbled: this.#random.chance(garble),
      };
    });
  }

  /** Changes one to four bytes. */
  garbled(bytes: Uint8Array): Uint8Array {
    for (let left = this.#random.between(1, 4); left > 0 && bytes.length > 0; left--) {
      const at = this.#random.between(0, bytes.length - 1);
      bytes[at] = bytes[at]! ^ this.#random.between(1, 255);
    }
    return bytes;
  }

  /** Keeps a datagram back until `release`. */
  keep(deliver: () => void): void {
    if (this.#kept.length < MAX_HELD) this.#kept.push(deliver);
  }

  /** Lets go what was kept back, in order. */
  release(): void {
    this.isHeld = false;
    for (const deliver of this.#kept.splice(0)) deliver();
  }
}
