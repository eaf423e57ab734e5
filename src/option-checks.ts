import { OptionsError } from './errors.ts';

/*
 * Checks of single options. Each gives the value back, or throws an OptionsError that names the option by its path, what was
 * expected, and what came. No content of an object is shown: it may hold a secret.
 */

/** Shows what came instead of what was expected. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/**
 * @param path - of the object; empty: the options themselves
 * @throws OptionsError naming the key that is not known, and those that are
 */
export function checkKnown(options: unknown, path: string, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new OptionsError(path, `${path || 'options'}: expected an object of options, got ${show(options)}`);
  const prefix = path === '' ? '' : `${path}.`;
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new OptionsError(
        `${prefix}${key}`,
        `unknown option ${prefix}${key}; known are: ${known.join(', ')}`,
      );
}

export function object<T extends object>(option: string, value: T, known: readonly (keyof T & string)[]): T {
  checkKnown(plain(option, value), option, known);
  return value;
}

export function plain<T extends object>(option: string, value: T): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OptionsError(option, `${option}: expected an object, got ${show(value)}`);
  return value;
}

export function address(option: string, value: string): string {
  if (typeof value !== 'string' || value.trim() === '')
    throw new OptionsError(option, `${option}: expected an address, got ${show(value)}`);
  return value;
}

export function integer(option: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new OptionsError(
      option,
      `${option}: expected a whole number from ${min} to ${max}, got ${show(value)}`,
    );
  return value;
}

export function number(option: string, value: number, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw new OptionsError(option, `${option}: expected a number from ${min} to ${max}, got ${show(value)}`);
  return value;
}

export function boolean(option: string, value: boolean): boolean {
  if (typeof value !== 'boolean')
    throw new OptionsError(option, `${option}: expected true or false, got ${show(value)}`);
  return value;
}

export function oneOf<const T extends string>(option: string, value: string, allowed: readonly T[]): T {
  if (!allowed.includes(value as T))
    throw new OptionsError(option, `${option}: expected one of ${allowed.join(', ')}, got ${show(value)}`);
  return value as T;
}
