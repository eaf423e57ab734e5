/** The run for people, and for programs. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import type { Result, Skipped } from './row.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
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
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${type()} ${release()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    beamish: manifest.version,
    ...(erlInstalled ? { otp: otpVersion() } : {}),
  };
}

function otpVersion(): string {
  const words =
    'io:format("~s, ERTS ~s", [erlang:system_info(otp_release), erlang:system_info(version)]), halt().';
  return execFileSync('erl', ['-noinput', '-boot', 'start_clean', '-eval', words], { encoding: 'utf8' });
}

export function machineLines(machine: Machine): string {
  return [
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}`,
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
      // One measurement has no spread to speak of.
      const spread = (result.measurements.length > 1 ? `±${(result.spread * 100).toFixed(0)}%` : '').padStart(
        6,
      );
      const goals = result.goals.map(
        ({ goal, ratio, met }) => `${met ? 'met' : 'NOT MET'}: ${number(ratio)}, goal ${goal}`,
      );
      return [`${name}  ${value} ${spread}`, ...goals].join('\n'.padEnd(width + 3));
    })
    .join('\n');
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : 2;
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
