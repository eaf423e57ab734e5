/**
 * `npm run bench`: prints the machine and the versions, then measures every row several times, the rows taking
 * turns, so that a slow minute of the machine falls on all of them alike. What counts are the ratios between rows
 * of one run. The peers are operating system processes of their own, and Beamish is the built package.
 *
 *   --only TEXT    rows whose name contains TEXT, and the rows they are held against; may be given more than once
 *   --rounds N     measurements of each row (2: a run of ten minutes on two cores has time for no more)
 *   --limit S      seconds after which a measurement stands still: the row fails, and says what each process waits for (120)
 *   --json FILE    also write everything as JSON
 *   --markdown FILE  also write the table as Markdown
 *   --profile      instead of measuring, tell what each row's JavaScript processes spend their time on and allocate
 *   --list         only tell the rows' names
 */
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { beamAvailable } from '../spec/support/beam-node.ts';
import { etfRows } from './etf.ts';
import { Fleet } from './fleet.ts';
import { profileEtf, profileRow } from './profile.ts';
import { describeMachine, machineLines, markdownTable, table } from './report.ts';
import { median, type Need, type Result, type Row, type Skipped, spread, summarise } from './row.ts';
import { discoveryRows } from './rows/discovery.ts';
import { globalRows } from './rows/global.ts';
import { groupRows } from './rows/groups.ts';
import { localRows } from './rows/local.ts';
import { meshRows } from './rows/mesh.ts';
import { millionRows } from './rows/million.ts';
import { peerRows } from './rows/peers.ts';
import { remoteRows } from './rows/remote.ts';
import { simulationRows } from './rows/simulation.ts';
import { socketRows } from './rows/socket.ts';
import { strangerRows } from './rows/strangers.ts';
import { missingFor } from './stranger.ts';
import { StoodStill, withinLimit } from './watchdog.ts';

const ROWS: readonly Row[] = [
  ...socketRows,
  ...remoteRows,
  ...strangerRows,
  ...localRows,
  ...peerRows,
  ...millionRows,
  ...discoveryRows,
  ...globalRows,
  ...groupRows,
  ...meshRows,
  ...simulationRows,
];

const ETF = 'codec';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '2' },
    limit: { type: 'string', default: '120' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    profile: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

if (options.list) for (const { name } of [...ROWS, { name: ETF }]) console.log(name);
else process.exitCode = await run();

async function run(): Promise<number> {
  const rounds = Number(options.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1');
  const limitMs = Number(options.limit) * 1000;
  if (!(limitMs > 0)) throw new Error('--limit takes a number of seconds above 0');
  const rows = chosen(ROWS, options.only);
  const withEtf = wants(options.only, ETF);
  if (rows.length === 0 && !withEtf) {
    console.error(`no row is called ${options.only.join(' or ')}; --list tells the names`);
    return 1;
  }
  for (const file of [options.json, options.markdown]) if (file !== undefined) makeWritable(file);
  const missing = missingNeeds(rows);
  const machine = describeMachine(!missing.has('erl'));
  console.log(machineLines(machine));
  if (options.profile) {
    const code = await profileAll(rows, limitMs, missing);
    if (withEtf) console.log(`\n${await profileEtf()}`);
    return code;
  }
  const measured = await measureAll(rows, rounds, limitMs, missing);
  const medians = new Map<string, number>();
  for (const row of rows) {
    const numbers = measured.get(row);
    if (Array.isArray(numbers)) medians.set(row.name, summarise(row, numbers, () => undefined).median);
  }
  const results: (Result | Skipped)[] = rows.map((row) => {
    const numbers = measured.get(row);
    return Array.isArray(numbers)
      ? summarise(row, numbers, (name) => medians.get(name))
      : { name: row.name, skipped: numbers ?? 'not measured' };
  });
  if (withEtf) results.push(...(await etfResults()));
  console.log(`\n${table(results)}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine, rounds, results }, undefined, 2)}\n`);
  }
  if (options.markdown !== undefined)
    writeFileSync(options.markdown, markdownTable(machine, rounds, results));
  const failed = [...measured.values()].some(
    (numbers) => typeof numbers === 'string' && numbers.startsWith('FAILED'),
  );
  return failed ? 1 : 0;
}

/** Before the minutes of measuring: a file that can't be written is told at once, and what stands in it is kept. */
function makeWritable(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, '');
}

