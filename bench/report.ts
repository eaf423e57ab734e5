/** The run for people, and for programs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { Result, Skipped } from './row.ts';

export interface Machine {
  /** Day of the run, `2026-01-31`. */
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** How the system's TCP paces; absent where it does not say. */
  readonly congestionControl?: string;
  readonly node: string;
  readonly v8: string;
  readonly beamish: string;
  /** Absent when not installed. */
  readonly otp?: string;
}

export function describeMachine(erlInstalled: boolean): Machine {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${type()} ${release()}`,
    ...congestionControl(),
    node: process.versions.node,
    v8: process.versions.v8,
    beamish: manifest.version,
    ...(erlInstalled ? { otp: otpVersion() } : {}),
  };
}

/** Of this network namespace: `bbr` paces every segment by a timer, on the loopback too. */
function congestionControl(): Pick<Machine, 'congestionControl'> {
  try {
    return { congestionControl: readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim() };
  } catch {
    return {};
  }
}

function otpVersion(): string {
  const words =
    'io:format("~s, ERTS ~s", [erlang:system_info(otp_release), erlang:system_info(version)]), halt().';
  return execFileSync('erl', ['-noinput', '-boot', 'start_clean', '-eval', words], { encoding: 'utf8' });
}

export function machineLines(machine: Machine): string {
  return [
    `${machine.date}: ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}${
      machine.congestionControl === undefined ? '' : `, TCP ${machine.congestionControl}`
    }`,
    `Beamish ${machine.beamish}, Node.js ${machine.node} (V8 ${machine.v8}), ${
      machine.otp === undefined ? 'no OTP installed' : `OTP ${machine.otp}`
    }`,
  ].join('\n');
}

/** One line per row: name, median, spread, then each goal with what was reached. */
export function table(results: readonly (Result | Skipped)[]): string {
  const width = Math.max(...results.map((result) => result.name.length));
  return results
    .map((result) => {
      const name = result.name.padEnd(width);
      if ('skipped' in result) return `${name}  skipped: ${result.skipped}`;
      const value = `${number(result.median).padStart(12)} ${result.unit.padEnd(13)}`;
      return [`${name}  ${value} ${spread(result).padStart(6)}`, ...verdicts(result)].join(
        '\n'.padEnd(width + 3),
      );
    })
    .join('\n');
}

/** The same for a page. */
export function markdownTable(
  machine: Machine,
  rounds: number,
  results: readonly (Result | Skipped)[],
): string {
  const rows = results.map((result) =>
    'skipped' in result
      ? `| ${result.name} | skipped: ${result.skipped} | | |`
      : `| ${result.name} | ${number(result.median)} ${result.unit} | ${spread(result)} | ${verdicts(result).join('<br>')} |`,
  );
  return [
    `${machineLines(machine).replaceAll('\n', '. ')}. Medians of ${rounds} rounds.`,
    '',
    '| row | median | spread | against |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** One measurement has no spread to speak of. */
function spread(result: Result): string {
  return result.measurements.length > 1 ? `±${(result.spread * 100).toFixed(0)}%` : '';
}

function verdicts({ goals }: Result): string[] {
  const words = (met: boolean | undefined) => (met === undefined ? '' : met ? 'met: ' : 'NOT MET: ');
  return goals.map(
    ({ goal, ratio, met }) => `${words(met)}${number(ratio)}${met === undefined ? ' ' : ', goal '}${goal}`,
  );
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
