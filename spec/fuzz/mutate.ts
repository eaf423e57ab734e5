/** Numbers that a seed decides: mulberry32. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to `sides - 1`. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  }

  pick<T>(of: readonly T[]): T {
    return of[this.roll(of.length)]!;
  }
}

/** Bytes at which formats change their mind: borders of lengths, tags of terms, heads of MessagePack. */
const INTERESTING = [
  0, 1, 2, 4, 15, 16, 31, 32, 68, 69, 70, 77, 80, 82, 88, 90, 97, 98, 100, 104, 105, 106, 107, 108, 109, 110,
  111, 112, 116, 119, 127, 128, 131, 0x90, 0xc0, 0xc1, 0xc7, 0xc9, 0xcf, 0xd8, 0xdb, 0xdd, 0xdf, 254, 255,
];

/** The bytes with one to four things wrong. `others` are there to be mixed in. */
export function mutate(dice: Dice, bytes: Buffer, others: readonly Buffer[]): Buffer {
  let made: Buffer = Buffer.from(bytes);
  for (let changes = 1 + dice.roll(4); changes > 0; changes--) made = change(dice, made, others);
  return made;
}

function change(dice: Dice, bytes: Buffer, others: readonly Buffer[]): Buffer {
  const at = dice.roll(bytes.length + 1);
  switch (dice.roll(9)) {
    case 0: // a bit
      if (at < bytes.length) bytes[at]! ^= 1 << dice.roll(8);
      return bytes;
    case 1: // any byte
      if (at < bytes.length) bytes[at] = dice.roll(256);
      return bytes;
    case 2: // a telling byte
      if (at < bytes.length) bytes[at] = dice.pick(INTERESTING);
      return bytes;
    case 3: // a length that is too large, or negative
      if (at + 4 <= bytes.length)
        bytes.writeUInt32BE(dice.pick([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, dice.roll(1 << 30)]), at);
      return bytes;
    case 4: // cut off
      return bytes.subarray(0, at);
    case 5: // a part missing
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + dice.roll(8))]);
    case 6: {
      // a part said again, many times
      const part = bytes.subarray(at, at + 1 + dice.roll(8));
      const times = Array.from({ length: 1 + dice.roll(dice.roll(20) === 0 ? 3_000 : 4) }, () => part);
      return Buffer.concat([bytes.subarray(0, at), ...times, bytes.subarray(at)]);
    }
    case 7: {
      // the beginning of this one, the end of another
      const other = dice.pick(others);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(dice.roll(other.length + 1))]);
    }
    default: {
      // noise in between
      const noise = Buffer.from(Array.from({ length: 1 + dice.roll(8) }, () => dice.roll(256)));
      return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
    }
  }
}
