import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from 'xstate';
import { gossipMachine } from '../../src/gossip/index.ts';
import { drawMachine, PAGE, withDrawing } from './mermaid.ts';

describe('the drawing of the gossip machine', () => {
  const page = readFileSync(PAGE, 'utf8');

  it('is current (else: npm run docs:gossip)', () => {
    expect(page).toBe(withDrawing(page, drawMachine(gossipMachine.root)));
  });

  it('names every state and every event', () => {
    const states = (state: typeof gossipMachine.root): string[] =>
      Object.values(state.states).flatMap((child) => [
        child.key,
        ...states(child as typeof gossipMachine.root),
      ]);
    for (const word of [...states(gossipMachine.root), ...gossipMachine.events])
      expect(page).toContain(word.replace(/^xstate\.after\.([^.]+)\..*/, 'after $1'));
  });

  it('would show a state that was added', () => {
    const config = { ...gossipMachine.config, states: { ...gossipMachine.config.states, resting: {} } };
    const changed = createMachine(config as never);
    expect(drawMachine(changed.root as never)).toContain('resting: resting');
  });
});
