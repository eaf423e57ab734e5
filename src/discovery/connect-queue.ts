/**
 * Which of the names that were heard is tried next, and when. Pure: it is told the time and what happened, and
 * answers with names to try.
 *
 * Names come from strangers, so everything here is bounded: names held, new names per second, attempts under way.
 * One name is never tried twice at a time. After a failure it rests, longer each time; when the rest is over it is
 * tried again only if it has been heard since, so that nodes that are gone are forgotten. A node that is heard to have started
 * again has not failed yet: it does not rest for its earlier life, which may have listened elsewhere.
 *
 * Fairness under a flood. Names are kept apart by the address that told them (names of a list, which no stranger
 * told, have none). Of the new names of a second, half is for anybody, a quarter more for addresses that have told few,
 * the last quarter for names that were turned away a moment ago and are heard again, as a real node's are. A full queue
 * gives up a name, drawn at random, of the address that holds most; and attempts go round among the addresses, names
 * heard twice first. So neither a flood from one address nor one of ever new names keeps a node out for long. A flood
 * that repeats its names, from as many addresses, only luck gets past, in minutes; there a seal helps, which the
 * flooder does not have.
 */
import type { Limits } from '../env/limits.ts';
import { HeardBefore } from './heard-before.ts';
import { Lanes } from './lanes.ts';
import type { Whereabouts } from './strategy.ts';

/** Names held, attempts under way, and new names per second. */
export type ConnectLimits = Pick<Limits, 'connectQueueNames' | 'connectAttempts' | 'newNamesPerSecond'>;

/** Rest after the first failure; it doubles with each further one. */
export const FIRST_REST_MS = 500;
export const LONGEST_REST_MS = 60_000;
/** A connection that lasted this long is a success; one that is lost sooner counts as one more failure. */
export const STABLE_MS = 10_000;
/** A name that rests and is not heard for so long is forgotten, with its failures. */
export const FORGET_MS = 2 * LONGEST_REST_MS;
/** A new name waiting for its first attempt may be displaced when it was not heard again for so long. */
const STALE_MS = 10_000;
/** New names a second that an address may always tell, whatever the others do. */
const FEW_NAMES = 4;

/** What became of a name that was offered. `wait`: held, nothing to do now. */
export type Offer = 'ready' | 'wait' | 'full' | 'too_many';

/** Who named a name, and what was said of it last. */
export interface Naming {
  /** The topology that named it first. */
  readonly topology: string;
  readonly whereabouts?: Whereabouts | undefined;
}

const UNNAMED: Naming = { topology: '' };

interface Entry {
  readonly name: string;
  /** Address that told it first; empty: it is of a list. */
  readonly from: string;
  naming: Naming;
  /** `ready` to be tried, `trying`, `resting` after a failure, `up` for less than STABLE_MS. */
  phase: 'ready' | 'trying' | 'resting' | 'up';
  failures: number;
  /** Of the node that failed, or came up, as far as it was told. */
  creation: number | undefined;
  /** End of the rest. */
  restUntilMs: number;
  upAtMs: number;
  lastHeardMs: number;
  /** Times offered since the last attempt began. */
  heard: number;
  /** Whether it was heard to have started again since then. */
  isReborn: boolean;
}

export class ConnectQueue {
  readonly #limits: ConnectLimits;
  readonly #between: (min: number, max: number) => number;
  /** Names that are ready, tried or at rest. */
  readonly #entries = new Map<string, Entry>();
  /** Of these, the ones that are ready, and what is tried of each address. */
  readonly #ready = new Lanes<Entry>();
  readonly #resting = new Set<Entry>();
  /** Names that are up, in the order they came up; most of those held, and nothing to look through. */
  readonly #up = new Map<string, Entry>();
  #trying = 0;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  /** New names of this window, by the share they were taken from. */
  #windowUsed = { anybody: 0, few: 0, again: 0 };
  /** New names in this window, by the address that told them. */
  readonly #windowByFrom = new Map<string, number>();
  /** Names that came when the other shares of their second were used up. */
  #turnedAway: HeardBefore | undefined;

  /** @param between - whole number, uniform in `min..max`: the jitter */
  constructor(limits: ConnectLimits, between: (min: number, max: number) => number) {
    this.#limits = limits;
    this.#between = between;
  }

  get size(): number {
    return this.#entries.size + this.#up.size;
  }

