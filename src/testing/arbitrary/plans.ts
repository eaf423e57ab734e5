import { checkPlanOptions, type FaultPlan, type FaultPlanOptions, randomPlan, shrinkPlan } from '../plan.ts';
import { SeededRandom } from '../seeded-random.ts';
import { type Arbitrary, fastCheck } from './library.ts';

/**
 * Plans of faults for fast-check, to be played by `checkConvergence`. A plan that fails shrinks to few faults on few
 * nodes under a clear sky, however it was drawn: also one that is given as an example.
 *
 * ```ts
 * fc.assert(fc.asyncProperty(faultPlan({ nodes: 5, steps: 20 }), (plan) => checkConvergence(plan)));
 * ```
 *
 * @throws OptionsError for options that make no sense, and where fast-check is not installed
 */
export function faultPlan(options: FaultPlanOptions = {}): Arbitrary<FaultPlan> {
  const fc = fastCheck();
  checkPlanOptions(options);

  class Plans extends fc.Arbitrary<FaultPlan> {
    override generate(random: InstanceType<typeof fc.Random>): InstanceType<typeof fc.Value<FaultPlan>> {
      const seed = random.nextInt(0, 0x7fff_ffff);
      return new fc.Value(randomPlan(new SeededRandom(seed), options), undefined);
    }

    override canShrinkWithoutContext(value: unknown): value is FaultPlan {
      return typeof value === 'object' && value !== null && 'steps' in value && 'nodes' in value;
    }

    override shrink(
      plan: FaultPlan,
    ): InstanceType<typeof fc.Stream<InstanceType<typeof fc.Value<FaultPlan>>>> {
      return fc.stream(shrinkPlan(plan)).map((smaller) => new fc.Value(smaller, undefined));
    }
  }

  return new Plans();
}
