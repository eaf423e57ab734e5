/**
 * Which of the names that were heard is tried next, and when. Pure: it is told the time and what happened, and
 * answers with names to try.
 *
 * Names come from strangers, so everything here is bounded: names held, new names per second, attempts under way.
 * One name is never tried twice at a time. After a failure it rests, longer each time; when the rest is over it is
 * tried again only if it has been heard since, so that nodes that are gone are forgotten.
 */

export interface ConnectLimits {
  /** Names held at a time. @default 1024 */
  readonly connectQueue: number;
  /** Attempts under way at a time. @default 16 */
  readonly connectAttempts: number;
  /** Names not held yet that are looked at per second. @default 200 */
  readonly newNamesPerSecond: number;
}

export const CONNECT_LIMITS: ConnectLimits = {
  connectQueue: 1_024,
  // Enough for a mesh of dozens to form at once; few enough that a storm of forged names costs 16 sockets.
  connectAttempts: 16,
  newNamesPerSecond: 200,
};

/** Rest after the first failure; it doubles with each further one. */
export const FIRST_REST_MS = 500;
export const LONGEST_REST_MS = 60_000;
/** A connection that lasted this long is a success; one that is lost sooner counts as one more failure. */
export const STABLE_MS = 10_000;
/** A name that rests and is not heard for so long is forgotten, with its failures. */
export const FORGET_MS = 2 * LONGEST_REST_MS;
/** A new name waiting for its first attempt may be displaced when it was not heard again for so long. */
const STALE_MS = 10_000;

/** What became of a name that was offered. `wait`: held, nothing to do now. */
export type Offer = 'ready' | 'wait' | 'full' | 'too_many';

interface Entry {
  readonly name: string;
  /** Who named it first. */
  readonly source: string;
  /** `ready` to be tried, `trying`, `resting` after a failure, `up` for less than STABLE_MS. */
  phase: 'ready' | 'trying' | 'resting' | 'up';
  failures: number;
  /** End of the rest. */
  restUntilMs: number;
  upAtMs: number;
  lastHeardMs: number;
  /** Times offered since the last attempt began. */
  heard: number;
}

export class ConnectQueue {
  readonly #limits: ConnectLimits;
  readonly #between: (min: number, max: number) => number;
  readonly #entries = new Map<string, Entry>();
  #trying = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #windowNames = 0;

