/**
 * A bug of two actors, found by a simulation: see README.md beside this file.
 *
 *   node --import tsx examples/simulation/main.ts
 */
import fc from 'fast-check';
import type { FaultPlan } from '../../src/testing/index.ts';
import { moneyIsKept } from './property.ts';
import { CarefulAccount, HastyAccount } from './transfer.ts';

const SEED = 12;

const hasty = await fc.check(moneyIsKept(HastyAccount), { seed: SEED, numRuns: 100, verbose: true });
// With `verbose`, the plan that failed first comes first, then each shorter one that failed too.
const [found] = hasty.failures as readonly (readonly [FaultPlan])[];
console.log(`the hasty account fails plan ${hasty.numRuns}, of ${found?.[0].steps.length} faults; shrunk:`);
console.log(hasty.errorInstance instanceof Error ? hasty.errorInstance.message : 'not at all');

const careful = await fc.check(moneyIsKept(CarefulAccount), { seed: SEED, numRuns: 100 });
console.log(`\nthe careful account ${careful.failed ? 'fails too' : `passes ${careful.numRuns} plans`}`);
process.exitCode = hasty.failed && !careful.failed ? 0 : 1;
