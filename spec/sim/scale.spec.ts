import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { meet } from './scale.ts';
import { HEAD, LOSSES, PAGE, plot, RULES, SIZES, table } from './scale-report.ts';

it.each([0, 0.1])('sixty nodes meet, at %s of all datagrams lost', async (loss) => {
  const result = await meet({ nodes: 60, loss, rule: 'beamish', seed: 3 });
  // The longest pause between two heartbeats is 5 s; a lost one costs another, a lost segment a second or three.
  expect(result.convergedMs).toBeLessThan(loss === 0 ? 1_000 : 30_000);
  const pairs = (60 * 59) / 2;
  expect(result.attempts).toBeGreaterThanOrEqual(pairs);
  // Two that hear each other both dial, at most.
  expect(result.attempts).toBeLessThan(2 * pairs);
  expect(await meet({ nodes: 60, loss, rule: 'beamish', seed: 3 })).toEqual(result);
});

it('the page has a row for every size, loss and rule', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toContain(HEAD);
  const rows = page.split('\n').filter((line) => /^\| [\d,]+ \|/.test(line));
  const shown = rows.map((row) => row.split(' | ').slice(0, 3).join(' | ').slice(2));
  const wanted = SIZES.flatMap((nodes) =>
    LOSSES.flatMap((loss) => RULES.map((rule) => `${nodes.toLocaleString('en')} | ${loss * 100}% | ${rule}`)),
  );
  expect(shown).toEqual(wanted);
});

it('a table and a plot show what was measured', () => {
  const one = { nodes: 10, loss: 0.1, rule: 'beamish', realMs: 12_300, crossed: 1 } as const;
  const measured = [{ ...one, convergedMs: 1_234, sent: 1_000, heard: 9_000, attempts: 90 }];
  expect(table(measured)).toContain(
    '| 10 | 10% | beamish | 1.23 s | 1,000 | 100.0 | 9,000 | 90 | 2.00 | 12.3 s |',
  );
  expect(plot(measured)).toContain('beamish, 10%');
});
