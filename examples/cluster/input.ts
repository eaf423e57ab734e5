import { isMemberName, MEMBER_NAMES, type MemberName } from './events.ts';

/** The line being typed: code points, so that the cursor never stands inside one. */
export interface Editor {
  readonly before: string;
  readonly after: string;
}

export const EMPTY_EDITOR: Editor = { before: '', after: '' };

/** A key as `node:readline` reports it. */
export interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly meta?: boolean | undefined;
}

/** What a key does to the line: the usual ones of a shell. */
export function edit(editor: Editor, typed: string | undefined, key: Key): Editor {
  const { before, after } = editor;
  const last = lastCharacter(before);
  const first = firstCharacter(after);
  if (key.ctrl === true) {
    if (key.name === 'u') return { before: '', after };
    if (key.name === 'k') return { before, after: '' };
    if (key.name === 'w') return { before: before.replace(/\S*\s*$/u, ''), after };
    if (key.name === 'a') return { before: '', after: before + after };
    if (key.name === 'e') return { before: before + after, after: '' };
    return editor;
  }
  switch (key.name) {
    case 'backspace':
      return { before: before.slice(0, before.length - last.length), after };
    case 'delete':
      return { before, after: after.slice(first.length) };
    case 'left':
      return { before: before.slice(0, before.length - last.length), after: last + after };
    case 'right':
      return { before: before + first, after: after.slice(first.length) };
    case 'home':
      return { before: '', after: before + after };
    case 'end':
      return { before: before + after, after: '' };
    default:
      if (typed === undefined || key.meta === true || /\p{Cc}/u.test(typed)) return editor;
      return { before: before + typed, after };
  }
}

/** What a finished line asks for. */
export type Wish =
  | { readonly type: 'say'; readonly to: MemberName | undefined; readonly text: string }
  | { readonly type: 'kill' | 'start'; readonly node: MemberName }
  | { readonly type: 'quit' }
  | { readonly type: 'nothing' }
  | { readonly type: 'unclear'; readonly why: string };

export const HELP_LINE = 'text, @ben text, /kill cyd, /start cyd, /quit';

export function readWish(line: string): Wish {
  const text = line.trim();
  if (text === '') return { type: 'nothing' };
  if (text.startsWith('/')) return readCommand(text);
  const addressed = /^@(\S+)\s+(.+)$/s.exec(text);
  if (addressed === null) return { type: 'say', to: undefined, text };
  const [, to = '', rest = ''] = addressed;
  if (!isMemberName(to)) return { type: 'unclear', why: `nobody here is called ${to}` };
  return { type: 'say', to, text: rest };
}

function readCommand(text: string): Wish {
  const [command = '', argument = ''] = text.slice(1).split(/\s+/);
  if (command === 'quit' || command === 'q' || command === 'exit') return { type: 'quit' };
  if (command !== 'kill' && command !== 'start') return { type: 'unclear', why: `try: ${HELP_LINE}` };
  if (!isMemberName(argument)) {
    return { type: 'unclear', why: `/${command} wants one of ${MEMBER_NAMES.join(', ')}` };
  }
  return { type: command, node: argument };
}

function lastCharacter(text: string): string {
  return Array.from(text).at(-1) ?? '';
}

function firstCharacter(text: string): string {
  return Array.from(text)[0] ?? '';
}
