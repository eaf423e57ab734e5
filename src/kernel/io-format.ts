/**
 * `io_lib:format/2`: what a BEAM's process sends of its output is a format and its arguments, and whoever is its group
 * leader makes the text. Known are all of OTP's directives. Where this departs from OTP: `~p` does not break lines, and
 * the depth that `~P` and `~W` name is not applied: terms are printed whole.
 */

import { Atom } from '../term/atom.ts';
import { text } from '../term/binary.ts';
import { Float } from '../term/float.ts';
import { ImproperList } from '../term/list.ts';
import { inspectTerm, writeTerm } from '../term/print.ts';

/** Widest field: a peer's format does not decide how much memory its text takes. */
const MAX_FIELD = 10_000;

/** A format or an argument is not what io_lib takes: there it is `badarg`. */
export class FormatError extends Error {}

interface Directive {
  /** Negative: the text stands at the left of its field. */
  readonly width: number | undefined;
  readonly precision: number | undefined;
  readonly pad: string;
  readonly letter: string;
}

const DIRECTIVE = /~(-?(?:\*|\d+))?(?:\.(\*|\d+)?(?:\.(\*|[\s\S]))?)?[tkKl]*([\s\S])/gu;

/**
 * @param format - text, a charlist or an atom
 * @throws FormatError for a directive or an argument that does not fit
 */
export function ioFormat(format: unknown, args: unknown): string {
  const template = chars(format);
  if (!Array.isArray(args)) throw new FormatError(`expected a list of arguments, got ${inspectTerm(args)}`);
  let used = 0;
  const next = (): unknown => {
    if (used >= args.length) throw new FormatError('the format wants more arguments than there are');
    return args[used++];
  };
  const size = (given: string | undefined): number | undefined => {
    if (given === undefined) return undefined;
    const sign = given.startsWith('-') ? -1 : 1;
    const value = given.endsWith('*') ? (next() as number) * sign : Number(given);
    if (!Number.isInteger(value) || Math.abs(value) > MAX_FIELD)
      throw new FormatError(`a field is at most ${MAX_FIELD} wide, not ${inspectTerm(value)}`);
    return value;
  };
  let out = '';
  let end = 0;
  for (const found of template.matchAll(DIRECTIVE)) {
    const [whole, width, precision, pad, letter] = found;
    out += plain(template.slice(end, found.index));
    end = found.index + whole.length;
    const directive = {
      width: size(width),
      precision: size(precision),
      pad: pad === '*' ? String.fromCodePoint(Number(next())) : (pad ?? ' '),
      letter: letter!,
    };
    out += shown(directive, next);
  }
  out += plain(template.slice(end));
  if (used < args.length) throw new FormatError('there are more arguments than the format wants');
  return out;
}

/** Text between directives: a `~` in it begins one that is none. */
function plain(between: string): string {
  if (between.includes('~')) throw new FormatError('a format ends within a directive');
  return between;
}

function shown(directive: Directive, next: () => unknown): string {
  const { width, precision, letter } = directive;
  switch (letter) {
    case '~':
      return '~'.repeat(width ?? 1);
    case 'n':
      return '\n'.repeat(width ?? 1);
    case 'i':
      next();
      return '';
    case 'c': {
      const code = next();
      if (!isCodePoint(code)) throw new FormatError(`~c wants a character, got ${inspectTerm(code)}`);
      const repeated = String.fromCodePoint(code).repeat(precision ?? Math.abs(width ?? 1));
      return adjusted([...repeated], width, directive.pad);
    }
    case 's':
      return textField(chars(next()), directive);
    case 'w':
      return termField(writeTerm(next()), directive);
    case 'p':
      // The width is where lines would break, the precision where they would begin.
      return inspectTerm(next());
    case 'W': {
      const term = next();
      next();
      return termField(writeTerm(term), directive);
    }
    case 'P': {
      const term = next();
      next();
      return inspectTerm(term);
    }
    case 'b':
    case 'B':
      return integer(directive, next(), '');
    case 'x':
    case 'X': {
      const value = next();
      return integer(directive, value, chars(next()));
    }
    case '+':
    case '#':
      return integer(directive, next(), `${precision ?? 10}#`);
    case 'e':
    case 'f':
    case 'g':
      return termField(float(letter, number(next()), precision ?? 6), { ...directive, precision: undefined });
    default:
      throw new FormatError(`~${letter} is no directive`);
  }
}

