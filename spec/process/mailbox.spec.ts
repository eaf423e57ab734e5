import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Mailbox } from '../../src/process/mailbox.ts';

describe('mailboxes', () => {
  it('of any number, in bursts of any length, keep what is whose and its order', () => {
    const step = fc.record({
      box: fc.nat(2),
      burst: fc.constantFrom(1, 3, 200, 300, 1_100, 2_100, 5_000),
      taken: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const boxes = Array.from({ length: 3 }, () => new Mailbox<number>());
        const wanted: number[][] = boxes.map(() => []);
        let next = 0;
        const take = (box: number, count: number): void => {
          for (let i = 0; i < count; i++) expect(boxes[box]!.shift()).toBe(wanted[box]!.shift());
        };
        for (const { box, burst, taken } of steps) {
          for (let i = 0; i < burst; i++) {
            boxes[box]!.push(next);
            wanted[box]!.push(next++);
          }
          take(box, taken > 0.5 ? boxes[box]!.length : Math.floor(boxes[box]!.length * taken));
          for (const [i, mailbox] of boxes.entries()) {
            expect(mailbox.length).toBe(wanted[i]!.length);
            if (mailbox.length > 0) expect(mailbox.at(mailbox.length - 1)).toBe(wanted[i]!.at(-1));
          }
        }
        for (const box of boxes.keys()) take(box, boxes[box]!.length);
      }),
      { numRuns: 60 },
    );
  });
});
