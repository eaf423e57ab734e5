/**
 * Erlang syntax for terms, as `~tp` prints it. Classes of this room know their own form and implement `PRINT`;
 * this file knows the values that JavaScript has already. So a class can print its insides without a circle.
 */

/** Key of the method by which a term class prints itself. */
export const PRINT: unique symbol = Symbol('beamish.print');

/** Where `util.inspect` and `console.log` look. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

/** Printing goes on with `...` beyond these, so that a cycle, a hostile depth and shared branches end. */
const MAX_PRINT_DEPTH = 64;
const MAX_PRINT_TERMS = 100_000;
const CUT = '...';

interface Printable {
  [PRINT](print: (value: unknown) => string): string;
}

/**
 * A value in Erlang syntax: atoms quoted when they must be, `<<"text">>`, `#{...}`, `#Pid<node.id.serial>`.
 * For people and logs; it never throws, and what has no term is shown as `#JS<...>`.
 */
export function inspectTerm(value: unknown): string {
  return printAt(value, 0, { terms: 0, plain: false });
}

/** As `inspectTerm`, but as `~w` prints: text and charlists as the numbers that they are made of. */
export function writeTerm(value: unknown): string {
  return printAt(value, 0, { terms: 0, plain: true });
}

/** One printing. */
interface Budget {
  /** Terms printed so far, of the whole. */
  terms: number;
  /** Whether text is shown as numbers. */
  readonly plain: boolean;
}

function printAt(value: unknown, depth: number, budget: Budget): string {
  if (++budget.terms > MAX_PRINT_TERMS) return CUT;
  switch (typeof value) {
    case 'number':
      return printNumber(value);
    case 'bigint':
      return value.toString();
    case 'string':
      return budget.plain ? printBytes(Buffer.from(value)) : printText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'undefined':
      return 'undefined';
    case 'object':
      break;
    default:
      return `#JS<${typeof value}>`;
  }
  if (value === null) return 'nil';
  if (depth > MAX_PRINT_DEPTH) return CUT;
  try {
    return printObject(value, depth, budget);
  } catch {
    // A property that throws when it is read, a proxy that fails.
    return '#JS<unreadable>';
  }
}

function printObject(value: object, depth: number, budget: Budget): string {
  const print = (inner: unknown): string => printAt(inner, depth + 1, budget);
  if (PRINT in value) return (value as Printable)[PRINT](print);
  if (Array.isArray(value)) return budget.plain ? `[${printAll(value, print)}]` : printList(value, print);
  if (value instanceof Uint8Array) return printBytes(value);
  if (value instanceof Map) return printPairs(value, print);
  const proto = Object.getPrototypeOf(value);
  if (proto === null || Object.getPrototypeOf(proto) === null)
    return printPairs(Object.entries(value), print);
  return `#JS<${proto.constructor?.name ?? 'object'}>`;
}

function printBytes(bytes: Uint8Array): string {
  return `<<${bytes.join(',')}>>`;
}

function printPairs(pairs: Iterable<readonly [unknown, unknown]>, print: (value: unknown) => string): string {
  const parts: string[] = [];
  for (const [key, value] of pairs) {
    const shown = print(key);
    parts.push(`${shown} => ${print(value)}`);
    if (shown === CUT) break;
  }
  return `#{${parts.join(',')}}`;
}

/** Joined with commas; a tuple's, a list's insides. @internal */
export function printAll(values: readonly unknown[], print: (value: unknown) => string): string {
  const parts: string[] = [];
  for (const value of values) {
    parts.push(print(value));
    if (parts[parts.length - 1] === CUT) break;
  }
  return parts.join(',');
}

function printList(values: readonly unknown[], print: (value: unknown) => string): string {
  if (values.length > 0 && values.every(isPrintable))
    return `"${escaped(values.map((code) => String.fromCodePoint(code as number)).join(''), '"')}"`;
  return `[${printAll(values, print)}]`;
}

/** What `io_lib:printable_unicode_list/1` takes. */
function isPrintable(value: unknown): boolean {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  if (value >= 32)
    return (value < 127 || value >= 160) && value <= 0xfffd && !(value >= 0xd800 && value < 0xe000);
  return (value >= 8 && value <= 13) || value === 27;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '\\': '\\\\',
};

function escaped(text: string, quote: string): string {
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === quote) out += `\\${quote}`;
    else if (ESCAPES[char] !== undefined) out += ESCAPES[char];
    else if (code < 32 || (code >= 127 && code < 160) || (code >= 0xd800 && code < 0xe000))
      out += `\\x{${code.toString(16).toUpperCase()}}`;
    else out += char;
  }
  return out;
}

function printText(text: string): string {
  if (text === '') return '<<>>';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the question is whether it is all ASCII
  return /^[\x00-\x7f]*$/.test(text) ? `<<"${escaped(text, '"')}">>` : `<<"${escaped(text, '"')}"/utf8>>`;
}

const RESERVED = new Set(
  (
    'after and andalso band begin bnot bor bsl bsr bxor case catch cond div end fun if let maybe not of or ' +
    'orelse receive rem try when xor'
  ).split(' '),
);

/** An atom as source text: quoted unless it starts with a lower-case letter and holds only letters, digits, `_`, `@`. @internal */
export function printAtom(name: string): string {
  if (/^[a-zß-öø-ÿ][a-zA-Z0-9_@À-ÖØ-öø-ÿ]*$/.test(name) && !RESERVED.has(name)) return name;
  return `'${escaped(name, "'")}'`;
}

function printNumber(value: number): string {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : printFloat(value);
}

/** Shortest text that reads back as this float, with the point that Erlang demands. @internal */
export function printFloat(value: number): string {
  if (!Number.isFinite(value)) return `#JS<${value}>`;
  if (Object.is(value, -0)) return '-0.0';
  const [, sign, mantissa, exponentText] = /^(-?)([\d.]+)e([+-]\d+)$/.exec(value.toExponential())!;
  const exponent = Number(exponentText);
  const digits = mantissa!.replace('.', '');
  const scientific = `${mantissa!.includes('.') ? mantissa : `${mantissa}.0`}e${exponent}`;
  if (value === 0) return '0.0';
  if (Math.abs(value) >= 2 ** 53) return sign + scientific;
  let fixed: string;
  if (exponent < 0) fixed = `0.${'0'.repeat(-exponent - 1)}${digits}`;
  else if (digits.length <= exponent + 1) fixed = `${digits.padEnd(exponent + 1, '0')}.0`;
  else fixed = `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
  return sign + (fixed.length <= scientific.length ? fixed : scientific);
}
