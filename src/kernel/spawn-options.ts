/**
 * The options of a SPAWN_REQUEST. What is for the asker alone (`reply`, `reply_tag`, a monitor's tag or alias) its node
 * keeps to itself; of the others, a process here can be linked and monitored. What tunes a BEAM's heap and scheduler
 * means nothing here, and is only looked at: a request that OTP would refuse is refused.
 */
import { Atom, atom } from '../term/atom.ts';
import { AtomMap } from '../term/atom-map.ts';
import { Tuple } from '../term/tuple.ts';

export const LINK = atom('link');
export const MONITOR = atom('monitor');
/** Option of a request from another Beamish node: refuse an actor that is not listed instead of letting it die. */
export const BEAMISH_ACTOR = atom('beamish_actor');

export interface SpawnOptions {
  readonly linked: boolean;
  readonly monitored: boolean;
  readonly fromBeamish: boolean;
}

/** The most that an OTP of 64 bits takes for a scheduler's number, MAX_NO_OF_SCHEDULERS. */
const MAX_SCHEDULER = 1_024;
/** Words of the smallest heap, OTP's default `min_heap_size`: a limit below it is none. */
const LEAST_HEAP = 233;

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const oneOf =
  (...names: string[]) =>
  (value: unknown): boolean =>
    value instanceof Atom && names.includes(value.name);

const isHeapLimit = (value: unknown): boolean =>
  isCount(value) && (value === 0 || (value as number) >= LEAST_HEAP);

/** A size, or a map with a size, where keys that are not known count for nothing. */
function isMaxHeapSize(value: unknown): boolean {
  const get = (key: string): unknown =>
    value instanceof AtomMap ? value[key] : value instanceof Map ? value.get(atom(key)) : undefined;
  const flags = ['kill', 'error_logger', 'include_shared_binaries'].map(get);
  return (
    isHeapLimit(value) ||
    (isHeapLimit(get('size')) && flags.every((flag) => flag === undefined || isBoolean(flag)))
  );
}

/** Each option of two, and what it may be: OTP's spawn_opt/5, as of 25 to 29, and `scheduler`, which it does not tell. */
const TUNING: ReadonlyMap<unknown, (value: unknown) => boolean> = new Map([
  [atom('priority'), oneOf('low', 'normal', 'high', 'max')],
  [atom('fullsweep_after'), isCount],
  [atom('min_heap_size'), isCount],
  [atom('min_bin_vheap_size'), isCount],
  [atom('max_heap_size'), isMaxHeapSize],
  [atom('message_queue_data'), oneOf('on_heap', 'off_heap')],
  [atom('async_dist'), isBoolean],
  [atom('scheduler'), (value: unknown) => isCount(value) && (value as number) <= MAX_SCHEDULER],
]);

/** Undefined when there is one that OTP does not know either: `badopt`. */
export function readSpawnOptions(options: unknown): SpawnOptions | undefined {
  if (!Array.isArray(options)) return undefined;
  let linked = false;
  let monitored = false;
  let fromBeamish = false;
  for (const option of options) {
    if (option === LINK) linked = true;
    else if (option === MONITOR) monitored = true;
    else if (option === BEAMISH_ACTOR) fromBeamish = true;
    else {
      const isKnown = option instanceof Tuple && option.length === 2 ? TUNING.get(option.at(0)) : undefined;
      if (isKnown?.((option as Tuple).at(1)) !== true) return undefined;
    }
  }
  return { linked, monitored, fromBeamish };
}
