/** Who answers for promises that were made in its name. */
export interface RejectionOwner {
  /** A promise of its was rejected, and nobody waits for it. */
  unhandledRejection(error: unknown): void;
}

/**
 * Promises that are rejected while nobody waits for them. The platform ends the whole program for one; what is known
 * to belong to somebody is told to its owner instead, and the rest is left to the platform.
 */
export interface Rejections {
  /** Begins to tell owners; the function it returns ends that. Others may listen at the same time. */
  listen(): () => void;
  /**
   * Runs `fn(arg)`. Promises made there, and in async functions that it calls, belong to `owner`; to nobody when that
   * is undefined. How far callbacks are followed is the platform's affair.
   */
  run<T>(owner: RejectionOwner | undefined, fn: (arg: T) => void, arg: T): void;
  /** Whose code runs now. */
  current(): RejectionOwner | undefined;
}
