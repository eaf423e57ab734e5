import { INSPECT, inspectTerm, PRINT, printAtom } from './print.ts';

/**
 * An Erlang map whose keys are all atoms. Reads like a plain object (`map.id`), and encodes back with atom keys.
 */
export class AtomMap {
  [key: string]: unknown;

  [PRINT](print: (value: unknown) => string): string {
    return `#{${Object.entries(this)
      .map(([key, value]) => `${printAtom(key)} => ${print(value)}`)
      .join(',')}}`;
  }

  [INSPECT](): string {
    return inspectTerm(this);
  }
}

/** A map with atom keys: `atoms({ id: 1 })` is `#{id => 1}`. Own enumerable properties are copied. */
export function atoms<T extends object>(properties: T): AtomMap & T {
  const made = new AtomMap();
  for (const key of Object.keys(properties)) setOwn(made, key, (properties as Record<string, unknown>)[key]);
  return made as AtomMap & T;
}

/** Defines an own property, also one named `__proto__`, which an assignment would take for the prototype. @internal */
export function setOwn(target: object, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  else (target as Record<string, unknown>)[key] = value;
}
