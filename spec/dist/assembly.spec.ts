import { describe, expect, it } from 'vitest';
import { Assembly } from '../../src/dist/assembly.ts';
import { DecodeError, LimitError } from '../../src/errors.ts';

const PIECE = Buffer.alloc(10, 7);
const limits = { frameBytes: 1_000, fragmentedMessages: 4, fragmentedBytes: 100 };

/** One whole message of `bytes` bytes. */
function pass(assembly: Assembly, sequence: bigint, bytes: number): void {
  assembly.first(sequence, 2n, Buffer.alloc(bytes / 2), []);
  expect(assembly.next(sequence, 1n, Buffer.alloc(bytes / 2))!.data).toHaveLength(bytes);
}

describe('unfinished messages', () => {
  it('that stood still while others brought half of the limit make room at the limit of their number', () => {
    const assembly = new Assembly(limits);
    for (const sequence of [1n, 2n, 3n]) assembly.first(sequence, 9n, PIECE, []);
    pass(assembly, 9n, 40);
    expect([assembly.size, assembly.bytes]).toEqual([3, 30]);
    // The second one moves on; so it stays.
    assembly.next(2n, 8n, PIECE);
    pass(assembly, 9n, 40);
    assembly.first(4n, 9n, PIECE, []);
    expect([assembly.size, assembly.dropped]).toEqual([4, 0]);
    assembly.first(5n, 9n, PIECE, []);
    expect([assembly.size, assembly.bytes, assembly.dropped]).toEqual([3, 40, 2]);
    assembly.next(2n, 7n, PIECE);
    expect(() => assembly.next(1n, 8n, PIECE)).toThrow(
      /without a first one, or long after it \(2 unfinished messages were dropped\)/,
    );
  });

  it('do so at the limit of their bytes too, and a piece that comes in parts counts as moving', () => {
    const assembly = new Assembly(limits);
    for (const sequence of [1n, 2n, 3n]) assembly.first(sequence, 9n, Buffer.alloc(20), []);
    pass(assembly, 9n, 20);
    // Moves by a piece whose bytes are placed later.
    expect(assembly.room(3n, 8n, PIECE, 20)).toHaveLength(10);
    expect(assembly.placed()).toBeUndefined();
    pass(assembly, 9n, 20);
    pass(assembly, 9n, 20);
    assembly.first(4n, 3n, PIECE, []);
    // No room is made for what is only announced: `next` is to be told when it has come.
    expect(assembly.room(4n, 2n, PIECE, 20)).toBeUndefined();
    assembly.next(4n, 2n, Buffer.alloc(20));
    expect([assembly.size, assembly.bytes, assembly.dropped]).toEqual([2, 70, 2]);
    expect(assembly.next(4n, 1n, PIECE)!.data).toHaveLength(40);
    expect([assembly.size, assembly.bytes]).toEqual([1, 40]);
  });

  it('are long until only the last fragment is missing', () => {
    const assembly = new Assembly(limits);
    expect(assembly.isLong).toBe(false);
    assembly.first(1n, 2n, PIECE, []);
    expect(assembly.isLong).toBe(false);
    assembly.first(2n, 3n, PIECE, []);
    expect(assembly.isLong).toBe(true);
    assembly.next(2n, 2n, PIECE);
    expect(assembly.isLong).toBe(false);
    assembly.firstRoom(3n, 2n, PIECE, 20, []);
    expect(assembly.isLong).toBe(true);
    assembly.placed();
    expect(assembly.isLong).toBe(false);
  });

  it('that all move close the link at a limit, as ever', () => {
    const assembly = new Assembly(limits);
    for (const sequence of [1n, 2n, 3n, 4n]) assembly.first(sequence, 9n, PIECE, []);
    expect(() => assembly.first(5n, 9n, PIECE, [])).toThrow(LimitError);
    for (const sequence of [1n, 2n, 3n, 4n]) assembly.next(sequence, 8n, PIECE);
    assembly.next(1n, 7n, PIECE);
    assembly.next(2n, 7n, PIECE);
    expect(() => assembly.next(1n, 6n, PIECE)).toThrow(/unfinished messages hold more than 100 bytes/);
    expect(assembly.dropped).toBe(0);
    expect(() => assembly.next(6n, 6n, PIECE)).toThrow(DecodeError);
  });
});
