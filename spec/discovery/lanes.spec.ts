import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Lanes, type Waiting } from '../../src/discovery/lanes.ts';

interface One extends Waiting {
  isAgain: boolean;
}

it('nobody is next who has more attempts under way than another who waits, or was heard once where one was heard twice', () => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'again', 'remove', 'begin', 'begin', 'end'),
    from: fc.constantFrom('', 'a', 'b', 'c'),
    isAgain: fc.boolean(),
    which: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const lanes = new Lanes<One>();
      // The slow and obvious way.
      const waiting: One[] = [];
      const trying: One[] = [];
      const triedOf = (from: string) => trying.filter((one) => one.from === from).length;
      const take = (from: One[], which: number) => from.splice(which % from.length, 1)[0]!;
      for (const { kind, from, isAgain, which } of steps) {
        const some = waiting[which % Math.max(waiting.length, 1)];
        if (kind === 'add') {
          const one = { from, isAgain };
          waiting.push(one);
          lanes.add(one, isAgain);
        } else if (kind === 'again' && some !== undefined) {
          some.isAgain = true;
          lanes.heardAgain(some);
        } else if (kind === 'remove' && some !== undefined) lanes.remove(take(waiting, which));
        else if (kind === 'end' && trying.length > 0) lanes.end(take(trying, which));
        const next = lanes.next();
        if (waiting.length === 0) {
          expect(next).toBeUndefined();
          continue;
        }
        expect(waiting).toContain(next);
        const fewest = Math.min(...waiting.map((one) => triedOf(one.from)));
        expect(triedOf(next!.from)).toBe(fewest);
        if (!next!.isAgain) expect(waiting.some((one) => one.from === next!.from && one.isAgain)).toBe(false);
        if (kind !== 'begin') continue;
        lanes.begin(next!);
        trying.push(take(waiting, waiting.indexOf(next!)));
      }
    }),
  );
});

it('addresses take turns, and each its own in the order they were heard', () => {
  const lanes = new Lanes<Waiting & { readonly name: string }>();
  for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) lanes.add({ name, from: name[0]! }, false);
  const served: string[] = [];
  for (let next = lanes.next(); next !== undefined; next = lanes.next()) {
    served.push(next.name);
    lanes.begin(next);
    lanes.end(next);
  }
  expect(served).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});