  /** @param between - whole number, uniform in `min..max`: the jitter */
  constructor(limits: ConnectLimits, between: (min: number, max: number) => number) {
    this.#limits = limits;
    this.#between = between;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Attempts under way. */
  get trying(): number {
    return this.#trying;
  }

  /** Failures in a row of this name; 0 when it is not held. */
  failures(name: string): number {
    return this.#entries.get(name)?.failures ?? 0;
  }

  /** Who named it first, while it is held. */
  source(name: string): string {
    return this.#entries.get(name)?.source ?? '';
  }

  /** A name was heard, by `source`, and is not connected. After `ready`, ask `take`. */
  offer(name: string, nowMs: number, source = ''): Offer {
    const entry = this.#entries.get(name);
    if (entry === undefined) return this.#admit(name, nowMs, source);
    entry.heard++;
    entry.lastHeardMs = nowMs;
    // It was up and is not connected now: the loss was not told, or is told later.
    if (entry.phase === 'up') this.#lost(entry, nowMs);
    if (entry.phase === 'resting' && entry.restUntilMs <= nowMs) entry.phase = 'ready';
    return entry.phase === 'ready' ? 'ready' : 'wait';
  }

  /** The names to try now. Each must be answered with `succeeded`, `failed` or `dropped`. */
  take(nowMs: number): string[] {
    const taken: string[] = [];
    if (this.#trying >= this.#limits.connectAttempts) return taken;
    this.#sweep(nowMs);
    // Names heard twice go first: a forger who never repeats himself does not keep a real node waiting.
    for (const least of [2, 1])
      for (const entry of this.#entries.values()) {
        if (this.#trying >= this.#limits.connectAttempts) return taken;
        if (entry.phase !== 'ready' || entry.heard < least) continue;
        entry.phase = 'trying';
        entry.heard = 0;
        this.#trying++;
        taken.push(entry.name);
      }
    return taken;
  }

  /** End of the rest of a name that was heard meanwhile; undefined when it waits for no time to pass. */
  restUntilMs(name: string): number | undefined {
    const entry = this.#entries.get(name);
    return entry?.phase === 'resting' && entry.heard > 0 ? entry.restUntilMs : undefined;
  }

  /** When `take` will next have something to do without a further event; undefined: it will not. */
  wakeAtMs(): number | undefined {
    // With every attempt taken, the end of one of them is that event.
    if (this.#trying >= this.#limits.connectAttempts) return undefined;
    let wakeAtMs: number | undefined;
    for (const entry of this.#entries.values())
      if (
        entry.phase === 'resting' &&
        entry.heard > 0 &&
        entry.restUntilMs < (wakeAtMs ?? Number.POSITIVE_INFINITY)
      )
        wakeAtMs = entry.restUntilMs;
    return wakeAtMs;
  }

  succeeded(name: string, nowMs: number): void {
    const entry = this.#settle(name);
    entry.phase = 'up';
    entry.upAtMs = nowMs;
  }

  /** @returns the rest until the next attempt, in ms */
  failed(name: string, nowMs: number): number {
    return this.#rest(this.#settle(name), nowMs);
  }

  /** The attempt was not made after all, because the node is connected already. */
  dropped(name: string): void {
    this.#settle(name);
    this.#entries.delete(name);
  }

  /** A connection to this name was lost. */
  down(name: string, nowMs: number): void {
    const entry = this.#entries.get(name);
    if (entry?.phase === 'up') this.#lost(entry, nowMs);
  }

  /** Forgets a name that is not being tried. */
  forget(name: string): void {
    if (this.#entries.get(name)?.phase !== 'trying') this.#entries.delete(name);
  }

  #admit(name: string, nowMs: number, source: string): Offer {
    // Windows follow the clock's whole steps from the first name on; a clock that stands still admits no more.
    if (nowMs - this.#windowStartMs >= 1_000) {
      this.#windowStartMs = nowMs;
      this.#windowNames = 0;
    }
    if (this.#windowNames >= this.#limits.newNamesPerSecond) return 'too_many';
    // Also those that find no room are counted: making room is a walk over all that is held.
    this.#windowNames++;
    if (this.#entries.size >= this.#limits.connectQueue && !this.#makeRoom(nowMs)) return 'full';
    this.#entries.set(name, {
      name,
      source,
      phase: 'ready',
      failures: 0,
      restUntilMs: 0,
      upAtMs: 0,
      lastHeardMs: nowMs,
      heard: 1,
    });
    return 'ready';
  }

  /** Displaces what matters least: stable connections, then names that failed and fell silent, then stale ones. */
  #makeRoom(nowMs: number): boolean {
    this.#sweep(nowMs);
    if (this.#entries.size < this.#limits.connectQueue) return true;
    let silent: Entry | undefined;
    for (const entry of this.#entries.values()) {
      const failedAndSilent = entry.phase === 'resting' && entry.heard === 0;
      const stale = entry.phase === 'ready' && entry.heard === 1 && nowMs - entry.lastHeardMs >= STALE_MS;
      if (!failedAndSilent && !stale) continue;
      if (silent === undefined || entry.lastHeardMs < silent.lastHeardMs) silent = entry;
    }
    if (silent === undefined) return false;
    this.#entries.delete(silent.name);
    return true;
  }

  #sweep(nowMs: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.phase === 'up' && nowMs - entry.upAtMs >= STABLE_MS) this.#entries.delete(entry.name);
      else if (entry.phase === 'resting' && entry.restUntilMs <= nowMs) {
        if (entry.heard > 0) entry.phase = 'ready';
        else if (nowMs - Math.max(entry.lastHeardMs, entry.restUntilMs) >= FORGET_MS)
          this.#entries.delete(entry.name);
      }
    }
  }

  #settle(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry?.phase !== 'trying') throw new Error(`${name} is not being tried`);
    this.#trying--;
    return entry;
  }

  #lost(entry: Entry, nowMs: number): void {
    if (nowMs - entry.upAtMs < STABLE_MS) this.#rest(entry, nowMs);
    else {
      entry.phase = 'ready';
      entry.failures = 0;
      if (entry.heard === 0) this.#entries.delete(entry.name);
    }
  }

  #rest(entry: Entry, nowMs: number): number {
    entry.failures++;
    const restMs = Math.min(FIRST_REST_MS * 2 ** (entry.failures - 1), LONGEST_REST_MS);
    // Half of it at random: nodes that failed together do not come back together.
    const drawnMs = this.#between(Math.ceil(restMs / 2), restMs);
    entry.phase = 'resting';
    entry.restUntilMs = nowMs + drawnMs;
    return drawnMs;
  }
}
