import { describe, expect, it } from 'vitest';
import { clean, cut, fit, paint, plain, rowWidth, span, widthOf } from '../../../examples/cluster/text.ts';

describe('text on a terminal', () => {
  it('is as wide as its columns, not as its code units', () => {
    expect(widthOf('abc')).toBe(3);
    expect(widthOf('日本')).toBe(4);
    expect(widthOf('é')).toBe(1);
    expect(widthOf('e\u0301')).toBe(1);
    expect(widthOf('👨‍👩‍👧')).toBe(2);
    expect(widthOf('┃━╌')).toBe(3);
  });

  it('is cut with an ellipsis, never through a character', () => {
    expect(cut('abcdef', 6)).toBe('abcdef');
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cut('日本語', 4)).toBe('日…');
    expect(cut('abc', 0)).toBe('');
  });

  it('of strangers cannot move the cursor', () => {
    expect(clean('a\x1b[2Jb\u0007\u009b1m')).toBe('a�[2Jb��1m');
    expect(clean('line\r\nline\tend')).toBe('line line end');
    expect(clean('\u202egnp.exe')).toBe('�gnp.exe');
  });

  it('fills a row to exactly its width', () => {
    for (const width of [0, 1, 2, 3, 5, 8, 30]) {
      expect(rowWidth(fit([span('ab', 'bold'), span('日本語'), span('z')], width))).toBe(width);
    }
  });

  it('is painted only where colours are wanted', () => {
    const row = [span('x', 'good'), span(' y')];
    expect(paint(row, true)).toBe('\x1b[32mx\x1b[0m y');
    expect(paint(row, false)).toBe('x y');
    expect(plain(row)).toBe('x y');
  });
});
