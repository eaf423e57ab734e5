import { expect, it } from 'vitest';
import { logLine } from '../../src/platform/log.ts';

it('a log record starts one line, whatever a peer put into it; further lines are indented', () => {
  const at = new Date('2026-01-02T03:04:05.678Z');
  const line = logLine(
    { level: 'warning', area: 'epmd', node: 'a@host', message: 'bad name\n\u001b[31mé' },
    at,
  );
  expect(line).toBe('2026-01-02T03:04:05.678Z warning a@host epmd: bad name\n    \\x1b[31mé');
});
