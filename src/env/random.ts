/** Randomness. In a simulation all of it follows from the seed. */
export interface Random {
  /** `count` unpredictable bytes, fit for challenges and initialisation vectors. */
  bytes(count: number): Uint8Array;
  /** Unsigned 32-bit number. */
  u32(): number;
  /** Whole number, uniform in `min..max`, both included. */
  between(min: number, max: number): number;
}
