import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encryptedFormat, isNodeName, plainFormat } from '../../src/gossip/index.ts';
import { decodeTerm, encodeTerm, equalTerms } from '../../src/index.ts';
import { anyDatagram, anyNodeName, anySchedule, anyTerm, clusterCommands } from '../../src/testing/index.ts';

describe('test data', () => {
  it('terms are values that travel', () => {
    fc.assert(
      fc.property(anyTerm(), (term) => equalTerms(decodeTerm(encodeTerm(term)), term)),
      {
        numRuns: 500,
      },
    );
  });

  it('node names are names of nodes', () => {
    fc.assert(fc.property(anyNodeName(), (name) => isNodeName(name)));
  });

  it.each([
    ['plain', plainFormat, {}],
    ['encrypted', encryptedFormat('s'), { secret: 's' }],
  ] as const)('datagrams are what they say: %s', (_, format, options) => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(anyDatagram(options), ({ bytes, kind, node }) => {
        kinds.add(kind);
        const heard = format.decode(bytes);
        if (kind === 'heartbeat') expect(heard).toEqual({ node });
        if (kind === 'noise') expect(heard).toHaveProperty('ignored');
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(kinds.size).toBe(3);
  });

  it('schedules are moments in order', () => {
    for (const options of [undefined, {}, { nodes: [] }])
      for (const draws of [anySchedule, clusterCommands])
        expect(() => draws(options as never)).toThrow('nodes: expected at least one name');
    fc.assert(
      fc.property(anySchedule({ nodes: ['a', 'b'], withinMs: 1_000 }), (schedule) => {
        for (const [at, { atMs }] of schedule.entries())
          expect(atMs).toBeGreaterThanOrEqual(schedule[at - 1]?.atMs ?? 0);
      }),
    );
    const [shrunk] = fc.check(
      fc.property(anySchedule({ nodes: ['a', 'b'] }), (schedule) => schedule.length < 3),
      { seed: 2 },
    ).counterexample!;
    expect(shrunk).toEqual([
      { atMs: 0, node: 'a' },
      { atMs: 0, node: 'a' },
      { atMs: 0, node: 'a' },
    ]);
  });
});
