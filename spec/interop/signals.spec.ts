import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, type Node, type Self } from '../../src/index.ts';
import { Director, normal, type Stage } from '../process/director.ts';
import { keeper } from '../process/puppet.ts';
import { type Rule, rules } from '../process/rules.ts';
import { type Beam, describeBeam } from '../support/beam.ts';
import { inProcess, Lab } from './lab.ts';

const PUPPET = new URL('./fixtures/beamish_puppet.erl', import.meta.url).pathname;

/**
 * The table of rules on real links. "Within a BEAM" and "between BEAMs" ask OTP itself: our part there is to give the
 * orders and to read what OTP's processes report of themselves.
 */
describeBeam('the rules of signals', () => {
  let lab: Lab;
  let ours: Node[];
  let beams: Beam[];
  let director: Node;

  beforeAll(async () => {
    lab = await Lab.open();
    [director, ...ours] = (await Promise.all(
      // Hidden: of visible ones, who loses one member loses all.
      ['director', 'one', 'two'].map((name) => lab.node(name, { hidden: true })),
    )) as [Node, ...Node[]];
    beams = await Promise.all(['three', 'four'].map((name) => lab.beam(name)));
    for (const node of ours) {
      node.spawn(
        keeper((peer) => node.disconnect(peer)),
        [],
        { name: 'keeper' },
      );
    }
    for (const beam of beams) {
      await beam.load(PUPPET);
      await beam.eval('beamish_puppet:start()');
    }
  });

  afterAll(() => lab?.close());

  const places = {
    'within our node': () => [ours[0]!, ours[0]!],
    'between our nodes': () => [ours[0]!, ours[1]!],
    'from ours to a BEAM': () => [ours[0]!, beams[0]!],
    'from a BEAM to ours': () => [beams[0]!, ours[0]!],
    'within a BEAM': () => [beams[0]!, beams[0]!],
    'between BEAMs': () => [beams[0]!, beams[1]!],
  } satisfies Record<string, () => readonly [{ name: string }, { name: string }]>;

  describe.each(Object.entries(places))('hold %s', (place, nodes) => {
    const possible = rules.filter((rule) => !place.startsWith('within') || rule.apart !== true);

    it.each(possible)('$title', async (rule: Rule) => {
      const [here, there] = nodes();
      const stage: Stage = {
        here: at(here.name, 'keeper'),
        there: at(there.name, 'keeper'),
        hereNode: here.name,
        thereNode: there.name,
        patienceMs: 3_000,
      };
      const expected = (place === 'within a BEAM' ? rule.withinBeam : undefined) ?? rule.outcome;
      const played = { ...rule, outcome: expected };
      const outcome = await inProcess(director, (self: Self) => new Director(self, stage).play(played));
      expect(normal(outcome, expected)).toEqual(normal(expected, expected));
    });
  });
});
