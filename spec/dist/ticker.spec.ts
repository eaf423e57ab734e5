import { describe, expect, it } from 'vitest';
import { Ticker } from '../../src/dist/ticker.ts';

describe('Ticker', () => {
  const ticker = (hidden = false): Ticker => new Ticker({ netTickTimeMs: 60_000, hidden });

  it('checks four times per net tick time', () => {
    expect(ticker().intervalMs).toBe(15_000);
  });

  it('ticks when nothing was written since the last check', () => {
    const t = ticker();
    expect(t.check(1, 5, 0)).toBe('nothing');
    expect(t.check(2, 5, 0)).toBe('tick');
    expect(t.check(3, 5, 0)).toBe('tick');
    expect(t.check(4, 6, 0)).toBe('nothing');
  });

  it('sends no tick behind bytes that still wait', () => {
    const t = ticker();
    t.check(1, 5, 0);
    expect(t.check(2, 5, 100)).toBe('nothing');
  });

  it('ticks a silent hidden peer even while writing', () => {
    const t = ticker(true);
    expect(t.check(1, 1, 0)).toBe('nothing');
    expect(t.check(1, 2, 0)).toBe('tick');
    expect(t.check(2, 3, 0)).toBe('nothing');
  });

  it('gives a peer up at the fourth check after the last that heard it', () => {
    for (let heardChecks = 1; heardChecks <= 9; heardChecks++) {
      const t = ticker();
      let read = 0;
      for (let i = 0; i < heardChecks; i++) expect(t.check(++read, i, 0)).not.toBe('net_tick_timeout');
      for (let i = 0; i < 3; i++) expect(t.check(read, i, 0)).not.toBe('net_tick_timeout');
      expect(t.check(read, 0, 0)).toBe('net_tick_timeout');
    }
  });

  it('gives up a peer that never said a word after the handshake', () => {
    const t = ticker();
    const decisions = [1, 2, 3, 4, 5].map(() => t.check(0, 0, 0));
    expect(decisions).toEqual(['tick', 'tick', 'tick', 'tick', 'net_tick_timeout']);
  });

  it('hears any byte: a peer whose big frame trickles in is alive', () => {
    const t = ticker();
    for (let bytes = 1; bytes < 40; bytes++) expect(t.check(bytes, bytes, 0)).toBe('nothing');
  });
});