/** `B`, `X` and `#` have upper-case digits, the others lower-case. */
function integer(directive: Directive, value: unknown, prefix: string): string {
  const { letter, precision: base = 10 } = directive;
  if (!(typeof value === 'bigint' || Number.isInteger(value)) || base < 2 || base > 36)
    throw new FormatError(`~${letter} wants an integer and a base from 2 to 36, got ${inspectTerm(value)}`);
  const number = BigInt(value as number | bigint);
  const digits = (number < 0n ? -number : number).toString(base);
  const isUpper = letter === 'B' || letter === 'X' || letter === '#';
  const text = `${number < 0n ? '-' : ''}${prefix}${isUpper ? digits.toUpperCase() : digits}`;
  return termField(text, { ...directive, precision: undefined });
}

/** Text in its field: cut to the precision and filled up to it behind, then put into the width. */
function textField(value: string, { width, precision, pad }: Directive): string {
  const characters = [...value];
  const field = width === undefined ? undefined : Math.abs(width);
  if (field !== undefined && precision !== undefined && field < precision)
    throw new FormatError(`a field of ${field} cannot hold ${precision} characters`);
  if (precision === undefined || precision === field) return adjusted(characters.slice(0, field), width, pad);
  const cut = characters.slice(0, precision);
  return adjusted([...cut, ...Array<string>(precision - cut.length).fill(pad)], width, pad);
}

/** A term or a number in its field: one that is longer, or longer than the precision, is shown as stars. */
function termField(value: string, { width, precision, pad }: Directive): string {
  const characters = [...value];
  const given = width ?? precision;
  if (given === undefined) return value;
  const room = Math.min(Math.abs(given), precision ?? Number.POSITIVE_INFINITY);
  return adjusted(characters.length > room ? Array<string>(room).fill('*') : characters, given, pad);
}

/** On the right of the field, or on the left when the width is negative. */
function adjusted(characters: readonly string[], width: number | undefined, pad: string): string {
  const text = characters.join('');
  const missing = pad.repeat(Math.max(0, Math.abs(width ?? 0) - characters.length));
  return (width ?? 0) < 0 ? `${text}${missing}` : `${missing}${text}`;
}

function number(value: unknown): number {
  const found = value instanceof Float ? value.value : value;
  if (typeof found !== 'number') throw new FormatError(`expected a number, got ${inspectTerm(value)}`);
  return found;
}

/** `~e` has the exponent without leading zeros; `~g` is `~f` from 0.1 up to 10,000. */
function float(letter: string, value: number, precision: number): string {
  if (precision < 1 || precision > 100)
    throw new FormatError(`a precision is from 1 to 100 digits, not ${precision}`);
  if (letter === 'g') {
    const size = Math.abs(value);
    if (size < 0.1 || size >= 10_000) return float('e', value, precision);
    const digitsBefore = size < 1 ? 0 : size < 10 ? 1 : size < 100 ? 2 : size < 1_000 ? 3 : 4;
    if (precision <= digitsBefore) return float('e', value, precision);
    return float('f', value, precision - digitsBefore);
  }
  if (letter === 'f') return value.toFixed(precision);
  return value.toExponential(Math.max(1, precision - 1));
}

function isCodePoint(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0x10ffff;
}

/** What `~s` takes: text, a charlist, an atom, or a list of such, nested. */
function chars(value: unknown): string {
  if (value instanceof Atom) return value.name;
  // The atoms that JavaScript has words for.
  if (value === true || value === false || value === undefined) return String(value);
  if (value === null) return 'nil';
  return charData(value);
}

/**
 * Text of unicode:chardata().
 * @throws FormatError when it is none
 */
export function charData(value: unknown): string {
  try {
    return text(proper(value));
  } catch {
    throw new FormatError(`expected characters, got ${inspectTerm(value).slice(0, 200)}`);
  }
}

/** Text may end in a binary as the tail of its list. */
function proper(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(proper);
  return value instanceof ImproperList ? [...value.elements, value.tail].map(proper) : value;
}
