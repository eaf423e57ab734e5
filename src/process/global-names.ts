/**
 * Types of globally registered names, for `global(name)`: augment it.
 *
 * ```ts
 * declare module 'beamish' {
 *   interface GlobalNames { tally: typeof Counter }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: users add to it
export interface GlobalNames {}
