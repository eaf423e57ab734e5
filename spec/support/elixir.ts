import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { otpAvailable, otpCommand } from './beam-node.ts';

/**
 * Whether `elixir` is there. Without it what needs it is skipped, and this says so; with BEAMISH_REQUIRE_BEAM=1 its
 * absence is a failure instead.
 */
export function elixirAvailable(title: string): boolean {
  if (otpAvailable('elixir', '--version')) return true;
  if (process.env.BEAMISH_REQUIRE_BEAM === '1')
    throw new Error(
      `${title} needs elixir, which is not installed, and BEAMISH_REQUIRE_BEAM=1 forbids skipping`,
    );
  console.warn(`SKIPPED ${title}: elixir is not installed`);
  return false;
}

export interface ElixirOptions {
  readonly name: string;
  readonly cookie: string;
  /** Path of the script. Its text is handed over: another release's file system does not have it. */
  readonly script: string;
  readonly args: readonly string[];
  readonly epmdPort: number;
}

/** Starts a distributed Elixir node that runs a script. */
export async function spawnElixir(options: ElixirOptions): Promise<ChildProcessWithoutNullStreams> {
  const { name, cookie, script, args, epmdPort } = options;
  const [command, prefix] = otpCommand('elixir');
  const text = await readFile(script, 'utf8');
  return spawn(command, [...prefix, '--name', name, '--cookie', cookie, '-e', text, '--', ...args], {
    stdio: 'pipe',
    env: {
      ...process.env,
      ERL_EPMD_PORT: String(epmdPort),
      ERL_CRASH_DUMP: '/dev/null',
      ELIXIR_ERL_OPTIONS: '-start_epmd false',
      LC_ALL: 'C.UTF-8',
    },
  });
}
