/**
 * `npm run bench -- --profile`: each row once warm and once under the engine's profilers, in processes of its own. What our
 * JavaScript processes spend their time on and allocate; the peers in other languages are not looked into. The numbers of
 * such a run are no measurements.
 */
import { etfWork } from './etf.ts';
import { Fleet } from './fleet.ts';
import type { Row } from './row.ts';
import { withinLimit } from './watchdog.ts';
import { startProfile, stopProfile } from './workers/profiler.mjs';

/** One JavaScript process of a row. */
export interface Profile {
  readonly worker: string;
  readonly busyMs: number;
  /** Names of functions, and their share of the time that was not idle. */
  readonly top: readonly (readonly [name: string, share: number])[];
  /** Allocated on the heap, sampled; the contents of buffers lie outside. */
  readonly bytes: number;
}

/** Processes that did less have nothing to tell. */
const BUSY_AT_LEAST_MS = 20;

/** One Markdown list for a row. */
export async function profileRow(row: Row, limitMs: number): Promise<string> {
  const fleet = new Fleet({ profiled: true });
  try {
    const guarded = (work: Promise<unknown>) => withinLimit(work, limitMs, () => fleet.describe());
    await guarded(row.measure(fleet));
    await fleet.startProfiles();
    await guarded(row.measure(fleet));
    const busy = (await fleet.stopProfiles()).filter(({ busyMs }) => busyMs >= BUSY_AT_LEAST_MS);
    const lines = busy.map((profile) => line(row.messages, profile));
    return [`### ${row.name}`, '', ...(lines.length > 0 ? lines : ['- no JavaScript process was busy'])].join(
      '\n',
    );
  } finally {
    await fleet.end();
  }
}

/** The same of our codec, which runs in this process, sample by sample. */
export async function profileEtf(): Promise<string> {
  const lines: string[] = [];
  for (const { name, count, run } of etfWork()) {
    await startProfile();
    run();
    lines.push(line(count, { worker: name, ...(await stopProfile()) }));
  }
  return ['### codec', '', ...lines].join('\n');
}

function line(messages: number | undefined, { worker, busyMs, top, bytes }: Profile): string {
  const each =
    messages === undefined
      ? `${(bytes / 2 ** 20).toFixed(1)} MiB`
      : `${Math.round(bytes / messages)} bytes each of ${messages.toLocaleString('en-GB')}`;
  const functions = top.map(([name, share]) => `${name} ${(share * 100).toFixed(0)}%`).join(', ');
  return `- ${worker}: ${Math.round(busyMs)} ms busy, allocated ${each}; ${functions}`;
}
