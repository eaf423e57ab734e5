import { anyTerm } from '../../../src/testing/index.ts';

/** Any value that has a term. */
export const term = anyTerm();
