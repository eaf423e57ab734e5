import { OptionsError } from '../errors.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How one direction between two nodes behaves. */
export interface LinkSettings {
  /** Time a packet takes: always the same, or uniform between two bounds. Milliseconds. @default [1, 10] */
  readonly latencyMs: number | readonly [min: number, max: number];
  /** Share of datagrams that vanish, 0 to 1. A stream loses nothing: what is lost is sent again, later. @default 0 */
  readonly loss: number;
  /** Share of datagrams that arrive twice, 0 to 1. @default 0 */
  readonly duplicate: number;
}

/** Defaults of a link. */
export const LINK_DEFAULTS: LinkSettings = { latencyMs: [1, 10], loss: 0, duplicate: 0 };

/** First wait before a lost part of a stream is sent again, as Linux does; it doubles. */
const RETRANSMIT_MS = 200;
const MAX_RETRANSMITS = 6;

/** Checks settings that a user gave. @throws OptionsError */
export function checkLinkSettings(settings: Partial<LinkSettings>): Partial<LinkSettings> {
  const { latencyMs, loss, duplicate } = settings;
  if (latencyMs !== undefined) {
    const [min, max] = typeof latencyMs === 'number' ? [latencyMs, latencyMs] : latencyMs;
    if (!(min >= 0 && max >= min && max < Number.POSITIVE_INFINITY))
      throw new OptionsError(
        'latencyMs',
        `latencyMs: expected milliseconds or [min, max], got ${JSON.stringify(latencyMs)}`,
      );
  }
  for (const [name, share] of Object.entries({ loss, duplicate }))
    if (share !== undefined && !(share >= 0 && share <= 1))
      throw new OptionsError(name, `${name}: expected a number from 0 to 1, got ${share}`);
  return settings;
}

/** One direction between two nodes. It draws from a generator of its own. */
export class Link {
  isCut = false;
  settings: LinkSettings;
  readonly #random: SeededRandom;

  constructor(settings: LinkSettings, random: SeededRandom) {
    this.settings = settings;
    this.#random = random;
  }

  /** How long the next packet travels. */
  latencyMs(): number {
    const { latencyMs } = this.settings;
    if (typeof latencyMs === 'number') return latencyMs;
    const [min, max] = latencyMs;
    return min + this.#random.fraction() * (max - min);
  }

  /** How long the next part of a stream travels, with what it costs to send it again. */
  streamLatencyMs(): number {
    let totalMs = this.latencyMs();
    for (let lost = 0; lost < MAX_RETRANSMITS && this.#random.chance(this.settings.loss); lost++)
      totalMs += RETRANSMIT_MS * 2 ** lost;
    return totalMs;
  }

  /** When each copy of the next datagram arrives; empty when it is lost. */
  datagramLatenciesMs(): number[] {
    if (this.isCut || this.#random.chance(this.settings.loss)) return [];
    const copies = this.#random.chance(this.settings.duplicate) ? 2 : 1;
    return Array.from({ length: copies }, () => this.latencyMs());
  }
}
