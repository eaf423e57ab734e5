/**
 * MessagePack's application types, by number, and what their bytes are. `sequence` is a MessagePack array.
 * A number once given is never given another meaning; a receiver that does not know one refuses that message alone. So it
 * does with a kind of `TYPED_ARRAY` and a tag in `TERM` that it does not know, and where an extension that it does not know
 * stands for what must be text: the key of a map, the name of an error.
 */
export const EXTENSION = {
  /** nothing */
  UNDEFINED: 0,
  /** One external term: atom, pid, ref, port, bit string, fun. */
  TERM: 1,
  /** sequence of the elements */
  TUPLE: 2,
  /** sequence of key, value, key, value …; the keys are text */
  ATOM_MAP: 3,
  /** sequence of key, value, key, value … */
  MAP: 4,
  /** sequence of the members */
  SET: 5,
  /** float64: milliseconds since 1970, NaN for an invalid date */
  DATE: 6,
  /** text: hexadecimal digits, with a sign when negative */
  BIGINT: 7,
  /** kind u8 (position in `TYPED_ARRAYS`), then the elements, little-endian */
  TYPED_ARRAY: 8,
  /** sequence of name, message, stack (or nil), and the cause where there is one */
  ERROR: 9,
  /** sequence of the elements and, last, the tail */
  IMPROPER_LIST: 10,
  /** sequence of key, value, …: a plain object with a key that MessagePack libraries refuse (`__proto__`) */
  OBJECT: 11,
  /** float64: a number that is to stay a float, `float(2)` */
  FLOAT: 12,
  /** nothing: `float(-0)`. `FLOAT` with that value is the number. */
  FLOAT_MINUS_ZERO: 13,
  /** sequence of the list of its errors, then what `ERROR` has */
  AGGREGATE_ERROR: 14,
} as const;
