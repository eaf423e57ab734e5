import { isUtf8 } from 'node:buffer';

const { fromCharCode } = String;

/** Longest text that is built from character codes here; beyond, one call into the platform is faster. */
const SHORT_TEXT = 16;

/**
 * From this length on the bytes are checked before they are decoded: the check is far cheaper than the decoding, and
 * long binaries are often no text at all (decoding 1 MiB of 0xFF into U+FFFD took 4 ms, the check takes nothing).
 */
const LONG_TEXT = 512;

/**
 * The text of `length` bytes, or undefined if they are not UTF-8.
 *
 * Short ASCII text is put together from groups of character codes: measured at a third of the price of the
 * platform's decoder, whose call alone costs more than the work.
 */
export function textOf(b: Buffer, start: number, length: number): string | undefined {
  const stop = start + length;
  if (length <= SHORT_TEXT) {
    const text = shortAscii(b, start, stop);
    if (text !== undefined) return text;
  }
  if (length >= LONG_TEXT) {
    if (length > 4 * LONG_TEXT && !beginsAsText(b, start)) return undefined;
    return isUtf8(b.subarray(start, stop)) ? b.utf8Slice(start, stop) : undefined;
  }
  const text = b.utf8Slice(start, stop);
  // Bytes that are not UTF-8 come out as U+FFFD; so may U+FFFD itself, which is worth a second look.
  if (text.includes('\ufffd') && !isUtf8(b.subarray(start, stop))) return undefined;
  return text;
}

/** Whether the first bytes may be the beginning of UTF-8: the check of all of them does not stop at the first fault. */
function beginsAsText(b: Buffer, start: number): boolean {
  let stop = start + LONG_TEXT;
  // Not in the middle of a character: back to where one starts. Four bytes is the longest.
  while (stop > start + LONG_TEXT - 4 && (b[stop]! & 0xc0) === 0x80) stop--;
  return isUtf8(b.subarray(start, stop));
}

function shortAscii(b: Buffer, start: number, stop: number): string | undefined {
  let text = '';
  let at = start;
  for (; stop - at >= 8; at += 8) {
    const c0 = b[at]!;
    const c1 = b[at + 1]!;
    const c2 = b[at + 2]!;
    const c3 = b[at + 3]!;
    const c4 = b[at + 4]!;
    const c5 = b[at + 5]!;
    const c6 = b[at + 6]!;
    const c7 = b[at + 7]!;
    if ((c0 | c1 | c2 | c3 | c4 | c5 | c6 | c7) > 127) return undefined;
    text += fromCharCode(c0, c1, c2, c3, c4, c5, c6, c7);
  }
  if (stop - at >= 4) {
    const c0 = b[at]!;
    const c1 = b[at + 1]!;
    const c2 = b[at + 2]!;
    const c3 = b[at + 3]!;
    if ((c0 | c1 | c2 | c3) > 127) return undefined;
    text += fromCharCode(c0, c1, c2, c3);
    at += 4;
  }
  if (stop - at === 3) {
    if ((b[at]! | b[at + 1]! | b[at + 2]!) > 127) return undefined;
    return text + fromCharCode(b[at]!, b[at + 1]!, b[at + 2]!);
  }
  if (stop - at === 2) {
    if ((b[at]! | b[at + 1]!) > 127) return undefined;
    return text + fromCharCode(b[at]!, b[at + 1]!);
  }
  if (stop - at === 1) {
    if (b[at]! > 127) return undefined;
    return text + fromCharCode(b[at]!);
  }
  return text;
}

/** Whether `text`, all ASCII, is what the bytes say. */
export function sameText(text: string, b: Buffer, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== b[start + i]) return false;
  return true;
}

/** The engine's own copy of a string: properties are found faster by it. */
export function internalized(text: string): string {
  for (const key in { [text]: 0 }) return key;
  return text;
}
