/**
 * A row that stands still must not stand for ever, and should say why: which processes it uses, what each was asked and
 * how long ago, and whether it computes, sleeps or is stopped.
 */
import { readFileSync } from 'node:fs';

/** A row took longer than it may. */
export class StoodStill extends Error {}

/**
 * @param work - measures; what becomes of it after the limit is of no interest
 * @param tell - called when the limit has passed, for one line per process
 * @throws StoodStill with those lines when `work` has not settled within `limitMs`
 */
export async function withinLimit<T>(
  work: Promise<T>,
  limitMs: number,
  tell: () => Promise<readonly string[]>,
): Promise<T> {
  // Its processes are ended after the limit, which fails it once more.
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), limitMs);
  });
  try {
    const first = await Promise.race([work.then((value) => ({ value })), late]);
    if (first !== 'late') return first.value;
  } finally {
    clearTimeout(timer);
  }
  throw new StoodStill([`stood still for ${limitMs / 1000} s`, ...(await tell())].join('\n  '));
}

/** What the system knows of a process: `running`, `sleeping in ep_poll, 12.3 s of processor time`. */
export function systemState(pid: number | undefined): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; the state is the third field, the times are the fourteenth and fifteenth.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    const state = STATES[fields[0] ?? ''] ?? `in state ${fields[0]}`;
    return `${state}, ${seconds.toFixed(1)} s of processor time`;
  } catch {
    return 'unknown to /proc';
  }
}

/** Linux counts a process's time in these, on every architecture that Node.js runs on. */
const TICKS_PER_SECOND = 100;

const STATES: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'in the kernel',
  T: 'stopped by a signal',
  Z: 'ended',
};
