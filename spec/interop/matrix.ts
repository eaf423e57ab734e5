/**
 * The interop suite against several releases of OTP: `npm run test:matrix [-- 23 27 29] [--write]`.
 *
 * Without numbers: 23, 25, 27 and 29. BEAMISH_OTP_MATRIX names a script that runs another release's programs, called as
 * `script 27 erl …`; the release that is installed needs none. Prints a table, with `--write` into the README as well,
 * and ends with 1 when anything failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = join(ROOT, 'README.md');
const BEGIN = '<!-- matrix: written by npm run test:matrix -- --write -->';
const END = '<!-- end of matrix -->';
/** What no BEAM has a part in. */
const WITHOUT_BEAM = ['spec/interop/netns*.spec.ts'];

/** Peers that are installed programs (erl_call, Jinterface, ei), and BEAMs in network namespaces. */
const INSTALLED_ONLY = ['spec/interop/strangers.spec.ts', 'spec/interop/splits.spec.ts'];

/** The releases of the README's table. */
const ALL = ['23', '25', '27', '29'];

const given = process.argv.slice(2);
const releases = given.filter((argument) => /^\d+$/.test(argument));
const unknown = given.filter((argument) => !releases.includes(argument) && argument !== '--write');
if (unknown.length > 0) {
  console.error(`expected releases of OTP, as in 23 27 29, and --write; got ${unknown.join(' ')}`);
  process.exit(2);
}
if (releases.length === 0) releases.push(...ALL);

const ASK = 'io:format("~s ~s", [erlang:system_info(otp_release), erlang:system_info(version)]), halt().';

/** Release and version of the runtime, of what a command starts; undefined when it does not. */
function versionOf(command: string, prefix: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, [...prefix, 'erl', '-noshell', '-eval', ASK], {
    encoding: 'utf8',
  });
  return status === 0 ? stdout : undefined;
}

const installed = spawnSync('erl', ['-noshell', '-eval', ASK], { encoding: 'utf8' }).stdout ?? '';
const script = process.env.BEAMISH_OTP_MATRIX ?? '';
const columns: { release: string; version: string; counts: Map<string, Counts>; date: string }[] = [];
const work = mkdtempSync(join(tmpdir(), 'beamish-matrix-'));
let failures = 0;

try {
  for (const release of releases) {
    const isInstalled = installed.startsWith(`${release} `);
    const version = isInstalled ? installed : script === '' ? undefined : versionOf(script, [release]);
    if (version === undefined) {
      console.error(
        `OTP ${release} is not there: set BEAMISH_OTP_MATRIX to a script that runs it as "script ${release} erl ..."`,
      );
      failures += 1;
      continue;
    }
    console.log(`OTP ${release} (erts ${version.split(' ')[1]}) ...`);
    const counts = run(release, isInstalled);
    columns.push({ release, version, counts, date: new Date().toISOString().slice(0, 10) });
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

const table = render();
console.log(`\n${table}`);
if (given.includes('--write') && columns.length < ALL.length)
  console.error(`README.md is left as it is: its table has a column for each of ${ALL.join(', ')}`);
else if (given.includes('--write')) {
  const text = readFileSync(README, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md has no lines "${BEGIN}" and "${END}"`);
  writeFileSync(README, `${text.slice(0, begin)}${BEGIN}\n\n${table}\n${text.slice(end)}`);
}
process.exitCode = failures === 0 ? 0 : 1;

/** One run of the suite; what fails is printed. */
function run(release: string, isInstalled: boolean): Map<string, Counts> {
  const file = join(work, `${release}.json`);
  spawnSync(
    'npx',
    [
      ...['vitest', 'run', 'spec/interop', '--reporter=json', `--outputFile=${file}`],
      ...[...WITHOUT_BEAM, ...(isInstalled ? [] : INSTALLED_ONLY)].flatMap((pattern) => [
        '--exclude',
        pattern,
      ]),
    ],
    {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        BEAMISH_REQUIRE_BEAM: '1',
        ...(isInstalled ? {} : { BEAMISH_OTP_RELEASE: release }),
      },
    },
  );
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const counts = new Map<string, Counts>();
  for (const suite of report.testResults) {
    const count: Counts = { passed: 0, failed: 0, skipped: 0 };
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') count.passed += 1;
      else if (test.status === 'failed') {
        count.failed += 1;
        tellFailure(test.fullName, test.failureMessages[0] ?? '');
      } else count.skipped += 1;
    }
    // A suite that does not get as far as its tests is one failure.
    if (suite.status === 'failed' && count.failed === 0) {
      count.failed = 1;
      tellFailure(basename(suite.name), suite.message);
    }
    failures += count.failed;
    counts.set(basename(suite.name).replace('.spec.ts', ''), count);
  }
  return counts;
}

/** The first lines of a failure, within the screen. */
function tellFailure(name: string, message: string): void {
  const lines = message.split('\n', 3).map((line) => `\n    ${line.slice(0, 300)}`);
  console.log(`  FAILED ${name}${lines.join('')}`);
}

function render(): string {
  const suites = [...new Set(columns.flatMap(({ counts }) => [...counts.keys()]))].sort();
  const rows = [
    ['suite', ...columns.map(({ release }) => `OTP ${release}`)],
    ['---', ...columns.map(() => '---')],
    ...suites.map((suite) => [suite, ...columns.map(({ counts }) => cell(counts.get(suite)))]),
    ['**all**', ...columns.map(({ counts }) => `**${cell(sum(counts))}**`)],
    ['erts', ...columns.map(({ version }) => version.split(' ')[1] ?? '')],
    ['run on', ...columns.map(({ date }) => date)],
  ];
  return `${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`;
}

function cell(count: Counts | undefined): string {
  if (count === undefined) return '–';
  const parts = [`${count.passed} passed`];
  if (count.failed > 0) parts.push(`${count.failed} failed`);
  if (count.skipped > 0) parts.push(`${count.skipped} skipped`);
  return parts.join(', ');
}

function sum(counts: ReadonlyMap<string, Counts>): Counts {
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const count of counts.values()) {
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  return total;
}
