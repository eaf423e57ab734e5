/** The simulation for the benchmarks: whole clusters on a virtual clock, in one process. */
import { actor, at } from '../../dist/index.js';
import {
  checkConvergence,
  converged,
  randomPlan,
  SeededRandom,
  SimCluster,
} from '../../dist/testing/index.js';
import { serve, timed } from './serve.mjs';

serve({ cluster, plans, membership });

const Adder = actor('adder', () => ({ add: (n) => n + 1 }));

/**
 * Real milliseconds for `virtualMs` of a cluster that found itself by gossip. Each node calls the next once every
 * `everyMs` (0: not at all); all call each other before and after, so that what was simulated was a working cluster.
 */
async function cluster({ nodes, virtualMs, everyMs }) {
  const simulated = new SimCluster({ seed: 42 });
  try {
    return await live(simulated, nodes, virtualMs, everyMs);
  } finally {
    await simulated[Symbol.asyncDispose]();
  }
}

async function live(simulated, nodes, virtualMs, everyMs) {
  const names = Array.from({ length: nodes }, (_, i) => `n${i}@sim`);
  const members = [];
  for (const name of names) {
    const member = await simulated.start(name);
    member.spawn(Adder, [], { name: 'adder' });
    members.push(member);
  }
  await simulated.until(converged, { withinMs: 10_000 });
  let calls = 0;
  const advanceCalling = async (forMs) => {
    const answers = members.map(async (member, i) => {
      const sum = await member.call(at(names[(i + 1) % nodes], 'adder'), 'add', i);
      if (sum !== i + 1) throw new Error(`${i} + 1 came back as ${sum}`);
      calls += 1;
    });
    const answered = Promise.all(answers);
    await simulated.advance(forMs);
    await answered;
  };
  await advanceCalling(1_000);
  const ms = await timed(async () => {
    if (everyMs === 0) await simulated.advance(virtualMs);
    else for (let passedMs = 0; passedMs < virtualMs; passedMs += everyMs) await advanceCalling(everyMs);
  });
  await advanceCalling(1_000);
  const wanted = nodes * (2 + (everyMs === 0 ? 0 : Math.ceil(virtualMs / everyMs)));
  if (calls !== wanted) throw new Error(`of ${wanted} calls ${calls} were answered`);
  if (!converged(simulated)) throw new Error('the cluster fell apart');
  return ms;
}

/** Real milliseconds for so many plans of faults, after each of which the cluster has to find itself again. */
async function plans({ count, nodes, steps }) {
  const random = new SeededRandom(1);
  return timed(async () => {
    for (let i = 0; i < count; i++) await checkConvergence(randomPlan(random, { nodes, steps }));
  });
}

/** Real milliseconds until each of so many nodes, links reduced to their handshakes, is connected with each. */
async function membership({ nodes }) {
  const { meet } = await import('../../spec/sim/scale.ts');
  return timed(async () => {
    const { convergedMs } = await meet({ nodes, loss: 0, rule: 'beamish', seed: 1 });
    if (!(convergedMs > 0)) throw new Error('they never met');
  });
}
