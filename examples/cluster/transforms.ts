import type { MemberName } from './events.ts';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** What each member's actor makes of a text. */
export const TRANSFORMS: Record<MemberName, (text: string) => string> = {
  ada: (text) => text.toLocaleUpperCase('en'),
  ben: (text) =>
    Array.from(segmenter.segment(text), ({ segment }) => segment)
      .reverse()
      .join(''),
  cyd: (text) => {
    const words = text.split(/\s+/).filter((word) => word !== '').length;
    const letters = text.match(/\p{L}/gu)?.length ?? 0;
    return `${plural(words, 'word')}, ${plural(letters, 'letter')}`;
  },
};

/** `1 word`, `2 words`. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
