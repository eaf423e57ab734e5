/** What a simulation asks of the program it runs in: a seed to replay, and the command that started it. */
import process from 'node:process';
import { OptionsError } from '../errors.ts';

/** Environment variable that gives every simulation of a program its seed, whatever the program says. */
export const SEED_VARIABLE = 'BEAMISH_SIM_SEED';

/** The seed of a replay, when this is one. @throws OptionsError when it is no whole number */
export function replayedSeed(): number | undefined {
  const given = process.env[SEED_VARIABLE];
  if (given === undefined || given === '') return undefined;
  const seed = Number(given);
  if (!Number.isInteger(seed))
    throw new OptionsError(SEED_VARIABLE, `${SEED_VARIABLE}: expected a whole number, got "${given}"`);
  return seed;
}

const OWN_ROOM = new URL('./', import.meta.url).href;

/** File of the program that called into this room, below the working directory where it is. */
export function callersFile(): string | undefined {
  for (const line of (new Error().stack ?? '').split('\n').slice(1)) {
    const place = /\(?((?:file:\/\/|\/|[A-Za-z]:\\).*?):\d+:\d+\)?$/.exec(line.trim())?.[1];
    if (place === undefined) continue;
    const url = place.startsWith('file:') ? place : `file://${place}`;
    if (url.startsWith(OWN_ROOM) || url.includes('/node_modules/')) continue;
    const path = url.replace(/^file:\/\//, '');
    const here = `${process.cwd()}/`;
    return path.startsWith(here) ? path.slice(here.length) : path;
  }
  return undefined;
}

/**
 * The line that shows the same simulation again.
 * @param file - where it was made
 */
export function replayCommand(seed: number, file: string | undefined): string {
  const main = process.argv[1] ?? '';
  const isVitest = process.env.VITEST !== undefined || main.includes('vitest');
  const program = file ?? main;
  const run = isVitest
    ? `npx vitest run ${program}`
    : `${process.argv0} ${[...process.execArgv, program].join(' ')}`;
  return `${SEED_VARIABLE}=${seed} ${run}`;
}
