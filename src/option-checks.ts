import { OptionsError } from './errors.ts';

/*
 * Checks of single options. Each gives the value back, or throws an OptionsError that names the option by its path, what was
 * expected, and what came. No content of an object is shown: it may hold a secret.
 */

/** Shows what came instead of what was expected. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (isPlain(value)) return 'an object';
  const name: unknown = Object.getPrototypeOf(value).constructor?.name;
  if (typeof name !== 'string' || name === '' || name === 'Object')
    return 'an object with a prototype of its own';
  return `${/^[AEIO]/i.test(name) ? 'an' : 'a'} ${name}`;
}

/**
 * Whether the own keys of a value say all there is to know of it: an object from a literal (of any realm), without a
 * prototype, or the namespace of a module. The entries of a `Map` and the methods of a class are not among its keys: taken
 * for options, they would be passed over in silence.
 */
export function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || Object.getPrototypeOf(proto) === null;
}

/**
 * @param path - of the object; empty: the options themselves
 * @throws OptionsError for what is no plain object, and as `checkKeys`
 */
export function checkKnown(options: unknown, path: string, known: readonly string[]): void {
  if (!isPlain(options))
    throw new OptionsError(path, `${path || 'options'}: expected an object of options, got ${show(options)}`);
  checkKeys(options, path, known);
}

/**
 * @param path - of the object; empty: the options themselves
 * @throws OptionsError naming the key that is not known, and those that are; or a key that is null
 */
export function checkKeys(options: object, path: string, known: readonly string[]): void {
  const prefix = path === '' ? '' : `${path}.`;
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new OptionsError(
        `${prefix}${key}`,
        `unknown option ${prefix}${key}; known are: ${known.join(', ')}`,
      );
  checkNulls(options, path);
}

/**
 * No option takes null: whoever wants the default leaves it out. Taken for "none given" it would stand for that in
 * silence, where a configuration that was read wrongly is more likely.
 *
 * @throws OptionsError naming the key that is null
 */
function checkNulls(options: object, path: string): void {
  const prefix = path === '' ? '' : `${path}.`;
  for (const [key, value] of Object.entries(options))
    if (value === null)
      throw new OptionsError(
        `${prefix}${key}`,
        `${prefix}${key}: expected a value, or undefined for the default, got null`,
      );
}

export function object<T extends object>(option: string, value: T, known: readonly (keyof T & string)[]): T {
  checkKeys(plain(option, value), option, known);
  return value;
}

export function plain<T extends object>(option: string, value: T): T {
  if (!isPlain(value)) throw new OptionsError(option, `${option}: expected an object, got ${show(value)}`);
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
