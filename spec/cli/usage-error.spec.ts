import { describe, expect, it } from 'vitest';
import { errorLine } from '../../src/cli/usage-error.ts';

describe('an error on stderr', () => {
  it('is one line, whatever was thrown', () => {
    expect(errorLine(new Error('first\n  second\r\nthird'))).toBe('beamish: first second third');
    expect(errorLine('a word')).toBe('beamish: a word');
    expect(errorLine(undefined)).toBe('beamish: unknown error');
    expect(errorLine(new TypeError(''))).toBe('beamish: TypeError');
  });

  it('tells its causes where they add something', () => {
    const cause = new Error('ECONNREFUSED');
    expect(errorLine(new Error('no connection', { cause }))).toBe('beamish: no connection: ECONNREFUSED');
    expect(errorLine(new Error('no connection: ECONNREFUSED', { cause }))).toBe(
      'beamish: no connection: ECONNREFUSED',
    );
  });

  it('ends even when causes go in a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(errorLine(error)).toBe('beamish: round');
  });
});
