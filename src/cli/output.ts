import { inspectTerm } from '../index.ts';

/**
 * A value as one line of JSON, or undefined when JSON would lose something of it (atoms, tuples, pids, bytes, big
 * integers, maps with other keys).
 */
export function toJson(value: unknown): string | undefined {
  return isJson(value) ? JSON.stringify(value) : undefined;
}

/** A value for people: JSON where JSON can say it, Erlang syntax elsewhere. */
export function toText(value: unknown): string {
  return toJson(value) ?? inspectTerm(value);
}

/** A value for programs: `{"result": …}` where JSON can say it, else `{"term": "…"}` in Erlang syntax. */
export function toResultLine(value: unknown): string {
  return isJson(value) ? JSON.stringify({ result: value }) : JSON.stringify({ term: inspectTerm(value) });
}

function isJson(value: unknown): boolean {
  // The depth of a term is limited where it is decoded, yet a list of its own keeps this free of the engine's stack.
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (next === null || typeof next === 'string' || typeof next === 'boolean') continue;
    if (typeof next === 'number' && Number.isFinite(next)) continue;
    if (Array.isArray(next)) {
      for (const item of next) pending.push(item);
      continue;
    }
    if (typeof next !== 'object' || next === undefined) return false;
    const prototype = Object.getPrototypeOf(next);
    if (prototype !== Object.prototype && prototype !== null) return false;
    for (const item of Object.values(next)) pending.push(item);
  }
  return true;
}

/** Rows as columns: each as wide as its widest cell, the last one ragged. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '),
  );
}
