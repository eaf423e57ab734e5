import type { AnyEventObject } from 'xstate';
import { Atom } from '../term/atom.ts';
import { AtomMap } from '../term/atom-map.ts';
import { Tuple } from '../term/tuple.ts';

/**
 * The XState event that a message is; undefined when it is none. Three shapes are events:
 *
 *     {type: "tick", by: 2}       an object (a map, to a BEAM) whose `type` is text or an atom
 *     {tick, #{by => 2}}          a tuple of the type and a map
 *     tick                        an atom
 *
 * Keys of a map may be atoms or binaries. Types that XState keeps for itself (`xstate.stop` and its kind, the
 * wildcard `*`, the empty type) are no events: nobody may stop or crash a machine by forging one.
 */
export function eventOf(message: unknown): AnyEventObject | undefined {
  if (message instanceof Atom) return withType(message, undefined);
  if (message instanceof Tuple) {
    const [type, rest] = message.elements;
    return message.length === 2 && isFields(rest) ? withType(type, rest) : undefined;
  }
  if (!isFields(message)) return undefined;
  const type = message instanceof Map ? fieldsOf(message).type : message.type;
  return withType(type, message);
}

function withType(
  type: unknown,
  fields: Readonly<Record<string, unknown>> | Map<unknown, unknown> | undefined,
): AnyEventObject | undefined {
  const name = type instanceof Atom ? type.name : type;
  if (typeof name !== 'string' || name === '' || name === '*' || name.startsWith('xstate.')) return undefined;
  if (fields === undefined) return { type: name };
  const isMap = fields instanceof Map;
  // Objects are handed on as they are; a map of a BEAM, or one whose type is an atom, becomes an object first.
  if (!isMap && !(fields instanceof AtomMap) && fields.type === name) return fields as AnyEventObject;
  return { ...(isMap ? fieldsOf(fields) : fields), type: name };
}

/** Plain objects, maps with atom keys, maps; no arrays, pids, system messages or other things with a life of their own. */
function isFields(value: unknown): value is Readonly<Record<string, unknown>> | Map<unknown, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof Map || value instanceof AtomMap) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The entries of a map whose keys are words; others have no place in an event. */
function fieldsOf(map: Map<unknown, unknown>): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (const [key, value] of map) {
    if (typeof key === 'string') entries.push([key, value]);
    else if (key instanceof Atom) entries.push([key.name, value]);
  }
  return Object.fromEntries(entries);
}
