/**
 * Draws the gossip machine as Mermaid text, from the machine itself. Run as a program it rewrites the drawing in
 * src/gossip/MACHINE.md; a test holds the two against each other.
 *
 *   node --import tsx spec/gossip/mermaid.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gossipMachine } from '../../src/gossip/index.ts';

export const PAGE = new URL('../../src/gossip/MACHINE.md', import.meta.url);

type State = (typeof gossipMachine)['root'];

/** `stateDiagram-v2` with every state, transition, guard, delay and action of a machine. */
export function drawMachine(root: State): string {
  return ['stateDiagram-v2', ...inside(root, '  ')].join('\n');
}

function inside(state: State, indent: string): string[] {
  const children = Object.values(state.states) as State[];
  const lines: string[] = [];
  if (state.type === 'compound') lines.push(`${indent}[*] --> ${name(state.initial.target[0] as State)}`);
  for (const [index, child] of children.entries()) {
    if (state.type === 'parallel' && index > 0) lines.push(`${indent}--`);
    lines.push(...drawState(child, indent));
  }
  for (const child of children) lines.push(...transitionsOf(child, indent));
  return lines;
}

function drawState(state: State, indent: string): string[] {
  const lines: string[] = [];
  const own = name(state);
  if (Object.keys(state.states).length > 0)
    lines.push(`${indent}state ${own} {`, ...inside(state, `${indent}  `), `${indent}}`);
  else lines.push(`${indent}${own}: ${state.key}`);
  const effects = [
    ...state.entry.map((action) => `entry / ${label(action)}`),
    ...state.exit.map((action) => `exit / ${label(action)}`),
  ].filter((effect) => !effect.includes('xstate.'));
  const note = effects.join('<br/>');
  if (note !== '') lines.push(`${indent}note right of ${own}: ${note}`);
  if (state.type === 'final') lines.push(`${indent}${own} --> [*]`);
  return lines;
}

function transitionsOf(state: State, indent: string): string[] {
  const all = [...[...state.transitions.values()].flat(), ...(state.always ?? [])];
  return all.map((transition) => {
    const { guard, actions, target, reenter } = transition;
    const eventType: string = transition.eventType;
    const delay = /^xstate\.after\.([^.]+)\./.exec(eventType)?.[1];
    const event = eventType === '' ? 'at once' : delay === undefined ? eventType : `after ${delay}`;
    const condition = guard === undefined ? '' : ` [${label(guard)}]`;
    const effects = actions.length === 0 ? '' : ` / ${actions.map(label).join(', ')}`;
    const again = reenter && target?.[0] === state ? ' (again)' : '';
    return `${indent}${name(state)} --> ${name((target?.[0] ?? state) as State)}: ${event}${again}${condition}${effects}`;
  });
}

function name(state: State): string {
  return state.path.join('_');
}

function label(thing: unknown): string {
  if (typeof thing === 'string') return thing;
  const { type } = thing as { readonly type?: unknown };
  if (typeof type !== 'string') throw new Error('the machine has an action or guard without a name');
  return type;
}

const DRAWING = /(```mermaid\n)[\s\S]*?(\n```)/;

/** The page with its drawing replaced. */
export function withDrawing(page: string, drawing: string): string {
  if (!DRAWING.test(page)) throw new Error('the page has no place for the drawing');
  return page.replace(DRAWING, (_all, open: string, close: string) => `${open}${drawing}${close}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(PAGE, withDrawing(readFileSync(PAGE, 'utf8'), drawMachine(gossipMachine.root)));