/** A row that fails is told of; the others go on. */
async function profileAll(
  rows: readonly Row[],
  limitMs: number,
  missing: ReadonlyMap<Need, string>,
): Promise<number> {
  let failed = false;
  for (const row of rows) {
    if (row.needs.some((need) => missing.has(need))) continue;
    progress(row.name);
    try {
      const text = await profileRow(row, limitMs);
      progress('');
      console.log(`\n${text}`);
    } catch (error) {
      failed = true;
      console.error(`${row.name}: FAILED: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failed ? 1 : 0;
}

/** Encoding and decoding, held against JSON. These take turns among themselves, in this process and without a node. */
async function etfResults(): Promise<readonly Result[]> {
  progress(ETF);
  const rows = await etfRows();
  progress('');
  return rows.map(({ name, unit, measurements, ratios, goal }) => ({
    name: `${ETF}, ${name}`,
    unit,
    median: median(measurements),
    spread: spread(measurements),
    measurements,
    goals: ratios.map(({ other, ratio }, i) =>
      i === 0
        ? { goal: `at least ${goal} × ${other}`, ratio, met: ratio >= goal }
        : { goal: `× ${other}`, ratio, met: undefined },
    ),
  }));
}

function wants(only: readonly string[], name: string): boolean {
  return only.length === 0 || only.some((text) => name.toLowerCase().includes(text.toLowerCase()));
}

/** The rows asked for, and those they are held against. */
function chosen(rows: readonly Row[], only: readonly string[]): readonly Row[] {
  if (only.length === 0) return rows;
  const wanted = rows.filter((row) => wants(only, row.name));
  const against = new Set(wanted.flatMap((row) => (row.goals ?? []).map((goal) => goal.against)));
  return rows.filter((row) => wanted.includes(row) || against.has(row.name));
}

/** What the rows need and this machine has not. */
function missingNeeds(rows: readonly Row[]): ReadonlyMap<Need, string> {
  const needed = (need: Need) => rows.some((row) => row.needs.includes(need));
  const missing = new Map<Need, string>();
  if (!beamAvailable()) missing.set('erl', 'erl is not installed');
  if (!existsSync(new URL('../dist/index.js', import.meta.url)))
    missing.set('beamish', 'Beamish is not built');
  try {
    import.meta.resolve('nact');
  } catch {
    missing.set('nact', 'nact is not installed');
  }
  // Looking for these starts an `erl` each.
  for (const [need, kind] of [
    ['jinterface', 'Jinterface'],
    ['ei', 'C node'],
  ] as const) {
    const without = needed(need) && !missing.has('erl') ? missingFor(kind) : [];
    if (without.length > 0) missing.set(need, `not installed: ${without.join(', ')}`);
  }
  return missing;
}

/** Numbers of each row, or why there are none. A row that fails is out for the rest of the run; the others go on. */
async function measureAll(
  rows: readonly Row[],
  rounds: number,
  limitMs: number,
  missing: ReadonlyMap<Need, string>,
): Promise<ReadonlyMap<Row, number[] | string>> {
  const measured = new Map<Row, number[] | string>();
  for (const row of rows) {
    const reason = row.needs.map((need) => missing.get(need)).find((text) => text !== undefined);
    measured.set(row, reason ?? []);
  }
  let fleet = new Fleet();
  try {
    // Round 0 starts the peers and warms them up; its numbers do not count.
    for (let round = 0; round <= rounds; round++) {
      for (const row of rows) {
        const numbers = measured.get(row);
        if (!Array.isArray(numbers) || (row.once === true && round !== 1)) continue;
        progress(round === 0 ? `warm-up: ${row.name}` : `round ${round} of ${rounds}: ${row.name}`);
        try {
          const used = fleet;
          const value = await withinLimit(row.measure(used), limitMs, () => used.describe());
          if (round > 0) numbers.push(value);
        } catch (error) {
          const text = error instanceof Error ? error.message : String(error);
          measured.set(row, `FAILED: ${text.split('\n')[0]}`);
          if (!(error instanceof StoodStill)) continue;
          progress('');
          console.error(`${row.name}, round ${round} of ${rounds}: ${text}`);
          // What stands still may do so in the next row, too.
          await fleet.end();
          fleet = new Fleet();
        }
      }
    }
  } finally {
    progress('');
    await fleet.end();
  }
  return measured;
}

/** One line on a terminal that rewrites itself; nothing where output is kept. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