  #entry(name: string): Entry | undefined {
    return this.#entries.get(name) ?? this.#up.get(name);
  }

  #forget(entry: Entry): void {
    if (entry.phase === 'ready') this.#ready.remove(entry);
    this.#resting.delete(entry);
    this.#entries.delete(entry.name);
    this.#up.delete(entry.name);
  }

  /** Attempts under way. */
  get trying(): number {
    return this.#trying;
  }

  /** Failures in a row of this name; 0 when it is not held. */
  failures(name: string): number {
    return this.#entry(name)?.failures ?? 0;
  }

  /** Who named it, while it is held. */
  named(name: string): Naming | undefined {
    return this.#entry(name)?.naming;
  }

  /** A name was heard and is not connected. After `ready`, ask `take`. */
  offer(name: string, nowMs: number, naming = UNNAMED): Offer {
    const entry = this.#entry(name);
    if (entry === undefined) return this.#admit(name, nowMs, naming);
    const { port, creation } = naming.whereabouts ?? {};
    // The node may have started again at another port.
    if (port !== undefined)
      entry.naming = { topology: entry.naming.topology, whereabouts: naming.whereabouts };
    entry.heard++;
    entry.lastHeardMs = nowMs;
    const isReborn = creation !== undefined && entry.creation !== undefined && creation !== entry.creation;
    entry.creation = creation ?? entry.creation;
    if (entry.phase === 'ready' && entry.heard === 2) this.#ready.heardAgain(entry);
    // It was up and is not connected now: the loss was not told, or is told later.
    if (entry.phase === 'up') this.#lost(entry, nowMs);
    if (isReborn) {
      entry.isReborn = true;
      entry.failures = 0;
    }
    if (entry.phase === 'resting' && (isReborn || entry.restUntilMs <= nowMs)) this.#makeReady(entry);
    return entry.phase === 'ready' ? 'ready' : 'wait';
  }

  /** The names to try now. Each must be answered with `succeeded`, `failed` or `dropped`. */
  take(nowMs: number): string[] {
    const taken: string[] = [];
    if (this.#trying >= this.#limits.connectAttempts) return taken;
    this.#sweep(nowMs);
    while (this.#trying < this.#limits.connectAttempts) {
      const entry = this.#ready.next();
      if (entry === undefined) break;
      this.#ready.begin(entry);
      entry.phase = 'trying';
      entry.heard = 0;
      entry.isReborn = false;
      this.#trying++;
      taken.push(entry.name);
    }
    return taken;
  }

  #makeReady(entry: Entry): void {
    this.#resting.delete(entry);
    entry.phase = 'ready';
    this.#ready.add(entry, entry.heard > 1);
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
    for (const { heard, restUntilMs } of this.#resting)
      if (heard > 0 && restUntilMs < (wakeAtMs ?? Number.POSITIVE_INFINITY)) wakeAtMs = restUntilMs;
    return wakeAtMs;
  }

  succeeded(name: string, nowMs: number): void {
    const entry = this.#settle(name);
    entry.phase = 'up';
    entry.upAtMs = nowMs;
    this.#entries.delete(name);
    this.#up.set(name, entry);
    // What was heard meanwhile asked for this connection: when it is lost some day, that is no reason to try again.
    entry.heard = 0;
  }

  /** @returns the rest until the next attempt, in ms */
  failed(name: string, nowMs: number): number {
    const entry = this.#settle(name);
    if (!entry.isReborn) return this.#rest(entry, nowMs);
    // It was the earlier life that did not answer.
    this.#makeReady(entry);
    return 0;
  }

  /** The attempt was not made after all, because the node is connected already. */
  dropped(name: string): void {
    this.#settle(name);
    this.#entries.delete(name);
  }

  /** A connection to this name was lost. */
  down(name: string, nowMs: number): void {
    const entry = this.#up.get(name);
    if (entry !== undefined) this.#lost(entry, nowMs);
  }

  /** Forgets a name that is not being tried. */
  forget(name: string): void {
    const entry = this.#entry(name);
    if (entry !== undefined && entry.phase !== 'trying') this.#forget(entry);
  }

  #admit(name: string, nowMs: number, naming: Naming): Offer {
    // Windows follow the clock's whole steps from the first name on; a clock that stands still admits no more.
    if (nowMs - this.#windowStartMs >= 1_000) {
      this.#windowStartMs = nowMs;
      this.#windowUsed = { anybody: 0, few: 0, again: 0 };
      this.#windowByFrom.clear();
    }
    const { connectQueueNames } = this.#limits;
    const from = naming.whereabouts?.from ?? '';
    const told = this.#windowByFrom.get(from) ?? 0;
    // Also those that then find no room are counted: making room is a walk over all that is held.
    if (!this.#hasShare(name, from, told, nowMs)) return 'too_many';
    this.#windowByFrom.set(from, told + 1);
    if (this.size >= connectQueueNames && !this.#makeRoom(nowMs, from)) return 'full';
    const entry: Entry = {
      name,
      from,
      naming,
      phase: 'ready',
      failures: 0,
      restUntilMs: 0,
      upAtMs: 0,
      lastHeardMs: nowMs,
      heard: 1,
      creation: naming.whereabouts?.creation,
      isReborn: false,
    };
    this.#entries.set(name, entry);
    this.#ready.add(entry, false);
    return 'ready';
  }

  /** Takes one of this second's new names from the first share that is open to this one and not used up. */
  #hasShare(name: string, from: string, told: number, nowMs: number): boolean {
    const { newNamesPerSecond } = this.#limits;
    const used = this.#windowUsed;
    if (used.anybody + used.few + used.again >= newNamesPerSecond) return false;
    const quarter = Math.floor(newNamesPerSecond / 4);
    if (from === '' || used.anybody < newNamesPerSecond - 2 * quarter) used.anybody++;
    else if (told < FEW_NAMES && used.few < quarter) used.few++;
    else {
      // Only now, so that quiet nodes do without its memory.
      this.#turnedAway ??= new HeardBefore();
      const isAgain = this.#turnedAway.note(name, nowMs);
      if (!isAgain || used.again >= quarter) return false;
      used.again++;
    }
    return true;
  }

  /** Displaces what matters least: stable connections, then names that failed and fell silent, then stale ones. */
  #makeRoom(nowMs: number, from: string): boolean {
    this.#sweep(nowMs);
    if (this.size < this.#limits.connectQueueNames) return true;
    let silent: Entry | undefined;
    for (const entry of this.#entries.values()) {
      const failedAndSilent = entry.phase === 'resting' && entry.heard === 0;
      const stale = entry.phase === 'ready' && entry.heard === 1 && nowMs - entry.lastHeardMs >= STALE_MS;
      if (!failedAndSilent && !stale) continue;
      if (silent === undefined || entry.lastHeardMs < silent.lastHeardMs) silent = entry;
    }
    const victim = silent ?? (from === '' ? undefined : this.#oneOfTheMost());
    if (victim === undefined) return false;
    this.#forget(victim);
    return true;
  }

  /** One name, drawn at random, of the address that holds most. Names of lists are not given up. */
  #oneOfTheMost(): Entry | undefined {
    const byFrom = new Map<string, Entry[]>();
    let most: Entry[] | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.from === '' || (entry.phase !== 'ready' && entry.phase !== 'resting')) continue;
      const held = byFrom.get(entry.from) ?? [];
      held.push(entry);
      byFrom.set(entry.from, held);
      if (most === undefined || held.length > most.length) most = held;
    }
    return most?.[this.#between(0, most.length - 1)];
  }

  #sweep(nowMs: number): void {
    for (const { name, upAtMs } of this.#up.values()) {
      if (nowMs - upAtMs < STABLE_MS) break;
      this.#up.delete(name);
    }
    for (const entry of this.#resting) {
      if (entry.restUntilMs > nowMs) continue;
      if (entry.heard > 0) this.#makeReady(entry);
      else if (nowMs - Math.max(entry.lastHeardMs, entry.restUntilMs) >= FORGET_MS) this.#forget(entry);
    }
  }

  #settle(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry?.phase !== 'trying') throw new Error(`${name} is not being tried`);
    this.#trying--;
    this.#ready.end(entry);
    return entry;
  }

  #lost(entry: Entry, nowMs: number): void {
    this.#up.delete(entry.name);
    const wasStable = nowMs - entry.upAtMs >= STABLE_MS;
    if (wasStable && entry.heard === 0) return;
    this.#entries.set(entry.name, entry);
    if (!wasStable) {
      this.#rest(entry, nowMs);
      return;
    }
    entry.failures = 0;
    this.#makeReady(entry);
  }

  #rest(entry: Entry, nowMs: number): number {
    entry.failures++;
    const restMs = Math.min(FIRST_REST_MS * 2 ** (entry.failures - 1), LONGEST_REST_MS);
    // Half of it at random: nodes that failed together do not come back together.
    const drawnMs = this.#between(Math.ceil(restMs / 2), restMs);
    entry.phase = 'resting';
    this.#resting.add(entry);
    entry.restUntilMs = nowMs + drawnMs;
    return drawnMs;
  }
}
