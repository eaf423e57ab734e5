import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ConnectQueue,
  FIRST_REST_MS,
  FORGET_MS,
  LONGEST_REST_MS,
  STABLE_MS,
} from '../../src/discovery/connect-queue.ts';
import { DEFAULT_LIMITS } from '../../src/env/limits.ts';
import { seeded } from './virtual.ts';

const queueOf = (limits: Partial<typeof DEFAULT_LIMITS> = {}, between = seeded(1).between): ConnectQueue =>
  new ConnectQueue({ ...DEFAULT_LIMITS, ...limits }, between);
const longest = (_min: number, max: number): number => max;

describe('the connect queue', () => {
  it('hands out a new name at once, and not again while it is tried', () => {
    const queue = queueOf();
    expect(queue.offer('a@x', 0)).toBe('ready');
    expect(queue.take(0)).toEqual(['a@x']);
    expect(queue.offer('a@x', 1)).toBe('wait');
    expect(queue.take(1)).toEqual([]);
  });

  it('lets a name rest after a failure, twice as long each time, up to a minute', () => {
    const queue = queueOf({}, longest);
    let nowMs = 0;
    const rests: number[] = [];
    for (let i = 0; i < 10; i++) {
      queue.offer('a@x', nowMs);
      expect(queue.take(nowMs)).toEqual(['a@x']);
      const restMs = queue.failed('a@x', nowMs);
      rests.push(restMs);
      expect(queue.offer('a@x', nowMs + restMs - 1)).toBe('wait');
      expect(queue.take(nowMs + restMs - 1)).toEqual([]);
      expect(queue.wakeAtMs()).toBe(nowMs + restMs);
      nowMs += restMs;
    }
    expect(rests.slice(0, 4)).toEqual([500, 1_000, 2_000, 4_000]);
    expect(rests.slice(-2)).toEqual([LONGEST_REST_MS, LONGEST_REST_MS]);
  });

  it('draws at least half of each rest, so that pauses grow whatever the jitter', () => {
    const queue = queueOf({}, (min) => min);
    queue.offer('a@x', 0);
    queue.take(0);
    expect(queue.failed('a@x', 0)).toBe(FIRST_REST_MS / 2);
  });

  it('does not wake for a name that nobody named again, and forgets it', () => {
    const queue = queueOf({}, longest);
    queue.offer('a@x', 0);
    queue.take(0);
    queue.failed('a@x', 0);
    expect(queue.wakeAtMs()).toBeUndefined();
    expect(queue.take(FIRST_REST_MS + FORGET_MS - 1)).toEqual([]);
    expect(queue.failures('a@x')).toBe(1);
    queue.take(FIRST_REST_MS + FORGET_MS);
    expect(queue.size).toBe(0);
  });

  it('starts anew after a stable connection, and lets a flapping node rest longer and longer', () => {
    const queue = queueOf({}, longest);
    let nowMs = 0;
    for (let failures = 1; failures < 5; failures++) {
      queue.offer('a@x', nowMs);
      queue.take(nowMs);
      queue.succeeded('a@x', nowMs);
      queue.down('a@x', nowMs + 10);
      expect(queue.failures('a@x')).toBe(failures);
      nowMs += 10 + FIRST_REST_MS * 2 ** (failures - 1);
    }
    queue.offer('a@x', nowMs);
    queue.take(nowMs);
    queue.succeeded('a@x', nowMs);
    queue.down('a@x', nowMs + STABLE_MS);
    expect(queue.size).toBe(0);
    expect(queue.offer('a@x', nowMs + STABLE_MS)).toBe('ready');
  });

  it('forgets, once connected, what was heard while it was trying: a node that dies later is not dialled for it', () => {
    for (const livedMs of [STABLE_MS - 1, STABLE_MS + 1]) {
      const queue = queueOf();
      queue.offer('a@x', 0);
      queue.take(0);
      expect(queue.offer('a@x', 1)).toBe('wait');
      queue.succeeded('a@x', 2);
      queue.down('a@x', 2 + livedMs);
      expect(queue.wakeAtMs()).toBeUndefined();
      expect(queue.take(2 + livedMs + LONGEST_REST_MS)).toEqual([]);
    }
  });

  describe('of a node that has started again', () => {
    const life = (creation?: number, port = 4_000) => ({
      topology: 'lan',
      whereabouts: creation === undefined ? { from: '10.0.0.1' } : { creation, port },
    });

    it('tries it at once, where it is now, instead of resting for its earlier life', () => {
      const queue = queueOf({}, longest);
      queue.offer('a@x', 0, life(1));
      queue.take(0);
      queue.failed('a@x', 0);
      expect(queue.offer('a@x', 10, life(2, 5_000))).toBe('ready');
      expect(queue.failures('a@x')).toBe(0);
      expect(queue.take(10)).toEqual(['a@x']);
      expect(queue.named('a@x')?.whereabouts?.port).toBe(5_000);
      expect(queue.failed('a@x', 20)).toBe(FIRST_REST_MS);
    });

    it('does so also after a connection that was lost soon, whether that was told or not', () => {
      for (const isTold of [true, false]) {
        const queue = queueOf({}, longest);
        queue.offer('a@x', 0, life(1));
        queue.take(0);
        queue.succeeded('a@x', 0);
        if (isTold) queue.down('a@x', 10);
        expect(queue.offer('a@x', 20, life(2))).toBe('ready');
        expect(queue.failures('a@x')).toBe(0);
      }
    });

    it('tries it again as soon as the attempt to reach its earlier life has failed, once', () => {
      const queue = queueOf({}, longest);
      queue.offer('a@x', 0, life(1));
      queue.take(0);
      expect(queue.offer('a@x', 10, life(2))).toBe('wait');
      expect(queue.take(10)).toEqual([]);
      expect(queue.failed('a@x', 20)).toBe(0);
      expect(queue.take(20)).toEqual(['a@x']);
      expect(queue.failed('a@x', 30)).toBe(FIRST_REST_MS);
      expect(queue.take(30)).toEqual([]);
    });

    it('lets it rest in the same life, and where nothing is told of its life', () => {
      const queue = queueOf({}, longest);
      queue.offer('a@x', 0, life());
      queue.take(0);
      queue.failed('a@x', 0);
      for (const creation of [1, 1, undefined]) expect(queue.offer('a@x', 10, life(creation))).toBe('wait');
      expect(queue.failures('a@x')).toBe(1);
      expect(queue.offer('a@x', 20, life(2))).toBe('ready');
    });
  });

  it('takes a name that is offered although it was up for a connection that was lost', () => {
    const queue = queueOf({}, longest);
    queue.offer('a@x', 0);
    queue.take(0);
    queue.succeeded('a@x', 0);
    expect(queue.offer('a@x', 100)).toBe('wait');
    expect(queue.restUntilMs('a@x')).toBe(100 + FIRST_REST_MS);
  });

  it('limits the attempts under way and goes on when one ends', () => {
    const queue = queueOf({ connectAttempts: 2 });
    for (const name of ['a@x', 'b@x', 'c@x']) queue.offer(name, 0);
    expect(queue.take(0)).toEqual(['a@x', 'b@x']);
    expect(queue.take(0)).toEqual([]);
    queue.succeeded('b@x', 5);
    expect(queue.take(5)).toEqual(['c@x']);
    queue.dropped('a@x');
    expect(queue.trying).toBe(1);
  });

  it('limits new names per second and names held', () => {
    const queue = queueOf({ newNamesPerSecond: 3, connectQueueNames: 5 });
    const offers = (nowMs: number) => [1, 2, 3, 4].map((n) => queue.offer(`n${n}@${nowMs}`, nowMs));
    expect(offers(0)).toEqual(['ready', 'ready', 'ready', 'too_many']);
    expect(offers(1_000)).toEqual(['ready', 'ready', 'full', 'too_many']);
    expect(queue.size).toBe(5);
    expect(queue.offer('n1@0', 1_000)).toBe('ready');
  });

  it('gives the place of a silent failure, or of a stale stranger, to a newcomer', () => {
    const queue = queueOf({ connectQueueNames: 2, connectAttempts: 1 }, longest);
    queue.offer('failed@x', 0);
    queue.take(0);
    queue.failed('failed@x', 0);
    queue.offer('waiting@x', 0);
    expect(queue.offer('new@x', 1)).toBe('ready');
    expect(queue.failures('failed@x')).toBe(0);
    expect(queue.offer('other@x', 2)).toBe('full');
    expect(queue.offer('other@x', 10_000)).toBe('ready');
    expect(queue.size).toBe(2);
  });

  it('tries names heard twice before names heard once', () => {
    const queue = queueOf({ connectAttempts: 1 });
    for (let i = 0; i < 100; i++) queue.offer(`forged${i}@x`, 0);
    queue.offer('real@x', 0);
    queue.offer('real@x', 100);
    expect(queue.take(100)).toEqual(['real@x']);
  });

  it('never tries one name twice at a time, never more than allowed, and never before its rest is over', () => {
    const event = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('offer' as const), name: fc.nat(12) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), name: fc.nat(12) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('ok', 'bad', 'drop'), name: fc.nat(12) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('down' as const), name: fc.nat(12) }) },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(3_000)), { maxLength: 200 }), fc.nat(), (events, seed) => {
        const queue = queueOf({ connectQueueNames: 8, connectAttempts: 3 }, seeded(seed).between);
        const trying = new Set<string>();
        const restUntilMs = new Map<string, number>();
        let nowMs = 0;
        for (const [{ kind, name: number }, passedMs] of events) {
          nowMs += passedMs;
          const name = `n${number}@x`;
          if (kind === 'offer') queue.offer(name, nowMs);
          else if (kind === 'down') queue.down(name, nowMs);
          else if (kind === 'take')
            for (const taken of queue.take(nowMs)) {
              expect(trying.has(taken)).toBe(false);
              if (queue.failures(taken) > 0)
                expect(nowMs).toBeGreaterThanOrEqual(restUntilMs.get(taken) ?? 0);
              trying.add(taken);
            }
          else if (trying.delete(name)) {
            if (kind === 'ok') queue.succeeded(name, nowMs);
            else if (kind === 'drop') queue.dropped(name);
            else restUntilMs.set(name, nowMs + queue.failed(name, nowMs));
          }
          expect(queue.trying).toBe(trying.size);
          expect(trying.size).toBeLessThanOrEqual(3);
          expect(queue.size).toBeLessThanOrEqual(8);
        }
      }),
    );
  });
});
