/**
 * `npm run fuzz -- --frames 1000000 --seed 1`: many more mutated frames than the tests have time for, and what they
 * did to the heap. Ends with 1 when a decoder throws what it must not, or the heap has grown.
 */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { makeTargets } from './targets.ts';

const { values } = parseArgs({ options: { frames: { type: 'string' }, seed: { type: 'string' } } });
const frames = Number(values.frames ?? 1_000_000);
const seed = Number(values.seed ?? 1);
if (!Number.isInteger(frames) || frames < 1 || !Number.isInteger(seed))
  throw new Error('expected --frames and --seed to be whole numbers');

const MIB = 1024 * 1024;
/** Grown by this much over the second half of the run, the heap leaks. */
const LEAK_BYTES = 16 * MIB;

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const targets = makeTargets();
const startedMs = performance.now();
const first = heapBytes();
let halfway = first;
let nextLook = 0.5;
const outcomes = await fuzz(targets, frames, seed, (done) => {
  if (done / frames < nextLook) return;
  halfway = heapBytes();
  nextLook = 2;
});
const last = heapBytes();
const seconds = (performance.now() - startedMs) / 1000;
for (const { name, frames: fed, read, refused } of outcomes) {
  const errors = [...refused].map(([code, count]) => `${code} ${count}`).join(', ');
  console.log(
    `${name.padEnd(38)} ${String(fed).padStart(8)} frames, ${read} read or ignored, ${errors || 'no error'}`,
  );
}
const mib = (bytes: number) => (bytes / MIB).toFixed(1);
console.log(
  `${frames} frames of seed ${seed} in ${seconds.toFixed(1)} s; heap ${mib(first)} MiB before, ${mib(halfway)} MiB ` +
    `halfway, ${mib(last)} MiB after; resident at most ${mib(process.resourceUsage().maxRSS * 1024)} MiB`,
);
if (last - halfway > LEAK_BYTES) {
  console.error('the heap has grown');
  process.exitCode = 1;
}
