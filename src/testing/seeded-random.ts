import type { Random } from '../env/random.ts';

/**
 * Randomness that follows from a seed alone (xoshiro128** of Blackman and Vigna, fed by splitmix32). Good enough to
 * shake a system, predictable to everybody: never use it outside a simulation.
 */
export class SeededRandom implements Random {
  readonly #seed: number;
  readonly #state: Uint32Array;

  /** @param seed - whole number; its low 32 bits count */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    let mixed = this.#seed;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      return avalanche(mixed);
    });
  }

  /**
   * A generator of its own for one part of the world. It depends on the seed and the label, not on what was drawn
   * so far: a part that draws more does not change what another one draws.
   */
  fork(label: string): SeededRandom {
    let hash = avalanche(this.#seed ^ 0x85ebca6b);
    for (let at = 0; at < label.length; at++) hash = avalanche(hash ^ label.charCodeAt(at));
    return new SeededRandom(hash);
  }

  u32(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.u32() >>> 24);
  }

  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** Uniform in 0 (included) to 1 (excluded). */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }
}

const rotateLeft = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** Every bit of the input moves about half of the bits of the result. */
function avalanche(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
