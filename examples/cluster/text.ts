/** Styled text as data, and how wide it is on a terminal. No escape sequence is made here but in `paint`. */
export type Style = 'dim' | 'bold' | 'good' | 'bad' | 'accent' | 'warm';

export interface Span {
  readonly text: string;
  readonly style?: Style;
}

/** One row of the screen. */
export type Row = readonly Span[];

const SGR: Record<Style, string> = {
  dim: '\x1b[2m',
  bold: '\x1b[1m',
  good: '\x1b[32m',
  bad: '\x1b[31m',
  accent: '\x1b[36m',
  warm: '\x1b[33m',
};

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const WIDE =
  /^(?:\p{Emoji_Presentation}|\p{Emoji}\uFE0F|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\u3000-\u303e\uff01-\uff60])/u;
const ZERO = /^[\p{Mark}\u200b-\u200f\ufeff]+$/u;

export function span(text: string, style?: Style): Span {
  return style === undefined ? { text } : { text, style };
}

/** Text of strangers, made harmless: what would move the cursor or change colours becomes a visible sign. */
export function clean(text: string): string {
  return text.replace(/[\r\n\t]+/g, ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // The joiner holds emoji together and does no harm.
    character === '\u200d' ? character : '\ufffd',
  );
}

/** Columns that the text takes. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += widthOfGrapheme(segment);
  return width;
}

/** As much of the text as fits, with an ellipsis where something is missing. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  if (left < 0) return '';
  for (const { segment } of segmenter.segment(text)) {
    left -= widthOfGrapheme(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** The row cut or filled to exactly this many columns. */
export function fit(row: Row, width: number): Row {
  const spans: Span[] = [];
  let left = width;
  for (const part of row) {
    if (left <= 0) break;
    const text = cut(part.text, left);
    left -= widthOf(text);
    spans.push({ ...part, text });
    if (text !== part.text) break;
  }
  if (left > 0) spans.push({ text: ' '.repeat(left) });
  return spans;
}

export function rowWidth(row: Row): number {
  return row.reduce((width, part) => width + widthOf(part.text), 0);
}

/** The row without its styles, and without the spaces at its end. */
export function plain(row: Row): string {
  return row
    .map((part) => part.text)
    .join('')
    .trimEnd();
}

/** The row with its styles as terminal escape sequences. */
export function paint(row: Row, colour: boolean): string {
  return row
    .map(({ text, style }) =>
      colour && style !== undefined && text !== '' ? `${SGR[style]}${text}\x1b[0m` : text,
    )
    .join('');
}

function widthOfGrapheme(grapheme: string): number {
  if (ZERO.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}
