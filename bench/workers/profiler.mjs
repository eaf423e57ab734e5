/** What this process spends its time on, and how much it allocates, as the engine's own profilers see it. */
import { Session } from 'node:inspector/promises';

/** Bytes between two samples of the heap. */
const HEAP_STEP = 16 * 1024;
const TOP = 8;

let session;

/** Begins anew if it has begun. */
export async function startProfile() {
  session?.disconnect();
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: HEAP_STEP,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await session.post('Profiler.start');
}

/** The functions with most time of their own, as shares of the time that was not idle, and the bytes allocated on the heap. */
export async function stopProfile() {
  const { profile } = await session.post('Profiler.stop');
  const { profile: heap } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  session = undefined;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map();
  let busyUs = 0;
  for (const [i, id] of profile.samples.entries()) {
    const name = names.get(id);
    const us = profile.timeDeltas[i];
    if (name === '(idle)') continue;
    busyUs += us;
    times.set(name, (times.get(name) ?? 0) + us);
  }
  const top = [...times].sort((a, b) => b[1] - a[1]).slice(0, TOP);
  return {
    busyMs: busyUs / 1000,
    top: top.map(([name, us]) => [name, us / busyUs]),
    bytes: bytesUnder(heap.head),
  };
}

function nameOf({ functionName, url, lineNumber }) {
  const file = url.replace(/^.*\/(dist|src|bench|node_modules)\//, (_, root) =>
    root === 'dist' || root === 'src' ? '' : `${root}/`,
  );
  const name = functionName || 'anonymous';
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`;
}

function bytesUnder({ selfSize, children }) {
  return children.reduce((sum, child) => sum + bytesUnder(child), selfSize);
}
