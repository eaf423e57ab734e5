#!/usr/bin/env node
/**
 * The `beamish` program: a guest of the library, which comes in by the front door (`index.ts`). `program.ts` decides,
 * this file lends it the process: arguments, streams, signals, exit code.
 */
import { createRequire } from 'node:module';
import type { Io } from './command.ts';
import { runProgram } from './program.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const onPipeError = new Set<() => void>();
// A reader that has gone (`beamish start | head -1`) is a wish to stop, not a crash.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  for (const stop of onPipeError) stop();
});

const io: Io = {
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  variable: (name) => process.env[name],
  onStop(stop) {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    const release = (): void => {
      for (const signal of signals) process.off(signal, once);
      onPipeError.delete(once);
    };
    const once = (): void => {
      // With our listeners gone, a second signal ends the process at once, as an impatient user expects.
      release();
      stop();
    };
    for (const signal of signals) process.on(signal, once);
    onPipeError.add(once);
    return release;
  },
};

process.exitCode = await runProgram(process.argv.slice(2), version, io);
